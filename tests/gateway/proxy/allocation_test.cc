// In the steady state a command costs no allocation: parsed, decided, recorded, forwarded, and its
// reply passed on. A program of its own, since it counts all allocations.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace {

std::size_t allocations = 0;

void* Allocate(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// What the standard library has beside these comes down to them.
void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace redwall::proxy {
namespace {

constexpr int kWarmUp = 300, kRounds = 1000;  // of a pipeline each

// The outlet keeps its room, as the agents' buffers do.
class Ends final : public Outlet {
 public:
  std::string to_redis, to_client;

 private:
  void ToRedis(std::string_view bytes) override { to_redis.append(bytes); }
  void ToClient(std::string_view bytes) override { to_client.append(bytes); }
};

struct Load {
  std::string requests, replies;

  void Add(std::initializer_list<std::string_view> arguments, std::string_view reply) {
    requests += Wire(arguments);
    replies += reply;
  }
};

// How many allocations `kRounds` pipelines take.
int AllocationsOf(const Load& load, const std::string& audit) {
  auto policy = policy::Policy::Parse(kNoWipes, "policy.json");
  REQUIRE(policy);
  Gate gate;
  gate.rules = (*policy)->RulesFor("site-a");
  std::unique_ptr<audit::Writer> writer;
  if (!audit.empty()) {
    auto journal = audit::Journal::Open({.path = audit, .side = "server", .agent = "test"}, {});
    REQUIRE(journal);
    writer = audit::MakeInlineWriter(std::move(*journal), 8 << 20);
  }
  audit::Recorder recorder({.side = "server", .agent = "test"}, std::move(writer));
  const ConversationLimits limits;
  Ends ends;
  Environment environment;
  environment.gate = &gate;
  environment.recorder = &recorder;
  environment.limits = &limits;
  const audit::Subject subject{std::string(32, 'a'), 7, "site-a", "10.0.0.9:5555"};
  Conversation conversation(environment, ends, subject, "default");
  Now now{1000, 1700000000000000};
  std::size_t before = 0;
  for (int round = 0; round < kWarmUp + kRounds; ++round) {
    if (round == kWarmUp) before = allocations;
    conversation.OnRequest(load.requests, now);
    REQUIRE(ends.to_redis.size() == load.requests.size());
    conversation.OnReply(load.replies, now);
    REQUIRE(ends.to_client.size() == load.replies.size());
    ends.to_redis.clear();
    ends.to_client.clear();
    recorder.Flush(now);
    now.wall_us += 1000;
  }
  return static_cast<int>(allocations - before);
}

TEST_CASE("No allocation for a command, with an audit and without") {
  const std::string folder =
      std::filesystem::temp_directory_path() / ("redwall-allocation-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  // Up to a depth of which a connection keeps the memory; beyond, a few for each pipeline.
  for (const auto& [depth, each] : {std::pair{1, 0}, {16, 0}, {100, 40}}) {
    Load load;
    for (int i = 0; i < depth; ++i) {
      load.Add({"SET", "a key of some length", std::string(100, 'x')}, "+OK\r\n");
      load.Add({"GET", "a key of some length"}, Bulk(std::string(100, 'x')));
      load.Add({"MSET", "a", "1", "b", "2", "c", "3", "d", "4"}, "+OK\r\n");
      load.Add({"HGETALL", "h"}, "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
      load.Add({"INCR", "text"}, "-ERR value is not an integer or out of range\r\n");
    }
    INFO(load.requests.size());
    CHECK(AllocationsOf(load, "") <= kRounds * each);
    CHECK(AllocationsOf(load, folder + "/audit.jsonl") <= kRounds * each);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace redwall::proxy
