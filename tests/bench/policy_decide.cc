// What a decision costs, by the number of rules. Google Benchmark; see tests/bench/policy.py.
//
// Each policy has that many tenants, a rule each, for the same commands and the same identity: the
// shape in which looking at one rule after the other costs most. The requests are GETs of keys of
// ten tenants that are spread over the whole list.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/policy/policy.h"
#include "resp/command_parser.h"
#include "resp/writer.h"

namespace {

using redwall::policy::Policy;

constexpr int kTenants = 10;

std::string TenantRules(int count) {
  std::string text = R"({"version": 1, "default": "deny", "rules": [)";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    text += (i > 0 ? ",\n" : "") + (R"({"id": "t)" + n) +
            R"(", "action": "allow", "commands": ["@read", "@write"], "keys": ["tenant)" + n +
            R"(:*"]})";
  }
  return text + "]}";
}

// The same command by another identity each: those rules aren't even looked at.
std::string IdentityRules(int count) {
  std::string text = R"({"version": 1, "default": "deny", "rules": [)";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    text += (i > 0 ? ",\n" : "") + (R"({"id": "t)" + n) +
            R"(", "action": "allow", "commands": ["@read"], "identities": ["site)" + n +
            R"("], "keys": ["app:*"]})";
  }
  return text + "]}";
}

struct Parsed {
  explicit Parsed(const std::string& key) {
    redwall::resp::WriteCommand({"GET", key}, wire);
    parser.Parse(wire);
    info = redwall::resp::CommandTable::Builtin().Find(parser.command());
    status = redwall::resp::ExtractKeys(*info, parser.command(), keys);
  }
  std::string wire;
  redwall::resp::CommandParser parser;
  const redwall::resp::CommandInfo* info = nullptr;
  std::vector<redwall::resp::KeyRef> keys;
  redwall::resp::KeyStatus status{};
};

void Decide(benchmark::State& state, const std::string& text, const std::string& identity,
            const std::vector<std::string>& keys) {
  const auto policy = Policy::Parse(text, "bench.json");
  if (!policy) return state.SkipWithError(policy.error().sentence.c_str());
  const auto rules = (*policy)->RulesFor(identity);
  std::vector<std::unique_ptr<Parsed>> requests;
  for (const std::string& key : keys) requests.push_back(std::make_unique<Parsed>(key));
  std::size_t next = 0, denied = 0;
  for (auto _ : state) {
    const Parsed& parsed = *requests[next++ % requests.size()];
    const auto decision =
        rules->Decide({parsed.parser.command(), parsed.info, parsed.keys, parsed.status});
    denied += decision.action != redwall::policy::Action::kAllow;
    benchmark::DoNotOptimize(decision.rule);
  }
  if (denied > 0) state.SkipWithError("a request was denied that its rule allows");
}

void ByTenant(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  std::vector<std::string> keys;
  for (int i = 0; i < kTenants; ++i)
    keys.push_back("tenant" + std::to_string(i * count / kTenants) + ":session:42");
  Decide(state, TenantRules(count), "site-a", keys);
}
BENCHMARK(ByTenant)->Arg(10)->Arg(1000)->Arg(10000);

void ByIdentity(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  Decide(state, IdentityRules(count), "site" + std::to_string(count - 1), {"app:session:42"});
}
BENCHMARK(ByIdentity)->Arg(10)->Arg(1000)->Arg(10000);

void AllowAll(benchmark::State& state) {
  Decide(state, R"({"version": 1, "default": "allow"})", "site-a", {"app:session:42"});
}
BENCHMARK(AllowAll);

}  // namespace

BENCHMARK_MAIN();
