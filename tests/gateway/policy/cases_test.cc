#include "gateway/policy/cases.h"

#include <doctest/doctest.h>

using namespace redwall::policy;

namespace {

constexpr char kPolicy[] = R"({"version": 1, "default": "deny", "rules": [
    {"id": "night", "action": "deny", "commands": ["@write"], "hours": "22:00-06:00"},
    {"id": "pace", "action": "deny", "commands": ["get"], "rate": {"per_second": 10, "burst": 3, "per": "rule"}},
    {"id": "drop", "action": "disconnect", "commands": ["debug"]},
    {"id": "ops", "action": "allow", "commands": ["*"], "users": ["ops"], "from": ["10.0.0.0/8"], "databases": [1]},
    {"id": "app", "action": "allow", "identities": ["site-a"], "commands": ["@read", "@write"], "keys": ["app:*"]}]})";

std::vector<Case> Cases(const std::string& cases) {
  auto file = ParseCases("{\"cases\": [" + cases + "]}", "c.json", 0);
  if (!file) FAIL(file.error().sentence);
  return file->cases;
}

CaseReport Run(const std::string& cases, CaseOptions options = {},
               const char* policy_text = kPolicy) {
  const auto policy = Policy::Parse(policy_text, "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return RunCases(*policy, "p.json", Cases(cases), options);
}

// What is said of a case that fails, without the last line.
std::string Failure(const std::string& one) {
  const CaseReport report = Run(one);
  CHECK(report.failed == 1);
  CHECK(report.text.ends_with("\n0 passed, 1 failed\n"));
  return report.text.substr(0, report.text.find('\n'));
}

void Passes(const std::string& one) {
  const CaseReport report = Run(one);
  CHECK(report.text == "1 passed, 0 failed\n");
}

std::string Refused(const std::string& text) {
  const auto file = ParseCases(text, "c.json", 0);
  REQUIRE(!file);
  return file.error().sentence;
}

constexpr char kNoon[] = R"("at": "2026-11-23T12:00:00Z", )";

}  // namespace

TEST_CASE("a case says who, from where, which database, when, and what is expected") {
  Passes(R"({"as": "site-a", "command": "GET app:1", "expect": "allow"})");
  Passes(R"({"as": "site-b", "command": "GET app:1", "expect": "deny", "rule": "default"})");
  Passes(R"({"command": ["DEBUG", "SLEEP", "0"], "expect": "disconnect", "rule": "drop"})");
  const std::string flush = R"("command": "FLUSHDB", )" + std::string(kNoon);
  Passes("{" + flush + R"("user": "ops", "from": "10.0.0.7", "db": 1, "expect": "allow"})");
  Passes("{" + flush + R"("user": "ops", "from": "10.0.0.7:99", "db": 1, "expect": "allow"})");
  Passes("{" + flush + R"("user": "ops", "from": "10.0.0.7", "expect": "deny"})");
  Passes("{" + flush + R"("user": "ops", "from": "11.0.0.7", "db": 1, "expect": "deny"})");
  Passes("{" + flush + R"("user": "ops", "db": 1, "expect": "deny"})");
  Passes("{" + flush + R"("from": "10.0.0.7", "db": 1, "expect": "deny"})");
  const std::string set = R"({"as": "site-a", "command": "SET app:1 x", )";
  Passes(set + R"("at": "2026-11-23T21:59:59Z", "expect": "allow"})");
  Passes(set + R"("at": "2026-11-23T22:59:59+01:00", "expect": "allow"})");
  Passes(set + R"("at": "2026-11-23T22:00:00Z", "expect": "deny", "rule": "night"})");
}

TEST_CASE("times and every_ms: the last one decides, and each case begins with full buckets") {
  const std::string get = R"({"as": "site-a", "command": "GET app:1", )";
  const std::string three = get + R"("times": 3, "expect": "allow"})";
  const std::string four = get + R"("times": 4, "expect": "deny", "rule": "pace"})";
  const CaseReport report = Run(three + "," + four + "," + three + "," + get +
                                R"("times": 1000, "every_ms": 100, "expect": "allow"},)" + get +
                                R"("times": 10, "every_ms": 10, "expect": "deny"})");
  CHECK(report.text == "5 passed, 0 failed\n");
}

TEST_CASE(
    "a case that fails says what was decided, by which rule and why, and how to look closer") {
  CHECK(Failure(R"({"name": "n", "as": "site-a", "command": "GET other", "expect": "allow"})") ==
        "failed \"n\": expected allow, got deny by the policy's default; redwall policy explain "
        "p.json --as site-a -- GET other");
  CHECK(Failure(R"({"as": "site-a", "command": "GET other", "expect": "allow", "rule": "app"})") ==
        "failed \"case 1\": expected allow by 'app', got deny by the policy's default; 'app': "
        "outside it is the key \"other\"; redwall policy explain p.json --as site-a -- GET other");
  CHECK(
      Failure(R"({"command": "DEBUG x", "expect": "deny"})")
          .starts_with("failed \"case 1\": expected deny, got disconnect by rule 'drop' (it names "
                       "the command, and nothing more is asked); "));
  // The right decision by the wrong rule.
  CHECK(Failure(R"({"as": "site-a", "command": "GET app:1", "expect": "allow", "rule": "ops"})")
            .starts_with("failed \"case 1\": expected allow by 'ops', got allow by rule 'app'"));
  CHECK(Failure(R"({"command": "GET a", "expect": "deny", "rule": "nope"})")
            .find("; the policy has no rule 'nope'; ") != std::string::npos);
  CHECK(Failure(R"({"as": "a", "command": "GET a", "times": 4, "expect": "allow"})")
            .find("got deny by rule 'pace' (its bucket is empty)") != std::string::npos);
  CHECK(Failure(R"({"command": "NOPE", "expect": "allow"})")
            .find("got deny since the command isn't known") != std::string::npos);
}

TEST_CASE("the hint repeats the case, and a shell can take it") {
  const std::string hint = Failure(
      R"({"as": "it's", "user": "app", "from": "unix", "db": 3, "at": "2026-11-23T12:00:00Z",
          "command": ["SET", "a b", "$x"], "expect": "allow"})");
  CHECK(
      hint.ends_with("; redwall policy explain p.json --as 'it'\\''s' --user app --from unix "
                     "--db 3 --at 2026-11-23T12:00:00Z -- SET 'a b' '$x'"));
  CHECK(Failure(R"({"name": "a\nb", "command": ["SET", "a\u001b[2J"], "expect": "allow"})")
            .find('\x1b') == std::string::npos);
}

TEST_CASE("verbose has a line for each case, coverage names the rules that decided none") {
  const std::string two = R"({"as": "site-a", "command": "GET app:1", "expect": "allow"},
                             {"command": "DEBUG x", "expect": "disconnect"})";
  CHECK(Run(two, {true, false}).text ==
        "passed \"case 1\": allow by rule 'app' (all keys and channels are within it)\n"
        "passed \"case 2\": disconnect by rule 'drop' (it names the command, and nothing more is "
        "asked)\n2 passed, 0 failed\n");
  CHECK(Run(two, {false, true}).text ==
        "rule 'night' decided no case\nrule 'pace' decided no case\nrule 'ops' decided no case\n"
        "2 passed, 0 failed\n");
}

TEST_CASE("in observe mode it is about what would be") {
  const char* observe = R"({"version": 1, "mode": "observe", "default": "deny"})";
  CHECK(Run(R"({"command": "GET a", "expect": "deny"})", {}, observe).failed == 0);
  CHECK(Run(R"({"command": "GET a", "expect": "allow"})", {}, observe).failed == 1);
}

TEST_CASE("what is wrong in a file of cases is named by its place") {
  CHECK(Refused("{}") == "c.json: cases: is required and missing");
  CHECK(Refused(R"({"cases": []})") == "c.json: cases: expected at least one case");
  CHECK(Refused(R"({"cases": [{"command": "GET a", "expect": "allow", "rul": "x"}]})")
            .starts_with("c.json: cases[0].rul: unknown name; expected one of "));
  CHECK(Refused(R"({"cases": [{"expect": "allow"}]})").find("cases[0].command: is required") !=
        std::string::npos);
  CHECK(Refused(R"({"cases": [{"command": "", "expect": "allow"}]})")
            .starts_with("c.json: cases[0].command: expected a command"));
  CHECK(Refused(R"({"cases": [{"command": "SET a 'b c'", "expect": "allow"}]})")
            .starts_with("c.json: cases[0].command: quotes would be part of a word"));
  CHECK(
      Refused(R"({"cases": [{"command": "GET a", "expect": "maybe"}]})")
          .starts_with("c.json: cases[0].expect: expected \"allow\", \"deny\" or \"disconnect\""));
  CHECK(Refused(R"({"cases": [{"command": "GET a", "expect": "deny", "at": "noon"}]})")
            .starts_with("c.json: cases[0].at: expected a time as "));
  CHECK(Refused(R"({"cases": [{"command": "GET a", "expect": "deny", "from": "10.0.0.0/8"}]})")
            .starts_with("c.json: cases[0].from: expected an IP address"));
  for (const char* field : {R"("times": 0)", R"("every_ms": -1)", R"("db": -1)"})
    CHECK(Refused(std::string(R"({"cases": [{"command": "GET a", "expect": "deny", )") + field +
                  "}]}")
              .starts_with("c.json: cases[0]."));
}

TEST_CASE("times of RFC 3339") {
  CHECK(ParseTime("1970-01-01T00:00:00Z") == 0);
  CHECK(ParseTime("1970-01-01T01:00:00+01:00") == 0);
  CHECK(ParseTime("1970-01-01T00:00:01.5Z") == 1'500'000);
  CHECK(ParseTime("2024-02-29T23:59:59.000001Z") == 1'709'251'199'000'001);
  CHECK(FormatTime(1'709'251'199'000'001) == "2024-02-29T23:59:59Z");
  for (const char* wrong : {"", "now", "2026-11-23", "2026-11-23T12:00:00", "2026-11-23 12:00:00Z",
                            "2026-11-23T12:00Z", "2026-13-01T00:00:00Z", "2026-11-31T00:00:00Z",
                            "2026-11-23T25:00:00Z", "2026-11-23T12:00:00Z ",
                            "2026-11-23T12:00:00Zx", " 2026-11-23T12:00:00Z", "26-11-23T12:00:00Z"})
    CHECK_MESSAGE(!ParseTime(wrong), wrong);
}
