#include <algorithm>
#include <unordered_set>
#include <utility>

#include "gateway/json/names.h"
#include "gateway/policy/state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxRules = 65536;
constexpr std::size_t kMaxHiding = 256;  // rules: the others aren't tried for hiding a later one

class Loader {
 public:
  explicit Loader(Policy::State& state) : state_(state) {}

  void Load(const json::Value& document) {
    document.Member("$schema");  // for editors
    if (auto version = document.Required("version")) version->Integer(1, 1);
    if (auto mode = document.Member("mode"))
      state_.observe = mode->OneOf({"enforce", "observe"}) == 1;
    // Left out, either meaning would surprise half of the readers: it must be said.
    if (auto by_default = document.Member("default")) {
      state_.by_default = AllowOrDeny(*by_default);
    } else {
      document.Fail(
          "\"default\" is required and missing: say \"allow\" or \"deny\" for what no rule "
          "matches");
    }
    if (auto unknown = document.Member("unknown")) state_.unknown = AllowOrDeny(*unknown);
    if (auto push = document.Member("push")) state_.push = push->Bool();
    // Before the rules, whose own settings take up from these.
    if (auto audit = document.Member("audit")) LoadAudit(*audit, state_.audit);
    if (auto rules = document.Member("rules")) LoadRules(*rules);
    document.Finish();
  }

 private:
  static Action AllowOrDeny(const json::Value& value) {
    return value.OneOf({"allow", "deny"}) == 0 ? Action::kAllow : Action::kDeny;
  }

  void LoadRules(const json::Value& rules) {
    const std::vector<json::Value> items = rules.Array();
    if (items.size() > kMaxRules) {
      rules.Fail("more than " + std::to_string(kMaxRules) + " rules");
      return;
    }
    state_.rules.reserve(items.size());
    for (const json::Value& item : items) {
      Rule rule = LoadRule(item, state_);
      if (rule.rate) rule.rate->number = state_.rules.size();
      if (!ids_.insert(rule.id).second)
        if (auto id = item.Member("id"))
          id->Fail("an earlier rule has the id " + json::Quoted(rule.id));
      state_.rules.push_back(std::move(rule));
    }
  }

  Policy::State& state_;
  std::unordered_set<std::string> ids_;
};

// The earlier rule that leaves nothing to `later`; null where there is none.
const Rule* HiddenBy(const Policy::State& state, const std::vector<const Rule*>& unconditional,
                     const Rule& hidden) {
  for (const Rule* candidate : unconditional) {
    const Rule& earlier = *candidate;
    const bool star_is_unknown =
        earlier.action != Action::kAllow || state.unknown == Action::kAllow;
    if (!earlier.commands.Covers(hidden.commands, star_is_unknown)) continue;
    const bool everybody = !earlier.identities.has_value();
    if (everybody ||
        (hidden.identities &&
         std::all_of(hidden.identities->begin(), hidden.identities->end(),
                     [&](const std::string& name) { return earlier.ConcernsIdentity(name); })))
      return &earlier;
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Policy::State>, json::JsonError> LoadPolicy(
    const json::Value& document, std::shared_ptr<const resp::CommandTable> table) {
  auto state = std::make_unique<Policy::State>();
  state->table = std::move(table);
  state->rates = std::make_shared<RateLimits>();
  Loader(*state).Load(document);
  if (auto status = document.status(); !status) return status.error();
  return state;
}

void AddWarnings(Policy::State& state) {
  std::vector<const Rule*> unconditional;  // of the earlier ones; the first of many will do
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const Rule& rule = state.rules[i];
    const std::string name = "rules[" + std::to_string(i) + "] '" + rule.id + "'";
    if (rule.commands.empty()) {
      state.warnings.push_back(name +
                               " can never match: its commands take away all that they name");
    } else if (rule.identities && rule.identities->empty()) {
      state.warnings.push_back(name + " can never match: its identities are an empty list");
    } else if (const Rule* earlier = HiddenBy(state, unconditional, rule)) {
      state.warnings.push_back(name + " can never match: the earlier rule '" + earlier->id +
                               "' decides all that it names");
    }
    if (rule.unconditional() && unconditional.size() < kMaxHiding) unconditional.push_back(&rule);
  }
}

}  // namespace redwall::policy
