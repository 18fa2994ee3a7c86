#include <doctest/doctest.h>

#include "gateway/policy/policy.h"
#include "gateway/policy/sample.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;
using redwall::resp::CommandTable;

namespace {

std::shared_ptr<const Policy> Load(std::string_view text) {
  const auto policy = Policy::Parse(text, "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return *policy;
}

constexpr char kPolicy[] = R"({"version": 1, "default": "deny", "rules": [
    {"id": "b-only", "action": "deny", "commands": ["*"], "identities": ["site-b"]},
    {"id": "no-wipes", "action": "deny", "commands": ["flushall"], "message": "ask the platform team"},
    {"id": "secrets", "action": "disconnect", "commands": ["@all"], "keys": ["secret:*"], "channels": ["secret.*"]},
    {"id": "app", "action": "allow", "commands": ["@read", "@write", "subscribe", "ping"], "keys": ["app:*"],
     "channels": ["app.*"]}]})";

std::string Explained(std::string_view line, std::string_view identity = "site-a",
                      std::string_view policy = kPolicy) {
  const TestRequest request(line);
  return Explain(*Load(policy), identity, request.get());
}

bool Has(const std::string& text, std::string_view part) {
  INFO(text);
  CHECK(text.find(part) != text.npos);
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("a denial names the command, the rule and the rule's message") {
  const Decision with{Action::kDeny, false, Action::kDeny, "no-wipes", "ask the platform team"};
  CHECK(DenialText(with, "flushall") ==
        "NOPERM redwall: 'flushall' is denied by rule 'no-wipes': ask the platform team");
  const Decision without{Action::kDisconnect, false, Action::kDisconnect, "r", ""};
  CHECK(DenialText(without, "config|set") == "NOPERM redwall: 'config|set' is denied by rule 'r'");
  const Decision by_default{Action::kDeny, false, Action::kDeny, "default", ""};
  CHECK(DenialText(by_default, "get") == "NOPERM redwall: 'get' is denied by the policy's default");
  const Decision unknown{Action::kDeny, false, Action::kDeny, "unknown", ""};
  CHECK(DenialText(unknown, "nope") ==
        "NOPERM redwall: 'nope' is not a known command and the policy denies those");
}

TEST_CASE("a client's name for a command can't break the reply") {
  const Decision unknown{Action::kDeny, false, Action::kDeny, "unknown", ""};
  CHECK(DenialText(unknown, std::string_view("a\r\n\0\xff\x1b", 6))
            .starts_with("NOPERM redwall: 'a" + std::string(5, '?') + "' is"));
  for (const std::size_t size : {63u, 64u, 65u, 100000u}) {
    const std::string shown = DenialText(unknown, std::string(size, 'x'));
    CHECK(shown.starts_with("NOPERM redwall: '" +
                            std::string(std::min<std::size_t>(size, 64), 'x') + "' is"));
  }
}

TEST_CASE("an explanation says what was looked at and why each rule did not match") {
  const std::string text = Explained("GET app:1");
  Has(text, "identity    \"site-a\"\n");
  Has(text, "command     get\n");
  Has(text, "@read");
  Has(text, "key         \"app:1\" (read)\n");
  Has(text, "rule        'b-only' (deny) does not match: it does not name the identity\n");
  Has(text, "rule        'no-wipes' (deny) does not match: it does not name the command\n");
  Has(text,
      "rule        'secrets' (disconnect) does not match: it names none of the keys and "
      "channels\n");
  Has(text, "rule        'app' (allow) matches: all keys and channels are within it\n");
  CHECK(text.ends_with("decision    allow, by rule 'app'\n"));
}

TEST_CASE("an explanation stops at the rule that decides and shows the reply") {
  const std::string text = Explained("FLUSHALL");
  Has(text,
      "rule        'no-wipes' (deny) matches: it names the command, and nothing more is asked\n");
  CHECK(text.find("'secrets'") == text.npos);
  Has(text, "decision    deny, by rule 'no-wipes'\n");
  CHECK(
      text.ends_with("reply       -NOPERM redwall: 'flushall' is denied by rule 'no-wipes': ask "
                     "the platform team\n"));
}

TEST_CASE("an explanation names the key or channel that made the difference") {
  Has(Explained("MGET app:1 secret:7"),
      "'secrets' (disconnect) matches: it names the key \"secret:7\"\n");
  Has(Explained("MGET app:1 secret:7"), "and the connection closes\n");
  Has(Explained("SUBSCRIBE secret.7"), "matches: it names the channel \"secret.7\"\n");
  Has(Explained("MGET app:1 other"),
      "'app' (allow) does not match: outside it is the key \"other\"\n");
  Has(Explained("SUBSCRIBE app.1 other"), "does not match: outside it is the channel \"other\"\n");
  Has(Explained("SUBSCRIBE app.1"), "channel     \"app.1\"\n");
  Has(Explained("PSUBSCRIBE app.1*"), "pattern     \"app.1*\"\n");
}

TEST_CASE("an explanation says where keys can't be told or are not named") {
  Has(Explained("DBSIZE"), "keys        none, but it can touch the key space\n");
  Has(Explained("DBSIZE"), "no key is named, the command can touch any, and it denies some\n");
  Has(Explained("PING"), "keys        none, and it can't touch the key space\n");
  Has(Explained("SORT app:1 BY w_*"), "keys        can't be told: taken as any key\n");
  Has(Explained("SORT app:1 BY w_*"), "the keys can't be told, and it denies some\n");
  const std::string allow_only = R"({"version": 1, "default": "deny", "rules": [
      {"id": "app", "action": "allow", "commands": ["*"], "keys": ["app:*"]}]})";
  Has(Explained("SORT app:1 BY w_*", "x", allow_only),
      "the keys can't be told, and it allows only some\n");
  Has(Explained("DBSIZE", "x", allow_only), "the command can touch any, and it allows only some\n");
  Has(Explained("DBSIZE", "x", allow_only), "decision    deny, the policy's default\n");
}

TEST_CASE("an explanation of an unknown command, of nobody, and in observe mode") {
  const std::string unknown = Explained("NoPe a", "", R"({"version": 1, "default": "allow"})");
  Has(unknown, "identity    (none)\n");
  Has(unknown, "command     nope (not known)\n");
  Has(unknown, "decision    deny, the policy's answer to unknown commands\n");
  Has(unknown,
      "reply       -NOPERM redwall: 'NoPe' is not a known command and the policy denies those\n");
  const std::string observed =
      Explained("GET a", "x", R"({"version": 1, "mode": "observe", "default": "deny"})");
  CHECK(observed.ends_with("mode        observe: it is recorded, and forwarded all the same\n"));
}

TEST_CASE("an explanation shows a bounded number of keys, safely") {
  std::string line = "MGET";
  for (int i = 0; i < 17; ++i) line += " k" + std::to_string(i);
  const std::string text = Explained(line);
  Has(text, "key         \"k15\" (read)\n            and 1 more\n");
  CHECK(text.find("\"k16\"") == text.npos);
  Has(Explained("GET \x1b[2J"), "key         \"\\x1b[2J\" (read)\n");
}

TEST_CASE("an explanation shows who sends it, and the time and size where a rule asks for them") {
  constexpr char kConditions[] = R"({"version": 1, "default": "deny", "rules": [
      {"id": "night", "action": "deny", "commands": ["*"], "hours": "22:00-06:00"},
      {"id": "large", "action": "deny", "commands": ["*"], "max_bytes": 20},
      {"id": "pace", "action": "deny", "commands": ["get"], "rate": {"per_second": 1}},
      {"id": "args", "action": "deny", "commands": ["get"], "arguments": {"any": "x"}},
      {"id": "ops", "action": "allow", "commands": ["*"], "users": ["ops"]},
      {"id": "near", "action": "allow", "commands": ["*"], "from": ["10.0.0.0/8"]},
      {"id": "three", "action": "allow", "commands": ["*"], "databases": [3]},
      {"id": "app", "action": "allow", "commands": ["*"], "keys": ["app:*"], "users": ["app"]}]})";
  const TestRequest request("GET app:1");
  const auto explained = [&](const SampleSender& sender) {
    const Request& plain = request.get();
    const Sender view = sender.view();
    return Explain(*Load(kConditions), "a",
                   {plain.command, plain.info, plain.keys, plain.key_status, view});
  };
  SampleSender sender;
  sender.user = "app";
  sender.now.wall_us = *ParseTime("2026-11-23T12:00:00Z");
  REQUIRE(sender.SetFrom("11.0.0.1"));
  const std::string text = explained(sender);
  Has(text,
      "user        \"app\"\ndatabase    0\nfrom        11.0.0.1\n"
      "time        2026-11-23T12:00:00Z\ncommand     get\n");
  Has(text, "size        2 arguments, 8 bytes\n");
  Has(text, "'night' (deny) does not match: it is for other hours\n");
  Has(text, "'large' (deny) does not match: it denies what is larger than this\n");
  Has(text, "'pace' (deny) does not match: its bucket has a token left\n");
  Has(text, "'args' (deny) does not match: it finds what it denies in none of the arguments\n");
  Has(text, "'ops' (allow) does not match: it is for other Redis users\n");
  Has(text, "'near' (allow) does not match: it is for clients from elsewhere\n");
  Has(text, "'three' (allow) does not match: it is for other databases\n");
  Has(text,
      "'app' (allow) matches: all keys and channels are within it, and the rest holds (user)\n");

  SampleSender nobody;
  nobody.user.reset();
  nobody.database.reset();
  nobody.now = sender.now;
  const std::string unknown = explained(nobody);
  Has(unknown, "user        (not known)\ndatabase    (not known)\nfrom        (not known)\n");
  Has(unknown,
      "'ops' (allow) does not match: it is for certain Redis users, and the user is not "
      "known\n");
  Has(unknown,
      "'near' (allow) does not match: it is for clients from certain places, and where "
      "this one is from is not known\n");
  Has(unknown,
      "'three' (allow) does not match: it is for certain databases, and the connection's "
      "is not known\n");
  sender.user = "ops";
  Has(explained(sender),
      "'ops' (allow) matches: it names the command, and what it asks for holds "
      "(user)\n");
}
