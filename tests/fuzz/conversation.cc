// Two conversations in a row, as at the two agents, between a client and a Redis that both say
// anything at all.
//
// The input is a list of pieces: a byte that says who speaks (its lowest bit: client or Redis) and
// how much (the rest), then that many bytes. Neither conversation may crash, keep more than its
// limits, or go on after its end.
#include "gateway/proxy/conversation.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace redwall {
namespace {

constexpr std::string_view kPolicy = R"({"version": 1, "default": "allow", "unknown": "allow",
  "rules": [
  {"id": "db", "action": "deny", "commands": ["set", "get"], "databases": [5]},
  {"id": "u", "action": "deny", "commands": ["del"], "users": ["eve"]},
  {"id": "big", "action": "deny", "commands": ["append"], "max_bytes": 100},
  {"id": "arg", "action": "deny", "commands": ["echo"], "arguments": {"any": "no"}},
  {"id": "d", "action": "deny", "commands": ["flushall", "@dangerous"], "keys": ["secret:*"]},
  {"id": "w", "action": "deny", "commands": ["flushall", "keys"]},
  {"id": "x", "action": "disconnect", "commands": ["shutdown"]}]})";

// Hands on to the next conversation what the first one lets through.
struct Wire final : proxy::Outlet {
  void ToRedis(std::string_view bytes) override { to_redis.append(bytes); }
  void ToClient(std::string_view bytes) override { to_client.append(bytes); }
  std::string to_redis, to_client;
};

// Names are found out one at a time: each is asked for once, and then not there.
struct Names final : proxy::UnknownCommands {
  void OnUnknownCommand(std::string_view) override {}
  Name LookUp(std::string_view name) override {
    if (name == known) return Name::kNotThere;
    known = name;
    return name.size() > 8 ? Name::kUntold : Name::kAsking;
  }
  std::string known;
};

// Some nodes have a local address.
struct Nodes final : proxy::NodeAddresses {
  std::optional<proxy::LocalAddress> LocalOf(std::string_view, std::uint16_t port,
                                             proxy::NodeKind) override {
    if (port % 4 == 0) return std::nullopt;
    return proxy::LocalAddress{"127.0.0.1", port};
  }
  void SameNode(std::string_view, std::string_view, std::uint16_t) override {}
};

struct Site {
  Site(const proxy::Environment& environment)
      : conversation(environment, wire, {"00", 1, "site", "here"}, "") {}
  Wire wire;
  proxy::Conversation conversation;
};

std::shared_ptr<const policy::Rules> MakeRules() {
  const auto policy = policy::Policy::Parse(kPolicy, "fuzz");
  return policy ? (*policy)->RulesFor("site") : policy::Policy::AllowAll()->RulesFor("site");
}

void Run(std::string_view input) {
  static const proxy::Gate gate{MakeRules(), MakeRules()};
  audit::Recorder recorder({.side = "client", .agent = "fuzz"}, nullptr);
  proxy::ConversationLimits limits;
  limits.request.max_inspected = 4096;
  limits.request.stream_threshold = 64;
  limits.max_pending = 32;
  proxy::Budget budget{.limit = 1 << 20};
  Names names;
  limits.max_topology_reply = 1024;
  Nodes nodes;
  const proxy::TopologyRewriter topology(nodes, {"10.0.0.1", 7000}, proxy::NodeKind::kSentinel);
  const proxy::Environment at_redis{&gate, &recorder, &limits, {}, &budget, &names};
  proxy::Environment at_client = at_redis;
  at_client.topology = &topology;
  Site near(at_client), far(at_redis);
  Now now;
  while (input.size() > 1) {
    const auto head = static_cast<unsigned char>(input[0]);
    const std::string_view piece = input.substr(1, head / 2);
    input.remove_prefix(1 + piece.size());
    now.mono_us += 10;
    if (head % 2 == 0) {
      near.conversation.OnRequest(piece, now);
    } else {
      far.conversation.OnReply(piece, now);
    }
    far.conversation.OnRequest(std::exchange(near.wire.to_redis, {}), now);
    near.conversation.OnReply(std::exchange(far.wire.to_client, {}), now);
    far.wire.to_redis.clear();
    near.wire.to_client.clear();
    if (head > 250) near.conversation.OnPolicyChanged(now);
    near.conversation.OnCommandsKnown(now);
    far.conversation.OnCommandsKnown(now);
    if (near.conversation.finished()) near.conversation.OnClosed();
    if (budget.used > budget.limit + 2 * proxy::Budget::kFairShare) std::abort();
  }
  near.conversation.OnClosed();
  far.conversation.OnClosed();
  if (budget.used != 0) std::abort();  // what was charged was given back
}

}  // namespace
}  // namespace redwall

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  redwall::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
