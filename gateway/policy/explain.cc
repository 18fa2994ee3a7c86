#include <algorithm>

#include "gateway/json/names.h"
#include "gateway/policy/state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxKeysShown = 16;

// A name that came from a client, safe inside an error reply.
std::string CleanName(std::string_view name) {
  std::string out(name.substr(0, kMaxNameBytes));
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = '?';
  return out;
}

std::string_view ActionText(Action action) {
  switch (action) {
    case Action::kAllow:
      return "allow";
    case Action::kDeny:
      return "deny";
    case Action::kDisconnect:
      return "disconnect";
  }
  return {};
}

std::string_view Why(Match match) {
  switch (match) {
    case Match::kYes:
      return "it names the command, and nothing more is asked";
    case Match::kYesKey:
      return "it names the key ";
    case Match::kYesChannel:
      return "it names the channel ";
    case Match::kYesUntold:
      return "the keys can't be told, and it denies some";
    case Match::kYesKeyspace:
      return "no key is named, the command can touch any, and it denies some";
    case Match::kYesAllHold:
      return "all keys and channels are within it";
    case Match::kNoCommand:
      return "it does not name the command";
    case Match::kNoKeyNamed:
      return "it names none of the keys and channels";
    case Match::kNoKeyOutside:
      return "outside it is the key ";
    case Match::kNoChannelOutside:
      return "outside it is the channel ";
    case Match::kNoUntold:
      return "the keys can't be told, and it allows only some";
    case Match::kNoKeyspace:
      return "no key is named, the command can touch any, and it allows only some";
  }
  return {};
}

std::string NameOf(const Request& request) {
  if (request.info != nullptr) return request.info->name;
  return CleanName(request.command.size() > 0 ? FoldName(request.command.name()) : "");
}

void AddCommand(const Request& request, std::string& out) {
  out += "command     " + NameOf(request);
  if (request.info == nullptr) {
    out += " (not known)\n";
    return;
  }
  out += '\n';
  std::string names;
  const std::vector<std::string_view>& all = resp::CategoryNames();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (request.info->categories >> i & 1u) names.append(names.empty() ? "@" : " @").append(all[i]);
  out += "categories  " + (names.empty() ? "none" : names) + "\n";
}

void AddKeys(const Request& request, std::string& out) {
  std::size_t shown = 0;
  for (const resp::KeyRef& key : request.keys) {
    if (shown++ == kMaxKeysShown) break;
    const bool is_key = key.kind == resp::KeyRef::Kind::kKey;
    out += is_key                                     ? "key         "
           : key.kind == resp::KeyRef::Kind::kChannel ? "channel     "
                                                      : "pattern     ";
    out += json::Quoted(request.command.arg(key.index));
    if (is_key && (key.read || key.write))
      out += key.read && key.write ? " (read, write)" : key.read ? " (read)" : " (write)";
    out += '\n';
  }
  if (shown > kMaxKeysShown)
    out += "            and " + std::to_string(request.keys.size() - kMaxKeysShown) + " more\n";
  if (request.info == nullptr || request.key_status != resp::KeyStatus::kComplete) {
    out += "keys        can't be told: taken as any key\n";
  } else if (request.keys.empty()) {
    out += request.info->touches_keyspace ? "keys        none, but it can touch the key space\n"
                                          : "keys        none, and it can't touch the key space\n";
  }
}

// False after the rule that decides.
bool AddRule(const Rule& rule, const Policy::State& policy, std::string_view identity,
             const Request& request, std::string& out) {
  out.append("rule        '")
      .append(rule.id)
      .append("' (")
      .append(ActionText(rule.action))
      .append(") ");
  if (!rule.ConcernsIdentity(identity)) {
    out += "does not match: it does not name the identity\n";
    return true;
  }
  const MatchResult result = MatchRequest(rule, request, policy.unknown == Action::kAllow);
  out.append(Matches(result.match) ? "matches: " : "does not match: ").append(Why(result.match));
  if (Why(result.match).ends_with(' '))
    out += json::Quoted(request.command.arg(request.keys[result.reference].index));
  out += '\n';
  return !Matches(result.match);
}

}  // namespace

std::string DenialText(const Decision& decision, std::string_view name) {
  std::string out = "NOPERM redwall: '" + CleanName(name) + "' is ";
  if (decision.rule == kDefaultRule) return out + "denied by the policy's default";
  if (decision.rule == kUnknownRule) return out + "not a known command and the policy denies those";
  out.append("denied by rule '").append(decision.rule).append("'");
  if (!decision.message.empty()) out.append(": ").append(decision.message);
  return out;
}

std::string Explain(const Policy& policy, std::string_view identity, const Request& request) {
  const Policy::State& state = *policy.state_;
  std::string out = "identity    " + (identity.empty() ? "(none)" : json::Quoted(identity)) + "\n";
  AddCommand(request, out);
  AddKeys(request, out);
  for (const Rule& rule : state.rules)
    if (!AddRule(rule, state, identity, request, out)) break;

  const std::shared_ptr<const Rules> rules = policy.RulesFor(identity);
  const Decision decision = rules->Decide(request);
  out.append("decision    ").append(ActionText(decision.would));
  if (decision.rule == kDefaultRule) {
    out += ", the policy's default\n";
  } else if (decision.rule == kUnknownRule) {
    out += ", the policy's answer to unknown commands\n";
  } else {
    out.append(", by rule '").append(decision.rule).append("'\n");
  }
  if (decision.would == Action::kAllow) return out;
  // As Redis does, the answer calls an unknown command by the name that the client wrote.
  const std::string_view name = request.info ? request.info->name : request.command.name();
  out += "reply       -" + DenialText(decision, name) + "\n";
  if (decision.would == Action::kDisconnect) out += "            and the connection closes\n";
  if (decision.observed) out += "mode        observe: it is recorded, and forwarded all the same\n";
  return out;
}

}  // namespace redwall::policy
