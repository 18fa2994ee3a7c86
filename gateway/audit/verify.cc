#include "gateway/audit/verify.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace redwall::audit {
namespace {

constexpr std::string_view kLineStart = "{\"v\":1,\"seq\":";
constexpr std::size_t kMaxQuoted = 300;

std::string Number(std::uint64_t n) { return std::to_string(n); }

// "number 7" or "numbers 7 to 9".
std::string Numbers(std::uint64_t from, std::uint64_t to) {
  return from == to ? "number " + Number(from) : "numbers " + Number(from) + " to " + Number(to);
}

// Text of a file that may be forged: nothing in it may steer a terminal.
std::string Quoted(std::string_view text) {
  std::string out("\"");
  for (const char c : text.substr(0, kMaxQuoted)) out += c >= ' ' && c <= '~' ? c : '?';
  return out += text.size() > kMaxQuoted ? "...\"" : "\"";
}

std::string_view EventOf(std::string_view line) { return TextMember(line, "event"); }

// Whether an agent that is started can write such a line before any other.
bool BeginsLife(std::string_view event) {
  for (const std::string_view first :
       {"start", "gap", "sink-gap", "rotated", "removed", "checkpoint"})
    if (event == first) return true;
  return false;
}

// Why a line isn't one of an audit.
std::string WhatItIs(std::string_view line) {
  if (line.empty()) return "this line is empty";
  if (line.ends_with('\r'))
    return "this line ends with CR LF: a program that changes the ends of lines has rewritten the "
           "file";
  if (line.find('\0') != line.npos)
    return "this line has zero bytes in it, as after a crash of the machine or a damaged disk";
  if (line.starts_with(kLineStart) && line.ends_with('}'))
    return "this line has no number (\"seq\") or no hash of the line before (\"prev\") in its "
           "place: it was changed, or an earlier version of redwall wrote it";
  return "this isn't a line of an audit";
}

}  // namespace

std::optional<std::uint64_t> FirstSeq(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
    if (!line.starts_with(kLineStart)) continue;
    const std::string_view rest = line.substr(kLineStart.size());
    std::uint64_t seq = 0;
    const auto [behind, error] = std::from_chars(rest.data(), rest.data() + rest.size(), seq);
    if (error == std::errc() && seq <= kMaxSeq) return seq;
  }
  return {};
}

std::optional<std::uint64_t> RotatedSeq(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  constexpr std::string_view kPattern = ".00000000T000000Z";
  if (dash == name.npos || dash < kPattern.size() || dash + 1 == name.size()) return {};
  const std::string_view time = name.substr(dash - kPattern.size(), kPattern.size());
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < time.size(); ++i)
    if (kPattern[i] == '0' ? !digit(time[i]) : time[i] != kPattern[i]) return {};
  std::uint64_t seq = 0;
  for (const char c : name.substr(dash + 1)) {
    if (!digit(c) || seq > UINT64_MAX / 100) return {};
    seq = 10 * seq + static_cast<std::uint64_t>(c - '0');
  }
  return seq;
}

Verifier::Verifier(Options options, Report report)
    : options_(options), report_(std::move(report)), signatures_(std::move(options.keys)) {}

void Verifier::Note(const Place& place, std::string sentence) {
  report_({Finding::Kind::kNote, place.file, place.line, std::move(sentence)});
}
void Verifier::Wrong(const Place& place, std::string sentence) {
  ++summary_.wrong;
  report_({Finding::Kind::kWrong, place.file, place.line, std::move(sentence)});
}

void Verifier::AddHead(std::string name, std::string_view text) {
  const auto head = ParseHead(text);
  if (!head) {
    Wrong({name, 0},
          "this file should say where the audit ends, and can't be read: it was "
          "changed or damaged");
    return;
  }
  heads_.push_back({std::move(name), *head, head->end.seq == 0});
}

void Verifier::BeginFile(std::string name) {
  here_ = {std::move(name), 0};
  file_begins_ = true;
}

void Verifier::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    too_long_ = too_long_ || part_.size() + piece.size() > kMaxLineBytes;
    if (too_long_) {
      part_.clear();
    } else if (end == bytes.npos || !part_.empty()) {
      part_ += piece;
    }
    if (end == bytes.npos) return;
    // A line that came in one piece is looked at where it is.
    Line(part_.empty() && !too_long_ ? piece : std::string_view(part_), true);
    part_.clear();
    too_long_ = false;
    bytes.remove_prefix(end + 1);
  }
}

void Verifier::EndFile() {
  if (!part_.empty() || too_long_) Line(part_, false);
  part_.clear();
  too_long_ = false;
}

void Verifier::Line(std::string_view line, bool ended) {
  ++here_.line;
  const auto link = too_long_ ? std::nullopt : FindLink(line);
  if (!link) return NoLine(line, ended, too_long_);
  ++summary_.lines;
  const ChainHash hash = HashLine(line);
  SettleUnreadable(line, *link);
  if (InPlace(line, *link, hash)) Accept(line, *link, hash);
  before_ = hash;
  file_begins_ = false;
  if (!ended)
    Wrong(here_,
          "the file ends without the end of this line: it was cut off here, or the agent was "
          "killed while it wrote");
}

void Verifier::NoLine(std::string_view line, bool ended, bool too_long) {
  if (unreadable_) Wrong(unreadable_->place, unreadable_->sentence);
  Unreadable found;
  found.place = here_;
  found.sentence =
      too_long ? "this line is longer than 64 MiB, which no agent writes" : WhatItIs(line);
  found.torn = !too_long && !line.empty() && !line.ends_with('\r') &&
               line.find('\0') == line.npos &&
               (line.starts_with(kLineStart) || kLineStart.starts_with(line));
  if (!ended && found.torn)
    found.sentence =
        "the file ends in the middle of this line: it was cut off here, or the agent "
        "was killed while it wrote";
  if (found.torn) found.text = line;
  unreadable_ = std::move(found);
  ++unreadable_lines_;
}

// Half a line is a known thing in two cases: an agent that was killed while it wrote says so in the
// line that follows; and one that had no room for the rest writes the whole line into the next
// file.
void Verifier::SettleUnreadable(std::string_view line, const ChainLink& link) {
  if (!unreadable_) return;
  const bool follows = link.prev == last_.hash && link.seq == last_.seq + 1;
  if (unreadable_->torn && follows && EventOf(line) == "gap") {
    Note(unreadable_->place,
         "this is half a line, left by an agent that was killed while it wrote; the next line says "
         "so. What stands in it proves nothing");
  } else if (unreadable_->torn && follows && line.starts_with(unreadable_->text)) {
    Note(unreadable_->place, "this is the first half of a line that stands whole behind it");
  } else {
    Wrong(unreadable_->place, unreadable_->sentence);
  }
  unreadable_.reset();
}

bool Verifier::InPlace(std::string_view line, const ChainLink& link, const ChainHash& hash) {
  if (summary_.first == 0) {
    if ((link.seq == 1) != (link.prev == ChainHash{}))
      Wrong(here_,
            "this line's number or its hash of the line before was changed: only the line "
            "with number 1 has zeros there");
    summary_.first = link.seq;
    return true;
  }
  const std::uint64_t next = last_.seq + 1;
  if (link.prev == last_.hash) {
    if (link.seq != next)
      Wrong(here_, "this line's number was changed: it is " + Number(link.seq) + ", and must be " +
                       Number(next) + " behind the line in front");
    return true;
  }
  // Lines that can't be read were told; that their numbers are missing is no news.
  if (unreadable_lines_ > 0 && link.seq >= next && link.seq - next <= unreadable_lines_)
    return true;
  if (link.seq == next) {
    Wrong(last_place_, "this line (number " + Number(last_.seq) +
                           ") was changed after it was written: the hash of it that line " +
                           Number(here_.line) + " of " + here_.file +
                           " holds is another (unless just that hash, \"prev\", was changed)");
    return true;
  }
  if (link.seq > next) {
    Missing(line, link.seq);
    return true;
  }
  if (link.prev == before_ && !file_begins_) return true;  // goes on behind one that was told
  OutOfPlace(link.seq, hash);
  return false;
}

void Verifier::Missing(std::string_view line, std::uint64_t seq) {
  const std::string which = Numbers(last_.seq + 1, seq - 1);
  if (EventOf(line) == "gap") {
    gap_told_ = true;
    Wrong(here_, "the lines with " + which +
                     " are missing in front of this one. The agent found them missing when it was "
                     "started, and says: " +
                     Quoted(TextMember(line, "why")));
  } else if (file_begins_) {
    Wrong(here_, "the lines with " + which + " are missing: " + last_place_.file +
                     " ends with number " + Number(last_.seq) + ", and this file begins with " +
                     Number(seq) + ". A file between them isn't here, or its lines were removed");
  } else {
    Wrong(here_, "the lines with " + which + " are missing in front of this one (number " +
                     Number(seq) + "): they were removed, or moved");
  }
}

void Verifier::OutOfPlace(std::uint64_t seq, const ChainHash& hash) {
  if (file_begins_) {
    Wrong(here_, "this file begins with number " + Number(seq) + ", but " + last_place_.file +
                     " already had all up to number " + Number(last_.seq) +
                     ": it is a copy, or belongs to another audit (check each audit by itself)");
  } else if (hash == last_.hash) {
    Wrong(here_, "this line is a second copy of the one in front");
  } else {
    Wrong(here_, "this line doesn't belong here: its number is " + Number(seq) +
                     ", and that of the line in front " + Number(last_.seq) +
                     ". It was moved, copied, or put in");
  }
}

void Verifier::Accept(std::string_view line, const ChainLink& link, const ChainHash& hash) {
  // A number that was changed doesn't count, the place does.
  last_.seq = last_.seq != 0 && link.prev == last_.hash ? last_.seq + 1 : link.seq;
  last_.hash = hash;
  last_place_ = here_;
  unreadable_lines_ = 0;
  const std::string_view event = EventOf(line);
  for (HeadFile& file : heads_) {
    if (file.head.closed && file.head.end.seq + 1 == last_.seq && !BeginsLife(event))
      Wrong(here_, "this line (number " + Number(last_.seq) +
                       ") was added after the agent had "
                       "stopped: " +
                       file.name + " says that it ended with the line in front");
    if (file.head.end.seq != last_.seq || file.seen) continue;
    file.seen = true;
    if (file.head.end.hash != hash)
      Wrong(here_, "this line (number " + Number(last_.seq) +
                       ") isn't the one that the agent wrote: its hash in " + file.name +
                       " is another. It was changed, or that file was");
  }
  if (event == "checkpoint") {
    if (const auto wrong = signatures_.AddCheckpoint(line, link)) Wrong(here_, *wrong);
    return;
  }
  signatures_.AddLine(line, event == "start");
  stopped_ = false;
  goes_on_in_.clear();
  if (!event.empty()) AcceptEvent(line, event);
}

void Verifier::AcceptEvent(std::string_view line, std::string_view event) {
  stopped_ = event == "stop";
  if (event == "rotated") goes_on_in_ = Quoted(TextMember(line, "next"));
  if (event == "removed")
    removed_to_ = std::max(removed_to_, NumberMember(line, "last_seq").value_or(0));
  if (event == "gap" && !std::exchange(gap_told_, false)) AcceptGap(line);
}

}  // namespace redwall::audit
