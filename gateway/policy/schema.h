// `redwall policy schema`: the policy language as a JSON Schema, so that editors complete and check
// what people write.
//
// Draft 07, since editors know no newer one as well. It is told by hand, next to the loader
// (loader.cc, rule_loader.cc), and a test holds the two against each other.
#ifndef REDWALL_GATEWAY_POLICY_SCHEMA_H_
#define REDWALL_GATEWAY_POLICY_SCHEMA_H_

#include <string>

namespace redwall::policy {

// A JSON document, with a line's end behind it.
std::string PolicySchema();

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_SCHEMA_H_
