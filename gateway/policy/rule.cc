#include "gateway/policy/rule.h"

#include <algorithm>
#include <cstddef>

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

MatchResult MatchDenyKeys(const PatternSet& patterns, const Request& request) {
  if (KeysUntold(request)) return {Match::kYesUntold};
  bool any = false;
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind != KeyRef::Kind::kKey) continue;
    any = true;
    if (patterns.Matches(request.command.arg(key.index))) return {Match::kYesKey, i};
  }
  return {!any && TouchesKeyspace(request) ? Match::kYesKeyspace : Match::kNoKeyNamed};
}

MatchResult MatchDenyChannels(const PatternSet& patterns, const Request& request) {
  if (ChannelsUntold(request)) return {Match::kYesUntold};
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind == KeyRef::Kind::kKey) continue;
    const std::string_view name = request.command.arg(key.index);
    if (key.kind == KeyRef::Kind::kPattern ? patterns.MayOverlap(name) : patterns.Matches(name))
      return {Match::kYesChannel, i};
  }
  return {Match::kNoKeyNamed};
}

MatchResult MatchAllowKeys(const PatternSet& patterns, const Request& request) {
  if (KeysUntold(request)) return {Match::kNoUntold};
  bool any = false;
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind != KeyRef::Kind::kKey) continue;
    any = true;
    if (!patterns.Matches(request.command.arg(key.index))) return {Match::kNoKeyOutside, i};
  }
  return {!any && TouchesKeyspace(request) ? Match::kNoKeyspace : Match::kYesAllHold};
}

MatchResult MatchAllowChannels(const PatternSet& patterns, const Request& request) {
  if (ChannelsUntold(request)) return {Match::kNoUntold};
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const KeyRef& key = request.keys[i];
    if (key.kind == KeyRef::Kind::kKey) continue;
    const std::string_view name = request.command.arg(key.index);
    if (!(key.kind == KeyRef::Kind::kPattern ? patterns.Covers(name) : patterns.Matches(name)))
      return {Match::kNoChannelOutside, i};
  }
  return {Match::kYesAllHold};
}

bool NamesCommand(const Rule& rule, const Request& request, bool allow_star_is_unknown) {
  if (request.info != nullptr) return rule.commands.Has(request.info->id);
  const bool allow = rule.action == Action::kAllow;
  switch (rule.commands.HasUnknown(request.command)) {
    case CommandSet::Unknown::kNo:
      return false;
    case CommandSet::Unknown::kNamed:
      return true;
    case CommandSet::Unknown::kStar:
      return !allow || allow_star_is_unknown;
    case CommandSet::Unknown::kStarLess:
      return !allow;
  }
  return !allow;
}

}  // namespace

bool Rule::ConcernsIdentity(std::string_view identity) const {
  return !identities ||
         std::find(identities->begin(), identities->end(), identity) != identities->end();
}

MatchResult MatchRequest(const Rule& rule, const Request& request, bool allow_star_is_unknown) {
  if (!NamesCommand(rule, request, allow_star_is_unknown)) return {Match::kNoCommand};
  return MatchConditions(rule, request);
}

MatchResult MatchConditions(const Rule& rule, const Request& request) {
  if (rule.unconditional()) return {Match::kYes};
  MatchResult result{Match::kYesAllHold};
  if (rule.action == Action::kAllow) {
    if (rule.keys) result = MatchAllowKeys(*rule.keys, request);
    if (rule.channels && Matches(result.match))
      result = MatchAllowChannels(*rule.channels, request);
    return result;
  }
  result = {Match::kNoKeyNamed};
  if (rule.keys) result = MatchDenyKeys(*rule.keys, request);
  if (rule.channels && !Matches(result.match)) result = MatchDenyChannels(*rule.channels, request);
  return result;
}

}  // namespace redwall::policy
