// Which parts of a command are secrets. No configuration can widen what is recorded here.
//
// When in doubt it hides. A command in the form that Redis takes shows all but its secrets; one in
// another form (misspelt, a word too many or too few) could hold a secret anywhere, and shows no
// more than words that can't be one.
//
//     AUTH                            all
//     HELLO                           the user and the password of AUTH: people swap the two
//     MIGRATE                         likewise, of AUTH and of AUTH2
//     ACL SETUSER                     every rule but those that are known to be none
//     CONFIG SET, SENTINEL SET, SENTINEL CONFIG SET
//                                     the values of passwords, and of settings not known here
//     COMMAND GETKEYS, ACL DRYRUN     the arguments of the command that is named in them
//     COMMAND INFO, COMMAND DOCS      what is no command's name
//     EVAL, SCRIPT LOAD, FUNCTION LOAD   the body, and its ARGV, where it mentions passwords
//     FUNCTION RESTORE                the payload, which may be compressed code
//     MODULE LOAD                     what the module is given
//     SET requirepass ...             CONFIG was forgotten
//     PING, ECHO, SELECT ...          what stands behind the word AUTH and its like
//     at the wrong arity              all; of commands with keys what stands behind such a word
//
// Data is not guessed at. A password that somebody keeps as a value, uses as a key's name, gives to
// EVALSHA or FCALL, or puts together inside a script is recorded as any other value or key is: who
// has such data sets "arguments" to "keys" or "none".
#ifndef REDWALL_GATEWAY_AUDIT_REDACTION_H_
#define REDWALL_GATEWAY_AUDIT_REDACTION_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::audit {

inline constexpr std::string_view kRedacted = "<redacted>";

// What may be told of the name of a command that no table has: the name itself where it looks like
// a command's (letters, in one case, and '.', '_', '-'; at most 32), else kRedacted. A whole line
// sent as one argument, "AUTHsecret", a pasted password, or a name that was made unguessable with
// rename-command are not to be told. The view is `name`'s or lives for ever.
std::string_view TellableName(std::string_view name);

class Redaction {
 public:
  // Keeps references: both must outlive it. Reads the arguments that are here, not only those that
  // are asked for later.
  Redaction(const resp::CommandInfo& info, const resp::Command& command);

  // True where argument `i` must not be recorded. Precondition: i < command.size().
  bool Hides(std::size_t i) const;

 private:
  enum class Form : unsigned char {
    kData,  // nothing, but behind stray_
    kAll,   // from first_ on
    kHello,
    kMigrate,
    kSetUser,   // the user stands at first_
    kAcl,       // other sub-commands of ACL
    kSettings,  // pairs from first_ on
    kNested,    // a command stands at first_
    kNames,     // from first_ on only names of commands
    kScript,    // the body stands at first_
    kText,      // words from first_ on that are no data
  };

  void ReadForm(const resp::CommandInfo& info);
  bool ReadsAsHello();
  bool ReadsAsMigrate();
  bool ReadsAsSetUser() const;
  bool ReadsAsSettings() const;
  std::size_t StrayWord(std::size_t from) const;
  bool HidesPair(std::size_t i) const;
  bool HidesRule(std::size_t i) const;
  bool HidesOfScript(std::size_t i) const;
  bool Is(std::size_t i, std::string_view lower) const;  // false beyond the end

  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  const resp::Command& command_;
  Form form_ = Form::kData;
  bool subcommand_ = false;               // the first argument is part of the command's name
  bool sound_ = true;                     // it reads as Redis would read it, as far as it is here
  std::size_t first_ = 1;                 // the first argument that can be a secret
  std::size_t stray_ = kNowhere;          // all behind it is hidden
  std::size_t options_end_ = kNowhere;    // kMigrate: the word KEYS
  mutable std::optional<bool> mentions_;  // kScript: the body mentions passwords
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_REDACTION_H_
