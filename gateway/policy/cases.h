// `redwall policy test`: a file of cases, as unit tests for a policy.
//
//     { "policy": "policy.json",          // optional, from the file's own folder
//       "cases": [
//         { "name": "the app reads its keys", "as": "site-a", "command": "GET app:1",
//           "expect": "allow", "rule": "app-a" },
//         { "name": "and no more than 3 at once", "as": "site-a", "command": ["GET", "app:1"],
//           "times": 4, "every_ms": 10, "expect": "deny" } ] }
//
// A case's "expect" is what the policy would enforce, in observe mode too. Each case begins with
// full buckets and says all that it needs by itself: their order doesn't matter.
#ifndef REDWALL_GATEWAY_POLICY_CASES_H_
#define REDWALL_GATEWAY_POLICY_CASES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/json/strict_json.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/sample.h"

namespace redwall::policy {

struct Case {
  std::string name;
  std::string identity;
  SampleSender sender;
  bool has_time = false;  // "at" is there
  std::vector<std::string> command;
  Action expect = Action::kAllow;
  std::string rule;  // that has to decide; empty: any
  std::int64_t times = 1;
  std::int64_t every_us = 0;
};

struct CaseFile {
  std::string policy;  // as written; empty: none
  std::vector<Case> cases;
};

// `now_us` is when cases without "at" happen. `file` is used in errors.
Result<CaseFile, json::JsonError> ParseCases(std::string_view text, const std::string& file,
                                             std::int64_t now_us);

struct CaseOptions {
  bool verbose = false;   // a line for each case, not only for those that fail
  bool coverage = false;  // the rules that decided no case
};

struct CaseReport {
  std::string text;  // lines; the last one is "N passed, N failed"
  std::size_t passed = 0, failed = 0;
};

// `policy_name`: of its file, for the hints. Cases that name a rule which the policy hasn't fail.
CaseReport RunCases(std::shared_ptr<const Policy> policy, const std::string& policy_name,
                    const std::vector<Case>& cases, const CaseOptions& options);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_CASES_H_
