#include "gateway/policy/acl_keys.h"

#include <algorithm>

#include "resp/command_facts.h"

namespace redwall::policy {
namespace {

using resp::CommandInfo;
using resp::KeyShape;
using resp::KeySpec;

// The kinds of keys that a command can have, and which it can't do without.
struct Kinds {
  bool read = false, write = false, both = false;
  bool must_read = false, must_write = false, must_both = false;
};

Kinds KindsOf(const CommandInfo& info) {
  Kinds kinds;
  // What its one key is depends on the options.
  if (info.key_shape == KeyShape::kSet) kinds.write = kinds.both = true;
  if (info.key_shape == KeyShape::kBitfield) kinds.read = kinds.both = true;
  if (kinds.both) return kinds;
  const bool writes_untold = resp::WritesUntold(info);
  for (const KeySpec& spec : info.key_specs) {
    if (spec.not_key) continue;
    const bool must = spec.begin == KeySpec::Begin::kIndex;
    const bool both = spec.read == spec.write || writes_untold;  // neither: in any way
    (both ? kinds.both : spec.read ? kinds.read : kinds.write) = true;
    bool& needed = both ? kinds.must_both : spec.read ? kinds.must_read : kinds.must_write;
    needed = needed || must;
  }
  return kinds;
}

void Add(std::string_view mark, std::vector<std::string> globs, bool must_be_told,
         std::vector<std::string>& out) {
  for (std::string& glob : globs) {
    // To Redis `*` is leave to reach any key, as SORT's BY and GET may do; `**` is only a pattern.
    if (must_be_told && glob == "*") glob = "**";
    out.push_back(std::string(mark) + glob);
  }
}

}  // namespace

bool TakesKeys(const CommandInfo& info) {
  return std::any_of(info.key_specs.begin(), info.key_specs.end(),
                     [](const KeySpec& spec) { return !spec.not_key; });
}

bool TakesChannels(const CommandInfo& info) {
  return info.key_shape == KeyShape::kPublish || info.key_shape == KeyShape::kSubscribe ||
         info.key_shape == KeyShape::kPsubscribe;
}

std::vector<std::string> AclKeys::TokensFor(const CommandInfo& info, bool must_be_told) const {
  const Kinds kinds = KindsOf(info);
  const std::vector<std::string> reads = read.Globs(), writes = write.Globs(), rws = both.Globs();
  if ((kinds.must_read && reads.empty()) || (kinds.must_write && writes.empty()) ||
      (kinds.must_both && rws.empty()))
    return {};
  const bool sorts = info.key_shape == KeyShape::kSort || info.key_shape == KeyShape::kSortRo;
  const bool as_pattern = must_be_told && sorts;
  std::vector<std::string> out;
  if (reads == writes && writes == rws) {
    Add("~", rws, as_pattern, out);
    return out;
  }
  if (kinds.both) Add("~", rws, as_pattern, out);
  if (kinds.read) Add("%R~", reads, as_pattern, out);
  if (kinds.write) Add("%W~", writes, as_pattern, out);
  return out;
}

}  // namespace redwall::policy
