#include "gateway/policy/policy.h"

#include <utility>

#include "gateway/policy/state.h"

namespace redwall::policy {

std::string_view ActionName(Action action) {
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
  auto policy = Parse(state_->text, state_->file, std::move(table));
  if (policy) (*policy)->state_->rates = state_->rates;
  return policy;
}

std::size_t Policy::rule_count() const { return state_->rules.size(); }
const std::vector<std::string>& Policy::warnings() const { return state_->warnings; }
// One that is only observed refuses nothing, so there is nothing to be refused elsewhere.
bool Policy::push() const { return state_->push && !state_->observe; }
const std::string& Policy::text() const { return state_->text; }

}  // namespace redwall::policy
