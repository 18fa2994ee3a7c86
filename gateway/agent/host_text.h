// The words of what servers say of each other: addresses, and flags.
#ifndef REDWALL_GATEWAY_AGENT_HOST_TEXT_H_
#define REDWALL_GATEWAY_AGENT_HOST_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/net/address.h"

namespace redwall::agent {

// A name or a number (IPv6 without brackets), of characters that are plain in a log and in OPEN.
bool IsHost(std::string_view text);
// 1 to 65535.
std::optional<std::uint16_t> ReadPort(std::string_view text);
// Nothing where one of them isn't what it should be.
std::optional<net::Address> ReadHostAndPort(std::string_view host, std::string_view port);
// Whether a list like "master,fail?" has this flag.
bool HasFlag(std::string_view flags, std::string_view flag);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_HOST_TEXT_H_
