// A session's id as it stands in the audit: 32 hex digits.
#ifndef REDWALL_GATEWAY_AGENT_SESSION_NAME_H_
#define REDWALL_GATEWAY_AGENT_SESSION_NAME_H_

#include <string>

#include "gateway/tunnel/session.h"

namespace redwall::agent {

inline std::string SessionName(const tunnel::SessionId& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (const std::byte byte : id) {
    name += kDigits[static_cast<unsigned>(byte) >> 4];
    name += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return name;
}

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SESSION_NAME_H_
