#include "gateway/policy/policy.h"

#include <utility>

#include "gateway/policy/state.h"

namespace redwall::policy {

// For each command id, the rules that can match it for this identity: candidates[begin[id]] up to
// candidates[begin[id + 1]], in order. After a rule that matches without conditions none is listed.
struct Rules::State {
  std::shared_ptr<const Policy> policy;  // keeps `rules` alive
  const Policy::State* compiled = nullptr;
  std::vector<std::uint32_t> begin;
  std::vector<const Rule*> candidates;
  std::vector<const Rule*> all;  // of this identity, for commands that the table doesn't know
};

namespace {

Decision Decide(const Policy::State& policy, Action action, std::string_view rule,
                std::string_view message) {
  Decision decision;
  decision.observed = policy.observe;
  decision.would = action;
  decision.action = policy.observe ? Action::kAllow : action;
  decision.rule = rule;
  decision.message = message;
  return decision;
}

}  // namespace

Rules::Rules(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rules::~Rules() = default;

Decision Rules::Decide(const Request& request) const {
  const Policy::State& policy = *state_->compiled;
  if (request.info == nullptr) {
    for (const Rule* rule : state_->all)
      if (Matches(MatchRequest(*rule, request, policy.unknown == Action::kAllow).match))
        return policy::Decide(policy, rule->action, rule->id, rule->message);
    return policy::Decide(policy, policy.unknown, kUnknownRule, {});
  }
  const std::uint16_t id = request.info->id;
  for (std::uint32_t i = state_->begin[id]; i < state_->begin[id + 1u]; ++i) {
    const Rule& rule = *state_->candidates[i];
    if (Matches(MatchConditions(rule, request).match))
      return policy::Decide(policy, rule.action, rule.id, rule.message);
  }
  return policy::Decide(policy, policy.by_default, kDefaultRule, {});
}

const AuditSettings& Rules::audit() const { return state_->compiled->audit; }
const resp::CommandTable& Rules::table() const { return *state_->compiled->table; }

Policy::Policy(std::unique_ptr<State> state) : state_(std::move(state)) {}
Policy::~Policy() = default;

Policy::Table Policy::BuiltinTable() {
  return {&resp::CommandTable::Builtin(), [](const resp::CommandTable*) {}};
}

Result<std::shared_ptr<const Policy>, json::JsonError> Policy::Parse(std::string_view text,
                                                                     const std::string& file,
                                                                     Table table) {
  const auto document = json::Value::Parse(text, file);
  if (!document) return document.error();
  auto state = LoadPolicy(*document, std::move(table));
  if (!state) return state.error();
  AddWarnings(**state);
  (*state)->text = text;
  (*state)->file = file;
  return std::shared_ptr<const Policy>(new Policy(*std::move(state)));
}

Result<std::shared_ptr<const Policy>, json::JsonError> Policy::ReadFile(const std::string& path,
                                                                        Table table) {
  const auto text = json::Value::ReadText(path);
  if (!text) return text.error();
  return Parse(*text, path, std::move(table));
}

std::shared_ptr<const Policy> Policy::AllowAll(Table table) {
  auto state = std::make_unique<State>();
  state->table = std::move(table);
  state->by_default = Action::kAllow;
  state->unknown = Action::kAllow;
  return std::shared_ptr<const Policy>(new Policy(std::move(state)));
}

Result<std::shared_ptr<const Policy>, json::JsonError> Policy::WithTable(Table table) const {
  if (state_->text.empty()) return AllowAll(std::move(table));
  return Parse(state_->text, state_->file, std::move(table));
}

std::shared_ptr<const Rules> Policy::RulesFor(std::string_view identity) const {
  auto compiled = std::make_unique<Rules::State>();
  compiled->policy = shared_from_this();
  compiled->compiled = state_.get();
  for (const Rule& rule : state_->rules)
    if (rule.ConcernsIdentity(identity)) compiled->all.push_back(&rule);
  const std::size_t commands = state_->table->size();
  compiled->begin.reserve(commands + 1);
  for (std::size_t id = 0; id < commands; ++id) {
    compiled->begin.push_back(static_cast<std::uint32_t>(compiled->candidates.size()));
    for (const Rule* rule : compiled->all) {
      if (!rule->commands.Has(static_cast<std::uint16_t>(id))) continue;
      compiled->candidates.push_back(rule);
      if (rule->unconditional()) break;
    }
  }
  compiled->begin.push_back(static_cast<std::uint32_t>(compiled->candidates.size()));
  return std::shared_ptr<const Rules>(new Rules(std::move(compiled)));
}

std::size_t Policy::rule_count() const { return state_->rules.size(); }
const std::vector<std::string>& Policy::warnings() const { return state_->warnings; }

}  // namespace redwall::policy
