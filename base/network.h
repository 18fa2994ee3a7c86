// IpAddress and Network: where a peer comes from, and the sets of addresses that people write:
// "10.0.0.0/8", "2001:db8::/32", "192.0.2.7".
//
// An IPv4 address that an IPv6 socket shows as ::ffff:a.b.c.d is that IPv4 address, here and in
// what people write: a server that listens on [::] means the same networks as one on 0.0.0.0.
#ifndef REDWALL_BASE_NETWORK_H_
#define REDWALL_BASE_NETWORK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace redwall {

struct NetworkError {
  std::string sentence;  // quotes the text and says what was expected
};

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // in network order; IPv4 as ::ffff:a.b.c.d

  bool is_v4() const;
  std::string ToString() const;
  bool operator==(const IpAddress&) const = default;

  // Without brackets and port; a name isn't an address.
  static std::optional<IpAddress> Parse(std::string_view text);
  // Of a peer as FormatSockaddr writes it: "192.0.2.7:1234", "[2001:db8::1]:1234". None of "unix".
  static std::optional<IpAddress> OfPeer(std::string_view peer_address);
};

class Network {
 public:
  // An address alone is the network of that address. Bits behind the prefix must be zero: which
  // network was meant is not guessed, but the error says.
  static Result<Network, NetworkError> Parse(std::string_view text);

  // False for an address of the other family: 0.0.0.0/0 is all of IPv4, ::/0 all of IPv6.
  bool Contains(const IpAddress& address) const;
  std::string ToString() const;  // always with the prefix

 private:
  Network(const IpAddress& first, unsigned prefix) : first_(first), prefix_(prefix) {}
  IpAddress first_;
  unsigned prefix_;  // of the 128 bits; an IPv4 network's is 96 or more
};

}  // namespace redwall

#endif  // REDWALL_BASE_NETWORK_H_
