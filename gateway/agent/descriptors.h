// File descriptors: how many an agent may have, and whether that is enough for its own limits. Each
// connection needs one.
#ifndef REDWALL_GATEWAY_AGENT_DESCRIPTORS_H_
#define REDWALL_GATEWAY_AGENT_DESCRIPTORS_H_

#include <cstdint>
#include <string>

#include "gateway/agent/config.h"

namespace redwall::agent {

// What an agent needs when its limits are reached, as far as the configuration tells: a client
// agent without max_connections is limited by its server agent alone, and how many tunnels come to
// a server agent, and how many nodes a cluster has, is known later.
struct DescriptorNeed {
  std::uint64_t count = 0;
  std::string parts;  // what they are for; for people
};
DescriptorNeed DescriptorNeedOf(const ClientConfig& config);
DescriptorNeed DescriptorNeedOf(const ServerConfig& config);

// What is wrong where so many are allowed, and what to do. Empty: nothing is.
std::string DescribeShortage(const DescriptorNeed& need, std::uint64_t allowed);

// Takes as many as the system lets this process have, once, at the start.
void RaiseDescriptorLimit();
// Says so in the log where those are not enough.
void WarnOfShortage(const DescriptorNeed& need);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_DESCRIPTORS_H_
