#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gateway/policy/policy.h"

using redwall::policy::AuditArguments;
using redwall::policy::AuditEvents;
using redwall::policy::Policy;
using redwall::resp::CommandTable;

namespace {

std::string Error(std::string_view text) {
  const auto policy = Policy::Parse(text, "p.json");
  return policy ? std::string() : policy.error().sentence;
}

// With one rule that has these members.
std::string RuleError(const std::string& members) {
  return Error(R"({"version": 1, "default": "deny", "rules": [{)" + members + "}]}");
}

std::shared_ptr<const Policy> Load(std::string_view text) {
  const auto policy = Policy::Parse(text, "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return *policy;
}

std::vector<std::string> Warnings(const std::string& rules, const std::string& more = "") {
  return Load(R"({"version": 1, "default": "deny")" + more + R"(, "rules": [)" + rules + "]}")
      ->warnings();
}

constexpr char kGood[] = R"("id": "a", "action": "deny", "commands": ["get"])";

}  // namespace

TEST_CASE("the whole supported language loads") {
  const auto policy = Load(R"({
    "$schema": "policy.schema.json",
    "version": 1, "mode": "observe", "default": "allow", "unknown": "deny",   // comments too
    "rules": [
      { "id": "no-wipes", "action": "deny", "commands": ["flushall", "flushdb", "config|set", "@dangerous"],
        "message": "ask the platform team" },
      { "id": "app-a", "action": "allow", "identities": ["site-a"], "commands": ["@handshake", "@read", "-keys"],
        "keys": ["app:*"], "channels": ["app.*"] },
      { "id": "out", "action": "disconnect", "commands": ["shutdown", "-get"], "identities": ["*", "x"] } ],
    "audit": { "events": "writes", "arguments": "full", "max_argument_bytes": 64 } })");
  CHECK(policy->rule_count() == 3);
  const auto rules = policy->RulesFor("site-a");
  CHECK(rules->audit().events == AuditEvents::kWrites);
  CHECK(rules->audit().arguments == AuditArguments::kFull);
  CHECK(rules->audit().max_argument_bytes == 64);
}

TEST_CASE("the least policy loads, with the documented defaults") {
  const auto policy = Load(R"({"version": 1, "default": "allow"})");
  CHECK(policy->rule_count() == 0);
  CHECK(policy->warnings().empty());
  const auto rules = policy->RulesFor("x");
  CHECK(rules->audit().events == AuditEvents::kAll);
  CHECK(rules->audit().arguments == AuditArguments::kKeys);
  CHECK(rules->audit().max_argument_bytes == 128);
}

TEST_CASE("version and default are required") {
  CHECK(Error(R"({"default": "deny"})") == "p.json: version: is required and missing");
  CHECK(Error(R"({"version": 2, "default": "deny"})") ==
        "p.json: version: expected a whole number from 1 to 1, got 2");
  CHECK(Error(R"({"version": "1", "default": "deny"})")
            .starts_with("p.json: version: expected a whole"));
  CHECK(Error(R"({"version": 1})") ==
        "p.json: \"default\" is required and missing: say \"allow\" or \"deny\" for what no rule "
        "matches");
}

TEST_CASE("wrong values at the top name their path") {
  CHECK(Error("[]") == "p.json: expected an object, got an array");
  CHECK(Error(R"({"version": 1, "default": "ask"})") ==
        "p.json: default: expected \"allow\" or \"deny\", got \"ask\"");
  CHECK(Error(R"({"version": 1, "default": "deny", "mode": "dry"})") ==
        "p.json: mode: expected \"enforce\" or \"observe\", got \"dry\"");
  CHECK(Error(R"({"version": 1, "default": "deny", "unknown": true})") ==
        "p.json: unknown: expected \"allow\" or \"deny\", got true");
  CHECK(Error(R"({"version": 1, "default": "deny", "rules": {}})") ==
        "p.json: rules: expected an array, got an object");
  CHECK(Error(R"({"version": 1, "default": "deny", "rulez": []})") ==
        "p.json: rulez: unknown name; expected one of \"$schema\", \"version\", \"mode\", "
        "\"default\", "
        "\"unknown\", \"push\", \"audit\" or \"rules\"; did you mean \"rules\"?");
  CHECK(Error("{\n\"version\" 1}").starts_with("p.json: line 2, column 11: "));
}

TEST_CASE("a rule needs an id, an action and commands") {
  CHECK(RuleError("") == "p.json: rules[0].id: is required and missing");
  CHECK(RuleError(R"("id": "a")") == "p.json: rules[0].action: is required and missing");
  CHECK(RuleError(R"("id": "a", "action": "deny")") ==
        "p.json: rules[0].commands: is required and missing");
  CHECK(RuleError(kGood) == "");
  CHECK(RuleError(R"("id": "a", "action": "permit", "commands": ["get"])") ==
        "p.json: rules[0].action: expected \"allow\", \"deny\" or \"disconnect\", got \"permit\"");
}

TEST_CASE("ids are printable, short, unique and not the two reserved ones") {
  const auto with_id = [](const std::string& id) {
    return RuleError(R"("id": ")" + id + R"(", "action": "deny", "commands": ["get"])");
  };
  CHECK(with_id(std::string(63, 'x')) == "");
  CHECK(with_id(std::string(64, 'x')) == "");
  CHECK(
      with_id(std::string(65, 'x')).starts_with("p.json: rules[0].id: expected 1 to 64 printable"));
  CHECK(with_id("").starts_with("p.json: rules[0].id: expected 1 to 64 printable"));
  CHECK(with_id("a\\r\\nb").starts_with("p.json: rules[0].id: expected 1 to 64 printable"));
  CHECK(with_id("\\u00e9").starts_with("p.json: rules[0].id: expected 1 to 64 printable"));
  CHECK(with_id("default").starts_with("p.json: rules[0].id: \"default\" is what the audit says"));
  CHECK(with_id("unknown").starts_with("p.json: rules[0].id: \"unknown\" is what the audit says"));
  CHECK(RuleError(std::string(kGood) + "}, {" + kGood) ==
        "p.json: rules[1].id: an earlier rule has the id \"a\"");
}

TEST_CASE("commands are a list that is not empty, of names that can be") {
  const auto with_commands = [](const std::string& list) {
    return RuleError(R"("id": "a", "action": "deny", "commands": )" + list);
  };
  CHECK(with_commands("[]") ==
        "p.json: rules[0].commands: expected at least one command; [\"*\"] is all of them");
  CHECK(with_commands(R"("get")") ==
        "p.json: rules[0].commands: expected an array of strings, got \"get\"");
  CHECK(with_commands(R"(["get", 1])") == "p.json: rules[0].commands[1]: expected a string, got 1");
  CHECK(with_commands(R"(["get", "@wirte"])") ==
        "p.json: rules[0].commands[1]: there is no category \"wirte\"; did you mean \"write\"?");
  CHECK(with_commands(R"(["get|x"])") ==
        "p.json: rules[0].commands[0]: \"get\" has no sub-commands");
}

TEST_CASE("keys, channels, identities and messages are checked") {
  const auto with = [](const std::string& member) {
    return RuleError(std::string(kGood) + ", " + member);
  };
  CHECK(with(R"("keys": [])").starts_with("p.json: rules[0].keys: expected at least one pattern"));
  CHECK(with(R"("channels": [])")
            .starts_with("p.json: rules[0].channels: expected at least one pattern"));
  CHECK(with(R"("keys": "app:*")") ==
        "p.json: rules[0].keys: expected an array of strings, got \"app:*\"");
  CHECK(with(R"("identities": "x")") ==
        "p.json: rules[0].identities: expected an array of strings, got \"x\"");
  CHECK(with(R"("message": 5)") == "p.json: rules[0].message: expected a string, got 5");
  CHECK(
      with(R"("message": "a\r\n+OK")").starts_with("p.json: rules[0].message: expected one line"));
  CHECK(with(R"("message": ")" + std::string(255, 'x') + "\"") == "");
  CHECK(with(R"("message": ")" + std::string(256, 'x') + "\"") == "");
  CHECK(with(R"("message": ")" + std::string(257, 'x') + "\"")
            .starts_with("p.json: rules[0].message: "));
  CHECK(with(R"("message": "caf\u00e9")") == "");
}

TEST_CASE("each condition of a rule is read, and a wrong one names its place") {
  const auto with = [](const std::string& member) {
    return RuleError(std::string(kGood) + ", " + member);
  };
  const struct {
    const char *good, *bad, *error;
  } kFields[] = {
      {R"("access": "read")", R"("access": "rw")",
       R"(access: expected "read" or "write", got "rw")"},
      {R"("databases": [0, 3])", R"("databases": [-1])", "databases[0]: expected a whole number"},
      {R"("databases": [1])", R"("databases": [])", "databases: expected at least one database"},
      {R"("users": ["app"])", R"("users": [])", "users: expected at least one Redis user"},
      {R"("from": ["10.0.0.0/8", "unix", "::1"])", R"("from": ["10.0.0.1/8"])",
       "from[0]: '10.0.0.1/8' is not a network"},
      {R"("from": ["unix"])", R"("from": ["localhost"])", "from[0]: 'localhost' is not a network"},
      {R"("arguments": [{"index": -1, "matches": "^[a-z]+$"}])",
       R"("arguments": [{"index": 2, "matches": "("}])", "arguments[0].matches: not a regular"},
      {R"("arguments": {"any": "x"})", R"("arguments": [{"any": "x", "index": 1}])",
       "arguments[0].index: unknown name"},
      {R"("arguments": [{"any": "x"}])", R"("arguments": [{"index": 1}])",
       "arguments[0].matches: is required"},
      {R"("max_arguments": 3)", R"("max_arguments": -1)", "max_arguments: expected a whole number"},
      {R"("max_bytes": 0)", R"("max_bytes": "1k")", "max_bytes: expected a whole number"},
      {R"("hours": "Mon-Fri 08:00-18:00")", R"("hours": "8-18")", "hours: expected days and hours"},
      {R"("hours": ["Sat,Sun", "22:00-06:00"], "timezone": "Europe/Berlin")",
       R"("hours": ["Sat,Sun", "Mo 1:00-2:00"])", "hours[1]: expected days and hours"},
      {R"("hours": "Mon", "timezone": "UTC")", R"("hours": "Mon", "timezone": "Mars/Base")",
       "timezone: there is no such time zone"},
      {R"("hours": "Sun-Mon")", R"("timezone": "UTC")", R"(timezone: a "timezone" needs "hours")"},
      {R"("rate": {"per_second": 5, "burst": 9, "per": "identity"})", R"("rate": {})",
       "rate.per_second: is required"},
      {R"("rate": {"per_second": 1})", R"("rate": {"per_second": 0})",
       "rate.per_second: expected a whole number"},
      {R"("audit": "none")", R"("audit": "some")", R"(audit: expected "all", "writes")"},
      {R"("audit": {"events": "all", "arguments": "full"})", R"("audit": {"event": "all"})",
       "audit.event: unknown name"},
  };
  for (const auto& field : kFields) {
    CAPTURE(field.bad);
    CHECK(with(field.good) == "");
    CHECK(with(field.bad).starts_with(std::string("p.json: rules[0].") + field.error));
  }
}

TEST_CASE("a name that never existed in a rule lists those that do") {
  CHECK(RuleError(std::string(kGood) + R"(, "command": [])")
            .starts_with("p.json: rules[0].command: unknown name; expected one of \"id\", "
                         "\"action\", \"commands\", "));
}

TEST_CASE("audit settings are checked") {
  const auto with_audit = [](const std::string& members) {
    return Error(R"({"version": 1, "default": "deny", "audit": {)" + members + "}}");
  };
  CHECK(with_audit(R"("events": "some")") ==
        "p.json: audit.events: expected \"all\", \"writes\", \"denied\" or \"none\", got \"some\"");
  CHECK(with_audit(R"("arguments": "all")") ==
        "p.json: audit.arguments: expected \"none\", \"keys\" or \"full\", got \"all\"");
  CHECK(with_audit(R"("max_argument_bytes": 0)") == "");
  CHECK(with_audit(R"("max_argument_bytes": -1)")
            .starts_with("p.json: audit.max_argument_bytes: expected"));
  CHECK(with_audit(R"("max_argument_bytes": 65535)") == "");
  CHECK(with_audit(R"("max_argument_bytes": 65536)") == "");
  CHECK(with_audit(R"("max_argument_bytes": 65537)")
            .starts_with("p.json: audit.max_argument_bytes: expected"));
  CHECK(with_audit(R"("event": "all")").starts_with("p.json: audit.event: unknown name"));
}

TEST_CASE("a policy is held to 65536 rules") {
  const auto with_rules = [](int count) {
    std::string rules;
    for (int i = 0; i < count; ++i)
      rules += (i ? ",{\"id\":\"r" : "{\"id\":\"r") + std::to_string(i) +
               R"(","action":"deny","commands":["get"],"keys":["a"]})";
    return Error(R"({"version": 1, "default": "deny", "rules": [)" + rules + "]}");
  };
  CHECK(with_rules(65535) == "");
  CHECK(with_rules(65536) == "");
  CHECK(with_rules(65537) == "p.json: rules: more than 65536 rules");
}

TEST_CASE("a rule that can never match is a warning") {
  auto warnings = Warnings(R"({"id": "a", "action": "deny", "commands": ["get", "-@read"]})");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] == "rules[0] 'a' can never match: its commands take away all that they name");
  warnings = Warnings(R"({"id": "a", "action": "deny", "commands": ["get"], "identities": []})");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] == "rules[0] 'a' can never match: its identities are an empty list");
}

TEST_CASE("a misspelled command is a warning with its path") {
  const auto warnings = Warnings(R"({"id": "a", "action": "deny", "commands": ["flushal"]})");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] ==
        "rules[0].commands: \"flushal\" is not a command of Redis 7.0: spelled right? did you mean "
        "\"flushall\"?");
}

TEST_CASE("a rule that an earlier one hides is a warning") {
  const auto two = [](const std::string& first, const std::string& second,
                      const std::string& more = "") {
    const auto warnings =
        Warnings(R"({"id": "a", )" + first + R"(}, {"id": "b", )" + second + "}", more);
    return warnings.empty() ? std::string() : warnings[0];
  };
  const std::string hidden =
      "rules[1] 'b' can never match: the earlier rule 'a' decides all that it names";
  const std::string allow_reads = R"("action": "allow", "commands": ["@read"])";
  CHECK(two(allow_reads, R"("action": "deny", "commands": ["get"])") == hidden);
  CHECK(two(allow_reads,
            R"("action": "deny", "commands": ["get"], "keys": ["x"], "identities": ["i"])") ==
        hidden);
  CHECK(two(allow_reads, R"("action": "deny", "commands": ["get", "set"])") == "");
  CHECK(two(allow_reads + R"(, "keys": ["*"])", R"("action": "deny", "commands": ["get"])") == "");
  CHECK(two(allow_reads + R"(, "channels": ["*"])", R"("action": "deny", "commands": ["get"])") ==
        "");
  const std::string get = R"("action": "deny", "commands": ["get"])";
  CHECK(two(allow_reads + R"(, "identities": ["i", "j"])", get + R"(, "identities": ["j"])") ==
        hidden);
  CHECK(two(allow_reads + R"(, "identities": ["i"])", get + R"(, "identities": ["i", "j"])") == "");
  CHECK(two(allow_reads + R"(, "identities": ["i"])", get) == "");
  CHECK(two(allow_reads + R"(, "identities": ["*"])", get) == hidden);
  // The star of an allow doesn't mean unknown commands, unless the policy lets those pass.
  const std::string star = R"("action": "allow", "commands": ["*"])";
  CHECK(two(star, R"("action": "deny", "commands": ["config"])") == "");
  CHECK(two(star, R"("action": "deny", "commands": ["config"])", R"(, "unknown": "allow")") ==
        hidden);
  CHECK(two(R"("action": "deny", "commands": ["*"])",
            R"("action": "allow", "commands": ["config"])") == hidden);
}

TEST_CASE("policies are read from files, and errors name the file") {
  std::string folder = (std::filesystem::temp_directory_path() / "redwall-policy-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/policy.json";
  std::ofstream(path) << R"({"version": 1, "default": "deny"})";
  CHECK(Policy::ReadFile(path).ok());
  std::ofstream(path) << R"({"version": 1, "default": 1})";
  const auto broken = Policy::ReadFile(path);
  REQUIRE(!broken.ok());
  CHECK(broken.error().sentence == path + ": default: expected \"allow\" or \"deny\", got 1");
  unlink(path.c_str());
  const auto missing = Policy::ReadFile(path);
  REQUIRE(!missing.ok());
  CHECK(missing.error().sentence == path + ": can't be read: No such file or directory");
  rmdir(folder.c_str());
}
