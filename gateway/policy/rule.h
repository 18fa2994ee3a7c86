// Rule: one rule of a policy, compiled, and what it says of a request. Private to this room.
//
// A rule matches where it names the command and all of its conditions hold. What holds differs
// between the actions, so that doubt never opens anything (Doubt::kRefuse):
//
//                          deny, disconnect                     allow
//   keys, access           ANY key matches                      ALL keys match
//   - can't be told        holds                                fails
//   - no key               holds if the command can touch       holds if the command can't touch
//                          the key space (FLUSHALL)             the key space (PING)
//   channels               ANY channel matches, or a client's   ALL match; a client's pattern must
//                          pattern that may overlap             be covered by one of the rule's
//   - no channel           fails                                holds
//   keys and channels      one of them holds                    both hold
//   databases              ANY that it touches is listed        ALL that it touches are listed
//   users, from            holds where it may be listed         holds where it is sure to be listed
//   arguments              ANY condition finds its text         ALL conditions match the whole text
//   max_arguments, _bytes  holds beyond the limit               holds within the limit
//   hours                  holds within them                    holds within them
//   rate                   holds when the bucket is empty       holds while it isn't
#ifndef REDWALL_GATEWAY_POLICY_RULE_H_
#define REDWALL_GATEWAY_POLICY_RULE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/network.h"
#include "gateway/policy/argument_filter.h"
#include "gateway/policy/command_set.h"
#include "gateway/policy/pattern_set.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/rate_limits.h"
#include "gateway/policy/schedule.h"

namespace redwall::policy {

enum class Access : std::uint8_t { kAny, kRead, kWrite };

struct ClientNetworks {
  std::vector<Network> networks;
  bool unix_socket = false;  // clients of a unix socket, too
};

struct Rule {
  // First what is read where the rule decides: a policy may have more rules than a cache holds.
  std::string id;
  Action action = Action::kDeny;
  Access access = Access::kAny;
  std::optional<AuditSettings> audit;
  std::string message;
  std::optional<Rate> rate;
  CommandSet commands;
  std::optional<std::vector<std::string>> identities;  // absent: everybody, as after "*"
  std::optional<PatternSet> keys;
  std::optional<PatternSet> channels;
  std::optional<std::vector<std::int64_t>> databases;  // sorted
  std::optional<std::vector<std::string>> users;
  std::optional<ClientNetworks> from;
  std::vector<ArgumentFilter> arguments;
  std::optional<std::uint64_t> max_arguments, max_bytes;
  std::optional<Schedule> hours;

  bool allows() const { return action == Action::kAllow; }
  bool asks_for_keys() const { return keys.has_value() || access != Access::kAny; }
  // It asks for more than the command, its keys and channels.
  bool has_other_conditions() const;
  // It asks for key patterns, and for nothing more.
  bool asks_for_patterns_alone() const {
    return keys && access == Access::kAny && !channels && !has_other_conditions();
  }
  // True where it matches each request whose command and identity it names.
  bool unconditional() const { return !asks_for_keys() && !channels && !has_other_conditions(); }

  bool ConcernsIdentity(std::string_view identity) const;
};

// Why a rule matches a request, or doesn't.
enum class Match : std::uint8_t {
  kYes,          // and there was nothing to look at but the command and the sender
  kYesKey,       // a deny: by the key at `reference`
  kYesChannel,   // a deny: by the channel at `reference`
  kYesUntold,    // a deny: the keys (or channels) can't be told
  kYesKeyspace,  // a deny: no key is named, and the key space can be touched
  kYesAllHold,   // an allow: its keys and channels hold
  kYesRate,      // a deny: its bucket is empty
  kNoCommand,
  kNoNotByName,       // an allow of a command that has to be named (PSYNC)
  kNoKeyNamed,        // a deny: none of the keys and channels matches
  kNoKeyOutside,      // an allow: the key at `reference` is outside
  kNoChannelOutside,  // an allow: the channel at `reference` is outside
  kNoUntold,          // an allow: the keys (or channels) can't be told
  kNoKeyspace,        // an allow: no key is named, and the key space can be touched
  kNoUser,
  kNoFrom,
  kNoDatabase,
  kNoArgument,
  kNoSize,
  kNoHours,
  kNoRate,
};
inline bool Matches(Match match) { return match <= Match::kYesRate; }

struct MatchResult {
  Match match;
  std::size_t reference = 0;  // into request.keys
};

// What deciding needs besides rule and request.
struct Circumstances {
  std::string_view identity;
  Doubt doubt = Doubt::kRefuse;
  // The `*` of an allow means unknown commands, too (the policy's "unknown" is "allow"); that of a
  // deny always does.
  bool allow_star_is_unknown = false;
  RateLimits* rates = nullptr;           // null: buckets are taken as full
  const UnknownName* unknown = nullptr;  // of an unknown command, where it was made already
  std::size_t first_key = 0;  // of request.keys: earlier ones match no pattern of the rule
};

// `rule`'s view of a request, its identities left aside.
MatchResult MatchRequest(const Rule& rule, const Request& request, const Circumstances& how);
// The same where it is settled that the rule names the command.
MatchResult MatchConditions(const Rule& rule, const Request& request, const Circumstances& how);
// Whether the rule names the command.
Match NamesCommand(const Rule& rule, const Request& request, const Circumstances& how);

// The conditions other than keys and channels (conditions.cc); kYes where all hold.
Match MatchOtherConditions(const Rule& rule, const Request& request, const Circumstances& how);
// True of a head where they ask for what has yet to arrive.
bool NeedsMoreFor(const Rule& rule, const Request& head);

// A command that opens a replication stream, which nobody inspects: an allow must name it.
bool OpensReplication(const resp::CommandInfo& info);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_RULE_H_
