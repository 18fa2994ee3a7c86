// KeyIndex: of many rules with key patterns, those that one key can match, found in a time that
// depends on the key and not on the number of rules.
//
// Each pattern is filed under its literal beginning, as in a trie whose edges are hashed: looking
// up a key hashes it once, from the left, and looks where a literal of that length exists. What is
// found may match, and is still to be asked, unless it is sure to. Immutable once built.
#ifndef REDWALL_GATEWAY_POLICY_KEY_INDEX_H_
#define REDWALL_GATEWAY_POLICY_KEY_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace redwall::policy {

class KeyIndex {
 public:
  // A rule that a key may concern. Ordered by position.
  struct Hit {
    std::uint32_t position : 31;
    std::uint32_t sure : 1;  // one of its patterns does match the key
  };
  using Hits = std::span<const Hit>;

  // Positions come in ascending order.
  void Add(std::uint32_t position, const std::vector<std::string>& patterns);
  void Build();  // after the last Add

  // Calls `take(Hits)` for each list of rules that `key` can concern. Together they may name a rule
  // more than once.
  template <class Take>
  void Find(std::string_view key, Take take) const {
    std::uint64_t hash = kSeed;
    std::size_t done = 0;
    for (const std::uint32_t length : lengths_) {
      if (length > key.size()) return;
      hash = Mix(hash, key.substr(done, length - done));
      done = length;
      const Node* node = Lookup(hash, key.substr(0, length));
      if (node == nullptr) continue;
      if (!node->beginning.empty()) take(Hits(node->beginning));
      if (length == key.size() && !node->exact.empty()) take(Hits(node->exact));
    }
  }

 private:
  struct Node {
    std::string literal;
    std::vector<Hit> beginning;  // patterns that begin with it
    std::vector<Hit> exact;      // patterns that are the literal
  };
  // The node's place, and enough of its hash that others' nodes needn't be looked at.
  struct Slot {
    std::uint32_t node = kEmpty;
    std::uint32_t tag = 0;
  };
  static constexpr std::uint64_t kSeed = 0xcbf29ce484222325u;
  static constexpr std::uint32_t kEmpty = 0xffffffff;
  static constexpr std::uint32_t kMost = 0x7fffffff;

  static std::uint64_t Mix(std::uint64_t hash, std::string_view bytes) {  // FNV-1a
    for (const char c : bytes)
      hash = (hash ^ static_cast<unsigned char>(c)) * std::uint64_t{0x100000001b3};
    return hash;
  }
  static std::uint32_t TagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t SlotOf(std::uint64_t hash) const {
    return static_cast<std::size_t>((hash ^ hash >> 29) & (slots_.size() - 1));
  }
  const Node* Lookup(std::uint64_t hash, std::string_view literal) const {
    for (std::size_t at = SlotOf(hash);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot slot = slots_[at];
      if (slot.node == kEmpty) return nullptr;
      if (slot.tag == TagOf(hash) && nodes_[slot.node].literal == literal)
        return &nodes_[slot.node];
    }
  }
  Node& NodeOf(std::string_view literal);

  std::unordered_map<std::string, std::uint32_t> building_;  // empty once built
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> lengths_;  // of the literals, ascending, each once
  std::vector<Slot> slots_ = {Slot()};  // open addressing, a power of two, half full
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_KEY_INDEX_H_
