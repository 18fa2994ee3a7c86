#include "gateway/policy/acl.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "gateway/policy/glob_space.h"
#include "gateway/policy/pattern_set.h"
#include "resp/glob.h"

using namespace redwall::policy;

namespace {

AclUser Make(const std::string& rules, AclOptions options = {}, std::string_view more = "") {
  if (options.identity.empty()) options.identity = "a";
  if (options.user.empty()) options.user = "redwall-a";
  const auto policy =
      Policy::Parse("{\"version\": 1, " + std::string(more) +
                        (more.find("default") == more.npos ? "\"default\": \"deny\", " : "") +
                        "\"rules\": [" + rules + "]}",
                    "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return MakeAclUser(**policy, options);
}

// The rules after "reset on resetchannels".
std::string RulesOf(const AclUser& user) {
  std::string out;
  for (std::size_t i = 3; i < user.rules.size(); ++i) out += (i > 3 ? " " : "") + user.rules[i];
  return out;
}

bool Notes(const AclUser& user, std::string_view part) {
  return std::any_of(user.notes.begin(), user.notes.end(),
                     [&](const std::string& note) { return note.find(part) != note.npos; });
}

}  // namespace

TEST_CASE("an allow with keys is a pattern and its commands") {
  const AclUser user = Make(
      R"({"id": "r", "action": "allow", "commands": ["get", "config|get"], "keys": ["app:*"]})");
  CHECK(user.rules[0] == "reset");
  CHECK(user.rules[1] == "on");
  CHECK(user.rules[2] == "resetchannels");
  CHECK(RulesOf(user) == "~app:* +get");
  CHECK(user.commands == 1);
  CHECK(AclSetUserLine(user) == "ACL SETUSER redwall-a reset on resetchannels ~app:* +get\n");
  CHECK(AclFileLine(user) == "user redwall-a reset on resetchannels ~app:* +get\n");
}

TEST_CASE("each further rule with other keys is a selector") {
  const AclUser user = Make(
      R"({"id": "a", "action": "allow", "commands": ["get", "strlen"], "keys": ["a:*"]},
         {"id": "b", "action": "allow", "commands": ["get"], "keys": ["b:*"]},
         {"id": "c", "action": "allow", "commands": ["ping"]})");
  CHECK(RulesOf(user) == "~a:* +ping +get +strlen (resetchannels ~b:* +get)");
}

TEST_CASE("a deny before takes the command away, a deny after doesn't") {
  CHECK(RulesOf(Make(R"({"id": "d", "action": "deny", "commands": ["get"]},
      {"id": "a", "action": "allow", "commands": ["get", "strlen"]})")) == "~* +strlen");
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["get"]},
      {"id": "d", "action": "deny", "commands": ["get"]})")) == "~* +get");
}

TEST_CASE("access is %R and %W, for commands that can do with it") {
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["get", "set", "lpush",
      "pfcount", "xreadgroup"], "keys": ["a:*"], "access": "read"})")) == "%R~a:* +get");
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["get", "set", "lpush"],
      "keys": ["a:*"], "access": "write"})")) == "%W~a:* +set");
  CHECK(RulesOf(Make(R"({"id": "d", "action": "deny", "commands": ["*"], "access": "write"},
      {"id": "a", "action": "allow", "commands": ["get", "set"]})")) == "%R~* +get");
}

TEST_CASE("SORT gets no leave to reach any key where its keys are asked for") {
  const std::string sort = R"({"id": "a", "action": "allow", "commands": ["sort_ro"])";
  CHECK(RulesOf(Make(sort + "}")) == "~* +sort_ro");
  CHECK(RulesOf(Make(sort + R"(, "keys": ["*"]})")) == "~** +sort_ro");
  CHECK(RulesOf(Make(sort + R"(, "access": "read"})")) == "%R~** +sort_ro");
}

TEST_CASE("keyless commands that reach the key space need a rule without keys") {
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["scan", "flushall", "debug",
      "ping", "get"], "keys": ["*"]})")) == "~* +ping +get");
}

TEST_CASE("COMMAND and its sub-commands are granted each for itself") {
  const std::string some =
      RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["command", "-command|docs"]})"));
  CHECK(some.starts_with("+command -command|docs +"));
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["command"]})")) == "+command");
}

TEST_CASE("scripts stay where their keys are asked for, and go with strict") {
  const std::string rule =
      R"({"id": "a", "action": "allow", "commands": ["eval", "get"], "keys": ["a:*"]})";
  const AclUser user = Make(rule);
  CHECK(RulesOf(user) == "~a:* +eval +get");
  CHECK(Notes(user, "without keys"));
  AclOptions strict;
  strict.strict = true;
  CHECK(RulesOf(Make(rule, strict)) == "~a:* +get");
}

TEST_CASE("what an ACL can't ask for refuses, and is noted") {
  const std::string rules =
      R"({"id": "d", "action": "deny", "commands": ["set"], "max_bytes": 100},
         {"id": "h", "action": "allow", "commands": ["del"], "hours": ["Mon 08:00-09:00"]},
         {"id": "p", "action": "deny", "commands": ["*"], "rate": {"per_second": 1}},
         {"id": "a", "action": "allow", "commands": ["set", "get"]})";
  const AclUser user = Make(rules);
  CHECK(RulesOf(user) == "~* +get");
  CHECK(Notes(user, "rule 'd' denies by what Redis's ACLs can't ask for (max_bytes)"));
  CHECK(Notes(user, "rule 'h' allows by what Redis's ACLs can't ask for (hours)"));
  CHECK(Notes(user, "rule 'p' denies by what Redis's ACLs can't ask for (rate)"));
  AclOptions without;
  without.left_to_gateway = {"max_bytes"};
  CHECK(RulesOf(Make(rules, without)) == "~* +get +set");
}

TEST_CASE("rules with databases keep the user in the first one") {
  const AclUser user = Make(
      R"({"id": "a", "action": "allow", "commands": ["get", "copy", "select"], "databases": [0, 1]},
         {"id": "b", "action": "allow", "commands": ["set"], "databases": [1]})");
  CHECK(RulesOf(user) == "~* +select|0 +get");
  CHECK(Notes(user, "database 0"));
  const AclUser denied = Make(R"({"id": "d", "action": "deny", "commands": ["*"], "databases": [3]},
      {"id": "a", "action": "allow", "commands": ["get", "move", "select"]})");
  CHECK(RulesOf(denied) == "~* +select|0 +get");
}

TEST_CASE("rules for other identities and users are left out") {
  AclOptions options;
  options.user = "app";
  const std::string rules =
      R"({"id": "a", "action": "allow", "commands": ["get"], "identities": ["b"]},
         {"id": "b", "action": "allow", "commands": ["set"], "users": ["app"]},
         {"id": "c", "action": "allow", "commands": ["del"], "users": ["other"]})";
  CHECK(RulesOf(Make(rules, options)) == "~* +set");
  CHECK(RulesOf(Make(rules)).empty());
}

TEST_CASE("replication has to be named, as in deciding") {
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["@dangerous"]})"))
            .find("psync") == std::string::npos);
  CHECK(RulesOf(Make(R"({"id": "a", "action": "allow", "commands": ["psync"]})")) == "+psync");
  CHECK(RulesOf(Make("", {}, R"("default": "allow", )")).find("psync") == std::string::npos);
}

TEST_CASE("words are written so that nothing ends too early") {
  const AclUser user = Make(
      R"json({"id": "a", "action": "allow", "commands": ["get", "strlen"], "keys": ["x", "a b"]},
         {"id": "b", "action": "allow", "commands": ["get"], "keys": ["y)", "q\"*"]})json");
  CHECK(RulesOf(user) == "~x +get +strlen (resetchannels \"~q\\\"*\" ~y[)] +get)");
  CHECK(Notes(user, "white space"));
  CHECK(AclSetUserLine(user).ends_with(" \"(resetchannels \\\"~q\\\\\\\"*\\\" ~y[)] +get)\"\n"));
  CHECK(IsAclUserName("a"));
  CHECK_FALSE(IsAclUserName(""));
  CHECK_FALSE(IsAclUserName("a b"));
  CHECK_FALSE(IsAclUserName(std::string_view("a\0b", 3)));
}

TEST_CASE("what is left of a prefix when others are taken away") {
  GlobSpace space({"*"});
  space.Remove({"ab*", "b"});
  CHECK(space.Globs() == std::vector<std::string>{"[^ab]*", "a", "a[^b]*", "b?*"});
  GlobSpace inner({"app:*", "z"});
  inner.Remove({"app:s*", "z"});
  CHECK(inner.Globs() == std::vector<std::string>{"app:", "app:[^s]*"});
  GlobSpace all({"app:*"});
  all.Remove({"a*"});
  CHECK(all.Globs().empty());
  GlobSpace odd({"*"});
  odd.Remove({"]-^*"});
  CHECK(odd.Globs() == std::vector<std::string>{"[^\\]]*", "]", "]-", "]-[^\\^]*", "][^\\-]*"});
}

// Every text over a small alphabet: nothing that is taken away is left, and where the patterns are
// simple all else is.
TEST_CASE("nothing that is taken away is left, and nothing else is lost") {
  const std::vector<std::vector<std::string>> removed = {
      {"ab*"},           {"a"},  {"a*", "b"}, {"ab", "abc*", "b*"},
      {"a", "ab", "ba"}, {"*c"}, {"a?b"},     {"]*", "-a"}};
  const std::vector<std::string> bases = {"*", "a*", "ab*", "*b", "ab", "-*"};
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; i < texts.size() && texts[i].size() < 4; ++i)
    for (const char c : std::string("abc]-")) texts.push_back(texts[i] + c);
  for (const auto& away : removed) {
    for (const std::string& base : bases) {
      GlobSpace space({base});
      space.Remove(away);
      const PatternSet left(space.Globs()), gone(away), from({base});
      const bool exact =
          std::all_of(away.begin(), away.end(), GlobSpace::RemovesExactly) && base != "*b";
      for (const std::string& text : texts) {
        if (text.empty()) continue;
        INFO(base << " without " << away[0] << ": " << text);
        if (left.Matches(text)) CHECK((from.Matches(text) && !gone.Matches(text)));
        if (exact && from.Matches(text) && !gone.Matches(text)) CHECK(left.Matches(text));
      }
    }
  }
}
