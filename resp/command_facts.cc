#include "resp/command_facts.h"

#include <algorithm>

namespace redwall::resp {
namespace {

bool WritesAKey(const CommandInfo& info) {
  return std::any_of(info.key_specs.begin(), info.key_specs.end(),
                     [](const KeySpec& spec) { return spec.write; });
}

}  // namespace

bool MayWrite(const CommandInfo& info) {
  return (info.flags & (kFlagWrite | kFlagMayReplicate)) != 0 || info.name == "publish" ||
         info.name == "spublish" || WritesAKey(info);
}

bool WritesUntold(const CommandInfo& info) {
  return (info.flags & kFlagWrite) != 0 && !WritesAKey(info) &&
         (info.key_shape == KeyShape::kSpecs || info.key_shape == KeyShape::kXreadGroup);
}

}  // namespace redwall::resp
