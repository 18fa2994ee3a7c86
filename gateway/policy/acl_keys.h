// AclKeys: which keys a command may have, in the words of Redis's ACLs. Private to this room.
//
// The policy counts a key as read, written, or both by its key specification's RO, OW/RM, RW. An
// ACL asks for less of some: nothing for EXISTS, only %W for LPUSH (RW, INSERT), only %R for
// PFCOUNT (RW, ACCESS). So a command gets patterns only for the kinds of keys that it has: then
// those of another kind can't open it.
#ifndef REDWALL_GATEWAY_POLICY_ACL_KEYS_H_
#define REDWALL_GATEWAY_POLICY_ACL_KEYS_H_

#include <string>
#include <vector>

#include "gateway/policy/glob_space.h"
#include "resp/command_table.h"

namespace redwall::policy {

bool TakesKeys(const resp::CommandInfo& info);
bool TakesChannels(const resp::CommandInfo& info);

struct AclKeys {
  GlobSpace read, write, both;  // keys that are only read, only written, both

  // "~app:*", or "%R~a:*" and "%W~b:*"; empty: the command can't be called with any key.
  // `must_be_told`: what reaches keys that can't be told (SORT BY) is to be refused.
  std::vector<std::string> TokensFor(const resp::CommandInfo& info, bool must_be_told) const;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_ACL_KEYS_H_
