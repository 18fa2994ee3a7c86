// What a Policy is made of. Private to this room.
#ifndef REDWALL_GATEWAY_POLICY_STATE_H_
#define REDWALL_GATEWAY_POLICY_STATE_H_

#include <memory>
#include <string>
#include <vector>

#include "gateway/json/strict_json.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/rule.h"

namespace redwall::policy {

struct Policy::State {
  std::shared_ptr<const resp::CommandTable> table;
  std::string text, file;  // that it was read from, for another table; empty: AllowAll
  bool observe = false;
  bool push = false;
  Action by_default = Action::kAllow;
  Action unknown = Action::kDeny;
  std::vector<Rule> rules;
  std::shared_ptr<RateLimits> rates;  // shared with the same policy for other commands
  AuditSettings audit;
  std::vector<std::string> warnings;
};

// What decides where no rule matches; rules can't have these ids.
inline constexpr std::string_view kDefaultRule = "default";
inline constexpr std::string_view kUnknownRule = "unknown";
inline constexpr std::string_view kReplicationRule = "replication";  // SYNC, PSYNC

// Reads one of "rules"; the errors are noted at `item`. `state` gets warnings about single names.
Rule LoadRule(const json::Value& item, Policy::State& state);
// Reads "audit", of the policy or of a rule: what is left out stays as it is in `settings`.
void LoadAudit(const json::Value& value, AuditSettings& settings);

// Reads the language of docs/policy.md. Warnings about single names are noted, those about rules as
// a whole are not (see AddWarnings).
Result<std::unique_ptr<Policy::State>, json::JsonError> LoadPolicy(
    const json::Value& document, std::shared_ptr<const resp::CommandTable> table);

// Notes the rules that can never match, and those that an earlier one hides.
void AddWarnings(Policy::State& state);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_STATE_H_
