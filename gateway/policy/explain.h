// Why a rule matches a request or doesn't, in words. Private to this room.
#ifndef REDWALL_GATEWAY_POLICY_EXPLAIN_H_
#define REDWALL_GATEWAY_POLICY_EXPLAIN_H_

#include <string>
#include <string_view>

#include "gateway/policy/rule.h"

namespace redwall::policy {

// "outside it is the key \"other\"": to be put behind the rule's name.
std::string WhyText(const Rule& rule, const Request& request, const MatchResult& result);

// What a command is called in the tools' output: its full name, else what the client wrote, folded,
// shortened and cleaned.
std::string NameOf(const Request& request);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_EXPLAIN_H_
