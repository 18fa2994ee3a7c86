// Which arguments of a command are secrets. No configuration can widen what is recorded here.
//
//     AUTH ...                      all arguments
//     HELLO ... AUTH user password  the password
//     MIGRATE ... AUTH password     the password; AUTH2 user password likewise
//     ACL SETUSER user rule...      every rule but those that are known to be none (+@all, ~app:*,
//     on ...) CONFIG SET name value ...     values of names with "pass" in them or "auth" at the
//     end
//                                   (requirepass, masterauth, tls-key-file-pass, ...)
//     SENTINEL SET, SENTINEL CONFIG SET   likewise (auth-pass, sentinel-pass)
//     COMMAND GETKEYS ..., ACL DRYRUN user ...   the arguments of the command that is named in them
//
// It looks at what could be a secret, not at what Redis would accept: malformed forms are redacted
// too.
#ifndef REDWALL_GATEWAY_AUDIT_REDACTION_H_
#define REDWALL_GATEWAY_AUDIT_REDACTION_H_

#include <cstddef>
#include <string_view>

#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::audit {

inline constexpr std::string_view kRedacted = "<redacted>";

class Redaction {
 public:
  // Keeps references: both must outlive it.
  Redaction(const resp::CommandInfo& info, const resp::Command& command);

  // True where argument `i` must not be recorded. Precondition: i < command.size().
  bool Hides(std::size_t i) const;

 private:
  enum class Form : unsigned char { kNone, kAll, kHello, kMigrate, kSetUser, kPairs, kNested };

  bool HidesHello(std::size_t i) const;
  bool HidesMigrate(std::size_t i) const;
  bool Is(std::size_t i, std::string_view lower) const;  // false beyond the end

  const resp::Command& command_;
  Form form_ = Form::kNone;
  std::size_t first_ = 1;  // the first argument that can be a secret
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_REDACTION_H_
