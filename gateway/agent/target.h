// Target: which of a route's servers a client is to get. Client agents say it in OPEN;
// docs/protocol.md, section 3.2.
#ifndef REDWALL_GATEWAY_AGENT_TARGET_H_
#define REDWALL_GATEWAY_AGENT_TARGET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/net/address.h"

namespace redwall::agent {

struct Target {
  enum class Kind : std::uint8_t {
    kAny,       // what the route is for: its Redis, the master, any node of the cluster
    kNode,      // one node of a cluster, or of what Sentinels watch
    kSingle,    // all nodes of a cluster, as if they were one Redis
    kReplica,   // a replica of the master
    kSentinel,  // one of the Sentinels
  };
  Kind kind = Kind::kAny;
  net::Address node = {};  // kNode: never a unix socket's

  static Target Node(net::Address address) { return {Kind::kNode, std::move(address)}; }
  // As OPEN has it; empty for kAny.
  std::string ToText() const;
  // Nothing where it makes no sense.
  static std::optional<Target> Parse(std::string_view text);
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_TARGET_H_
