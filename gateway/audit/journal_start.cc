#include "gateway/audit/journal_start.h"

namespace redwall::audit {
namespace {

constexpr std::string_view kKilled = "the agent ended without a stop: lines may be missing here";

void Tell(std::string_view what, JournalStart& start) {
  if (!start.why.empty()) start.why += "; ";
  start.why += what;
}

void WithoutHead(const Left& left, JournalStart& start) {
  const bool nothing_at_all = left.head.missing && left.file.empty && !left.rotated;
  if (nothing_at_all) return;
  Tell(left.head.missing ? "the head file is missing: lines may have been cut off here unnoticed"
                         : "the head file can't be understood: lines may have been cut off here "
                           "unnoticed",
       start);
  if (!left.head.aside.empty()) Tell("what was there is " + left.head.aside + " now", start);
}

// The file has a chain, and there is a head that can be believed.
void Compare(const ChainEnd& file, const Left& left, JournalStart& start) {
  const Head& head = *left.head.head;
  const std::string last = std::to_string(head.end.seq);
  if (file.seq < head.end.seq) {
    start.end = head.end;
    start.lost = head.end.seq - file.seq;
    Tell("the file ends with line " + std::to_string(file.seq) + ", and line " + last +
             " was written: its end was cut off, or lost in a crash of the machine",
         start);
  } else if (file.seq == head.end.seq && file.hash != head.end.hash) {
    start.end = head.end;
    Tell("line " + last + " is not the one that was written: it was changed", start);
  } else if (file.seq > head.end.seq && left.leaves_head) {
    Tell("line " + last + " is not the one that was written: lines were changed, or put in here",
         start);
  } else if (file.seq > head.end.seq && head.closed) {
    Tell("the file was closed with line " + last + ", and somebody has added lines since", start);
  }
  if (!head.closed) Tell(kKilled, start);
  // As a rule the agent's own. But its signature will stand behind them all the same.
  if (!head.closed && file.seq > head.end.seq)
    Tell("lines " + std::to_string(head.end.seq + 1) + " to " + std::to_string(file.seq) +
             " stand behind the last head and nobody vouches for them",
         start);
}

// What it says is worth nothing; that it is there must be told.
void Distrust(const Head& head, JournalStart& start) {
  Tell("the head isn't signed with this agent's key: lines may have been cut off or put in here",
       start);
  if (!head.closed) Tell(kKilled, start);
}

}  // namespace

JournalStart StartBehind(const Left& left) {
  JournalStart start;
  const std::optional<Head>& head = left.head.head;
  start.set_aside = !left.file.empty && !left.file.end;
  if (start.set_aside)
    Tell(left.file.older
             ? "the file held a chain bound by BLAKE2b, as an earlier redwall wrote it, "
               "which can't be continued"
             : "the file held nothing of a chain",
         start);
  if (left.file.end) {
    start.end = *left.file.end;
    if (head && !left.head_untrusted) Compare(*left.file.end, left, start);
  } else {
    // Moved away, or rotated just when the agent was killed: then the head may be a little behind.
    if (left.rotated) start.end = *left.rotated;
    const bool behind = head && left.rotated && head->end.seq <= left.rotated->seq;
    if (head && !behind && (!left.head_untrusted || !left.rotated)) start.end = head->end;
    if (behind && !left.head_untrusted) {
      Compare(*left.rotated, left, start);
    } else if (head && !left.head_untrusted && !head->closed && head->end.seq > 0) {
      Tell(kKilled, start);
    }
  }
  if (head && left.head_untrusted) Distrust(*head, start);
  if (!head) WithoutHead(left, start);
  if (left.file.foreign && !start.set_aside)
    Tell("behind the file's last line stood something that is no line", start);
  if (left.file.torn && !start.set_aside) Tell("the last line is torn", start);
  return start;
}

}  // namespace redwall::audit
