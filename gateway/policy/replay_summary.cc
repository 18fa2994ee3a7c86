// What a replay found, in words.
#include <algorithm>
#include <string>

#include "gateway/json/names.h"
#include "gateway/policy/replay_state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kKeysShown = 3;

std::string_view WhatIsUntold(Untold what) {
  if (what & kUntoldName) return "its first argument, as if it were a sub-command";
  if (what & kUntoldKeys) return "keys, and not all are recorded";
  if (what & kUntoldAccess) return "how keys are used, and the arguments are not recorded";
  if (what & kUntoldArguments) return "arguments, and not all are recorded";
  if (what & kUntoldDatabase)
    return "the database that the arguments name, and those are not recorded";
  if (what & kUntoldBytes) return "the size, and the record does not tell it exactly";
  if (what & kUntoldUser) return "the Redis user, who is not recorded";
  return "where the client is from, which is not recorded";
}

// Rules' ids are printable; what a line says may be anything.
void AppendDecision(std::string_view action, std::string_view rule, std::string& out) {
  out.append(action).append(" by ");
  if (rule == kDefaultRule || rule == kUnknownRule || rule == kReplicationRule) {
    out.append("the policy's '").append(rule).append("'");
  } else {
    const std::string quoted = json::Quoted(rule);
    out.append("'").append(quoted, 1, quoted.size() - 2).append("'");
  }
}

std::string Times(std::uint64_t count) {
  std::string text = std::to_string(count) + " x ";
  if (text.size() < 10) text.insert(0, 10 - text.size(), ' ');
  return text;
}

void AppendGroups(const ReplayGroups& groups, std::string_view what, std::string& out) {
  for (const ReplayGroup* group : groups.Sorted()) {
    out.append(Times(group->count)).append(what).append(group->text);
    out.append("\n          as ").append(group->example).append("\n");
  }
  if (groups.beyond() > 0)
    out.append(Times(groups.beyond())).append(what).append("of further kinds\n");
}

}  // namespace

std::vector<const ReplayGroup*> ReplayGroups::Sorted() const {
  std::vector<const ReplayGroup*> all;
  for (const auto& [text, group] : groups_) all.push_back(&group);
  std::sort(all.begin(), all.end(), [](const ReplayGroup* a, const ReplayGroup* b) {
    return a->count != b->count ? a->count > b->count : a->text < b->text;
  });
  return all;
}

void DescribeDifference(const RecordedCommand& record, const ReplayDecision& decision,
                        std::string& out) {
  const std::string name = json::Quoted(record.cmd);
  out.assign(name, 1, name.size() - 2).append(" of ");
  out += record.identity.empty() ? "(none)" : json::Quoted(record.identity);
  out += ": ";
  AppendDecision(record.decided, record.rule, out);
  out += " -> ";
  AppendDecision(ActionName(decision.action), decision.rule, out);
}

void DescribeUntold(const ReplayDecision& decision, std::string& out) {
  out.clear();
  if (decision.hangs_on == nullptr) {
    out = decision.why;
    return;
  }
  out.append("rule '").append(decision.hangs_on->id).append("' looks at ");
  out += WhatIsUntold(decision.what);
}

std::string DescribePlace(const RecordedCommand& record) {
  const std::string name = json::Quoted(record.cmd);
  std::string out(record.file);
  out.append(":").append(std::to_string(record.line)).append(": ");
  out.append(name, 1, name.size() - 2);
  std::size_t shown = 0;
  for (const auto* list : {&record.keys, &record.channels}) {
    for (const std::string_view text : *list) {
      if (shown++ < kKeysShown) out += " " + json::Quoted(text);
    }
  }
  if (shown > kKeysShown) out += " ...";
  return out;
}

std::string Replay::Summary() const {
  const State& state = *state_;
  std::string out;
  AppendGroups(state.different_groups, "", out);
  AppendGroups(state.untold_groups, "can't be told: ", out);
  out += std::to_string(seen()) + " commands: " + std::to_string(state.count_same) +
         " decided the same, " + std::to_string(state.count_different) + " differently, " +
         std::to_string(state.count_untold) + " can't be told";
  if (state.count_left_out > 0)
    out += "; " + std::to_string(state.count_left_out) +
           " left out (refused then since they couldn't be recorded)";
  return out + "\n";
}

}  // namespace redwall::policy
