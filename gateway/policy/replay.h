// `redwall policy replay`: yesterday's audit against a new policy: what it would decide otherwise.
//
// Commands come one by one, in the audit's order; memory doesn't grow with their number. An audit
// has keys and, only where the policy of then said so, arguments. Where a rule looks at something
// that a line doesn't tell, and what is decided hangs on it, the answer is "can't be told" and why.
//
// The buckets of rates are filled by the time that the lines tell; commands that weren't recorded
// take nothing from them.
#ifndef REDWALL_GATEWAY_POLICY_REPLAY_H_
#define REDWALL_GATEWAY_POLICY_REPLAY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/policy/policy.h"

namespace redwall::policy {

// What docs/audit.md says of a command. Views: valid for the call. Texts are escaped as there
// (\xNN, \+N).
struct RecordedCommand {
  std::string_view file;
  std::uint64_t line = 0;  // in the file, from 1
  std::int64_t ts_us = 0;
  std::string_view identity, user, client, cmd;
  std::int64_t db = 0;
  bool has_keys = false, has_args = false, keys_untold = false;
  std::span<const std::string_view> keys, channels, args;
  std::uint64_t keys_more = 0, channels_more = 0, args_more = 0;
  std::uint64_t argc = 0, bytes_in = 0;
  std::string_view decided;  // "allow", "deny", "disconnect": what was meant to be enforced
  std::string_view rule;
};

class Replay {
 public:
  explicit Replay(std::shared_ptr<const Policy> policy);
  ~Replay();

  enum class Outcome : std::uint8_t { kSame, kDifferent, kUntold, kLeftOut };
  Outcome Take(const RecordedCommand& record);
  // Of the last one: a line of text that says what was decided then and what would be now, or why
  // it can't be told.
  std::string Describe(const RecordedCommand& record) const;

  std::uint64_t different() const;
  std::uint64_t seen() const;  // commands, those left out too
  // The differences in groups, then what can't be told, then the totals. Lines.
  std::string Summary() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_REPLAY_H_
