// What the nodes of a cluster and Sentinels answer: each reply in the input is read as all that it
// may be. What comes of it keeps to the limits, and its addresses are ones that OPEN can carry.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "gateway/agent/cluster_reply.h"
#include "gateway/agent/sentinel_reply.h"
#include "gateway/agent/target.h"
#include "gateway/net/redis_protocol.h"

namespace {

using namespace redwall;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckAddress(const net::Address& address) {
  const auto target = agent::Target::Parse(agent::Target::Node(address).ToText());
  Require(target && target->node == address && target->ToText().size() <= 255);
}

void CheckCluster(const net::Reply& nodes, const net::Reply& slots) {
  const auto read = agent::ReadClusterNodes(nodes, slots, {"asked.example", 1, {}});
  if (!read) return Require(!read.error().sentence.empty());
  Require(!read->nodes.empty() && read->nodes.size() <= agent::kMaxClusterNodes);
  Require(read->CountSlots() <= agent::kClusterSlots);
  std::size_t told = 0;
  for (const agent::ClusterNode& node : read->nodes) {
    for (const agent::SlotRange& range : node.slots) {
      Require(range.first <= range.last && range.last < agent::kClusterSlots);
      told += range.last - range.first + 1u;
    }
    if (!node.is_target()) continue;
    CheckAddress(node.address);
    Require(node.IsAt(node.address));
  }
  Require(told <= agent::kClusterSlots);
}

void CheckSentinel(const net::Reply& reply) {
  const auto master = agent::ReadMasterAddress(reply, "mymaster");
  if (master) CheckAddress(*master);
  const auto replicas = agent::ReadReplicas(reply);
  Require(replicas.size() <= agent::kMaxReplicas);
  for (const agent::SentinelReplica& replica : replicas) CheckAddress(replica.address);
  const auto sentinels = agent::ReadSentinels(reply);
  Require(sentinels.size() <= agent::kMaxSentinels);
  for (const net::Address& sentinel : sentinels) CheckAddress(sentinel);
  (void)agent::ReadRole(reply);
  if (reply.is_text()) (void)agent::IsSwitchOf(reply.text, "mymaster");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  net::RedisReader reader({});
  reader.Feed({reinterpret_cast<const std::byte*>(data), size});
  std::vector<net::Reply> replies;
  net::Reply reply;
  while (replies.size() < 8 && reader.Next(reply) == net::RedisReader::Status::kReply)
    replies.push_back(std::move(reply));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    CheckCluster(replies[i], replies[(i + 1) % replies.size()]);
    CheckSentinel(replies[i]);
  }
  return 0;
}
