// What a rule asks for besides the command, its keys and channels.
#include <algorithm>

#include "gateway/policy/databases.h"
#include "gateway/policy/rule.h"

namespace redwall::policy {
namespace {

// What can't be told counts as matching a deny and failing an allow; the other way round where
// somebody behind us decides once more.
bool InDoubt(const Rule& rule, const Circumstances& how) {
  return rule.allows() == (how.doubt == Doubt::kForward);
}

// Whether `listed` holds of all that may be, or (in a condition that is to match in doubt) of some.
template <class T, class Predicate>
bool Holds(const Candidates<T>& candidates, bool in_doubt, Predicate listed) {
  return in_doubt ? candidates.Any(listed) : candidates.All(listed);
}

bool UserHolds(const Rule& rule, const Request& request, const Circumstances& how) {
  return Holds(request.sender.users, InDoubt(rule, how), [&](const std::string& user) {
    return std::find(rule.users->begin(), rule.users->end(), user) != rule.users->end();
  });
}

bool FromHolds(const Rule& rule, const Request& request, const Circumstances& how) {
  const Sender& sender = request.sender;
  if (!sender.ip) return sender.address == "unix" ? rule.from->unix_socket : InDoubt(rule, how);
  return std::any_of(rule.from->networks.begin(), rule.from->networks.end(),
                     [&](const Network& network) { return network.Contains(*sender.ip); });
}

// A deny asks whether a listed database is touched, an allow whether only such are.
bool DatabaseHolds(const Rule& rule, const Request& request, const Circumstances& how) {
  const DatabasesTouched touched = TouchedBy(request);
  if (touched.any) return InDoubt(rule, how);
  const auto listed = [&](std::int64_t number) {
    return std::binary_search(rule.databases->begin(), rule.databases->end(), number);
  };
  const bool in_doubt = InDoubt(rule, how);
  const bool current = touched.current && Holds(request.sender.databases, in_doubt, listed);
  if (!rule.allows())
    return current || std::any_of(touched.named.begin(), touched.named.end(), listed);
  return (!touched.current || current) &&
         std::all_of(touched.named.begin(), touched.named.end(), listed);
}

bool ArgumentsHold(const Rule& rule, const Request& request, const Circumstances& how) {
  const auto holds = [&](const ArgumentFilter& filter) {
    const ArgumentFilter::Found found = filter.Look(request.command, rule.allows());
    return found == ArgumentFilter::Found::kUntold ? InDoubt(rule, how)
                                                   : found == ArgumentFilter::Found::kYes;
  };
  return rule.allows() ? std::all_of(rule.arguments.begin(), rule.arguments.end(), holds)
                       : std::any_of(rule.arguments.begin(), rule.arguments.end(), holds);
}

// At least so many bytes.
std::uint64_t BytesOf(const Request& request) {
  std::uint64_t bytes = request.arriving_bytes;
  for (std::size_t i = 0; i < request.command.size(); ++i) bytes += request.command.arg(i).size();
  return bytes;
}

// All arguments are here, or only the last one is still arriving.
bool BytesAreKnown(const Request& request) {
  const std::size_t seen = request.command.size() + (request.arriving_bytes > 0 ? 1 : 0);
  return seen >= request.command.argc();
}

bool SizeHolds(const Rule& rule, const Request& request, const Circumstances& how) {
  const bool many = rule.max_arguments && request.command.argc() > *rule.max_arguments;
  bool large = false;
  if (rule.max_bytes && !many) {
    large = BytesOf(request) > *rule.max_bytes;
    if (!large && !BytesAreKnown(request)) large = InDoubt(rule, how) != rule.allows();
  }
  return rule.allows() != (many || large);
}

// Whoever decides behind us does it by its own clock.
bool HoursHold(const Rule& rule, const Request& request, const Circumstances& how) {
  if (how.doubt == Doubt::kForward) return InDoubt(rule, how);
  return rule.hours->Contains(request.sender.now.wall_us);
}

}  // namespace

bool OpensReplication(const resp::CommandInfo& info) {
  return info.verb == resp::Verb::kSync || info.verb == resp::Verb::kPsync;
}

Match MatchOtherConditions(const Rule& rule, const Request& request, const Circumstances& how) {
  if (rule.users && !UserHolds(rule, request, how)) return Match::kNoUser;
  if (rule.from && !FromHolds(rule, request, how)) return Match::kNoFrom;
  if (rule.databases && !DatabaseHolds(rule, request, how)) return Match::kNoDatabase;
  if ((rule.max_arguments || rule.max_bytes) && !SizeHolds(rule, request, how))
    return Match::kNoSize;
  if (!rule.arguments.empty() && !ArgumentsHold(rule, request, how)) return Match::kNoArgument;
  if (rule.hours && !HoursHold(rule, request, how)) return Match::kNoHours;
  return Match::kYes;
}

bool NeedsMoreFor(const Rule& rule, const Request& head) {
  const bool large = rule.max_bytes && BytesOf(head) > *rule.max_bytes;
  if (rule.max_bytes && !large && !BytesAreKnown(head)) return true;
  return std::any_of(
      rule.arguments.begin(), rule.arguments.end(), [&](const ArgumentFilter& filter) {
        return filter.Look(head.command, rule.allows()) == ArgumentFilter::Found::kUntold;
      });
}

}  // namespace redwall::policy
