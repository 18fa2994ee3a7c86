// Rules: a policy, compiled for one identity.
//
// For each command there is the list of the rules that can match it, in order; commands with the
// same list share it (a Program). In a long list the rules that ask for keys are found by KeyIndex,
// so that only those are looked at whose patterns the command's keys may match.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include "gateway/policy/key_index.h"
#include "gateway/policy/state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kShort = 8;  // rules: fewer are looked at one by one

class Program {
 public:
  explicit Program(std::vector<const Rule*> rules) : rules_(std::move(rules)) {
    if (rules_.size() <= kShort) return;
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = *rules_[i];
      // A deny with keys and channels may match by a channel alone.
      const bool by_keys = rule.keys && !(rule.channels && !rule.allows());
      if (by_keys) index_.Add(i, rule.keys->patterns());
      const KeyIndex::Hit hit{i & 0x7fffffff, 0};
      if (!by_keys) always_.push_back(hit);
      if (!by_keys || rule.allows()) allows_.push_back(hit);
      if (!by_keys || !rule.allows()) denies_.push_back(hit);
      patterns_alone_.push_back(rule.asks_for_patterns_alone());
    }
    index_.Build();
  }

  const std::vector<const Rule*>& rules() const { return rules_; }

  // The first rule that matches; null: none.
  template <class DoesMatch>
  const Rule* First(const Request& request, Doubt doubt, DoesMatch matches) const {
    if (rules_.size() <= kShort) {
      for (const Rule* rule : rules_)
        if (matches(*rule)) return rule;
      return nullptr;
    }
    Merge merge;
    const bool one_key = Gather(request, doubt, merge) && request.keys.size() == 1;
    for (KeyIndex::Hit hit; merge.Next(hit);) {
      const std::uint32_t at = hit.position;
      if (hit.sure != 0 && one_key && patterns_alone_[at]) return rules_[at];
      if (matches(*rules_[at])) return rules_[at];
    }
    return nullptr;
  }

 private:
  // Takes several ascending lists for one.
  class Merge {
   public:
    void Add(KeyIndex::Hits list) {
      if (list.empty()) return;
      if (few_ < some_.size()) {
        some_[few_++] = list;
      } else {
        more_.push_back(list);
      }
    }
    // The next rule, each once; false: there is none.
    bool Next(KeyIndex::Hit& hit) {
      if (!more_.empty() || heaped_) return NextOfMany(hit);
      const KeyIndex::Hits* least = nullptr;
      for (std::size_t i = 0; i < few_; ++i) {
        KeyIndex::Hits& list = some_[i];
        while (!list.empty() && PositionOf(list) <= last_) list = list.subspan(1);
        if (!list.empty() && (least == nullptr || PositionOf(list) < PositionOf(*least)))
          least = &list;
      }
      if (least == nullptr) return false;
      hit = least->front();
      last_ = hit.position;
      return true;
    }

   private:
    static std::int64_t PositionOf(KeyIndex::Hits list) { return list.front().position; }
    // Of a command with many keys: a heap of the lists, each of them once.
    bool NextOfMany(KeyIndex::Hit& hit) {
      const auto later = [](KeyIndex::Hits a, KeyIndex::Hits b) {
        return PositionOf(a) > PositionOf(b);
      };
      if (!std::exchange(heaped_, true)) {
        more_.insert(more_.end(), some_.begin(), some_.end());
        const auto before = [](KeyIndex::Hits a, KeyIndex::Hits b) {
          return std::less<>()(a.data(), b.data());
        };
        const auto same = [](KeyIndex::Hits a, KeyIndex::Hits b) { return a.data() == b.data(); };
        std::sort(more_.begin(), more_.end(), before);
        more_.erase(std::unique(more_.begin(), more_.end(), same), more_.end());
        std::make_heap(more_.begin(), more_.end(), later);
      }
      while (!more_.empty()) {
        std::pop_heap(more_.begin(), more_.end(), later);
        hit = more_.back().front();
        more_.back() = more_.back().subspan(1);
        if (more_.back().empty()) {
          more_.pop_back();
        } else {
          std::push_heap(more_.begin(), more_.end(), later);
        }
        if (static_cast<std::int64_t>(hit.position) == last_) continue;
        last_ = hit.position;
        return true;
      }
      return false;
    }

    std::array<KeyIndex::Hits, 12> some_;
    std::size_t few_ = 0;
    std::vector<KeyIndex::Hits> more_;
    bool heaped_ = false;
    std::int64_t last_ = -1;
  };

  // True where all keys are told, and there is one.
  bool Gather(const Request& request, Doubt doubt, Merge& merge) const {
    const bool told = request.info != nullptr && request.key_status == resp::KeyStatus::kComplete;
    // In doubt each deny with keys matches and no allow does.
    if (!told && doubt == Doubt::kRefuse) {
      merge.Add(denies_);
      return false;
    }
    bool any = false;
    for (const resp::KeyRef& key : request.keys) {
      if (key.kind != resp::KeyRef::Kind::kKey) continue;
      any = true;
      index_.Find(request.command.arg(key.index), [&](KeyIndex::Hits hits) { merge.Add(hits); });
    }
    // Or the other way round; but a key that is known settles a deny all the same.
    if (told && any) {
      merge.Add(always_);
      return true;
    }
    merge.Add(told && request.info->touches_keyspace ? denies_ : allows_);
    return false;
  }

  std::vector<const Rule*> rules_;  // in the policy's order
  KeyIndex index_;
  // What keys don't decide, and with it what denies (or allows) where no key is known.
  std::vector<KeyIndex::Hit> always_, denies_, allows_;
  std::vector<bool> patterns_alone_;  // the rule asks for nothing more
};

Decision Decide(const Policy::State& policy, Action action, const Rule* rule,
                std::string_view without_rule) {
  Decision decision;
  decision.observed = policy.observe;
  decision.would = action;
  decision.action = policy.observe ? Action::kAllow : action;
  decision.rule = rule != nullptr ? std::string_view(rule->id) : without_rule;
  decision.audit = rule != nullptr && rule->audit ? &*rule->audit : &policy.audit;
  if (rule == nullptr) return decision;
  decision.message = rule->message;
  decision.by_rate = rule->rate && !rule->allows();
  return decision;
}

}  // namespace

struct Rules::State {
  std::shared_ptr<const Policy> policy;  // keeps the rules alive
  const Policy::State* compiled = nullptr;
  std::string identity;
  Doubt doubt = Doubt::kRefuse;
  std::vector<std::shared_ptr<const Program>> programs;  // by command id
  std::vector<const Rule*> for_unknown;                  // for commands that the table doesn't know
  bool users = false, databases = false, admits_unknown = false;

  Circumstances How() const {
    return {identity, doubt, compiled->unknown == Action::kAllow, compiled->rates.get(), nullptr};
  }
  const Rule* FirstForUnknown(const Request& request) const {
    const UnknownName name(request.command);
    Circumstances how = How();
    how.unknown = &name;
    const auto found = std::find_if(for_unknown.begin(), for_unknown.end(), [&](const Rule* rule) {
      return Matches(MatchRequest(*rule, request, how).match);
    });
    return found == for_unknown.end() ? nullptr : *found;
  }
};

Rules::Rules(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rules::~Rules() = default;

Decision Rules::Decide(const Request& request) const {
  const Policy::State& policy = *state_->compiled;
  if (request.info == nullptr) {
    // Whoever decides after us may well know it.
    if (state_->doubt == Doubt::kForward)
      return policy::Decide(policy, Action::kAllow, nullptr, kUnknownRule);
    const Rule* rule = state_->FirstForUnknown(request);
    return policy::Decide(policy, rule ? rule->action : policy.unknown, rule, kUnknownRule);
  }
  const Circumstances how = state_->How();
  const Rule* rule =
      state_->programs[request.info->id]->First(request, state_->doubt, [&](const Rule& candidate) {
        return Matches(MatchConditions(candidate, request, how).match);
      });
  if (rule != nullptr) return policy::Decide(policy, rule->action, rule, {});
  if (!policy.text.empty() && OpensReplication(*request.info))
    return policy::Decide(policy, Action::kDeny, nullptr, kReplicationRule);
  return policy::Decide(policy, policy.by_default, nullptr, kDefaultRule);
}

bool Rules::NeedsMore(const Request& head) const {
  const std::vector<const Rule*>& rules =
      head.info == nullptr ? state_->for_unknown : state_->programs[head.info->id]->rules();
  return std::any_of(rules.begin(), rules.end(),
                     [&](const Rule* rule) { return NeedsMoreFor(*rule, head); });
}

const AuditSettings& Rules::audit() const { return state_->compiled->audit; }
const resp::CommandTable& Rules::table() const { return *state_->compiled->table; }
bool Rules::admits_unknown() const { return state_->admits_unknown; }
Decision Rules::RefuseUnknown() const {
  return policy::Decide(*state_->compiled, Action::kDeny, nullptr, kUnknownRule);
}
bool Rules::asks_for_users() const { return state_->users; }
bool Rules::asks_for_databases() const { return state_->databases; }

std::shared_ptr<const Rules> Policy::RulesFor(std::string_view identity, Doubt doubt) const {
  auto compiled = std::make_unique<Rules::State>();
  compiled->policy = shared_from_this();
  compiled->compiled = state_.get();
  compiled->identity = identity;
  compiled->doubt = doubt;
  compiled->admits_unknown = !state_->text.empty() && state_->unknown == Action::kAllow;
  std::vector<const Rule*> all;
  for (const Rule& rule : state_->rules) {
    if (!rule.ConcernsIdentity(identity)) continue;
    all.push_back(&rule);
    if (rule.commands.may_mean_unknown()) compiled->for_unknown.push_back(&rule);
    compiled->users = compiled->users || rule.users;
    compiled->databases = compiled->databases || rule.databases;
  }
  std::map<std::vector<const Rule*>, std::shared_ptr<const Program>> programs;
  for (std::size_t id = 0; id < state_->table->size(); ++id) {
    const resp::CommandInfo& info = state_->table->at(static_cast<std::uint16_t>(id));
    std::vector<const Rule*> rules;
    for (const Rule* rule : all) {
      if (!rule->commands.Has(info.id)) continue;
      if (rule->allows() && OpensReplication(info) && !rule->commands.HasByName(info.id)) continue;
      rules.push_back(rule);
      if (rule->unconditional()) break;
    }
    std::shared_ptr<const Program>& program = programs[rules];
    if (program == nullptr) program = std::make_shared<const Program>(std::move(rules));
    compiled->programs.push_back(program);
  }
  return std::shared_ptr<const Rules>(new Rules(std::move(compiled)));
}

}  // namespace redwall::policy
