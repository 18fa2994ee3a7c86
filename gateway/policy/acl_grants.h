// What a policy lets an identity do, as far as an ACL can say it. Private to this room.
//
// For each command the rules are walked in order, as in deciding. A deny without keys ends the
// walk; one with keys is taken away from what comes after it. Each allow is a grant of its own:
// all keys of a command have to be within the one rule, as within the one selector of an ACL.
#ifndef REDWALL_GATEWAY_POLICY_ACL_GRANTS_H_
#define REDWALL_GATEWAY_POLICY_ACL_GRANTS_H_

#include <set>
#include <string>
#include <vector>

#include "gateway/policy/acl.h"
#include "gateway/policy/glob_space.h"
#include "gateway/policy/sample.h"
#include "gateway/policy/state.h"

namespace redwall::policy {

struct AclGrant {
  std::vector<std::string> command;   // "+get"; more words where it takes more to say it
  std::vector<std::string> keys;      // "%R~app:*"; empty: it has none
  std::vector<std::string> channels;  // "&app.*"
};

class AclGrants {
 public:
  AclGrants(const Policy& policy, const AclOptions& options);

  // In the order of the commands' names.
  std::vector<AclGrant> All();
  // About what All() has seen.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  // A rule as this user meets it.
  struct Item {
    const Rule* rule;
    Rule bare;               // without what an ACL can't ask for
    std::string conditions;  // "hours, from": whether they hold is open; empty: nothing is
    bool noted = false;
  };
  // What denies that were passed have taken away.
  struct Cuts {
    std::vector<std::string> any, reads, writes, channels;
  };

  void AddItem(const Rule& rule);
  void NoteOpenItem(Item& item);
  void NotePatterns(Item& item);
  void NoteDatabases();
  void Note(const std::string& text);
  bool InDatabaseZero(const resp::CommandInfo& info, const Rule& rule, bool& open) const;

  void Walk(const resp::CommandInfo& info, std::vector<AclGrant>& out);
  // False where a deny ends the walk, or an allow leaves nothing to the rules after it.
  bool Step(const resp::CommandInfo& info, Item& item, Cuts& cuts, std::vector<AclGrant>& out);
  bool StepDeny(const resp::CommandInfo& info, const Rule& rule, Cuts& cuts);
  bool DecidesKeyless(const Rule& rule);  // of the command in sample_
  void Grant(const resp::CommandInfo& info, const Rule* rule, const Cuts& cuts,
             std::vector<AclGrant>& out);
  std::vector<std::string> KeyTokens(const resp::CommandInfo& info, const Rule* rule,
                                     const Cuts& cuts) const;
  std::vector<std::string> ChannelTokens(const resp::CommandInfo& info, const Rule* rule,
                                         const Cuts& cuts);
  std::vector<std::string> CommandTokens(const resp::CommandInfo& info) const;

  const Policy::State& policy_;
  const AclOptions& options_;
  std::vector<Item> items_;
  bool one_database_ = false;  // a rule asks for databases: the user is kept in the first one
  Sample sample_;
  std::vector<std::string> notes_;
  std::set<std::string> keyless_scripts_, always_allowed_;
  bool patterns_subscribed_ = false;
};

// AUTH, HELLO, QUIT, RESET: Redis never asks its ACLs for them.
bool IsNeverRefusedByAcl(const resp::CommandInfo& info);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_ACL_GRANTS_H_
