// Session: credit that is given back, windows that follow what their streams need, and the places
// of streams that have ended. docs/protocol.md, "Flow control".
//
// A window becomes sixteen times as large when half of it is used up in less than two round trips:
// then the peer has waited for credit, or soon will. It is halved again once that takes seconds. A
// reader that stalls uses up nothing, so its window stays.
//
// What windows have grown by is never more than half of the session's window: readers that were
// fast and then stop can't keep the session's credit from all the others.
#include <algorithm>
#include <utility>

#include "gateway/tunnel/session.h"

namespace redwall::tunnel {
namespace {

constexpr std::uint32_t kCreditShare = 4;  // a window's quarter is worth a record of its own
// Nearer than this the first window is no limit: 256 KiB each 4 ms are 64 MB/s. And the clock is
// too coarse there.
constexpr std::int64_t kFarMs = 4;
constexpr std::int64_t kSlowMs = 10000;  // half a window in this time: it is too large
constexpr std::int64_t kRoundTripEveryMs = 3000;
constexpr std::uint64_t kGrowth = 15;                // times the window is what it grows by
constexpr std::uint32_t kLeastGrowth = kMaxPayload;  // less isn't worth the CREDIT
constexpr std::int64_t kResetPeriodMs = 1000;

}  // namespace

void Session::InitWindow(Stream& stream) {
  stream.window = options_.limits.stream_window;
  stream.receive_credit = stream.window;
}

std::uint32_t Session::receive_window(StreamId id) const {
  const auto it = streams_.find(id);
  return it == streams_.end() ? 0 : it->second.window;
}

// `stream` null: only the session's credit, for bytes that nobody wants any more.
void Session::ReturnCredit(StreamId id, Stream* stream, std::size_t bytes) {
  credit_due_ += static_cast<std::uint32_t>(bytes);
  if (stream == nullptr || stream->fin_received || stream->reset_received) return;
  stream->used += bytes;
  const auto kept = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, stream->excess));
  stream->excess -= kept;
  grown_ -= kept;
  stream->credit_due += static_cast<std::uint32_t>(bytes) - kept;
  QueueCredit(id, *stream);
}

void Session::QueueCredit(StreamId id, Stream& stream) {
  if (stream.credit_queued || stream.credit_due < stream.window / kCreditShare) return;
  stream.credit_queued = true;
  credit_queue_.push_back(id);
  round_trip_wanted_ = true;
}

// At the arrival of DATA, for only then the time is known; what was there already when the measure
// began doesn't count.
void Session::MeasureWindow(StreamId id, Stream& stream) {
  if (options_.limits.max_stream_window <= options_.limits.stream_window) return;
  if (stream.measure > 0) {
    const std::int64_t took = now_ms_ - stream.measured_since_ms;
    const bool used = stream.used >= stream.measure;
    const std::int64_t far = round_trip_ms_.value_or(0);
    if (used && far >= kFarMs && took < 2 * far) {
      GrowWindow(id, stream);
    } else if (took >= kSlowMs) {
      const std::uint32_t less = std::max(stream.window / 2, options_.limits.stream_window);
      stream.excess += stream.window - less;
      stream.window = less;
    } else if (!used) {
      return;
    }
  }
  stream.used = 0;
  stream.measure = std::max<std::uint64_t>(stream.window / 2 + stream.unconsumed, 1);
  stream.measured_since_ms = now_ms_;
}

void Session::GrowWindow(StreamId id, Stream& stream) {
  // What wasn't taken from the window yet comes back to it first.
  stream.window += std::exchange(stream.excess, 0);
  const SessionLimits& limits = options_.limits;
  const std::uint64_t half = limits.session_window / 2;
  const std::uint64_t most = std::min({std::uint64_t{limits.max_stream_window}, half, kMaxCredit});
  if (stream.window >= most || grown_ >= half) return;
  const std::uint64_t more =
      std::min({kGrowth * stream.window, most - stream.window, half - grown_});
  if (more < kLeastGrowth) return;
  stream.window += static_cast<std::uint32_t>(more);
  stream.credit_due += static_cast<std::uint32_t>(more);
  grown_ += more;
  QueueCredit(id, stream);
}

// By the quarter; or as soon as it is more than what the peer has left, for streams whose owners
// are slow may hold all the rest.
bool Session::SessionCreditDue() const {
  return credit_due_ > 0 && (credit_due_ >= options_.limits.session_window / kCreditShare ||
                             credit_due_ > receive_credit_);
}

// Credit and MAX_STREAMS, merged since the last record.
void Session::PumpCredits() {
  if (SessionCreditDue()) {
    AppendNumber(FrameType::kCredit, 0, credit_due_);
    receive_credit_ += credit_due_;
    credit_due_ = 0;
  }
  for (; !credit_queue_.empty(); credit_queue_.pop_front()) {
    const StreamId id = credit_queue_.front();
    Stream* stream = Find(id);
    if (stream == nullptr) continue;
    stream->credit_queued = false;
    AppendNumber(FrameType::kCredit, id, stream->credit_due);
    stream->receive_credit += stream->credit_due;
    stream->credit_due = 0;
  }
  if (closed_unannounced_ > 0) {
    opens_allowed_ += closed_unannounced_;
    closed_unannounced_ = 0;
    AppendNumber(FrameType::kMaxStreams, 0, static_cast<std::uint32_t>(opens_allowed_));
  }
}

// An answer to the last PING. The least of what was measured lately: queues don't count.
void Session::MeasureRoundTrip(std::uint64_t pong) {
  if (pong != ping_number_ || !std::exchange(pong_awaited_, false)) return;
  const std::int64_t took = now_ms_ - ping_sent_ms_;
  const std::int64_t before = round_trip_ms_.value_or(took);
  round_trip_ms_ = std::min(took, before + (took - before) / 8);
}

// Server. A client that opens streams only to reset them gets their places back no faster than
// max_resets a second: each costs a connection to Redis.
void Session::FreePlace(bool reset_by_peer) {
  if (!reset_by_peer) {
    ++closed_unannounced_;
  } else if (resets_left_ > 0) {
    --resets_left_;
    ++closed_unannounced_;
  } else {
    ++places_withheld_;
  }
}

void Session::PassTime(std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (now_ms - resets_since_ms_ >= kResetPeriodMs) {
    resets_since_ms_ = now_ms;
    const std::uint32_t most = std::max<std::uint32_t>(options_.limits.max_resets, 1);
    const std::uint32_t freed = std::min(most, places_withheld_);
    places_withheld_ -= freed;
    closed_unannounced_ += freed;
    resets_left_ = most - freed;
  }
  // Here and not where it was wanted, for now the time is right for the PING that follows.
  if (!std::exchange(round_trip_wanted_, false) || pong_awaited_) return;
  if (!round_trip_ms_ || now_ms - ping_sent_ms_ >= kRoundTripEveryMs) ping_due_ = true;
}

}  // namespace redwall::tunnel
