// The version of this software.
#ifndef REDWALL_GATEWAY_AGENT_VERSION_H_
#define REDWALL_GATEWAY_AGENT_VERSION_H_

namespace redwall::agent {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_VERSION_H_
