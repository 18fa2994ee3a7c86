// The part of Journal that goes from one file to the next.
#include <cerrno>
#include <cstdio>

#include "gateway/audit/journal.h"

namespace redwall::audit {
namespace {

constexpr std::int64_t kTryAgainUs = 10 * 1000 * 1000;

}  // namespace

bool Journal::RotationDue(const Now& now) const {
  const Rotation& rotation = options_.rotation;
  if (!rotation.enabled() || !has_bodies_ || !since_ || now.mono_us < rotate_again_) return false;
  if (rotation.max_bytes > 0 && size_ >= rotation.max_bytes) return true;
  return rotation.max_age_s > 0 &&
         now.wall_us - *since_ >= static_cast<std::int64_t>(rotation.max_age_s) * 1000000;
}

// The name first: it can fail, and then nothing has happened. What the file still gets, its last
// lines, reaches it by the descriptor that is open.
bool Journal::BeginRotation(const Now& now) {
  if (!sink_->IsAtPath()) return Reopen(now);  // moved away already, by hand
  const std::uint64_t last = end_.seq + (options_.key ? 2 : 1);
  const std::string path = RotatedPath(options_.path, now.wall_us, last);
  if (std::rename(options_.path.c_str(), path.c_str()) != 0) {
    notes_.push_back(FileSentence(options_.path, "can't be rotated, and grows on", errno));
    rotate_again_ = now.mono_us + kTryAgainUs;
    return true;
  }
  rotating_ = true;
  AddEvent("rotated", now, {{"next", std::string(BaseName(options_.path))}});
  AddCheckpoint(now);
  uncovered_since_ = -1;
  return Drain() && FinishRotation(now);
}

bool Journal::FinishRotation(const Now& now) {
  if (const auto opened = sink_->Reopen(); !opened) {
    trouble_ = opened.error().sentence;
    return false;
  }
  trouble_.clear();
  rotating_ = false;
  reserved_to_ = 0;
  size_ = sink_->size();
  since_.reset();
  has_bodies_ = false;
  WriteHead(false);
  RemoveOldest(now);
  return Drain();
}

bool Journal::Reopen(const Now& now) {
  if (closed_) return false;
  if (Drain()) {
    WriteHead(false);  // where it has to go on, should the agent die now
  } else if (sent_ > 0 && sink_->TakeBack(sent_)) {
    sent_ = 0;
  }
  reserved_to_ = 0;
  if (const auto entered = EnterFile(now); !entered) {
    trouble_ = entered.error().sentence;
    return false;
  }
  ReopenHead(now);
  rotating_ = false;
  sent_ = 0;  // where half a line had to stay behind, it is written once more
  size_ = sink_->size() + out_.size();
  const bool written = Drain() && KeepReserve();
  SetDue(now);
  return written;
}

// Whatever the path names now becomes the file, unless it holds something else.
Result<void, SinkError> Journal::EnterFile(const Now& now) {
  const bool same = sink_->IsAtPath();
  if (const auto opened = sink_->Reopen(); !opened) return opened.error();
  if (same || !sink_->regular()) return {};
  const auto tail = ReadTail(options_.path);
  if (!tail) return tail.error();
  since_ = tail->since;
  has_bodies_ = !tail->empty;
  if (tail->empty || (tail->end && tail->end->hash == end_.hash)) return {};
  const auto aside = SetAside(now);
  if (!aside) return aside.error();
  notes_.push_back(options_.path + ": held something else, which was moved to " + *aside);
  return {};
}

// Lines that go to a file without a name are lost to everybody. Once in checkpoint_ms, since it
// asks the system.
bool Journal::LookAfterFiles(const Now& now) {
  if (!sink_->regular() || now.mono_us < look_again_) return true;
  if (sink_->IsDeleted()) {
    reserved_to_ = 0;
    if (const auto entered = EnterFile(now); !entered) {
      trouble_ = entered.error().sentence;
      return false;
    }
    size_ = sink_->size();
    constexpr std::string_view kWhy =
        "the file was deleted while it was written: the lines that it held are gone";
    notes_.push_back(options_.path + ": " + std::string(kWhy));
    AddGap({}, kWhy, now);
    if (!Drain()) return false;
  }
  if (head_.IsDeleted()) ReopenHead(now);
  look_again_ = now.mono_us + static_cast<std::int64_t>(options_.checkpoint_ms) * 1000;
  return true;
}

// Goes on with the head that the path names now.
void Journal::ReopenHead(const Now& now) {
  if (!sink_->regular() || head_.IsAtPath()) return;
  const auto found = head_.Open(options_.path, now.wall_us);
  if (!found) {
    notes_.push_back(found.error().sentence);
    return;
  }
  if (!found->aside.empty())
    notes_.push_back(HeadFile::PathOf(options_.path) +
                     ": held something else, which was moved to " + found->aside);
  if (out_.empty()) WriteHead(false);
}

void Journal::RemoveOldest(const Now& now) {
  if (!options_.rotation.keep) return;
  if (ListRotated(options_.path).size() <= *options_.rotation.keep) return;
  const std::vector<RotatedFile> files = ListOwnRotated(options_.path, end_.seq);
  for (std::size_t i = 0; i + *options_.rotation.keep < files.size(); ++i) {
    if (std::remove(files[i].path.c_str()) != 0) {
      notes_.push_back(FileSentence(files[i].path, "can't be removed", errno));
      continue;
    }
    AddEvent("removed", now, {{"file", std::string(BaseName(files[i].path))}},
             ",\"last_seq\":" + std::to_string(files[i].last_seq));
  }
}

}  // namespace redwall::audit
