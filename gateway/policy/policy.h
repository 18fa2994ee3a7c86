// Policy: JSON -> compiled rules -> Decision. A pure function of (identity, command, time).
//
// A Policy is immutable. A reload makes a new one; who decides holds it by shared_ptr and asks for
// the rules of an identity (RulesFor) once a tunnel, not once a command. The language is
// docs/policy.md.
#ifndef REDWALL_GATEWAY_POLICY_POLICY_H_
#define REDWALL_GATEWAY_POLICY_POLICY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/json/strict_json.h"
#include "resp/command.h"
#include "resp/command_table.h"
#include "resp/key_extractor.h"

namespace redwall::policy {

enum class Action : std::uint8_t { kAllow, kDeny, kDisconnect };

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
};

struct Decision {
  Action action = Action::kAllow;  // what is enforced
  bool observed = false;           // observe mode: `would` is what enforce mode would have done
  Action would = Action::kAllow;   // == action in enforce mode
  std::string_view
      rule;  // the rule's id; "default" or "unknown" where none matched. Lives with the Rules
  std::string_view message;  // of the rule; may be empty
};

// The rules for one identity. Immutable; keeps its Policy alive. Deciding looks only at the rules
// that can match the command at all, in order.
class Rules {
 public:
  ~Rules();
  Decision Decide(const Request& request) const;
  const AuditSettings& audit() const;
  // The commands that the rules were compiled for: a Request's `info` is from here.
  const resp::CommandTable& table() const;

 private:
  friend class Policy;
  struct State;
  explicit Rules(std::unique_ptr<State> state);
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

  // The same policy for other commands, read from the text that was read then.
  Result<std::shared_ptr<const Policy>, json::JsonError> WithTable(Table table) const;

  ~Policy();

  std::shared_ptr<const Rules> RulesFor(std::string_view identity) const;
  std::size_t rule_count() const;
  // Things that are legal and probably not meant: a rule that can never match, one hidden by an
  // earlier one.
  const std::vector<std::string>& warnings() const;

  struct State;

 private:
  friend std::string Explain(const Policy& policy, std::string_view identity,
                             const Request& request);
  explicit Policy(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
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
