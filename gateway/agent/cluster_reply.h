// What a node of a Redis Cluster says of the cluster: a pure function of its answers to CLUSTER
// NODES and CLUSTER SLOTS.
//
// CLUSTER NODES has all nodes, also those that own no slots, with their flags. What it doesn't say
// is by which name the cluster calls a node when it redirects a client: by its number, by its
// hostname (cluster-preferred-endpoint-type), or not at all, which means the host that was asked.
// That is the first thing that CLUSTER SLOTS says of a node.
#ifndef REDWALL_GATEWAY_AGENT_CLUSTER_REPLY_H_
#define REDWALL_GATEWAY_AGENT_CLUSTER_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/net/address.h"
#include "gateway/net/redis_reply.h"

namespace redwall::agent {

constexpr std::size_t kMaxClusterNodes = 1000;
constexpr std::uint16_t kClusterSlots = 16384;

struct SlotRange {
  std::uint16_t first = 0, last = 0;  // both included
  bool operator==(const SlotRange&) const = default;
};

struct ClusterNode {
  // As the cluster names it in redirections. Without a host where it has no address.
  net::Address address;
  std::string ip;        // its number; may be empty
  std::string hostname;  // may be empty
  std::string id;
  std::string master_id;   // of a replica; empty: a master
  bool failed = false;     // the cluster has agreed on it
  bool suspected = false;  // the node that was asked can't reach it ("fail?")
  bool no_address = false;
  bool handshake = false;        // not yet one of the cluster
  std::vector<SlotRange> slots;  // in the order of the answer

  bool is_master() const { return master_id.empty(); }
  // Whether a client may be led to it.
  bool is_target() const;
  // By any of its names.
  bool IsAt(const net::Address& where) const;
  bool operator==(const ClusterNode&) const = default;
};

struct ClusterNodes {
  std::vector<ClusterNode> nodes;

  std::size_t CountSlots() const;
  // Whether who said so is in touch with most of the masters that own slots. A node that isn't, or
  // that knows of none, was cut off or taken out, and its view may be an old one.
  bool HasMajority() const;
  bool operator==(const ClusterNodes&) const = default;
};

struct ClusterReplyError {
  std::string sentence;  // what was answered instead: "answered CLUSTER NODES with an error: ..."
};

// `asked`: where the node was asked, which is its address where it knows no better. `slots` counts
// only for names, and may be an error. At least one node; a line that makes no sense is left out,
// an answer with more than kMaxClusterNodes lines, or with more than kClusterSlots slots in all of
// them together (some are told twice then), is an error.
Result<ClusterNodes, ClusterReplyError> ReadClusterNodes(const net::Reply& nodes,
                                                         const net::Reply& slots,
                                                         const net::Address& asked);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLUSTER_REPLY_H_
