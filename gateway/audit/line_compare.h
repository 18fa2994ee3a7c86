// What two sites' lines of one command say of each other.
#ifndef REDWALL_GATEWAY_AUDIT_LINE_COMPARE_H_
#define REDWALL_GATEWAY_AUDIT_LINE_COMPARE_H_

#include <cstdint>
#include <string>

#include "gateway/audit/line_reader.h"
#include "gateway/policy/policy.h"

namespace redwall::audit {

// Over all that CompareLines looks at: the same for lines that are alike, so that most pairs need
// no second look.
std::uint64_t LineHash(const AuditLine& line);

struct Comparison {
  std::string difference;  // for people; empty: they agree
  bool discarded = false;  // an EXEC that the server saw as DISCARD
  bool renamed = false;    // the client's agent doesn't know the command
  bool no_reply = false;   // the server had a reply, and the client none
  bool own_error = false;  // the client's agent answered by an error of its own
};
// What may differ: sizes (a request can be written anew), times, the user and the database (each
// agent says what it knew when the command came), how much of the arguments each policy records.
Comparison CompareLines(const AuditLine& client, const AuditLine& server);

// True where a site whose policy says "events" has a line of this command, as far as can be told: a
// command that isn't in the built-in table may or may not be recorded under "writes".
bool SurelyRecorded(policy::AuditEvents events, const AuditLine& line);
// False for what surely only reads.
bool MayWrite(const AuditLine& line);

// "set [\"key\"] from 127.0.0.1:41192 (site-a): ok", safe on a terminal.
std::string CommandText(const AuditLine& line);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_LINE_COMPARE_H_
