// Policy: JSON -> compiled rules -> Decision. A function of (identity, sender, command, time) and,
// for rules with a rate, of what was decided before.
//
// A Policy is immutable. A reload makes a new one; who decides holds it by shared_ptr and asks for
// the rules of an identity (RulesFor) once a tunnel, not once a command. The language is
// docs/policy.md.
#ifndef REDWALL_GATEWAY_POLICY_POLICY_H_
#define REDWALL_GATEWAY_POLICY_POLICY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gateway/json/strict_json.h"
#include "gateway/policy/sender.h"
#include "resp/command.h"
#include "resp/command_table.h"
#include "resp/key_extractor.h"

namespace redwall::policy {

enum class Action : std::uint8_t { kAllow, kDeny, kDisconnect };
std::string_view ActionName(Action action);  // "allow", "deny", "disconnect"

enum class AuditEvents : std::uint8_t { kAll, kWrites, kDenied, kNone };
enum class AuditArguments : std::uint8_t { kNone, kKeys, kFull };

struct AuditSettings {
  AuditEvents events = AuditEvents::kAll;
  AuditArguments arguments = AuditArguments::kKeys;
  std::uint32_t max_argument_bytes = 128;
};

// A command with all that deciding needs. Views: valid for the call.
struct Request {
  const resp::Command& command;   // whole, or a head whose keys are known (see key_status)
  const resp::CommandInfo* info;  // null: unknown to the table
  const std::vector<resp::KeyRef>& keys;
  resp::KeyStatus key_status;  // kUnknown or kNeedMore: "keys can't be told"
  const Sender& sender = kUnknownSender;
  // Of a head: the declared length of the argument that is still arriving, behind those that are
  // here. Of a whole command: 0.
  std::uint64_t arriving_bytes = 0;
};

struct Decision {
  Action action = Action::kAllow;  // what is enforced
  bool observed = false;           // observe mode: `would` is what enforce mode would have done
  Action would = Action::kAllow;   // == action in enforce mode
  // The rule's id; "default", "unknown" or "replication" where none matched. Lives with the Rules.
  std::string_view rule;
  std::string_view message;              // of the rule; may be empty
  const AuditSettings* audit = nullptr;  // of the rule or the policy; lives with the Rules
  bool by_rate = false;                  // denied since the rule's bucket was empty
};

// What happens where something that a rule asks for can't be told. kRefuse: a deny matches, an
// allow doesn't. kForward: the other way round; for a policy that somebody behind us enforces once
// more, and knows more.
enum class Doubt : std::uint8_t { kRefuse, kForward };

// The rules for one identity. Immutable but for the rates; keeps its Policy alive. Deciding looks
// only at the rules that can match the command and its keys at all, in order.
class Rules {
 public:
  ~Rules();
  // To be called once a command: rules with a rate take note of it.
  Decision Decide(const Request& request) const;
  // The same, and no rate takes note: buckets are taken as full.
  Decision Judge(const Request& request) const;
  // True of a head where a rule asks for what has yet to arrive.
  bool NeedsMore(const Request& head) const;
  // The policy's own; a Decision has those that are meant for its command.
  const AuditSettings& audit() const;
  // The commands that the rules were compiled for: a Request's `info` is from here.
  const resp::CommandTable& table() const;
  // Whether commands that the table doesn't know pass unnamed, beside others that are refused: then
  // it matters what they are.
  bool admits_unknown() const;
  // The decision on a command that must not pass as an unknown one.
  Decision RefuseUnknown() const;
  // Whether a rule asks for the Redis user, or for the database.
  bool asks_for_users() const;
  bool asks_for_databases() const;

 private:
  friend class Policy;
  struct State;
  explicit Rules(std::unique_ptr<State> state);
  Decision Decide(const Request& request, bool counts) const;
  std::unique_ptr<State> state_;
};

class Policy : public std::enable_shared_from_this<Policy> {
 public:
  using Table = std::shared_ptr<const resp::CommandTable>;
  // `file` is used in errors.
  static Result<std::shared_ptr<const Policy>, json::JsonError> Parse(std::string_view text,
                                                                      const std::string& file,
                                                                      Table table = BuiltinTable());
  static Result<std::shared_ptr<const Policy>, json::JsonError> ReadFile(
      const std::string& path, Table table = BuiltinTable());
  // What is in force where no policy is given: everything is allowed, every command recorded with
  // its keys.
  static std::shared_ptr<const Policy> AllowAll(Table table = BuiltinTable());
  static Table BuiltinTable();  // resp::CommandTable::Builtin()

  // The same policy for other commands, read from the text that was read then. Its rates are the
  // same buckets.
  Result<std::shared_ptr<const Policy>, json::JsonError> WithTable(Table table) const;

  ~Policy();

  // Compiled once for all who hold them at a time. Not thread-safe.
  std::shared_ptr<const Rules> RulesFor(std::string_view identity,
                                        Doubt doubt = Doubt::kRefuse) const;
  std::size_t rule_count() const;
  // Things that are legal and probably not meant: a rule that can never match, one hidden by an
  // earlier one.
  const std::vector<std::string>& warnings() const;
  // "push": client agents are to refuse by it, too.
  bool push() const;
  // What it was read from; empty: AllowAll.
  const std::string& text() const;

  struct State;
  // For the tools of this room.
  const State& state() const { return *state_; }

 private:
  explicit Policy(std::unique_ptr<State> state);
  std::shared_ptr<const Rules> Compile(std::string_view identity, Doubt doubt) const;

  std::unique_ptr<State> state_;
  mutable std::map<std::pair<std::string, Doubt>, std::weak_ptr<const Rules>> compiled_;
};

// The error reply for a denial, without '-': "NOPERM redwall: 'flushall' is denied by rule
// 'no-wipes': ask the platform team". `name` is the command's full name where known, else as the
// client wrote it (shortened, cleaned).
std::string DenialText(const Decision& decision, std::string_view name);

// `redwall policy explain`: which rule decides, what was looked at, and why each earlier rule did
// not match; lines of text for people, ending with '\n'.
std::string Explain(const Policy& policy, std::string_view identity, const Request& request);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_POLICY_H_
