#include "gateway/policy/replay.h"

#include <doctest/doctest.h>

#include "gateway/policy/sample.h"

using namespace redwall::policy;
using Outcome = Replay::Outcome;

namespace {

std::shared_ptr<const Policy> Load(const std::string& rules,
                                   const std::string& by_default = "deny") {
  const auto policy = Policy::Parse(
      R"({"version": 1, "default": ")" + by_default + R"(", "rules": [)" + rules + "]}", "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return *policy;
}

// A line of an audit; what it has, as the audit writes it.
struct Line {
  std::string cmd = "get";
  std::vector<std::string_view> keys{"app:1"}, channels{}, args{};
  std::uint64_t argc = 2, bytes_in = 30;
  std::string decided = "allow", rule = "app", user = "default", client = "10.0.0.1:5";
  bool has_keys = true, has_args = false, keys_untold = false;
  std::uint64_t keys_more = 0, args_more = 0;
  std::int64_t ts_us = 1'000'000, db = 0;
};

RecordedCommand Recorded(const Line& line) {
  RecordedCommand out;
  out.file = "a.jsonl";
  out.line = 7;
  out.identity = "site-a";
  out.cmd = line.cmd;
  out.keys = line.keys;
  out.channels = line.channels;
  out.args = line.args;
  out.argc = line.argc;
  out.bytes_in = line.bytes_in;
  out.decided = line.decided;
  out.rule = line.rule;
  out.user = line.user;
  out.client = line.client;
  out.has_keys = line.has_keys;
  out.has_args = line.has_args;
  out.keys_untold = line.keys_untold;
  out.keys_more = line.keys_more;
  out.args_more = line.args_more;
  out.ts_us = line.ts_us;
  out.db = line.db;
  return out;
}

// "allow", "deny", "disconnect", or "?" where it can't be told.
std::string Now(const std::string& rules, const Line& line,
                const std::string& by_default = "deny") {
  for (const char* decided : {"allow", "deny", "disconnect"}) {
    Replay replay(Load(rules, by_default));
    Line asked = line;
    asked.decided = decided;
    const Outcome outcome = replay.Take(Recorded(asked));
    if (outcome == Outcome::kUntold) return "?";
    if (outcome == Outcome::kSame) return decided;
  }
  return "none";
}

std::string Rule(const std::string& action, const std::string& commands,
                 const std::string& more = "") {
  return R"({"id": "it", "action": ")" + action + R"(", "commands": [)" + commands + "]" +
         (more.empty() ? "" : ", ") + more + "}";
}

}  // namespace

TEST_CASE("what is decided the same, otherwise, and what was refused for the audit's sake") {
  Replay replay(Load(Rule("allow", "\"@read\"", R"("keys": ["app:*"])")));
  CHECK(replay.Take(Recorded({})) == Outcome::kSame);
  Line other;
  other.keys = {"other"};
  CHECK(replay.Take(Recorded(other)) == Outcome::kDifferent);
  CHECK(replay.Describe(Recorded(other)) ==
        "a.jsonl:7: get \"other\": get of \"site-a\": allow by 'app' -> deny by the policy's "
        "'default'\n");
  other.decided = "deny";
  CHECK(replay.Take(Recorded(other)) == Outcome::kSame);
  other.rule = "audit";
  CHECK(replay.Take(Recorded(other)) == Outcome::kLeftOut);
  CHECK(replay.different() == 1);
  CHECK(replay.seen() == 4);
  CHECK(replay.Summary() ==
        "      1 x get of \"site-a\": allow by 'app' -> deny by the policy's 'default'\n"
        "          as a.jsonl:7: get \"other\"\n"
        "4 commands: 2 decided the same, 1 differently, 0 can't be told; 1 left out (refused then "
        "since they couldn't be recorded)\n");
}

TEST_CASE("keys that aren't recorded are a doubt only where they make a difference") {
  const std::string deny = Rule("deny", "\"*\"", R"("keys": ["secret:*"])");
  const std::string allow = Rule("allow", "\"*\"", R"("keys": ["app:*"])");
  Line none;
  none.has_keys = false;
  none.keys = {};
  CHECK(Now(deny, none, "allow") == "?");
  CHECK(Now(deny, none, "deny") == "deny");  // either way
  CHECK(Now(allow, none) == "?");
  none.cmd = "ping";
  none.argc = 1;
  CHECK(Now(allow, none) == "allow");  // it has no keys
  none.cmd = "flushall";
  none.argc = 2;  // FLUSHALL ASYNC
  CHECK(Now(allow, none) == "deny");

  Line more;
  more.cmd = "mget";
  more.argc = 70;
  more.keys_more = 68;
  CHECK(Now(deny, more, "allow") == "?");
  CHECK(Now(allow, more) == "?");
  more.keys = {"secret:1"};
  CHECK(Now(deny, more, "allow") == "deny");  // one is enough
  CHECK(Now(allow, more) == "deny");

  Line cut;
  cut.keys = {"app:1\\+300"};
  CHECK(Now(allow, cut) == "?");
  cut.keys = {"<redacted>"};
  CHECK(Now(allow, cut) == "?");
}

TEST_CASE("keys that the gateway couldn't tell count as it counted them") {
  Line sort;
  sort.cmd = "sort";
  sort.argc = 4;
  sort.keys_untold = true;
  CHECK(Now(Rule("deny", "\"*\"", R"("keys": ["secret:*"])"), sort, "allow") == "deny");
  CHECK(Now(Rule("allow", "\"*\"", R"("keys": ["app:*"])"), sort) == "deny");
}

TEST_CASE("bytes are as they were") {
  Line line;
  line.keys = {"app:\\xff\\\\n"};
  CHECK(Now(Rule("allow", "\"get\"", R"("keys": ["app:?\\\\n"])"), line) == "allow");
  CHECK(Now(Rule("allow", "\"get\"", R"("keys": ["app:?n"])"), line) == "deny");
}

TEST_CASE("arguments: with \"full\" they are looked at, else they can't be told") {
  const std::string rule =
      Rule("deny", "\"set\"", R"("arguments": {"index": 3, "matches": "(?i)^nx$"})");
  Line set;
  set.cmd = "set";
  set.argc = 4;
  CHECK(Now(rule, set, "allow") == "?");
  set.argc = 3;  // there is no argument 3
  CHECK(Now(rule, set, "allow") == "allow");
  set.argc = 4;
  set.has_args = true;
  set.args = {"app:1", "v", "NX"};
  CHECK(Now(rule, set, "allow") == "deny");
  set.args = {"app:1", "v", "XX"};
  CHECK(Now(rule, set, "allow") == "allow");
  set.args = {"app:1", "<redacted>", "NX"};
  CHECK(Now(rule, set, "allow") == "?");
  set.args = {"app:1", "v\\+900", "NX"};
  CHECK(Now(rule, set, "allow") == "?");
  set.args = {"app:1"};
  set.args_more = 2;
  CHECK(Now(rule, set, "allow") == "?");
  // Keys alone are all the arguments that GET has.
  CHECK(Now(Rule("deny", "\"get\"", R"("arguments": {"any": "^app"})"), {}, "allow") == "deny");
  CHECK(Now(Rule("allow", "\"get\"", R"("arguments": {"any": "x"})"), {}) == "deny");
}

TEST_CASE("the sub-command is told by the name, and argument 1 with it") {
  Line set;
  set.cmd = "config|set";
  set.keys = {};
  set.argc = 4;
  CHECK(Now(Rule("deny", "\"config|set\""), set, "allow") == "deny");
  CHECK(Now(Rule("deny", "\"config\", \"-config|get\""), set, "allow") == "deny");
  CHECK(Now(Rule("deny", "\"config|get\""), set, "allow") == "allow");
  CHECK(Now(Rule("deny", "\"config\"", R"("arguments": {"index": 1, "matches": "set"})"), set,
            "allow") == "deny");
  CHECK(Now(Rule("deny", "\"config\"", R"("arguments": {"index": 2, "matches": "x"})"), set,
            "allow") == "?");
}

TEST_CASE("a size is told by the request's bytes where that is enough") {
  const std::string rule = Rule("deny", "\"set\"", R"("max_bytes": 1000)");
  Line set;
  set.cmd = "set";
  set.argc = 3;
  set.bytes_in = 1000;
  CHECK(Now(rule, set, "allow") == "allow");
  set.bytes_in = 1010;
  CHECK(Now(rule, set, "allow") == "?");
  set.bytes_in = 1100;
  CHECK(Now(rule, set, "allow") == "deny");
  CHECK(Now(Rule("allow", "\"set\"", R"("max_bytes": 1000)"), set) == "deny");
  CHECK(Now(Rule("deny", "\"set\"", R"("max_arguments": 2, "max_bytes": 100000)"), set, "allow") ==
        "deny");
  // GET app:1 is 8 bytes, exactly.
  CHECK(Now(Rule("deny", "\"get\"", R"("max_bytes": 8)"), {}, "allow") == "allow");
  CHECK(Now(Rule("deny", "\"get\"", R"("max_bytes": 7)"), {}, "allow") == "deny");
}

TEST_CASE("access: by the places of the keys, and in doubt where options decide") {
  Line line;
  const std::string writes = Rule("deny", "\"*\"", R"("access": "write", "keys": ["app:1"])");
  CHECK(Now(writes, line, "allow") == "allow");
  line.cmd = "rename";
  line.argc = 3;
  line.keys = {"app:1", "app:2"};
  CHECK(Now(writes, line, "allow") == "deny");
  line.cmd = "copy";
  CHECK(Now(writes, line, "allow") == "allow");
  line.keys = {"app:2", "app:1"};
  CHECK(Now(writes, line, "allow") == "deny");
  // SET writes; with GET it reads, too.
  Line set;
  set.cmd = "set";
  set.argc = 4;
  CHECK(Now(Rule("deny", "\"set\"", R"("access": "read")"), set, "allow") == "?");
  set.has_args = true;
  set.args = {"app:1", "v", "GET"};
  CHECK(Now(Rule("deny", "\"set\"", R"("access": "read")"), set, "allow") == "deny");
}

TEST_CASE("users, addresses and databases are the line's") {
  Line line;
  const std::string user = Rule("allow", "\"*\"", R"("users": ["app"])");
  CHECK(Now(user, line) == "deny");
  line.user = "app";
  CHECK(Now(user, line) == "allow");
  line.user = "";
  CHECK(Now(user, line) == "?");
  const std::string from = Rule("allow", "\"*\"", R"("from": ["10.0.0.0/8"])");
  CHECK(Now(from, line) == "allow");
  line.client = "11.0.0.1:5";
  CHECK(Now(from, line) == "deny");
  line.client = "unix";
  CHECK(Now(from, line) == "deny");
  line.client = "";
  CHECK(Now(from, line) == "?");
  const std::string database = Rule("allow", "\"*\"", R"("databases": [3])");
  CHECK(Now(database, line) == "deny");
  line.db = 3;
  CHECK(Now(database, line) == "allow");
  line.cmd = "select";
  line.keys = {};
  CHECK(Now(database, line) == "?");
  line.has_args = true;
  line.args = {"3"};
  CHECK(Now(database, line) == "allow");
  line.args = {"4"};
  CHECK(Now(database, line) == "deny");
}

TEST_CASE("rates and hours go by the lines' time") {
  Replay replay(Load(Rule("deny", "\"get\"", R"("rate": {"per_second": 1, "burst": 2})"), "allow"));
  Line line;
  CHECK(replay.Take(Recorded(line)) == Outcome::kSame);
  CHECK(replay.Take(Recorded(line)) == Outcome::kSame);
  CHECK(replay.Take(Recorded(line)) == Outcome::kDifferent);
  line.ts_us += 1'000'000;
  CHECK(replay.Take(Recorded(line)) == Outcome::kSame);
  const std::string office = Rule("allow", "\"*\"", R"("hours": "08:00-18:00")");
  line.ts_us = *ParseTime("2026-11-23T08:00:00Z");
  CHECK(Now(office, line) == "allow");
  line.ts_us = *ParseTime("2026-11-23T18:00:00Z");
  CHECK(Now(office, line) == "deny");
}

TEST_CASE("a rate behind a doubt is counted where the doubt makes no difference") {
  const std::string rules =
      Rule("deny", "\"set\"", R"("arguments": {"index": 2, "matches": "x"})") +
      R"(, {"id": "pace", "action": "deny", "commands": ["*"], "rate": {"per_second": 1, "burst": 1}})";
  Replay replay(Load(rules, "allow"));
  Line set;
  set.cmd = "set";
  set.argc = 3;
  CHECK(replay.Take(Recorded(set)) == Outcome::kUntold);
  set.decided = "deny";
  CHECK(replay.Take(Recorded(set)) == Outcome::kSame);  // denied by one or the other
}

TEST_CASE("unknown commands: by their name; a first argument isn't told") {
  Line line;
  line.cmd = "ft.search";
  line.keys = {};
  line.keys_untold = true;
  line.argc = 3;
  CHECK(Now(Rule("allow", "\"ft.search\""), line) == "allow");
  CHECK(Now(Rule("allow", "\"*\""), line) == "deny");
  CHECK(Now(Rule("allow", "\"ft.search|idx\""), line) == "?");
  line.cmd = std::string(64, 'x') + "\\+9";
  CHECK(Now(Rule("allow", "\"get\""), line) == "?");
  line.cmd = "json.get";
  line.keys_untold = false;
  line.keys = {"app:1"};
  CHECK(Now(Rule("allow", "\"json.get\""), line) == "?");  // the agent's table knew it
}

TEST_CASE("the reason says the rule and what it looks at") {
  Replay replay(Load(Rule("allow", "\"*\"", R"("users": ["app"])")));
  Line line;
  line.user = "";
  CHECK(replay.Take(Recorded(line)) == Outcome::kUntold);
  CHECK(replay.Describe(Recorded(line)) ==
        "a.jsonl:7: get \"app:1\": can't be told: rule 'it' looks at the Redis user, who is not "
        "recorded\n");
  line.argc = 0;
  CHECK(replay.Take(Recorded(line)) == Outcome::kUntold);
  line.argc = 1;  // it names a key and has no argument for it
  CHECK(replay.Take(Recorded(line)) == Outcome::kUntold);
  line.argc = std::uint64_t{1} << 60;
  CHECK(replay.Take(Recorded(line)) == Outcome::kUntold);
  CHECK(replay.different() == 0);
}

TEST_CASE("kinds are grouped, the largest first, and their number is bounded") {
  Replay replay(Load("", "deny"));
  Line line;
  line.keys = {};
  line.keys_untold = true;
  constexpr int kNames = 10'500;
  for (int i = 0; i < kNames; ++i) {
    line.cmd = "name-" + std::to_string(i);
    replay.Take(Recorded(line));
    if (i == 9) replay.Take(Recorded(line));
  }
  const std::string summary = replay.Summary();
  CHECK(
      summary.starts_with("      2 x name-9 of \"site-a\": allow by 'app' -> deny by the "
                          "policy's 'unknown'\n"));
  CHECK(summary.find("    500 x of further kinds\n") != std::string::npos);
  CHECK(
      summary.ends_with("10501 commands: 0 decided the same, 10501 differently, 0 can't be "
                        "told\n"));
}
