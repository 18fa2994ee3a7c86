#include "gateway/proxy/topology_kind.h"

#include "gateway/proxy/fold.h"

namespace redwall::proxy {
namespace {

struct Named {
  std::string_view name;
  TopologyKind kind;
};
constexpr Named kAlone[] = {{"role", TopologyKind::kRole}, {"info", TopologyKind::kInfo}};
constexpr Named kCluster[] = {
    {"slots", TopologyKind::kClusterSlots},  {"shards", TopologyKind::kClusterShards},
    {"nodes", TopologyKind::kClusterNodes},  {"replicas", TopologyKind::kClusterNodes},
    {"slaves", TopologyKind::kClusterNodes},
};
constexpr Named kSentinel[] = {
    {"get-master-addr-by-name", TopologyKind::kSentinelAddress},
    {"masters", TopologyKind::kSentinelInstances},
    {"master", TopologyKind::kSentinelInstances},
    {"replicas", TopologyKind::kSentinelInstances},
    {"slaves", TopologyKind::kSentinelInstances},
    {"sentinels", TopologyKind::kSentinelInstances},
    {"config", TopologyKind::kSentinelInstances},
    {"info-cache", TopologyKind::kInfo},
    {"pending-scripts", TopologyKind::kSentinelScripts},
};

template <class Table>
TopologyKind Find(const Table& table, std::string_view name) {
  for (const Named& named : table)
    if (EqualsFolded(name, named.name)) return named.kind;
  return TopologyKind::kNone;
}

}  // namespace

// The sub-command is read from the arguments: to servers before 7.0 it has no name of its own.
TopologyKind TopologyOf(const resp::CommandInfo& info, const resp::Command& command) {
  const std::string_view name = std::string_view(info.name).substr(0, info.name.find('|'));
  const std::string_view child = command.size() > 1 ? command.arg(1) : std::string_view();
  if (name == "cluster") return Find(kCluster, child);
  if (name == "sentinel") return Find(kSentinel, child);
  return Find(kAlone, name);
}

}  // namespace redwall::proxy
