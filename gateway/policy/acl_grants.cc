#include "gateway/policy/acl_grants.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "gateway/json/names.h"
#include "gateway/policy/acl_keys.h"
#include "gateway/policy/databases.h"

namespace redwall::policy {
namespace {

using resp::CommandInfo;
using resp::KeyShape;

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// They take keys or none, and an ACL can't ask for one.
bool RunsScript(const CommandInfo& info) {
  return IsOneOf(info.name, {"eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"});
}

// Redis 7.0 would refuse the whole ACL for a name that it doesn't have.
bool IsOfAnotherRedis(const CommandInfo& info) {
  return info.name == "client|setinfo" || info.name.starts_with("sentinel|");
}

// Which databases they touch stands in their arguments, where an ACL doesn't look.
bool NamesDatabases(const CommandInfo& info) {
  return IsOneOf(info.name, {"move", "copy", "swapdb"});
}

std::string Listed(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + json::Quoted(text);
  return out;
}

std::string Joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

const std::vector<std::string_view>& AclConditions() {
  static const std::vector<std::string_view> names = {"from",          "hours",     "arguments",
                                                      "max_arguments", "max_bytes", "rate"};
  return names;
}

bool IsNeverRefusedByAcl(const CommandInfo& info) { return (info.flags & resp::kFlagNoAuth) != 0; }

AclGrants::AclGrants(const Policy& policy, const AclOptions& options)
    : policy_(policy.state()), options_(options), sample_(*policy_.table) {
  for (const Rule& rule : policy_.rules)
    if (rule.ConcernsIdentity(options.identity)) AddItem(rule);
}

void AclGrants::Note(const std::string& text) {
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(text);
}

void AclGrants::AddItem(const Rule& rule) {
  if (rule.users &&
      std::find(rule.users->begin(), rule.users->end(), options_.user) == rule.users->end()) {
    Note("rule '" + rule.id + "' is for other Redis users (" + Listed(*rule.users) +
         "), so it is left out here; --user NAME makes the user of another name");
    return;
  }
  Item item{&rule, rule, {}, false};
  bool left = rule.rate && !rule.allows();
  const auto open = [&](bool asked, std::string_view name) {
    if (!asked) return;
    item.conditions.append(item.conditions.empty() ? "" : ", ").append(name);
    left = left || (!rule.allows() && options_.left_to_gateway.contains(name));
  };
  open(rule.from.has_value(), "from");
  open(rule.hours.has_value(), "hours");
  open(!rule.arguments.empty(), "arguments");
  open(rule.max_arguments.has_value(), "max_arguments");
  open(rule.max_bytes.has_value(), "max_bytes");
  open(rule.rate.has_value(), "rate");
  if (left) {
    Note("rule '" + rule.id + "' denies by what Redis's ACLs can't ask for (" + item.conditions +
         "): it is left to the gateway, and what scripts call is not held to it");
    return;
  }
  one_database_ = one_database_ || rule.databases;
  item.bare.users.reset();
  item.bare.from.reset();
  item.bare.databases.reset();
  item.bare.arguments.clear();
  item.bare.max_arguments.reset();
  item.bare.max_bytes.reset();
  item.bare.hours.reset();
  item.bare.rate.reset();
  items_.push_back(std::move(item));
}

void AclGrants::NoteOpenItem(Item& item) {
  if (std::exchange(item.noted, true)) return;
  const std::string rule = "rule '" + item.rule->id + "' ";
  if (item.rule->allows()) {
    Note(rule + "allows by what Redis's ACLs can't ask for (" + item.conditions +
         "): it allows nothing here");
  } else {
    Note(rule + "denies by what Redis's ACLs can't ask for (" + item.conditions +
         "): it always denies here; --without leaves it to the gateway");
  }
}

// Globs that ACLs take otherwise.
void AclGrants::NotePatterns(Item& item) {
  if (std::exchange(item.noted, true)) return;
  const std::string rule = "rule '" + item.rule->id + "' ";
  for (const auto* set : {&item.rule->keys, &item.rule->channels}) {
    if (!*set) continue;
    for (const std::string& pattern : (*set)->patterns()) {
      if (item.rule->allows() && !GlobSpace::CanBeWritten(pattern))
        Note(rule + "has the pattern " + json::Quoted(pattern) +
             ", which an ACL can't hold (white space): left out");
      if (!item.rule->allows() && !GlobSpace::RemovesExactly(pattern))
        Note(rule + "denies " + json::Quoted(pattern) +
             ", and Redis's ACLs have no \"all but\": all that begins like it is taken away");
    }
  }
}

void AclGrants::NoteDatabases() {
  if (one_database_)
    Note(
        "rules ask for databases, and Redis's ACLs can't: this user is kept in database 0, where a "
        "connection begins (no SELECT of others, no MOVE, COPY or SWAPDB by such a rule)");
}

// Whether the condition on databases holds for a connection that is in the first one. `open`: that
// depends on the arguments.
bool AclGrants::InDatabaseZero(const CommandInfo& info, const Rule& rule, bool& open) const {
  if (!rule.databases) return true;
  const bool listed = std::binary_search(rule.databases->begin(), rule.databases->end(), 0);
  if (info.name == "select") return listed;
  open = NamesDatabases(info);
  if (open) return true;
  const DatabasesTouched touched = TouchedBy(sample_.request(kUnknownSender));
  if (touched.any) return !rule.allows();
  if (!touched.current) return rule.allows();
  return listed;
}

std::vector<AclGrant> AclGrants::All() {
  std::vector<const CommandInfo*> commands;
  for (std::size_t id = 0; id < policy_.table->size(); ++id)
    commands.push_back(&policy_.table->at(static_cast<std::uint16_t>(id)));
  std::sort(commands.begin(), commands.end(),
            [](const CommandInfo* a, const CommandInfo* b) { return a->name < b->name; });
  std::vector<AclGrant> out;
  for (const CommandInfo* info : commands) {
    // A container by itself is an error to Redis, but for COMMAND.
    if (IsOfAnotherRedis(*info) || (info->container && !resp::ArityHolds(*info, 1))) continue;
    Walk(*info, out);
  }
  NoteDatabases();
  if (!keyless_scripts_.empty())
    Note("scripts (" + Joined(keyless_scripts_) +
         ") pass the policy by the keys they declare, and Redis's ACLs can't ask for a key: this "
         "user may run them without keys, too; what they call is checked all the same (--strict "
         "takes them away)");
  if (!always_allowed_.empty())
    Note("Redis's ACLs never refuse " + Joined(always_allowed_) +
         ", as the policy does; no script can call them");
  if (patterns_subscribed_)
    Note("PSUBSCRIBE takes only the very patterns that are listed, not narrower ones");
  return out;
}

void AclGrants::Walk(const CommandInfo& info, std::vector<AclGrant>& out) {
  std::vector<std::string_view> words;
  const std::string_view name = info.name;
  const std::size_t bar = name.find('|');
  words.push_back(name.substr(0, bar));
  if (bar != name.npos) words.push_back(name.substr(bar + 1));
  if (!sample_.Build(words)) return;
  const std::size_t before = out.size();
  Cuts cuts;
  bool on = true;
  for (Item& item : items_) {
    on = Step(info, item, cuts, out);
    if (!on) break;
  }
  if (on && policy_.by_default == Action::kAllow && !OpensReplication(info))
    Grant(info, nullptr, cuts, out);
  if (out.size() == before) keyless_scripts_.erase(info.name);
  if (out.size() == before && IsNeverRefusedByAcl(info)) always_allowed_.insert(info.name);
}

bool AclGrants::Step(const CommandInfo& info, Item& item, Cuts& cuts, std::vector<AclGrant>& out) {
  const Rule& rule = item.bare;
  const Circumstances how{options_.identity, Doubt::kRefuse, false, nullptr, nullptr};
  if (!Matches(NamesCommand(rule, sample_.request(kUnknownSender), how))) return true;
  bool open = false;
  if (!InDatabaseZero(info, *item.rule, open)) return true;
  open = open || !item.conditions.empty();
  if (!item.conditions.empty()) NoteOpenItem(item);
  if (!rule.allows()) {
    NotePatterns(item);
    return StepDeny(info, rule, cuts);
  }
  if (open) return true;
  NotePatterns(item);
  Grant(info, &rule, cuts, out);
  return !rule.unconditional();
}

// What the rule says of the command without any key.
bool AclGrants::DecidesKeyless(const Rule& rule) {
  const CommandInfo& info = *sample_.info();
  const std::vector<resp::KeyRef> none;
  const auto status =
      info.key_shape == KeyShape::kOpaque ? resp::KeyStatus::kUnknown : resp::KeyStatus::kComplete;
  const Request request{sample_.command(), &info, none, status, kUnknownSender};
  const Circumstances how{options_.identity, Doubt::kRefuse, false, nullptr, nullptr};
  return Matches(MatchConditions(rule, request, how).match);
}

bool AclGrants::StepDeny(const CommandInfo& info, const Rule& rule, Cuts& cuts) {
  if (rule.unconditional()) return false;
  if (rule.channels) {
    const auto& patterns = rule.channels->patterns();
    cuts.channels.insert(cuts.channels.end(), patterns.begin(), patterns.end());
  }
  if (!TakesKeys(info)) return TakesChannels(info) || !DecidesKeyless(rule);
  if (!rule.asks_for_keys()) return true;
  auto& away = rule.access == Access::kAny    ? cuts.any
               : rule.access == Access::kRead ? cuts.reads
                                              : cuts.writes;
  static const std::vector<std::string> kAll = {"*"};
  const std::vector<std::string>& patterns = rule.keys ? rule.keys->patterns() : kAll;
  away.insert(away.end(), patterns.begin(), patterns.end());
  if (RunsScript(info) && DecidesKeyless(rule)) {
    if (options_.strict) return false;
    keyless_scripts_.insert(info.name);
  }
  return true;
}

void AclGrants::Grant(const CommandInfo& info, const Rule* rule, const Cuts& cuts,
                      std::vector<AclGrant>& out) {
  AclGrant grant{CommandTokens(info), {}, {}};
  if (TakesChannels(info)) {
    grant.channels = ChannelTokens(info, rule, cuts);
    if (grant.channels.empty()) return;
  } else if (TakesKeys(info)) {
    grant.keys = KeyTokens(info, rule, cuts);
    if (grant.keys.empty()) return;
    if (rule != nullptr && RunsScript(info) && !DecidesKeyless(*rule)) {
      if (options_.strict) return;
      keyless_scripts_.insert(info.name);
    }
  } else if (rule != nullptr && !DecidesKeyless(*rule)) {
    return;
  }
  out.push_back(std::move(grant));
}

std::vector<std::string> AclGrants::KeyTokens(const CommandInfo& info, const Rule* rule,
                                              const Cuts& cuts) const {
  AclKeys keys;
  const Access access = rule == nullptr ? Access::kAny : rule->access;
  const bool listed = rule != nullptr && rule->keys;
  const GlobSpace base(listed ? rule->keys->patterns() : std::vector<std::string>{"*"});
  if (access != Access::kWrite) keys.read = base;
  if (access != Access::kRead) keys.write = base;
  if (access == Access::kAny) keys.both = base;
  for (GlobSpace* space : {&keys.read, &keys.write, &keys.both}) space->Remove(cuts.any);
  for (GlobSpace* space : {&keys.read, &keys.both}) space->Remove(cuts.reads);
  for (GlobSpace* space : {&keys.write, &keys.both}) space->Remove(cuts.writes);
  return keys.TokensFor(info, rule != nullptr && rule->asks_for_keys());
}

std::vector<std::string> AclGrants::ChannelTokens(const CommandInfo& info, const Rule* rule,
                                                  const Cuts& cuts) {
  const bool listed = rule != nullptr && rule->channels;
  GlobSpace space(listed ? rule->channels->patterns() : std::vector<std::string>{"*"});
  space.Remove(cuts.channels);
  const bool takes_patterns = info.key_shape == KeyShape::kPsubscribe;
  std::vector<std::string> out = takes_patterns ? space.Untouched() : space.Globs();
  for (std::string& glob : out) {
    patterns_subscribed_ = patterns_subscribed_ || (takes_patterns && glob != "*");
    glob.insert(0, "&");
  }
  return out;
}

std::vector<std::string> AclGrants::CommandTokens(const CommandInfo& info) const {
  if (info.name == "select" && one_database_) return {"+select|0"};
  std::vector<std::string> out = {"+" + info.name};
  if (!info.container) return out;
  // COMMAND: its sub-commands follow it in an ACL, and are granted each for itself here.
  for (std::size_t id = 0; id < policy_.table->size(); ++id) {
    const std::string& name = policy_.table->at(static_cast<std::uint16_t>(id)).name;
    if (name.starts_with(info.name + "|")) out.push_back("-" + name);
  }
  return out;
}

}  // namespace redwall::policy
