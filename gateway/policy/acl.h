// `redwall policy acl`: the same limits as a user of Redis's ACLs, for what scripts call.
//
// A script passes the gateway by its name and the keys it declares; what it calls inside passes
// Redis's ACLs alone. The user made here refuses what the policy refuses to an identity. Where an
// ACL can't say it (hours, addresses, arguments, ...) the user refuses more, and a note says so.
// Written for the ACLs of Redis 7.0, with selectors.
#ifndef REDWALL_GATEWAY_POLICY_ACL_H_
#define REDWALL_GATEWAY_POLICY_ACL_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policy/policy.h"

namespace redwall::policy {

struct AclOptions {
  std::string identity;
  std::string user;  // of Redis: the ACL user's name, and what rules with "users" are asked for
  // Scripts too, where the policy asks for their keys: an ACL would let them pass without keys.
  bool strict = false;
  // Names of AclConditions(): denies that ask for one of them are left to the gateway. Those with a
  // rate always are.
  std::set<std::string, std::less<>> left_to_gateway;
};

// What a rule can ask for and an ACL can't: "from", "hours", "arguments", "max_arguments",
// "max_bytes", "rate".
const std::vector<std::string_view>& AclConditions();

struct AclUser {
  std::string name;
  // "reset", "on", "%R~app:*", "+get", and selectors, each as one text: "(%R~b:* +get)".
  std::vector<std::string> rules;
  std::size_t commands = 0;  // that it may call in one way or other
  // Where it differs from the policy, and why; sentences.
  std::vector<std::string> notes;
};

// True of a name that Redis takes for a user.
bool IsAclUserName(std::string_view name);

AclUser MakeAclUser(const Policy& policy, const AclOptions& options);

// "ACL SETUSER name reset on ...": a line for redis-cli's standard input, words quoted as it needs
// it.
std::string AclSetUserLine(const AclUser& user);
// "user name reset on ...": a line of an aclfile.
std::string AclFileLine(const AclUser& user);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_ACL_H_
