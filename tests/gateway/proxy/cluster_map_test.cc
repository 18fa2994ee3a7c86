// The map of a cluster, which Redis may describe in any way at all.
#include "gateway/proxy/cluster_map.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace redwall::proxy {
namespace {

using Indexes = std::vector<std::size_t>;

TEST_CASE("Who serves a slot, and who replicates whom") {
  const ClusterMap map({{"a", 1}, {"b", 1}, {"c", 1}, {"b", 2}},
                       {{100, 16383, 0}, {0, 99, 1}, {50, 60, 3}, {7, 7, 0}},
                       {{2, 1}, {3, 0}, {0, 1}});
  CHECK(map.MasterOf(0) == 1);
  CHECK(map.MasterOf(7) == 0);
  CHECK(map.MasterOf(49) == 1);
  CHECK(map.MasterOf(50) == 3);
  CHECK(map.MasterOf(60) == 3);
  CHECK(map.MasterOf(16383) == 0);
  CHECK(map.masters() == Indexes{1, 0, 3});
  CHECK(map.ReplicasOf(0) == Indexes{3});
  CHECK(map.ReplicasOf(1) == Indexes{2, 0});
  CHECK(map.ReplicasOf(2).empty());
  CHECK(map.Find("b", 2) == 3);
  CHECK(map.Find("c", 2) == ClusterMap::kNone);
}

TEST_CASE("What makes no sense is left out") {
  const ClusterMap map({{"a", 1}, {"b", 1}, {"a", 1}, {"b", 1}},
                       {{0, 16384, 0}, {5, 4, 0}, {1, 1, 4}, {2, 2, 2}},
                       {{1, 2}, {3, 0}, {1, 0}, {2, 0}, {0, 0}, {4, 0}, {1, 4}});
  CHECK(map.masters() == Indexes{0});
  CHECK(map.MasterOf(0) == ClusterMap::kNone);
  CHECK(map.MasterOf(1) == ClusterMap::kNone);
  CHECK(map.MasterOf(2) == 0);
  CHECK(map.ReplicasOf(0) == Indexes{1});
  CHECK(map.ReplicasOf(2).empty());
}

// Once, each range had a list of its own of its master's replicas.
TEST_CASE("A master of all slots, each a range, and all other nodes its replicas") {
  std::vector<ClusterNode> nodes;
  std::vector<ClusterMap::Range> ranges;
  std::vector<ClusterMap::Replica> replicas;
  for (std::uint16_t i = 0; i < 1000; ++i) nodes.push_back({"node", i});
  for (std::uint16_t slot = 0; slot < resp::kHashSlots; ++slot) ranges.push_back({slot, slot, 999});
  for (std::size_t i = 0; i < 999; ++i) replicas.push_back({i, 999});
  const ClusterMap map(nodes, ranges, replicas);
  CHECK(map.masters() == Indexes{999});
  CHECK(map.ReplicasOf(999).size() == 999);
}

}  // namespace
}  // namespace redwall::proxy
