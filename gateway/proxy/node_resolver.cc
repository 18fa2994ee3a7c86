#include "gateway/proxy/node_resolver.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace redwall::proxy {
namespace {

bool IsUnknown(std::string_view host) { return host.empty() || host == "?"; }

}  // namespace

bool ReadPort(std::string_view text, std::uint16_t& port) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end;
}

bool SplitAddress(std::string_view text, std::string_view& host, std::uint16_t& port) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !ReadPort(text.substr(colon + 1), port)) return false;
  host = text.substr(0, colon);
  return true;
}

std::string BracketedAddress(std::string_view host, std::uint16_t port) {
  std::string text;
  const bool brackets = host.find(':') != std::string_view::npos;
  if (brackets) text.push_back('[');
  text.append(host);
  if (brackets) text.push_back(']');
  return text.append(":").append(std::to_string(port));
}

bool NodeResolver::Resolve(std::string_view host, std::uint16_t port, LocalAddress& local,
                           NodeKind kind) {
  local = LocalAddress();
  if (port == 0) {
    if (host == "?") local.host = host;  // says that there is none, as Redis does
    return true;
  }
  // A host that no resolver would take isn't asked for.
  const auto odd = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (std::any_of(host.begin(), host.end(), odd)) return Malformed();
  std::optional<LocalAddress> found =
      addresses_.LocalOf(IsUnknown(host) ? std::string_view(own_.host) : host, port, kind);
  if (!found) return Fail(Rewrite::kNoAddress);
  local = std::move(*found);
  return true;
}

void NodeResolver::SameNode(std::string_view host, std::string_view other, std::uint16_t port) {
  if (!IsUnknown(host) && !IsUnknown(other) && host != other && port != 0)
    addresses_.SameNode(host, other, port);
}

}  // namespace redwall::proxy
