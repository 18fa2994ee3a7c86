// What a rule says of a request: its command, keys and channels.
#include <algorithm>
#include <cstddef>

#include "gateway/policy/rule.h"
#include "resp/command_facts.h"

namespace redwall::policy {
namespace {

using resp::KeyRef;

bool KeysUntold(const Request& request) {
  return request.info == nullptr || request.key_status != resp::KeyStatus::kComplete;
}

// Channels are only what pub/sub commands name: the keys of a SORT may be untold, its channels
// never are.
bool ChannelsUntold(const Request& request) {
  return request.info == nullptr || (request.key_status != resp::KeyStatus::kComplete &&
                                     (request.info->flags & resp::kFlagPubsub) != 0);
}

bool TouchesKeyspace(const Request& request) {
  return request.info == nullptr || request.info->touches_keyspace;
}

// How a key, or without one the command, reaches the key space. Where nothing says how: in any way.
struct Reach {
  bool reads = true, writes = true;
};

Reach ReachOf(const Request& request, const KeyRef& key) {
  if (!key.read && !key.write) return {};
  return {key.read, key.write || (request.info != nullptr && resp::WritesUntold(*request.info))};
}

Reach ReachWithoutKey(const Request& request) {
  if (request.info == nullptr) return {};
  const bool writes = (request.info->flags & resp::kFlagWrite) != 0;
  const bool reads = (request.info->flags & resp::kFlagReadonly) != 0;
  if (!reads && !writes) return {};
  return {reads, writes};
}

// A deny means what reads (or writes) among other things; an allow only what does nothing else.
bool AccessHolds(const Rule& rule, Reach reach) {
  switch (rule.access) {
    case Access::kAny:
      return true;
    case Access::kRead:
      return reach.reads && !(rule.allows() && reach.writes);
    case Access::kWrite:
      return reach.writes && !(rule.allows() && reach.reads);
  }
  return false;
}

bool KeyHolds(const Rule& rule, const Request& request, const KeyRef& key) {
  return (rule.access == Access::kAny || AccessHolds(rule, ReachOf(request, key))) &&
         (!rule.keys || rule.keys->Matches(request.command.arg(key.index)));
}

MatchResult MatchDenyKeys(const Rule& rule, const Request& request, const Circumstances& how) {
  if (KeysUntold(request)) {
    if (how.doubt == Doubt::kRefuse) return {Match::kYesUntold};
  }
  bool any = how.first_key > 0;
  for (std::size_t i = how.first_key; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind != KeyRef::Kind::kKey) continue;
    any = true;
    if (KeyHolds(rule, request, key)) return {Match::kYesKey, i};
  }
  if (KeysUntold(request)) return {Match::kNoUntold};
  const bool keyspace =
      !any && TouchesKeyspace(request) && AccessHolds(rule, ReachWithoutKey(request));
  return {keyspace ? Match::kYesKeyspace : Match::kNoKeyNamed};
}

MatchResult MatchDenyChannels(const Rule& rule, const Request& request, Doubt doubt) {
  if (ChannelsUntold(request))
    return {doubt == Doubt::kRefuse ? Match::kYesUntold : Match::kNoUntold};
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind == KeyRef::Kind::kKey) continue;
    const std::string_view name = request.command.arg(key.index);
    if (key.kind == KeyRef::Kind::kPattern ? rule.channels->MayOverlap(name)
                                           : rule.channels->Matches(name))
      return {Match::kYesChannel, i};
  }
  return {Match::kNoKeyNamed};
}

MatchResult MatchAllowKeys(const Rule& rule, const Request& request, Doubt doubt) {
  if (KeysUntold(request) && doubt == Doubt::kRefuse) return {Match::kNoUntold};
  bool any = false;
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind != KeyRef::Kind::kKey) continue;
    any = true;
    if (!KeyHolds(rule, request, key)) return {Match::kNoKeyOutside, i};
  }
  if (any || KeysUntold(request) || !TouchesKeyspace(request)) return {Match::kYesAllHold};
  // Without patterns all keys are within the rule: then it is the access alone that counts.
  if (!rule.keys && AccessHolds(rule, ReachWithoutKey(request))) return {Match::kYesAllHold};
  return {Match::kNoKeyspace};
}

MatchResult MatchAllowChannels(const Rule& rule, const Request& request, Doubt doubt) {
  if (ChannelsUntold(request))
    return {doubt == Doubt::kRefuse ? Match::kNoUntold : Match::kYesAllHold};
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind == KeyRef::Kind::kKey) continue;
    const std::string_view name = request.command.arg(key.index);
    if (!(key.kind == KeyRef::Kind::kPattern ? rule.channels->Covers(name)
                                             : rule.channels->Matches(name)))
      return {Match::kNoChannelOutside, i};
  }
  return {Match::kYesAllHold};
}

MatchResult MatchKeysAndChannels(const Rule& rule, const Request& request,
                                 const Circumstances& how) {
  if (!rule.asks_for_keys() && !rule.channels) return {Match::kYes};
  MatchResult result{Match::kYesAllHold};
  if (rule.allows()) {
    if (rule.asks_for_keys()) result = MatchAllowKeys(rule, request, how.doubt);
    if (rule.channels && Matches(result.match))
      result = MatchAllowChannels(rule, request, how.doubt);
    return result;
  }
  result = {Match::kNoKeyNamed};
  if (rule.asks_for_keys()) result = MatchDenyKeys(rule, request, how);
  if (rule.channels && !Matches(result.match)) result = MatchDenyChannels(rule, request, how.doubt);
  return result;
}

// Last of all, since it changes something. A deny's bucket has to be empty, an allow's must not be.
MatchResult MatchRate(const Rule& rule, const Request& request, const Circumstances& how,
                      MatchResult so_far) {
  // Whoever decides after us counts by itself.
  const bool uncounted = how.rates == nullptr || how.doubt == Doubt::kForward;
  const bool token = uncounted || how.rates->Take(*rule.rate, how.identity, request.sender);
  if (rule.allows()) return token ? so_far : MatchResult{Match::kNoRate};
  return {token ? Match::kNoRate : Match::kYesRate};
}

}  // namespace

bool Rule::has_other_conditions() const {
  return users || from || databases || !arguments.empty() || max_arguments || max_bytes || hours ||
         rate;
}

bool Rule::ConcernsIdentity(std::string_view identity) const {
  return !identities ||
         std::find(identities->begin(), identities->end(), identity) != identities->end();
}

Match NamesCommand(const Rule& rule, const Request& request, const Circumstances& how) {
  const auto answer = [](bool named) { return named ? Match::kYes : Match::kNoCommand; };
  if (request.info != nullptr) {
    if (!rule.commands.Has(request.info->id)) return Match::kNoCommand;
    if (rule.allows() && OpensReplication(*request.info) &&
        !rule.commands.HasByName(request.info->id))
      return Match::kNoNotByName;
    return Match::kYes;
  }
  const auto meant = how.unknown ? rule.commands.HasUnknown(*how.unknown)
                                 : rule.commands.HasUnknown(UnknownName(request.command));
  switch (meant) {
    case CommandSet::Unknown::kNo:
      return Match::kNoCommand;
    case CommandSet::Unknown::kNamed:
      return Match::kYes;
    case CommandSet::Unknown::kStar:
      return answer(!rule.allows() || how.allow_star_is_unknown);
    case CommandSet::Unknown::kStarLess:
      return answer(!rule.allows());
  }
  return answer(!rule.allows());
}

MatchResult MatchRequest(const Rule& rule, const Request& request, const Circumstances& how) {
  const Match named = NamesCommand(rule, request, how);
  if (!Matches(named)) return {named};
  return MatchConditions(rule, request, how);
}

MatchResult MatchConditions(const Rule& rule, const Request& request, const Circumstances& how) {
  if (rule.unconditional()) return {Match::kYes};
  const MatchResult result = MatchKeysAndChannels(rule, request, how);
  if (!Matches(result.match)) return result;
  const Match other = MatchOtherConditions(rule, request, how);
  if (!Matches(other)) return {other};
  return rule.rate ? MatchRate(rule, request, how, result) : result;
}

}  // namespace redwall::policy
