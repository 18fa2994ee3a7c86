// ClusterMap: which nodes a Redis Cluster has, and which of them serves which hash slot.
//
// Immutable and shared: the server agent makes a new one whenever it has asked the cluster anew,
// and gives it to all routers. Input is checked, since it comes from Redis: what makes no sense (a
// slot beyond the last, an index that isn't there, a second node of the same address) is left out.
#ifndef REDWALL_GATEWAY_PROXY_CLUSTER_MAP_H_
#define REDWALL_GATEWAY_PROXY_CLUSTER_MAP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resp/hash_slot.h"

namespace redwall::proxy {

struct ClusterNode {
  std::string host;  // as the cluster names it in its redirects: an address or a name
  std::uint16_t port = 0;
  bool operator==(const ClusterNode&) const = default;
};

class ClusterMap {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  struct Range {
    std::uint16_t first = 0, last = 0;  // slots, both included
    std::size_t master = 0;             // index in `nodes`
  };
  struct Replica {
    std::size_t node = 0, master = 0;  // indexes in `nodes`
  };

  // Of two ranges with the same slot the later one counts. A master's replicas are kept in the
  // order in which they are given.
  ClusterMap(std::vector<ClusterNode> nodes, const std::vector<Range>& ranges,
             const std::vector<Replica>& replicas = {});

  const std::vector<ClusterNode>& nodes() const { return nodes_; }
  // The index of the master that serves a slot; kNone where none does. Precondition: slot <
  // resp::kHashSlots.
  std::size_t MasterOf(std::uint16_t slot) const {
    return owners_[slot] == kUnserved ? kNone : owners_[slot];
  }
  // The index of a node; kNone where there is none of that address.
  std::size_t Find(std::string_view host, std::uint16_t port) const;
  // Those that serve a slot, in the order of the lowest slot that each serves.
  const std::vector<std::size_t>& masters() const { return masters_; }
  // Of a master, by its index in nodes(). May be empty.
  const std::vector<std::size_t>& ReplicasOf(std::size_t master) const { return replicas_[master]; }

 private:
  static constexpr std::uint16_t kUnserved = 0xffff;

  std::vector<ClusterNode> nodes_;
  std::vector<std::uint16_t> owners_;  // by slot
  std::vector<std::size_t> masters_;
  std::vector<std::vector<std::size_t>> replicas_;  // by node
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLUSTER_MAP_H_
