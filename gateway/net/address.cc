#include "gateway/net/address.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include <charconv>

namespace redwall::net {
namespace {

constexpr std::size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;

AddressError Bad(std::string_view text, std::string_view why) {
  return {"'" + std::string(text.substr(0, 200)) + "' is not an address: " + std::string(why) +
          " (host:port, [v6]:port or unix:/path)"};
}

}  // namespace

Result<Address, AddressError> Address::Parse(std::string_view text) {
  Address address;
  if (text.starts_with("unix:")) {
    address.path = text.substr(5);
    if (address.path.empty()) return Bad(text, "the path is missing");
    if (address.path.size() > kMaxUnixPath)
      return Bad(text, "a socket's path has at most 107 bytes");
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Bad(text, "the port is missing");
  std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return Bad(text, "the bracket isn't closed");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Bad(text, "an IPv6 address stands in brackets");
  }
  if (host.empty()) return Bad(text, "the host is missing");
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    return Bad(text, "the port is a number from 0 to 65535");
  address.host = host;
  return address;
}

std::string Address::ToString() const {
  if (is_unix()) return "unix:" + path;
  const std::string text = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return text + ":" + std::to_string(port);
}

std::string FormatSockaddr(const sockaddr* address) {
  char text[64];
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    if (uv_ip4_name(v4, text, sizeof text) != 0) return "unknown";
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    if (uv_ip6_name(v6, text, sizeof text) != 0) return "unknown";
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  return "unix";
}

}  // namespace redwall::net
