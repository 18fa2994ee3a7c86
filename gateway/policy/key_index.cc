#include "gateway/policy/key_index.h"

#include <algorithm>

#include "resp/glob.h"

namespace redwall::policy {

KeyIndex::Node& KeyIndex::NodeOf(std::string_view literal) {
  const auto [found, is_new] =
      building_.try_emplace(std::string(literal), static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) nodes_.push_back({found->first, {}, {}});
  return nodes_[found->second];
}

void KeyIndex::Add(std::uint32_t position, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    const std::string_view literal = resp::GlobLiteralPrefix(pattern);
    Node& node = NodeOf(literal);
    const bool exact = literal.size() == pattern.size();
    const bool sure = pattern.find_first_not_of('*', literal.size()) == pattern.npos;
    std::vector<Hit>& list = exact ? node.exact : node.beginning;
    if (list.empty() || list.back().position != position) list.push_back({position & kMost, 0});
    if (sure) list.back().sure = 1;
  }
}

void KeyIndex::Build() {
  building_.clear();
  std::size_t size = 2;
  while (size < 2 * nodes_.size()) size *= 2;
  slots_.assign(size, Slot());
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    const std::string& literal = nodes_[i].literal;
    lengths_.push_back(static_cast<std::uint32_t>(literal.size()));
    const std::uint64_t hash = Mix(kSeed, literal);
    std::size_t at = SlotOf(hash);
    while (slots_[at].node != kEmpty) at = (at + 1) & (size - 1);
    slots_[at] = {i, TagOf(hash)};
  }
  std::sort(lengths_.begin(), lengths_.end());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

}  // namespace redwall::policy
