#include "gateway/agent/target.h"

#include <utility>

namespace redwall::agent {
namespace {

constexpr std::string_view kNodePrefix = "node ";

constexpr std::pair<std::string_view, Target::Kind> kNames[] = {
    {"single", Target::Kind::kSingle},
    {"replica", Target::Kind::kReplica},
    {"sentinel", Target::Kind::kSentinel},
};

}  // namespace

std::string Target::ToText() const {
  if (kind == Kind::kNode) return std::string(kNodePrefix) + node.ToString();
  for (const auto& [name, named] : kNames)
    if (named == kind) return std::string(name);
  return {};
}

std::optional<Target> Target::Parse(std::string_view text) {
  if (text.empty()) return Target{};
  for (const auto& [name, kind] : kNames)
    if (name == text) return Target{kind};
  if (!text.starts_with(kNodePrefix)) return std::nullopt;
  auto address = net::Address::Parse(text.substr(kNodePrefix.size()));
  if (!address || address->is_unix() || address->port == 0) return std::nullopt;
  return Node(std::move(*address));
}

}  // namespace redwall::agent
