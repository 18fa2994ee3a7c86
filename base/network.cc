#include "base/network.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

namespace redwall {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;
constexpr unsigned kBits = 128;

NetworkError Bad(std::string_view text, const std::string& why) {
  return {"'" + std::string(text.substr(0, 100)) + "' is not a network: " + why +
          " (10.0.0.0/8, 2001:db8::/32, or a single address)"};
}

// `address` with all but its first `prefix` bits zero.
IpAddress Masked(IpAddress address, unsigned prefix) {
  for (unsigned at = 0; at < address.bytes.size(); ++at) {
    const unsigned kept = std::clamp(prefix, 8 * at, 8 * at + 8) - 8 * at;
    address.bytes[at] = static_cast<std::uint8_t>(address.bytes[at] & (0xff00u >> kept));
  }
  return address;
}

}  // namespace

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes.begin()); }

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + kMapped.size(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);  // with the NUL that inet_pton looks for
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + kMapped.size()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::OfPeer(std::string_view peer_address) {
  const std::size_t colon = peer_address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = peer_address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Parse(host);
}

Result<Network, NetworkError> Network::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto address = IpAddress::Parse(host);
  if (!address) return Bad(text, "expected an IPv4 or IPv6 address, no name, no port");
  if (slash == std::string_view::npos) return Network(*address, kBits);
  const bool written_as_v4 = host.find(':') == std::string_view::npos;
  const unsigned most = written_as_v4 ? kBits - kMappedBits : kBits;
  const std::string_view digits = text.substr(slash + 1);
  unsigned prefix = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      prefix > most)
    return Bad(text, "the prefix is a number from 0 to " + std::to_string(most));
  const Network network(*address, written_as_v4 ? kMappedBits + prefix : prefix);
  const Network meant(Masked(*address, network.prefix_), network.prefix_);
  if (meant.first_ == *address) return network;
  return Bad(text, "bits behind the prefix are set; write " + meant.first_.ToString() + "/" +
                       std::to_string(prefix) + " for the network, or " + address->ToString() +
                       " for that address alone");
}

bool Network::Contains(const IpAddress& address) const {
  return address.is_v4() == (prefix_ >= kMappedBits && first_.is_v4()) &&
         Masked(address, prefix_) == first_;
}

std::string Network::ToString() const {
  const bool v4 = prefix_ >= kMappedBits && first_.is_v4();
  return first_.ToString() + "/" + std::to_string(v4 ? prefix_ - kMappedBits : prefix_);
}

}  // namespace redwall
