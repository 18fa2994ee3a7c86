// Reconciling: do the client's audit and the server's say the same?
//
// A command has the same (session, stream, n) in both, so each file is evidence against the other:
// a line that was taken out of one, changed in it or put into it stands alone, or against what the
// other site says. What is regular is told apart (docs/audit.md, "Reconciling") and counted.
//
// Files are read once, side by side in order of time. Memory is needed for what one site has and
// the other doesn't have yet (about 120 bytes a command), and some 100 bytes a client connection.
#ifndef REDWALL_GATEWAY_AUDIT_RECONCILE_H_
#define REDWALL_GATEWAY_AUDIT_RECONCILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/audit/line_file.h"
#include "gateway/policy/policy.h"

namespace redwall::audit {

enum class Site : std::uint8_t { kClient, kServer };

struct ReconcileOptions {
  std::vector<std::string> client_files, server_files;  // in any order
  // What each site's policy lets it record ("audit": {"events": ...}); the files don't say so.
  policy::AuditEvents client_events = policy::AuditEvents::kAll;
  policy::AuditEvents server_events = policy::AuditEvents::kAll;
  std::size_t max_listed = 100;  // of each kind
  bool list_regular = false;     // lists those too that are no difference
};

// What can be with a command, or with a file.
enum class Outcome : std::uint8_t {
  // Differences
  kMissingAtServer,
  kMissingAtClient,
  kDiffers,          // the two lines contradict each other
  kDeniedYetServed,  // denied at the client, and the server has it all the same
  kTwice,            // one file has two lines of it
  kBeyondEnd,        // later than the other file's end, which is no agent's stop
  kSequence,         // of a file: seq jumps, so lines were taken out or put in
  kUnreadable,       // of a file: a line that is none
  // Regular
  kDeniedAtClient,
  kDiscarded,    // EXEC of a spoiled transaction: the server sees DISCARD
  kRenamed,      // one agent doesn't know the command, and has the name that the client used
  kNoReply,      // the reply left the server and didn't reach the client
  kOwnError,     // the client agent gave an error of its own in place of Redis's reply
  kTurnedAway,   // Redis refused the connection by an error, before it had a command
  kInFlight,     // without a reply when its connection ended: it may not have reached the server
  kGap,          // within a gap that the other site declares, or around a kill of its agent
  kBefore,       // before the other site's files begin
  kAfter,        // after they end
  kOtherAgent,   // of a session with an agent whose files weren't given
  kNotRecorded,  // the other site's policy doesn't record it
  kTorn,         // of a file: half a line, where an agent was killed or the disk was full
};
inline constexpr std::size_t kOutcomes = 21;
inline constexpr Outcome kFirstRegular = Outcome::kDeniedAtClient;

struct SiteFacts {
  std::uint64_t files = 0, lines = 0, commands = 0, gaps = 0, lost = 0;
  std::int64_t first_us = 0, last_us = 0;  // of the lines
  std::vector<std::string> agents;
};

struct Reconciliation {
  std::array<SiteFacts, 2> sites;
  std::uint64_t matched = 0;  // commands at both sites
  std::array<std::uint64_t, kOutcomes> counts{};
  std::array<std::vector<std::string>, kOutcomes> items;  // at most max_listed; for people
  std::vector<std::string> notes;                         // what to know besides; for people
  std::int64_t server_ahead_us = 0;                       // its clock, estimated from what matched
  // Not empty: the files say nothing about each other, so nothing is confirmed. A sentence.
  std::string why_nothing_compared;

  std::uint64_t count(Outcome outcome) const { return counts[static_cast<std::size_t>(outcome)]; }
  bool clean() const;
};

// The error: a file can't be read, or is the other site's.
Result<Reconciliation, LineFileError> Reconcile(const ReconcileOptions& options);

// The whole outcome as text of several lines.
std::string Describe(const Reconciliation& reconciliation);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_RECONCILE_H_
