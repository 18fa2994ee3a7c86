// What it costs to find commands in what clients send, and replies in what Redis sends: redwall's
// CommandParser and ReplyScanner beside hiredis's reader, on the same bytes in one process.
//
// hiredis's reader appears twice: as it is used, building replies, and without any object
// functions, which leaves nothing but the parsing. Its input is copied into its buffer, as its
// interface wants it. Commands are SETs of 100 bytes, replies bulk strings of 1 KB, 64 KB of them
// at a time. See tests/bench/protocol.py, which prints the ratios.
#include <benchmark/benchmark.h>
#include <hiredis/hiredis.h>

#include <string>
#include <string_view>

#include "resp/command_parser.h"
#include "resp/reply_scanner.h"
#include "resp/writer.h"

namespace {

constexpr std::size_t kBatchBytes = 64 << 10;

struct Batch {
  std::string wire;
  std::int64_t count = 0;  // commands or replies
};

Batch Repeat(const std::string& one) {
  Batch batch;
  for (; batch.wire.size() + one.size() <= kBatchBytes; ++batch.count) batch.wire += one;
  return batch;
}

Batch Commands() {
  std::string one;
  redwall::resp::WriteCommand({"SET", "app:user:1234567", std::string(100, 'v')}, one);
  return Repeat(one);
}

Batch Replies() { return Repeat("$1024\r\n" + std::string(1024, 'v') + "\r\n"); }

void Count(benchmark::State& state, const Batch& batch) {
  state.SetItemsProcessed(state.iterations() * batch.count);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.wire.size()));
}

void CommandsByRedwall(benchmark::State& state) {
  const Batch batch = Commands();
  redwall::resp::CommandParser parser;
  for (auto _ : state) {
    std::string_view rest = batch.wire;
    std::int64_t found = 0;
    while (parser.Parse(rest) == redwall::resp::ParseStatus::kCommand) {
      benchmark::DoNotOptimize(parser.command().arg(2).data());
      rest.remove_prefix(parser.consumed());
      ++found;
    }
    if (found != batch.count) state.SkipWithError("not all commands were found");
  }
  Count(state, batch);
}

void RepliesByRedwall(benchmark::State& state) {
  const Batch batch = Replies();
  redwall::resp::ReplyScanner scanner;
  for (auto _ : state) {
    std::string_view rest = batch.wire;
    std::int64_t found = 0;
    for (std::size_t used; !rest.empty(); rest.remove_prefix(used)) {
      if (scanner.Scan(rest, used) == redwall::resp::ScanStatus::kFrame) ++found;
    }
    if (found != batch.count) state.SkipWithError("not all replies were found");
  }
  Count(state, batch);
}

void ReadByHiredis(benchmark::State& state, const Batch& batch, bool objects) {
  redisReader* reader = objects ? redisReaderCreate() : redisReaderCreateWithFunctions(nullptr);
  for (auto _ : state) {
    redisReaderFeed(reader, batch.wire.data(), batch.wire.size());
    std::int64_t found = 0;
    for (void* reply = nullptr; redisReaderGetReply(reader, &reply) == REDIS_OK; ++found) {
      if (reply == nullptr) break;
      if (objects) freeReplyObject(reply);
    }
    if (found != batch.count) state.SkipWithError("not all were found");
  }
  redisReaderFree(reader);
  Count(state, batch);
}

void CommandsByHiredis(benchmark::State& state) { ReadByHiredis(state, Commands(), true); }
void CommandsByHiredisBare(benchmark::State& state) { ReadByHiredis(state, Commands(), false); }
void RepliesByHiredis(benchmark::State& state) { ReadByHiredis(state, Replies(), true); }
void RepliesByHiredisBare(benchmark::State& state) { ReadByHiredis(state, Replies(), false); }

BENCHMARK(CommandsByRedwall);
BENCHMARK(CommandsByHiredis);
BENCHMARK(CommandsByHiredisBare);
BENCHMARK(RepliesByRedwall);
BENCHMARK(RepliesByHiredis);
BENCHMARK(RepliesByHiredisBare);

}  // namespace

BENCHMARK_MAIN();
