// Address: where to listen or connect, as people write it: "host:port", "[host]:port",
// "[::1]:port", "unix:/path".
#ifndef REDWALL_GATEWAY_NET_ADDRESS_H_
#define REDWALL_GATEWAY_NET_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

struct sockaddr;

namespace redwall::net {

struct AddressError {
  std::string sentence;  // quotes the text and says what was expected
};

struct Address {
  std::string host;        // a name or a number, without brackets; empty for a unix socket
  std::uint16_t port = 0;  // 0 (listening only): any free one
  std::string path;        // of a unix socket, without "unix:"

  bool is_unix() const { return !path.empty(); }
  std::string ToString() const;  // as it would be written; IPv6 in brackets
  bool operator==(const Address&) const = default;

  static Result<Address, AddressError> Parse(std::string_view text);
};

// "127.0.0.1:6379", "[::1]:6379", "unix"; for what the kernel says of a socket.
std::string FormatSockaddr(const sockaddr* address);

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_ADDRESS_H_
