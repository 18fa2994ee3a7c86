// Which databases a command touches, beside and instead of the one that its connection is in.
#ifndef REDWALL_GATEWAY_POLICY_DATABASES_H_
#define REDWALL_GATEWAY_POLICY_DATABASES_H_

#include <cstdint>
#include <vector>

#include "gateway/policy/policy.h"

namespace redwall::policy {

struct DatabasesTouched {
  bool current = false;             // the connection's own
  bool any = false;                 // all of them, or it can't be told
  std::vector<std::int64_t> named;  // SELECT, MOVE, COPY ... DB, SWAPDB
};

// SELECT touches what it selects. Scripts may SELECT by themselves, INFO and MONITOR show all, and
// of what isn't known for sure all are touched.
DatabasesTouched TouchedBy(const Request& request);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_DATABASES_H_
