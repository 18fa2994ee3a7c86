// TopologyKind: which of Redis's replies name nodes, and how they do it.
#ifndef REDWALL_GATEWAY_PROXY_TOPOLOGY_KIND_H_
#define REDWALL_GATEWAY_PROXY_TOPOLOGY_KIND_H_

#include <cstdint>
#include <string_view>

#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::proxy {

enum class TopologyKind : std::uint8_t {
  kNone,
  kClusterSlots,
  kClusterShards,
  kClusterNodes,  // CLUSTER NODES, REPLICAS, SLAVES: lines
  kRole,
  kInfo,               // INFO, SENTINEL INFO-CACHE
  kSentinelAddress,    // GET-MASTER-ADDR-BY-NAME
  kSentinelInstances,  // MASTERS, MASTER, REPLICAS, SLAVES, SENTINELS; CONFIG GET
  kSentinelScripts,    // PENDING-SCRIPTS
};

// Of the reply to this command. CLUSTER LINKS, MYID, INFO and HELLO name no address. CLIENT LIST
// and INFO do, of connections (addr=, laddr=): CLIENT KILL takes these back, and no client dials
// them. Precondition: the command is whole.
TopologyKind TopologyOf(const resp::CommandInfo& info, const resp::Command& command);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_TOPOLOGY_KIND_H_
