// Rule: one rule of a policy, compiled, and what it says of a request. Private to this room.
//
//                          deny, disconnect                     allow
//   keys                   ANY key matches                      ALL keys match
//   - can't be told        matches                              fails
//   - no key               matches if the command can touch     passes if the command can't touch
//                          the key space (FLUSHALL)             the key space (PING)
//   channels               ANY channel matches, or a client's   ALL match; a client's pattern must
//   be
//                          pattern that may overlap             covered by one of the rule's
//   - no channel           doesn't match                        passes
//   both given             either one matches                   both must hold
#ifndef REDWALL_GATEWAY_POLICY_RULE_H_
#define REDWALL_GATEWAY_POLICY_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policy/command_set.h"
#include "gateway/policy/pattern_set.h"
#include "gateway/policy/policy.h"

namespace redwall::policy {

struct Rule {
  std::string id;
  Action action = Action::kDeny;
  std::string message;
  CommandSet commands;
  std::optional<std::vector<std::string>> identities;  // absent: everybody, as after "*"
  std::optional<PatternSet> keys;
  std::optional<PatternSet> channels;

  bool ConcernsIdentity(std::string_view identity) const;
  // True where it matches each request whose command and identity it names.
  bool unconditional() const { return !keys && !channels; }
};

// Why a rule matches a request, or doesn't.
enum class Match : std::uint8_t {
  kYes,          // and there was nothing to look at but the command
  kYesKey,       // a deny: by the key at `reference`
  kYesChannel,   // a deny: by the channel at `reference`
  kYesUntold,    // a deny: the keys (or channels) can't be told
  kYesKeyspace,  // a deny: no key is named, and the key space can be touched
  kYesAllHold,   // an allow: its keys and channels hold
  kNoCommand,
  kNoKeyNamed,        // a deny: none of the keys and channels matches
  kNoKeyOutside,      // an allow: the key at `reference` is outside
  kNoChannelOutside,  // an allow: the channel at `reference` is outside
  kNoUntold,          // an allow: the keys (or channels) can't be told
  kNoKeyspace,        // an allow: no key is named, and the key space can be touched
};
inline bool Matches(Match match) { return match <= Match::kYesAllHold; }

struct MatchResult {
  Match match;
  std::size_t reference = 0;  // into request.keys
};

// `rule`'s view of a request, its identities left aside. `allow_star_is_unknown`: the `*` of an
// allow means unknown commands too (the policy's "unknown" is "allow"); that of a deny always does.
MatchResult MatchRequest(const Rule& rule, const Request& request, bool allow_star_is_unknown);
// The same where it is settled that the rule names the command.
MatchResult MatchConditions(const Rule& rule, const Request& request);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_RULE_H_
