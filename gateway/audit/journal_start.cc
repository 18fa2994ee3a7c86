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
}

// The file has a chain, and there is a head.
void Compare(const ChainEnd& file, const Head& head, JournalStart& start) {
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
  } else if (file.seq > head.end.seq && head.closed) {
    Tell("the file was closed with line " + last + ", and somebody has added lines since", start);
  }
  if (!head.closed) Tell(kKilled, start);
}

}  // namespace

JournalStart StartBehind(const Left& left) {
  JournalStart start;
  const std::optional<Head>& head = left.head.head;
  start.set_aside = !left.file.empty && !left.file.end;
  if (start.set_aside) Tell("the file held nothing of a chain", start);
  if (left.file.end) {
    start.end = *left.file.end;
    if (head) Compare(*left.file.end, *head, start);
  } else {
    // Moved away, or rotated just when the agent was killed: then the head may be a little behind.
    if (left.rotated) start.end = *left.rotated;
    if (head && head->end.seq >= start.end.seq) start.end = head->end;
    if (head && !head->closed && head->end.seq > 0) Tell(kKilled, start);
  }
  if (!head) WithoutHead(left, start);
  if (left.file.foreign && !start.set_aside)
    Tell("behind the file's last line stood something that is no line", start);
  if (left.file.torn && !start.set_aside) Tell("the last line is torn", start);
  return start;
}

}  // namespace redwall::audit
