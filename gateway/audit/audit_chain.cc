#include "gateway/audit/audit_chain.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr int kTries = 100;  // lines until a file is taken for something else

}  // namespace

Result<FileStart, LineFileError> ReadFileStart(const std::string& path) {
  auto file = LineFile::Open(path);
  if (!file) return file.error();
  LineReader reader;
  std::string_view text;
  std::string first_error;
  for (int i = 0; i < kTries && (*file)->Next(text); ++i) {
    if (reader.Read(text)) {
      const AuditLine& line = reader.line();
      return FileStart{path, std::string(line.agent), std::string(line.side), line.ts_us, line.seq};
    }
    if (first_error.empty()) first_error = Visible(path) + ": line 1: " + reader.error();
  }
  if (!(*file)->error().empty()) return LineFileError{(*file)->error()};
  if (!first_error.empty()) return LineFileError{first_error};
  return FileStart{path, {}, {}, 0, 0};
}

Result<std::unique_ptr<AuditChain>, LineFileError> AuditChain::Open(
    const std::vector<FileStart>& files) {
  std::unique_ptr<AuditChain> chain(new AuditChain);
  for (const FileStart& start : files) {
    auto file = LineFile::Open(start.path);
    if (!file) return file.error();
    chain->files_.push_back(*std::move(file));
  }
  chain->agent_ = files.front().agent;
  return chain;
}

bool AuditChain::Next() {
  for (;;) {
    while (!files_[file_]->Next(text_)) {
      error_ = files_[file_]->error();
      if (!error_.empty() || file_ + 1 == files_.size()) {
        NoteUnreadable();
        return false;
      }
      ++file_;
    }
    if (reader_.Read(text_)) break;
    NoteUnreadable();
    unreadable_ = Place() + ": " + reader_.error();
  }
  NoteLine();
  return true;
}

std::string AuditChain::Place() const { return at().path() + ":" + std::to_string(at().number()); }

// Half a line is what a kill or a full disk leaves; the agent itself says so in the next one.
void AuditChain::NoteUnreadable() {
  if (unreadable_.empty()) return;
  const std::string_view event = reader_.error().empty() ? line().event : std::string_view();
  const bool torn = event == "start" || event == "gap";
  notes_.push_back({torn ? LineNote::Kind::kTorn : LineNote::Kind::kUnreadable,
                    std::move(unreadable_), last_us_});
  unreadable_.clear();
}

void AuditChain::NoteLine() {
  const AuditLine& next = line();
  NoteUnreadable();
  NoteSequence(next);
  if (!gap_ended_) gaps_.back().to_us = std::max(gaps_.back().to_us, next.ts_us);
  gap_ended_ = true;
  if (lines_ == 0) {
    first_us_ = last_us_ = next.ts_us;
    begins_us_ = next.end_us();
    begins_with_start_ = next.event == "start";
  }
  ++lines_;
  if (next.is_command()) {
    over_ = after_gap_ = false;
  } else {
    NoteEvent(next);
  }
  first_us_ = std::min(first_us_, next.ts_us);
  last_us_ = std::max(last_us_, next.end_us());
}

void AuditChain::NoteEvent(const AuditLine& next) {
  if (next.event == "gap") {
    DeclaredGap gap{last_us_, std::max(last_us_, next.ts_us), {}, false};
    const std::string_view lost = next.More("lost");
    std::uint64_t number = 0;
    if (std::from_chars(lost.data(), lost.data() + lost.size(), number).ec == std::errc() &&
        !lost.empty())
      gap.lost = number;
    gaps_.push_back(gap);
    gap_ended_ = false;
  } else if (next.event == "start" && lines_ > 1 && !over_ && !after_gap_) {
    gaps_.push_back({last_us_, std::max(last_us_, next.ts_us), {}, true});
  }
  after_gap_ = next.event == "gap";
  if (next.event == "stop" || next.event == "rotated") {
    over_ = true;
  } else if (next.event != "checkpoint" && next.event != "removed" && next.event != "sink-gap") {
    over_ = false;
  }
}

// A restart of an agent of redwall 0.1 began at 1 again.
void AuditChain::NoteSequence(const AuditLine& next) {
  const std::uint64_t expected = seq_ + 1;
  const std::uint64_t before = std::exchange(seq_, next.seq);
  if (lines_ == 0 || next.seq == expected || (next.seq == 1 && next.event == "start")) return;
  const std::string jump =
      Place() + ": seq jumps from " + std::to_string(before) + " to " + std::to_string(next.seq);
  notes_.push_back({LineNote::Kind::kSequence,
                    jump + (at().number() == 1 ? ", from one file to the next" : ""), last_us_});
}

}  // namespace redwall::audit
