// What a Verifier makes of the "gap" events in which an agent tells what it found when it was
// started (journal_start.h), or while it ran.
#include <algorithm>
#include <charconv>
#include <string>

#include "gateway/audit/verify.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kMaxQuoted = 300;

// What no agent leaves behind that ended, or was killed, by itself. Signatures that come later
// cover it all the same, so this event is all that tells.
struct Suspicion {
  std::string_view why;      // words of the event
  std::string_view meaning;  // what it can mean
};
constexpr Suspicion kSuspicions[] = {
    {"held nothing of a chain",
     "somebody replaced or damaged the file that was here. Regular only at the first start after "
     "redwall 0.1, whose lines have no chain"},
    {"held a chain bound by BLAKE2b",
     "somebody replaced the file that was here. Regular only at the first start after a redwall "
     "that bound its lines by BLAKE2b"},
    {"isn't signed with this agent's key",
     "while no agent ran, somebody replaced the head and may have cut lines off or put some in. "
     "Regular only at the first start after \"sign\" was switched on or got another key"},
    {"somebody has added lines", "lines in front of this one weren't written by the agent"},
    {"is not the one that was written", "lines in front of this one weren't written by the agent"},
    {"the head file is missing",
     "somebody removed the head, and lines may have been cut off with it. Regular only where the "
     "file was moved here without its head"},
    {"the head file can't be understood",
     "somebody wrote over the head, and lines may have been cut off; or the disk is damaged"},
    {"was deleted while it was written", "somebody deleted the file under the running agent"},
};

// N in "...lines N to M stand behind the last head..."; 0: it doesn't say that.
std::uint64_t FirstBehindHead(std::string_view why) {
  const std::size_t end = why.find(" stand behind the last head");
  if (end == why.npos) return 0;
  constexpr std::string_view kLines = "lines ";
  const std::size_t start = why.substr(0, end).rfind(kLines);
  if (start == why.npos) return 0;
  std::uint64_t first = 0;
  std::from_chars(why.data() + start + kLines.size(), why.data() + end, first);
  return first;
}

}  // namespace

void Verifier::AcceptGap(std::string_view line) {
  const std::string_view why = TextMember(line, "why");
  const auto lost = NumberMember(line, "lost");
  std::string quoted = "\"";
  for (const char c : why.substr(0, kMaxQuoted)) quoted += c >= ' ' && c <= '~' ? c : '?';
  quoted += why.size() > kMaxQuoted ? "...\"" : "\"";
  CountUnvouched(why);
  for (const Suspicion& suspicion : kSuspicions) {
    if (why.find(suspicion.why) == why.npos) continue;
    Wrong(here_, std::string(suspicion.meaning) + ". The agent says: " + quoted);
    return;
  }
  Note(here_, lost ? "the agent says that " + std::to_string(*lost) +
                         " lines could not be written here: " + quoted
                   : "the agent says: " + quoted);
}

// An agent that is started after a kill signs what it finds, its own lines as a rule. So that a
// later signature isn't taken for its word that they are, they are counted out.
void Verifier::CountUnvouched(std::string_view why) {
  const std::uint64_t first = FirstBehindHead(why);
  if (first == 0 || !signatures_.Used()) return;
  // What the agent had signed before it was killed it vouches for.
  const std::uint64_t from = std::max({first, signatures_.signed_to() + 1, unvouched_to_ + 1});
  if (from >= last_.seq) return;
  unvouched_to_ = last_.seq - 1;
  summary_.unvouched += unvouched_to_ - from + 1;
  Note(here_, "nobody vouches for the lines with numbers " + std::to_string(from) + " to " +
                  std::to_string(unvouched_to_) +
                  ": they stood behind the last signature when the agent was started after a kill. "
                  "As a rule they are its own, but somebody could have put them in");
}

}  // namespace redwall::audit
