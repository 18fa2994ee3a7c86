#include "gateway/policy/replay.h"

#include <algorithm>
#include <utility>

#include "gateway/policy/replay_state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxIdentities = 1000;  // whoever wrote the audit chose the names

bool Matched(const Rule& rule, const Request& request, const Circumstances& how) {
  return Matches(MatchConditions(rule, request, how).match);
}

}  // namespace

Replay::State::Identity& Replay::State::IdentityOf(std::string_view name) {
  identity_name = name;
  if (const auto found = identities.find(identity_name); found != identities.end())
    return found->second;
  if (identities.size() >= kMaxIdentities) identities.clear();
  Identity& identity = identities[identity_name];
  identity.rules = policy->RulesFor(name);
  const resp::CommandTable& table = *policy->state().table;
  identity.asks.assign(table.size(), 0);
  for (const Rule& rule : policy->state().rules) {
    if (!rule.ConcernsIdentity(name)) continue;
    identity.in_order.push_back(&rule);
    const Untold asks = AsksFor(rule);
    if (rule.commands.may_mean_unknown()) identity.asks_of_unknown |= asks;
    if (asks == 0) continue;
    for (std::size_t id = 0; id < table.size(); ++id)
      if (rule.commands.Has(static_cast<std::uint16_t>(id))) identity.asks[id] |= asks;
  }
  return identity;
}

// A deny matches when any condition finds its text, an allow when all do.
Replay::State::Answer Replay::State::AskArguments(const Rule& rule) const {
  if (rule.arguments.empty()) return Answer::kYes;
  bool some = false, perhaps = false, all = true;
  for (const ArgumentFilter& filter : rule.arguments) {
    const auto found = filter.Look(request.bare(), rule.allows());
    some |= found == ArgumentFilter::Found::kYes;
    perhaps |= found == ArgumentFilter::Found::kUntold;
    all &= found != ArgumentFilter::Found::kNo;
  }
  if (rule.allows()) return !all ? Answer::kNo : perhaps ? Answer::kPerhaps : Answer::kYes;
  return some ? Answer::kYes : perhaps ? Answer::kPerhaps : Answer::kNo;
}

Replay::State::Answer Replay::State::AskSize(const Rule& rule) const {
  if (!rule.max_arguments && !rule.max_bytes) return Answer::kYes;
  const std::size_t argc = request.bare().argc();
  const bool many = rule.max_arguments && argc > *rule.max_arguments;
  const bool large = rule.max_bytes && request.least_bytes() > *rule.max_bytes;
  const bool perhaps = rule.max_bytes && request.most_bytes() > *rule.max_bytes;
  const Answer beyond = many || large ? Answer::kYes : perhaps ? Answer::kPerhaps : Answer::kNo;
  if (!rule.allows() || beyond == Answer::kPerhaps) return beyond;
  return beyond == Answer::kYes ? Answer::kNo : Answer::kYes;
}

// What has yet to arrive is decided by the engine itself, in doubt one way or the other: where both
// ways agree, it doesn't matter.
Replay::State::Answer Replay::State::AskRest(const Rule& rest, Untold untold,
                                             const Circumstances& how) {
  using AccessIs = RecordedRequest::AccessIs;
  constexpr Untold kOfRest =
      kUntoldKeys | kUntoldAccess | kUntoldDatabase | kUntoldUser | kUntoldFrom;
  if (!(untold & kOfRest))
    return Matched(rest, request.request(), how) ? Answer::kYes : Answer::kNo;
  bool always = true, ever = false;
  const auto ask = [&](AccessIs access) {
    for (const Doubt doubt : {Doubt::kRefuse, Doubt::kForward}) {
      Circumstances doubtful = how;
      doubtful.doubt = doubt;
      const bool matched = Matched(rest, request.request(access), doubtful);
      always &= matched;
      ever |= matched;
    }
  };
  if (untold & kUntoldAccess) {
    for (const AccessIs access : {AccessIs::kRead, AccessIs::kWrite, AccessIs::kBoth}) ask(access);
  } else {
    ask(AccessIs::kAsKnown);
  }
  return always ? Answer::kYes : ever ? Answer::kPerhaps : Answer::kNo;
}

Replay::State::Answer Replay::State::Ask(const Rule& rule, Untold untold,
                                         const RecordedCommand& record) {
  const Policy::State& state = policy->state();
  Circumstances how{identity_name, Doubt::kRefuse, state.unknown == Action::kAllow, nullptr,
                    nullptr};
  const Rule* rest = &rule;
  const bool in_parts =
      !rule.arguments.empty() || rule.max_arguments || rule.max_bytes || rule.rate;
  if (in_parts) {
    auto found = parts.find(&rule);
    if (found == parts.end()) {
      found = parts.try_emplace(&rule, Parts{rule}).first;
      Rule& made = found->second.rest;
      made.arguments.clear();
      made.max_arguments.reset();
      made.max_bytes.reset();
      made.rate.reset();
    }
    rest = &found->second.rest;
  }
  Answer answer = AskRest(*rest, untold, how);
  if (answer != Answer::kNo) answer = std::min(answer, AskArguments(rule));
  if (answer != Answer::kNo) answer = std::min(answer, AskSize(rule));
  if (!rule.rate || answer != Answer::kYes) return answer;
  const Now now{record.ts_us, record.ts_us};
  Sender sender = request.request().sender;
  sender.now = now;
  const bool token = state.rates->Take(*rule.rate, identity_name, sender);
  return token == rule.allows() ? Answer::kYes : Answer::kNo;
}

// One by one: some rule looks at what isn't told.
ReplayDecision Replay::State::ScanRules(const Identity& identity, const RecordedCommand& record) {
  const Policy::State& state = policy->state();
  const Circumstances how{identity_name, Doubt::kRefuse, state.unknown == Action::kAllow, nullptr,
                          nullptr};
  const Request whole = request.request();
  ReplayDecision sure;
  sure.action = whole.info ? state.by_default : state.unknown;
  sure.rule = whole.info ? kDefaultRule : kUnknownRule;
  if (whole.info && !state.text.empty() && OpensReplication(*whole.info)) {
    sure.action = Action::kDeny;
    sure.rule = kReplicationRule;
  }
  std::vector<std::pair<const Rule*, Untold>> perhaps;
  for (const Rule* rule : identity.in_order) {
    Untold untold = AsksFor(*rule) & request.untold();
    bool named = Matches(NamesCommand(*rule, whole, how));
    if (!whole.info && (request.untold() & kUntoldName) && whole.command.size() > 0 &&
        rule->commands.TellsWithin(FoldName(whole.command.name()))) {
      untold |= kUntoldName;
      named = true;
    }
    if (!named) continue;
    Answer answer = Ask(*rule, untold, record);
    if (answer == Answer::kYes && (untold & kUntoldName)) answer = Answer::kPerhaps;
    if (answer == Answer::kPerhaps) perhaps.emplace_back(rule, untold);
    if (answer != Answer::kYes) continue;
    sure.action = rule->action;
    sure.rule = rule->id;
    break;
  }
  for (const auto& [rule, untold] : perhaps) {
    if (rule->action == sure.action) continue;
    sure.told = false;
    sure.hangs_on = rule;
    sure.what = untold;
    break;
  }
  return sure;
}

ReplayDecision Replay::State::Decide(const RecordedCommand& record) {
  ReplayDecision out;
  Identity& identity = IdentityOf(record.identity);
  out.why = request.Set(record);
  if (!out.why.empty()) {
    out.told = false;
    return out;
  }
  const resp::CommandInfo* info = request.info();
  Untold asks = info ? identity.asks[info->id] : identity.asks_of_unknown | kUntoldName;
  if (asks & request.untold()) return ScanRules(identity, record);
  const Decision decision = identity.rules->Decide(request.request());
  out.action = decision.would;
  out.rule = decision.rule;
  return out;
}

Replay::Replay(std::shared_ptr<const Policy> policy)
    : state_(std::make_unique<State>(std::move(policy))) {}
Replay::~Replay() = default;

Replay::Outcome Replay::Take(const RecordedCommand& record) {
  State& state = *state_;
  if (record.rule == "audit") {  // it was refused since it couldn't be recorded
    ++state.count_left_out;
    return Outcome::kLeftOut;
  }
  state.last = state.Decide(record);
  const auto place = [&record] { return DescribePlace(record); };
  if (!state.last.told) {
    ++state.count_untold;
    DescribeUntold(state.last, state.group);
    state.untold_groups.Count(state.group, place);
    return Outcome::kUntold;
  }
  if (ActionName(state.last.action) == record.decided) {
    ++state.count_same;
    return Outcome::kSame;
  }
  ++state.count_different;
  DescribeDifference(record, state.last, state.group);
  state.different_groups.Count(state.group, place);
  return Outcome::kDifferent;
}

std::uint64_t Replay::different() const { return state_->count_different; }

std::uint64_t Replay::seen() const {
  return state_->count_same + state_->count_different + state_->count_untold +
         state_->count_left_out;
}

std::string Replay::Describe(const RecordedCommand& record) const {
  std::string text;
  if (state_->last.told) {
    DescribeDifference(record, state_->last, text);
  } else {
    DescribeUntold(state_->last, text);
    text = "can't be told: " + text;
  }
  return DescribePlace(record) + ": " + text + "\n";
}

}  // namespace redwall::policy
