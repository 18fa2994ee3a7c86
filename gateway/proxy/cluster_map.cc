#include "gateway/proxy/cluster_map.h"

#include <map>
#include <set>
#include <utility>

namespace redwall::proxy {
namespace {

// For each node, the index of the first one that has its address.
std::vector<std::uint16_t> FirstOfEachAddress(const std::vector<ClusterNode>& nodes) {
  std::map<std::pair<std::string_view, std::uint16_t>, std::uint16_t> indexes;
  std::vector<std::uint16_t> firsts;
  for (const ClusterNode& node : nodes) {
    const auto index = static_cast<std::uint16_t>(firsts.size());
    firsts.push_back(
        indexes.emplace(std::pair(std::string_view(node.host), node.port), index).first->second);
  }
  return firsts;
}

}  // namespace

ClusterMap::ClusterMap(std::vector<ClusterNode> nodes, const std::vector<Range>& ranges,
                       const std::vector<Replica>& replicas)
    : nodes_(std::move(nodes)), owners_(resp::kHashSlots, kUnserved) {
  if (nodes_.size() > kUnserved) nodes_.resize(kUnserved);
  replicas_.resize(nodes_.size());
  const std::vector<std::uint16_t> firsts = FirstOfEachAddress(nodes_);
  for (const Range& range : ranges) {
    if (range.master >= nodes_.size() || range.last >= resp::kHashSlots) continue;
    for (std::size_t slot = range.first; slot <= range.last; ++slot)
      owners_[slot] = firsts[range.master];
  }
  std::set<std::pair<std::uint16_t, std::uint16_t>> known;
  for (const Replica& replica : replicas) {
    if (replica.node >= nodes_.size() || replica.master >= nodes_.size()) continue;
    const std::uint16_t node = firsts[replica.node], master = firsts[replica.master];
    if (node != master && known.emplace(node, master).second) replicas_[master].push_back(node);
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
