// What an audit line costs the agent: formatting alone, formatting and the chain, and all of it
// with the write(2) of a turn of 32 commands, in "block" and in "drop".
//
// "drop" is what the loop's thread pays (its CPU time); the rest is the writer's.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "gateway/audit/connection_text.h"
#include "gateway/audit/recorder.h"
#include "gateway/net/loop.h"
#include "tests/gateway/audit/temp_folder.h"
#include "tests/gateway/policy/test_request.h"

namespace redwall::audit {
namespace {

constexpr int kTurn = 32;  // commands

struct Command {
  const Subject subject{"0123456789abcdef0123456789abcdef", 5, "site-a", "10.0.0.1:55555"};
  const policy::TestRequest request{"SET app:user:1234567 value"};
  const policy::AuditSettings settings;
  const policy::Decision decision{policy::Action::kAllow, false, policy::Action::kAllow, "app-a",
                                  ""};
  const CommandEnd end{CommandEnd::Result::kOk, {}, 51, 5, 123};
  ConnectionText text;
  std::string pending;

  void Record(Recorder& recorder, std::uint64_t n, const Now& now) {
    recorder.BeginCommand(
        settings, {subject, n, "app", 0, "my-client", request.get(), decision, now.wall_us, &text},
        pending);
    recorder.FinishCommand(pending, end);
    pending.clear();
  }
};

// Takes lines and forgets them.
class NoWriter final : public Writer {
 public:
  void Submit(std::string& bodies, const Now&) override { bodies.clear(); }
  bool RoomFor(std::size_t) const override { return true; }
  bool Recovered() const override { return true; }
  bool healthy() const override { return true; }
  std::string trouble() override { return {}; }
  std::vector<std::string> TakeNotes() override { return {}; }
  std::int64_t DueUs(const Now&) override { return -1; }
  bool Reopen(const Now&) override { return true; }
  std::uint64_t Close(std::string&, const Now&) override { return 0; }
};

std::unique_ptr<Journal> OpenJournal(const std::string& path) {
  auto journal =
      Journal::Open({.path = path, .side = "server", .agent = "gw-b"}, net::ReadClocks());
  if (journal) return std::move(*journal);
  std::fprintf(stderr, "%s\n", journal.error().sentence.c_str());
  std::exit(2);
}

void RunTurns(benchmark::State& state, std::unique_ptr<Writer> writer) {
  Recorder recorder({.side = "server", .agent = "gw-b"}, std::move(writer));
  Command command;
  std::uint64_t n = 0;
  for (auto _ : state) {
    const Now now = net::ReadClocks();
    for (int i = 0; i < kTurn; ++i) command.Record(recorder, ++n, now);
    recorder.Flush(now);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

void Format(benchmark::State& state) { RunTurns(state, std::make_unique<NoWriter>()); }

void FormatAndChain(benchmark::State& state) {
  RunTurns(state, MakeInlineWriter(OpenJournal("/dev/null"), 8 << 20));
}

void Block(benchmark::State& state) {
  const TempFolder folder;
  RunTurns(state, MakeInlineWriter(OpenJournal(folder.File("a")), 8 << 20));
}

void Drop(benchmark::State& state) {
  const TempFolder folder;
  RunTurns(state, MakeThreadWriter(OpenJournal(folder.File("a")), 8 << 20, net::ReadClocks));
}

BENCHMARK(Format);
BENCHMARK(FormatAndChain);
BENCHMARK(Block)->Iterations(20000);
BENCHMARK(Drop)->Iterations(20000);

}  // namespace
}  // namespace redwall::audit

BENCHMARK_MAIN();
