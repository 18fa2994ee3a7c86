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
        if (matches(*rule, 0)) return rule;
      return nullptr;
    }
    Merge merge;
    const bool one_key = Gather(request, doubt, merge) && request.keys.size() == 1;
    Candidate candidate;
    while (merge.Next(candidate)) {
      const std::uint32_t at = candidate.hit.position;
      if (candidate.hit.sure != 0 && one_key && patterns_alone_[at]) return rules_[at];
      if (matches(*rules_[at], candidate.key)) return rules_[at];
    }
    return nullptr;
  }

 private:
  // A rule that may match, and the first key that may make it so.
  struct Candidate {
    KeyIndex::Hit hit{0, 0};
    std::uint32_t key = 0;  // into the request's
  };

  // Takes several lists, each in the rules' order, for one.
  class Merge {
   public:
    // Those of a key; keys come in ascending order.
    void Add(KeyIndex::Hits hits, std::size_t key) {
      if (hits.empty()) return;
      const List list{hits, static_cast<std::uint32_t>(key)};
      if (few_ < some_.size()) {
        some_[few_++] = list;
      } else {
        more_.push_back(list);
      }
    }
    // The next rule, each once; false: there is none.
    bool Next(Candidate& candidate) {
      if (!more_.empty() || heaped_) return NextOfMany(candidate);
      const List* least = nullptr;
      for (std::size_t i = 0; i < few_; ++i) {
        List& list = some_[i];
        while (!list.hits.empty() && list.position() <= last_) list.hits = list.hits.subspan(1);
        if (!list.hits.empty() && (least == nullptr || list.position() < least->position()))
          least = &list;
      }
      if (least == nullptr) return false;
      Take(*least, candidate);
      return true;
    }

   private:
    struct List {
      KeyIndex::Hits hits;
      std::uint32_t key = 0;
      std::int64_t position() const { return hits.front().position; }
    };

    void Take(const List& list, Candidate& candidate) {
      candidate = {list.hits.front(), list.key};
      last_ = list.position();
    }

    // Of a command with many keys: a heap of the lists, each of them once.
    bool NextOfMany(Candidate& candidate) {
      const auto later = [](const List& a, const List& b) {
        return std::pair(a.position(), a.key) > std::pair(b.position(), b.key);
      };
      if (!std::exchange(heaped_, true)) {
        more_.insert(more_.end(), some_.begin(), some_.end());
        const auto before = [](const List& a, const List& b) {
          return a.hits.data() == b.hits.data() ? a.key < b.key
                                                : std::less<>()(a.hits.data(), b.hits.data());
        };
        const auto same = [](const List& a, const List& b) {
          return a.hits.data() == b.hits.data();
        };
        std::sort(more_.begin(), more_.end(), before);
        more_.erase(std::unique(more_.begin(), more_.end(), same), more_.end());
        std::make_heap(more_.begin(), more_.end(), later);
      }
      while (!more_.empty()) {
        std::pop_heap(more_.begin(), more_.end(), later);
        List& list = more_.back();
        const bool is_new = list.position() != last_;
        if (is_new) Take(list, candidate);
        list.hits = list.hits.subspan(1);
        if (list.hits.empty()) {
          more_.pop_back();
        } else {
          std::push_heap(more_.begin(), more_.end(), later);
        }
        if (is_new) return true;
      }
      return false;
    }

    std::array<List, 12> some_;
    std::size_t few_ = 0;
    std::vector<List> more_;
    bool heaped_ = false;
    std::int64_t last_ = -1;
  };

  // True where all keys are told, and there is one.
  bool Gather(const Request& request, Doubt doubt, Merge& merge) const {
    const bool told = request.info != nullptr && request.key_status == resp::KeyStatus::kComplete;
    // In doubt each deny with keys matches and no allow does.
    if (!told && doubt == Doubt::kRefuse) {
      merge.Add(denies_, 0);
      return false;
    }
    bool any = false;
    for (std::size_t i = 0; i < request.keys.size(); ++i) {
      const resp::KeyRef& key = request.keys[i];
      if (key.kind != resp::KeyRef::Kind::kKey) continue;
      any = true;
      index_.Find(request.command.arg(key.index), [&](KeyIndex::Hits hits) { merge.Add(hits, i); });
    }
    // Or the other way round; but a key that is known settles a deny all the same.
    if (told && any) {
      merge.Add(always_, 0);
      return true;
    }
    merge.Add(told && request.info->touches_keyspace ? denies_ : allows_, 0);
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

// Whether these rules, which are all that name the command, can come to refuse it.
bool MayRefuse(const Policy::State& policy, const resp::CommandInfo& info,
               const std::vector<const Rule*>& rules) {
  if (std::any_of(rules.begin(), rules.end(), [](const Rule* rule) { return !rule->allows(); }))
    return true;
  if (!rules.empty() && rules.back()->unconditional()) return false;
  return policy.by_default != Action::kAllow || (!policy.text.empty() && OpensReplication(info));
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

  Circumstances How(bool counts) const {
    return {identity, doubt, compiled->unknown == Action::kAllow,
            counts ? compiled->rates.get() : nullptr, nullptr};
  }
  const Rule* FirstForUnknown(const Request& request, bool counts) const {
    const UnknownName name(request.command);
    Circumstances how = How(counts);
    how.unknown = &name;
    const auto found = std::find_if(for_unknown.begin(), for_unknown.end(), [&](const Rule* rule) {
      return Matches(MatchRequest(*rule, request, how).match);
    });
    return found == for_unknown.end() ? nullptr : *found;
  }
};

Rules::Rules(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rules::~Rules() = default;

Decision Rules::Decide(const Request& request) const { return Decide(request, true); }
Decision Rules::Judge(const Request& request) const { return Decide(request, false); }

Decision Rules::Decide(const Request& request, bool counts) const {
  const Policy::State& policy = *state_->compiled;
  if (request.info == nullptr) {
    // Whoever decides after us may well know it.
    if (state_->doubt == Doubt::kForward)
      return policy::Decide(policy, Action::kAllow, nullptr, kUnknownRule);
    const Rule* rule = state_->FirstForUnknown(request, counts);
    return policy::Decide(policy, rule ? rule->action : policy.unknown, rule, kUnknownRule);
  }
  Circumstances how = state_->How(counts);
  const Rule* rule = state_->programs[request.info->id]->First(
      request, state_->doubt, [&](const Rule& candidate, std::uint32_t key) {
        how.first_key = key;
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
  std::weak_ptr<const Rules>& compiled = compiled_[{std::string(identity), doubt}];
  std::shared_ptr<const Rules> rules = compiled.lock();
  if (rules == nullptr) compiled = rules = Compile(identity, doubt);
  return rules;
}

std::shared_ptr<const Rules> Policy::Compile(std::string_view identity, Doubt doubt) const {
  auto compiled = std::make_unique<Rules::State>();
  compiled->policy = shared_from_this();
  compiled->compiled = state_.get();
  compiled->identity = identity;
  compiled->doubt = doubt;
  std::vector<const Rule*> all;
  for (const Rule& rule : state_->rules) {
    if (!rule.ConcernsIdentity(identity)) continue;
    all.push_back(&rule);
    if (rule.commands.may_mean_unknown()) compiled->for_unknown.push_back(&rule);
    compiled->users = compiled->users || rule.users;
    compiled->databases = compiled->databases || rule.databases;
  }
  std::map<std::vector<const Rule*>, std::shared_ptr<const Program>> programs;
  bool refuses = false;
  for (std::size_t id = 0; id < state_->table->size(); ++id) {
    const resp::CommandInfo& info = state_->table->at(static_cast<std::uint16_t>(id));
    std::vector<const Rule*> rules;
    for (const Rule* rule : all) {
      if (!rule->commands.Has(info.id)) continue;
      if (rule->allows() && OpensReplication(info) && !rule->commands.HasByName(info.id)) continue;
      rules.push_back(rule);
      if (rule->unconditional()) break;
    }
    refuses = refuses || MayRefuse(*state_, info, rules);
    std::shared_ptr<const Program>& program = programs[rules];
    if (program == nullptr) program = std::make_shared<const Program>(std::move(rules));
    compiled->programs.push_back(program);
  }
  compiled->admits_unknown = refuses && state_->unknown == Action::kAllow;
  return std::shared_ptr<const Rules>(new Rules(std::move(compiled)));
}

}  // namespace redwall::policy
