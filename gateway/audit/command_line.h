// The audit line of a command, in the parts that are known at different times.
//
//     {"v":1,"seq":7 | ,"ts":... ,"argc":2 | ,"bytes_in":31,"bytes_out":5 | ,"decision":... |
//     ,"result":... | ,"prev":"..."}
//
// The second and the fourth part are known when the command arrives (AppendStart), the third and
// the fifth when its reply has passed (AppendRest). The first and the last are the chain's
// (chain.h).
#ifndef REDWALL_GATEWAY_AUDIT_COMMAND_LINE_H_
#define REDWALL_GATEWAY_AUDIT_COMMAND_LINE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/audit/event.h"

namespace redwall::audit {

inline constexpr std::size_t kMaxListed = 64;       // keys, channels, arguments in one line
inline constexpr std::size_t kMaxFieldBytes = 256;  // of a user's or a client's name and the like

// Appends to `out` what is known when the command arrives: the fourth part, '\n' (which JSON text
// never holds), the second. The short one stands in front, so that the seam is soon found. `ts`:
// the formatted time.
void AppendStart(std::string_view ts, std::string_view side, std::string_view agent,
                 const policy::AuditSettings& settings, const CommandStart& start,
                 std::string& out);

// Appends the line between `seq` and `prev`, then '\n'. `start`: what AppendStart made.
void AppendRest(std::string_view start, const CommandEnd& end, std::string& out);

// Whether the command was let through, by what AppendStart made.
bool WasAllowed(std::string_view start);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_COMMAND_LINE_H_
