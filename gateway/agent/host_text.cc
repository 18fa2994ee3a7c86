#include "gateway/agent/host_text.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace redwall::agent {
namespace {

constexpr std::size_t kMaxHost = 240;  // bytes; with its port and brackets OPEN has room for it

bool IsHostCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

}  // namespace

bool IsHost(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHost &&
         std::all_of(text.begin(), text.end(), IsHostCharacter);
}

bool HasFlag(std::string_view flags, std::string_view flag) {
  while (!flags.empty()) {
    const std::size_t end = std::min(flags.find(','), flags.size());
    if (flags.substr(0, end) == flag) return true;
    flags.remove_prefix(std::min(end + 1, flags.size()));
  }
  return false;
}

std::optional<std::uint16_t> ReadPort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<net::Address> ReadHostAndPort(std::string_view host, std::string_view port) {
  const auto number = ReadPort(port);
  if (!number || !IsHost(host)) return std::nullopt;
  return net::Address{std::string(host), *number, {}};
}

}  // namespace redwall::agent
