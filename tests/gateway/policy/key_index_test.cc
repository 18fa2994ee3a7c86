#include "gateway/policy/key_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "gateway/policy/rule.h"
#include "gateway/policy/state.h"
#include "resp/glob.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;

namespace {

// The same numbers each time: what fails can be looked at again.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Below(std::uint64_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_;
};

// Few letters, so that much of it meets.
std::string Text(Numbers& numbers, std::string_view letters, std::size_t most) {
  std::string text;
  for (std::size_t i = numbers.Below(most + 1); i > 0; --i)
    text += letters[numbers.Below(letters.size())];
  return text;
}

}  // namespace

TEST_CASE("the index finds each rule that a key can concern, and no rule of another beginning") {
  Numbers numbers(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<std::string>> rules(1 + numbers.Below(20));
    KeyIndex index;
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      for (std::size_t n = 1 + numbers.Below(3); n > 0; --n)
        rules[i].push_back(Text(numbers, "ab:*?[]\\", 5));
      index.Add(i, rules[i]);
    }
    index.Build();
    for (int k = 0; k < 50; ++k) {
      const std::string key = Text(numbers, "ab:*", 6);
      std::set<std::uint32_t> found, sure;
      index.Find(key, [&](KeyIndex::Hits hits) {
        CHECK(!hits.empty());
        std::int64_t last = -1;
        for (const KeyIndex::Hit& hit : hits) {
          CHECK(static_cast<std::int64_t>(hit.position) > last);
          last = hit.position;
          found.insert(hit.position);
          if (hit.sure) sure.insert(hit.position);
        }
      });
      for (std::uint32_t i = 0; i < rules.size(); ++i) {
        const bool matches = PatternSet(rules[i]).Matches(key);
        const bool begins =
            std::any_of(rules[i].begin(), rules[i].end(), [&](const std::string& pattern) {
              return key.starts_with(redwall::resp::GlobLiteralPrefix(pattern));
            });
        INFO("key '", key, "', first pattern '", rules[i][0], "'");
        CHECK((!matches || found.contains(i)));
        CHECK((begins || !found.contains(i)));
        CHECK((matches || !sure.contains(i)));
      }
    }
  }
}

TEST_CASE("an index of nothing finds nothing, and an empty key is a key") {
  KeyIndex nothing;
  nothing.Build();
  nothing.Find("key", [](KeyIndex::Hits) { CHECK(false); });
  KeyIndex index;
  index.Add(0, {"*"});
  index.Add(3, {"a*", "a?", "", "a*"});
  index.Build();
  std::vector<std::uint32_t> found;
  index.Find("", [&](KeyIndex::Hits hits) {
    for (const KeyIndex::Hit& hit : hits) found.push_back(hit.position);
  });
  std::sort(found.begin(), found.end());
  CHECK(found == std::vector<std::uint32_t>{0, 3});
}

namespace {

constexpr const char* kCommands[] = {"[\"*\"]",       "[\"@read\"]",          "[\"@write\"]",
                                     "[\"mget\"]",    "[\"get\", \"del\"]",   "[\"*\", \"-get\"]",
                                     "[\"@pubsub\"]", "[\"@all\", \"-scan\"]"};

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '\\' ? "\\\\" : std::string(1, c);
  return out + "\"";
}

std::string RandomRule(Numbers& numbers, int number) {
  constexpr const char* kActions[] = {"allow", "deny", "disconnect"};
  std::string rule = "{\"id\": \"r" + std::to_string(number) + "\", \"action\": \"" +
                     kActions[numbers.Below(3)] +
                     "\", \"commands\": " + kCommands[numbers.Below(8)];
  const auto patterns = [&](const char* name) {
    rule += std::string(", \"") + name + "\": [" + Quoted(Text(numbers, "ab:*?", 4));
    if (numbers.Below(2) == 0) rule += ", " + Quoted(Text(numbers, "ab:*", 4));
    rule += "]";
  };
  if (numbers.Below(8) != 0) patterns("keys");
  if (numbers.Below(6) == 0) patterns("channels");
  if (numbers.Below(6) == 0)
    rule += std::string(", \"access\": \"") + (numbers.Below(2) ? "read" : "write") + "\"";
  if (numbers.Below(6) == 0) rule += ", \"databases\": [" + std::to_string(numbers.Below(3)) + "]";
  if (numbers.Below(6) == 0)
    rule += std::string(", \"users\": [\"") + (numbers.Below(2) ? "app" : "ops") + "\"]";
  if (numbers.Below(8) == 0) rule += ", \"max_arguments\": " + std::to_string(numbers.Below(6));
  if (numbers.Below(8) == 0) rule += R"(, "identities": ["site-b"])";
  return rule + "}";
}

std::string RandomCommand(Numbers& numbers) {
  constexpr const char* kNames[] = {
      "GET",        "MGET",   "DEL",  "MSET",          "SUBSCRIBE", "SCAN 0", "RENAME",
      "PSUBSCRIBE", "NOSUCH", "PING", "SORT k BY w_*", "FLUSHALL",  "COPY"};
  std::string line = kNames[numbers.Below(13)];
  const std::size_t most = numbers.Below(10) == 0 ? 40 : 4;  // more keys than a Merge has room for
  for (std::size_t n = numbers.Below(most + 1); n > 0; --n)
    line += " " + Text(numbers, "ab:*", 5) + "a";
  return line;
}

// What the engine's header says it does: the first rule that matches, in order.
std::string_view Linear(const Policy& policy, const Request& request, Doubt doubt) {
  const Policy::State& state = policy.state();
  if (request.info == nullptr && doubt == Doubt::kForward) return "unknown";
  const Circumstances how{"site-a", doubt, state.unknown == Action::kAllow, nullptr, nullptr};
  for (const Rule& rule : state.rules)
    if (rule.ConcernsIdentity("site-a") && Matches(MatchRequest(rule, request, how).match))
      return rule.id;
  return request.info == nullptr ? "unknown" : "default";
}

}  // namespace

TEST_CASE("with many rules the same one decides as when they are asked one by one") {
  Numbers numbers(2);
  std::set<std::string, std::less<>> deciders;
  for (int round = 0; round < 120; ++round) {
    std::string text = R"({"version": 1, "default": "deny", "unknown": ")";
    text += numbers.Below(2) ? "allow" : "deny";
    text += "\", \"rules\": [";
    const int count = 9 + static_cast<int>(numbers.Below(60));
    for (int i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + RandomRule(numbers, i);
    const auto policy = Policy::Parse(text + "]}", "random.json");
    if (!policy) FAIL(policy.error().sentence);
    const std::vector<std::string> users = {numbers.Below(2) ? "app" : "ops", "other"};
    const std::vector<std::int64_t> databases = {static_cast<std::int64_t>(numbers.Below(3)), 1};
    Sender sender;
    sender.users = {std::span(users).first(1 + numbers.Below(2)), numbers.Below(8) == 0};
    sender.databases = {std::span(databases).first(1 + numbers.Below(2)), numbers.Below(8) == 0};
    for (const Doubt doubt : {Doubt::kRefuse, Doubt::kForward}) {
      const auto rules = (*policy)->RulesFor("site-a", doubt);
      for (int i = 0; i < 60; ++i) {
        const std::string line = RandomCommand(numbers);
        const TestRequest made(line);
        const Request& plain = made.get();
        const Request request{plain.command, plain.info, plain.keys, plain.key_status, sender};
        const auto decision = rules->Decide(request);
        INFO("round ", round, ", ", line);
        CHECK(decision.rule == Linear(**policy, request, doubt));
        deciders.emplace(decision.rule);
      }
    }
  }
  CHECK(deciders.size() > 20);  // else the rules were too much alike to test anything
  CHECK(deciders.contains("default"));
}
