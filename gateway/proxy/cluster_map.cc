#include "gateway/proxy/cluster_map.h"

#include <algorithm>
#include <utility>

namespace redwall::proxy {

ClusterMap::ClusterMap(std::vector<ClusterNode> nodes, const std::vector<Range>& ranges)
    : nodes_(std::move(nodes)), owners_(resp::kHashSlots, kUnserved) {
  if (nodes_.size() > kUnserved) nodes_.resize(kUnserved);
  replicas_.resize(nodes_.size());
  for (const Range& range : ranges) {
    if (range.master >= nodes_.size() || range.last >= resp::kHashSlots) continue;
    const std::size_t master = Find(nodes_[range.master].host, nodes_[range.master].port);
    for (std::size_t slot = range.first; slot <= range.last; ++slot)
      owners_[slot] = static_cast<std::uint16_t>(master);
    for (const std::size_t replica : range.replicas) {
      std::vector<std::size_t>& known = replicas_[master];
      const bool usable = replica < nodes_.size() && replica != master &&
                          std::find(known.begin(), known.end(), replica) == known.end();
      if (usable) known.push_back(replica);
    }
  }
  std::vector<bool> seen(nodes_.size(), false);
  for (const std::uint16_t owner : owners_) {
    if (owner == kUnserved || seen[owner]) continue;
    seen[owner] = true;
    masters_.push_back(owner);
  }
}

std::size_t ClusterMap::Find(std::string_view host, std::uint16_t port) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].port == port && nodes_[i].host == host) return i;
  return kNone;
}

}  // namespace redwall::proxy
