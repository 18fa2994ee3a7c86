#include "gateway/policy/explain.h"

#include <algorithm>

#include "gateway/json/names.h"
#include "gateway/policy/databases.h"
#include "gateway/policy/sample.h"
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
    case Match::kYesRate:
      return "its bucket is empty";
    case Match::kNoCommand:
      return "it does not name the command";
    case Match::kNoNotByName:
      return "what opens a replication stream must be named, not meant by a category or \"*\"";
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
    case Match::kNoUser:
      return "it is for other Redis users";
    case Match::kNoFrom:
      return "it is for clients from elsewhere";
    case Match::kNoDatabase:
      return "it is for other databases";
    case Match::kNoHours:
      return "it is for other hours";
    default:  // WhyNot says it
      return {};
  }
}

// What is asked besides the command, its keys and channels.
std::string OtherConditions(const Rule& rule) {
  std::string out;
  const auto add = [&out](bool asked, std::string_view name) {
    if (asked) out.append(out.empty() ? "" : ", ").append(name);
  };
  add(rule.users.has_value(), "user");
  add(rule.from.has_value(), "from");
  add(rule.databases.has_value(), "database");
  add(!rule.arguments.empty(), "arguments");
  add(rule.max_arguments || rule.max_bytes, "size");
  add(rule.hours.has_value(), "hours");
  add(rule.rate.has_value(), "rate");
  return out;
}

// For what differs between an allow and a deny.
std::string WhyNot(const Rule& rule, const Request& request, Match match) {
  const Sender& sender = request.sender;
  switch (match) {
    case Match::kNoUser:
      if (sender.users.unknown) return "it is for certain Redis users, and the user is not known";
      return std::string(Why(match));
    case Match::kNoFrom:
      if (sender.address.empty())
        return "it is for clients from certain places, and where this one is from is not known";
      return std::string(Why(match));
    case Match::kNoDatabase:
      if (TouchedBy(request).any)
        return "it is for certain databases, and the command can touch any";
      if (TouchedBy(request).current && sender.databases.unknown)
        return "it is for certain databases, and the connection's is not known";
      return std::string(Why(match));
    case Match::kNoArgument:
      return rule.allows() ? "it allows only other arguments"
                           : "it finds what it denies in none of the arguments";
    case Match::kNoSize:
      return rule.allows() ? "it allows only so many arguments or bytes, and these are more"
                           : "it denies what is larger than this";
    case Match::kNoRate:
      return rule.allows() ? "its bucket is empty" : "its bucket has a token left";
    default:
      return std::string(Why(match));
  }
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

template <class T, class Print>
void AddCandidates(std::string_view label, const Candidates<T>& candidates, Print print,
                   std::string& out) {
  out += label;
  for (std::size_t i = 0; i < candidates.values.size(); ++i)
    out += (i > 0 ? " or " : "") + print(candidates.values[i]);
  if (candidates.unknown) out += candidates.values.empty() ? "(not known)" : " or another";
  out += '\n';
}

void AddSender(const Policy::State& policy, const Request& request, std::string& out) {
  const Sender& sender = request.sender;
  AddCandidates(
      "user        ", sender.users, [](const std::string& user) { return json::Quoted(user); },
      out);
  AddCandidates(
      "database    ", sender.databases, [](std::int64_t number) { return std::to_string(number); },
      out);
  out += "from        " + (sender.address.empty() ? "(not known)" : std::string(sender.address)) +
         "\n";
  const auto asks = [&policy](auto holds) {
    return std::any_of(policy.rules.begin(), policy.rules.end(), holds);
  };
  if (asks([](const Rule& rule) { return rule.hours.has_value(); }))
    out += "time        " + FormatTime(sender.now.wall_us) + "\n";
}

void AddSize(const Policy::State& policy, const Request& request, std::string& out) {
  const auto asks = [](const Rule& rule) { return rule.max_arguments || rule.max_bytes; };
  if (!std::any_of(policy.rules.begin(), policy.rules.end(), asks)) return;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request.command.size(); ++i) bytes += request.command.arg(i).size();
  out += "size        " + std::to_string(request.command.argc()) + " arguments, " +
         std::to_string(bytes) + " bytes\n";
}

// False after the rule that decides.
bool AddRule(const Rule& rule, const Circumstances& how, const Request& request, std::string& out) {
  out.append("rule        '")
      .append(rule.id)
      .append("' (")
      .append(ActionName(rule.action))
      .append(") ");
  if (!rule.ConcernsIdentity(how.identity)) {
    out += "does not match: it does not name the identity\n";
    return true;
  }
  const MatchResult result = MatchRequest(rule, request, how);
  out += Matches(result.match) ? "matches: " : "does not match: ";
  out += WhyText(rule, request, result) + '\n';
  return !Matches(result.match);
}

}  // namespace

std::string WhyText(const Rule& rule, const Request& request, const MatchResult& result) {
  if (!Matches(result.match)) {
    std::string out = WhyNot(rule, request, result.match);
    if (out.ends_with(' '))
      out += json::Quoted(request.command.arg(request.keys[result.reference].index));
    return out;
  }
  const std::string others = OtherConditions(rule);
  if (result.match == Match::kYes && !others.empty())
    return "it names the command, and what it asks for holds (" + others + ")";
  std::string out(Why(result.match));
  if (out.ends_with(' '))
    out += json::Quoted(request.command.arg(request.keys[result.reference].index));
  if (!others.empty() && result.match != Match::kYesRate)
    out += ", and the rest holds (" + others + ")";
  return out;
}

std::string NameOf(const Request& request) {
  if (request.info != nullptr) return request.info->name;
  return CleanName(request.command.size() > 0 ? FoldName(request.command.name()) : "");
}

std::string DenialText(const Decision& decision, std::string_view name) {
  if (decision.by_rate) {
    std::string out = "ERR redwall: rate limit of rule '";
    out.append(decision.rule).append("' exceeded");
    if (!decision.message.empty()) out.append(": ").append(decision.message);
    return out;
  }
  std::string out = "NOPERM redwall: '" + CleanName(name) + "' is ";
  if (decision.rule == kDefaultRule) return out + "denied by the policy's default";
  if (decision.rule == kUnknownRule) return out + "not a known command and the policy denies those";
  if (decision.rule == kReplicationRule)
    return out + "denied: it opens a replication stream, which a rule must allow by its name";
  out.append("denied by rule '").append(decision.rule).append("'");
  if (!decision.message.empty()) out.append(": ").append(decision.message);
  return out;
}

std::string Explain(const Policy& policy, std::string_view identity, const Request& request) {
  const Policy::State& state = policy.state();
  std::string out = "identity    " + (identity.empty() ? "(none)" : json::Quoted(identity)) + "\n";
  AddSender(state, request, out);
  AddCommand(request, out);
  AddKeys(request, out);
  AddSize(state, request, out);
  // Buckets are taken as full: what happened before isn't known here.
  const Circumstances how{identity, Doubt::kRefuse, state.unknown == Action::kAllow, nullptr,
                          nullptr};
  for (const Rule& rule : state.rules)
    if (!AddRule(rule, how, request, out)) break;

  const std::shared_ptr<const Rules> rules = policy.RulesFor(identity);
  const Decision decision = rules->Decide(request);
  out.append("decision    ").append(ActionName(decision.would));
  if (decision.rule == kDefaultRule) {
    out += ", the policy's default\n";
  } else if (decision.rule == kUnknownRule) {
    out += ", the policy's answer to unknown commands\n";
  } else if (decision.rule == kReplicationRule) {
    out += ": a replication stream must be allowed by a rule that names the command\n";
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
