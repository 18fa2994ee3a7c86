#include "gateway/audit/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "crypto/primitives.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kBatch =
    256 * 1024;  // chained at once: bounds the memory, and stays in cache
constexpr std::int64_t kAskCopiesUs = 1000 * 1000;  // whether they have lost lines
constexpr std::size_t kMaxEventFieldBytes = 1024;
constexpr std::size_t kMaxNameBytes = 256;

}  // namespace

Journal::Journal(Options options, std::unique_ptr<FileSink> sink)
    : options_(std::move(options)), sink_(std::move(sink)) {
  if (options_.key) key_text_ = crypto::FormatPublicKey(options_.key->public_key());
}

Result<std::unique_ptr<Journal>, SinkError> Journal::Open(Options options, const Now& now) {
  if (!crypto::Init()) return SinkError{"libsodium can't be used on this machine"};
  auto sink = FileSink::Open(options.path);
  if (!sink) return sink.error();
  std::unique_ptr<Journal> journal(new Journal(std::move(options), std::move(*sink)));
  if (journal->sink_->regular()) {
    if (const auto ready = journal->GoOn(now); !ready) return ready.error();
  } else if (journal->options_.rotation.enabled()) {
    return SinkError{journal->options_.path + ": only a file can be rotated"};
  }
  std::string none;
  journal->Write(none, now);
  return journal;
}

// Finds the end of the chain that is there.
Result<void, SinkError> Journal::GoOn(const Now& now) {
  const auto left = LookAround(now);
  if (!left) return left.error();
  JournalStart start = StartBehind(*left);
  end_ = start.end;
  since_ = left->file.since;
  has_bodies_ = !left->file.empty;
  if (start.set_aside) {
    auto aside = SetAside(now);
    if (!aside) return aside.error();
    start.why += ", and was moved to " + *aside;
  }
  size_ = sink_->size();
  if (!start.why.empty()) {
    notes_.push_back(options_.path + ": " + start.why);
    AddGap(start.lost, start.why, now);
  }
  // From here on an end without Close is told from one with it. But a head that vouches for what
  // was found comes only once the gap is in the file: else a kill in between would hide it.
  if (Drain()) WriteHead(false);
  return {};
}

Result<Left, SinkError> Journal::LookAround(const Now& now) {
  auto tail = ReadTail(options_.path);
  if (!tail) return tail.error();
  auto found = head_.Open(options_.path, now.wall_us);
  if (!found) return found.error();
  Left left{*tail, {}, *found};
  std::string newest = options_.path;
  if (tail->empty) {
    if (const auto rotated = ListOwnRotated(options_.path, kMaxSeq); !rotated.empty()) {
      newest = rotated.back().path;
      if (const auto end = ReadTail(newest)) left.rotated = end->end;
    }
  }
  if (!found->head) return left;
  left.head_untrusted = !Trusts(*found->head);
  const std::optional<ChainEnd>& end = tail->empty ? left.rotated : tail->end;
  left.leaves_head =
      end && end->seq > found->head->end.seq && !GoesOnBehind(found->head->end, newest);
  return left;
}

bool Journal::Trusts(const Head& head) const {
  if (!options_.key) return true;
  const auto signature = crypto::ParseSignature(head.signature);
  return head.key == key_text_ && signature &&
         crypto::VerifySignature(options_.key->public_key(),
                                 AsBytes(HeadMessage(head.end, head.closed)), *signature);
}

// What is in the file makes room. Returns its new name, without folder.
Result<std::string, SinkError> Journal::SetAside(const Now& now) {
  const std::string aside = ForeignPath(options_.path, now.wall_us);
  if (std::rename(options_.path.c_str(), aside.c_str()) != 0)
    return SinkError{FileSentence(
        options_.path,
        "holds lines of no chain that can be continued, and can't be moved out of the way", errno)};
  if (const auto opened = sink_->Reopen(); !opened) return opened.error();
  reserved_to_ = 0;
  since_.reset();
  has_bodies_ = false;
  return std::string(BaseName(aside));
}

bool Journal::Write(std::string& bodies, const Now& now) {
  const bool written = TryWrite(bodies, now);
  SetDue(now);
  return written;
}

bool Journal::TryWrite(std::string& bodies, const Now& now) {
  if (closed_ || !Drain() || (rotating_ && !FinishRotation(now))) return false;
  if (!LookAfterFiles(now)) return false;
  // The clock was ahead when the file was begun: its age counts from now.
  if (since_ && *since_ > now.wall_us) since_ = now.wall_us;
  AddSinkGaps(now);
  for (;;) {
    if (RotationDue(now) && !BeginRotation(now)) return false;
    if (bodies.empty()) break;
    ChainBodies(bodies, now);
    if (!Drain()) return false;
  }
  return Drain() && (!CheckpointDue(now) || Checkpoint(now)) && KeepReserve();
}

// At least reserve_bytes; asked for anew only once as much again has been used.
bool Journal::KeepReserve() {
  const std::uint64_t reserve = options_.reserve_bytes;
  if (reserve == 0 || size_ + reserve <= reserved_to_) return true;
  if (!sink_->Reserve(2 * reserve, trouble_)) return false;
  reserved_to_ = size_ + 2 * reserve;
  return true;
}

// Takes bodies off the front: up to kBatch bytes of them, and none beyond the file's size.
void Journal::ChainBodies(std::string& bodies, const Now& now) {
  if (bodies.empty()) return;
  has_bodies_ = true;
  if (!since_) since_ = now.wall_us;
  if (uncovered_since_ < 0) uncovered_since_ = now.mono_us;
  std::size_t from = 0;
  while (from < bodies.size() && out_.size() < kBatch) {
    if (options_.rotation.max_bytes > 0 && from > 0 && RotationDue(now)) break;
    const std::size_t end = std::min(bodies.find('\n', from), bodies.size());
    const std::size_t before = out_.size();
    AppendLine(std::string_view(bodies).substr(from, end - from), end_, out_);
    size_ += out_.size() - before;
    from = std::min(end + 1, bodies.size());
  }
  bodies.erase(0, from);
}

void Journal::AddEvent(std::string_view name, const Now& now, Fields texts, std::string_view raw) {
  body_.clear();
  AppendField("ts", timestamp_.Format(now.wall_us), kMaxNameBytes, body_);
  AppendField("side", options_.side, kMaxNameBytes, body_);
  AppendField("agent", options_.agent, kMaxNameBytes, body_);
  AppendField("event", name, kMaxNameBytes, body_);
  body_ += raw;
  for (const auto& [field, text] : texts) AppendField(field, text, kMaxEventFieldBytes, body_);
  const std::size_t before = out_.size();
  AppendLine(body_, end_, out_);
  size_ += out_.size() - before;
  if (!since_) since_ = now.wall_us;
  if (uncovered_since_ < 0) uncovered_since_ = now.mono_us;
}

void Journal::AddGap(std::optional<std::uint64_t> lost, std::string_view why, const Now& now) {
  AddEvent("gap", now, {{"why", std::string(why)}},
           ",\"lost\":" + (lost ? std::to_string(*lost) : "null"));
}

void Journal::AddSinkGaps(const Now& now) {
  for (LineCopy* const copy : options_.copies) {
    const auto loss = copy->TakeLoss();
    if (!loss) continue;
    notes_.push_back(copy->name() + ": " + std::to_string(loss->lost) +
                     " audit lines were not copied: " + loss->why);
    AddEvent("sink-gap", now, {{"sink", copy->name()}, {"why", loss->why}},
             ",\"lost\":" + std::to_string(loss->lost));
  }
}

// Hands over what was chained. A line that is half written stays whole here, in case that its other
// half has to go to another file.
bool Journal::Drain() {
  if (out_.empty()) {
    if (!rotating_) trouble_.clear();
    return true;
  }
  std::string error;
  const std::size_t sent = sent_ + sink_->Append(std::string_view(out_).substr(sent_), error);
  const bool all = sent == out_.size();
  trouble_ = all ? std::string() : std::move(error);
  const std::size_t whole = all ? sent : sent == 0 ? 0 : out_.rfind('\n', sent - 1) + 1;
  sent_ = sent - whole;
  PassOn(whole);
  out_.erase(0, whole);
  return all;
}

void Journal::PassOn(std::size_t bytes) {
  if (bytes == 0) return;
  for (LineCopy* const copy : options_.copies) copy->Take(std::string_view(out_).substr(0, bytes));
}

bool Journal::CheckpointDue(const Now& now) const {
  return uncovered_since_ >= 0 &&
         now.mono_us - uncovered_since_ >= static_cast<std::int64_t>(options_.checkpoint_ms) * 1000;
}

bool Journal::Checkpoint(const Now& now) {
  AddCheckpoint(now);
  uncovered_since_ = -1;
  if (!Drain()) return false;
  WriteHead(false);
  return true;
}

void Journal::AddCheckpoint(const Now& now) {
  if (!options_.key) return;
  const std::string message =
      CheckpointMessage({end_.seq + 1, end_.hash}, timestamp_.Format(now.wall_us));
  crypto::Signature signature;
  if (!options_.key->Sign(AsBytes(message), signature)) return;
  AddEvent("checkpoint", now,
           {{"key", key_text_}, {"signature", crypto::FormatSignature(signature)}});
}

void Journal::WriteHead(bool closed) {
  if (!sink_->regular()) return;
  Head head{end_, closed, {}, {}};
  crypto::Signature signature;
  if (options_.key && options_.key->Sign(AsBytes(HeadMessage(end_, closed)), signature)) {
    head.key = key_text_;
    head.signature = crypto::FormatSignature(signature);
  }
  std::string error = head_.Write(head);
  if (!error.empty() && head_trouble_.empty()) notes_.push_back(error);
  head_trouble_ = std::move(error);
}

void Journal::SetDue(const Now& now) {
  due_ = -1;
  if (uncovered_since_ >= 0 && (options_.key || sink_->regular()))
    due_ = uncovered_since_ + static_cast<std::int64_t>(options_.checkpoint_ms) * 1000;
  const auto sooner = [this](std::int64_t at) { due_ = due_ < 0 ? at : std::min(due_, at); };
  if (!options_.copies.empty()) sooner(now.mono_us + kAskCopiesUs);
  if (options_.rotation.max_age_s == 0 || !has_bodies_ || !since_) return;
  const std::int64_t left =
      *since_ + static_cast<std::int64_t>(options_.rotation.max_age_s) * 1000000 - now.wall_us;
  sooner(std::max(now.mono_us + std::max<std::int64_t>(left, 0), rotate_again_));
}

std::uint64_t Journal::UnwrittenLines() const {
  return static_cast<std::uint64_t>(std::count(out_.begin(), out_.end(), '\n'));
}

std::uint64_t Journal::Close(const Now& now) {
  if (closed_) return 0;
  bool written = Drain() && (!rotating_ || FinishRotation(now));
  if (written) {
    AddSinkGaps(now);
    if (uncovered_since_ >= 0) AddCheckpoint(now);
    written = Drain();
  }
  closed_ = true;
  if (written) WriteHead(true);
  return UnwrittenLines();
}

}  // namespace redwall::audit
