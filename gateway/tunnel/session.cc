#include "gateway/tunnel/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace redwall::tunnel {
namespace {

constexpr std::size_t kQuantum = kMaxPayload;  // bytes a stream sends before the next one's turn
constexpr std::size_t kAckBytes = 64 * 1024;  // received before an ACK is worth a record of its own
constexpr std::uint64_t kAckFrames = 128;

}  // namespace

std::string_view Describe(SessionError error) {
  switch (error) {
    case SessionError::kNone:
      return "no error";
    case SessionError::kUnknownFrame:
      return "the peer sent a frame of an unknown type";
    case SessionError::kBadFrame:
      return "the peer sent a frame that is malformed";
    case SessionError::kUnexpectedFrame:
      return "the peer sent a frame that it may not send now";
    case SessionError::kBadStream:
      return "the peer used a stream number that it may not use";
    case SessionError::kTooManyStreams:
      return "the peer opened more streams than it was allowed";
    case SessionError::kCreditOverrun:
      return "the peer broke the rules of flow control";
    case SessionError::kBadAck:
      return "the peer acknowledged frames that were never sent";
    case SessionError::kNoAck:
      return "the peer has not acknowledged what was sent to it";
    case SessionError::kSilent:
      return "the peer has been silent for too long";
    case SessionError::kBadResume:
      return "the peer resumes another session or attempt than it may";
    case SessionError::kUnknownSession:
      return "the server agent doesn't know the session any more";
    case SessionError::kBadPolicy:
      return "the peer sent a policy that is too large, or its pieces out of order";
  }
  return "unknown";
}

Session::Session(Options options, SessionHandler& handler)
    : options_(std::move(options)), handler_(handler), next_stream_(options_.first_stream) {
  receive_credit_ = options_.limits.session_window;
  resets_left_ = options_.limits.max_resets;
  if (options_.role == Role::kServer) opens_allowed_ = options_.limits.max_streams;
}

Session::Stream* Session::Find(StreamId stream) {
  const auto it = streams_.find(stream);
  return it == streams_.end() ? nullptr : &it->second;
}

void Session::Append(FrameType type, StreamId stream, ByteView payload, std::uint8_t flags) {
  log_.Append({type, flags, static_cast<std::uint16_t>(payload.size()), stream}, payload);
}

void Session::AppendNumber(FrameType type, StreamId stream, std::uint32_t number) {
  std::byte payload[4];
  StoreBigEndian<std::uint32_t>(payload, number);
  Append(type, stream, payload);
}

bool Session::CanOpen() const {
  return ready_ && !dead_ && attached_ && !going_away_ && !exhausted() &&
         options_.role == Role::kClient && opened_ < opens_allowed_ &&
         unanswered_ < peer_.max_unanswered;
}

StreamId Session::Open(std::string_view route, std::string_view client, StreamHandler* handler,
                       std::string_view target) {
  assert(CanOpen());
  const StreamId id = next_stream_;
  next_stream_ += 2;
  ++opened_;
  ++unanswered_;
  Stream& stream = streams_[id];
  stream.handler = handler;
  stream.send_credit = peer_.stream_window;
  InitWindow(stream);
  Append(FrameType::kOpen, id, EncodeOpen({options_.limits.stream_window, route, client, target}));
  return id;
}

void Session::Accept(StreamId id) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->answered || stream->reset_received) return;
  stream->answered = true;
  --unanswered_;
  AppendNumber(FrameType::kOpened, id, 0);
}

void Session::Send(StreamId id, ByteView bytes) {
  Stream* stream = Find(id);
  if (stream == nullptr || bytes.empty() || stream->reset_received || stream->fin_pending ||
      stream->fin_sent || dead_) {
    return;
  }
  // Straight into the log while nothing waits: the usual case, one copy.
  if (stream->pending.empty() && log_.unsent_bytes() < kUnsentGoal)
    bytes = bytes.subspan(SendNow(id, *stream, bytes.first(std::min(bytes.size(), kUnsentGoal))));
  if (bytes.empty()) return;
  stream->pending.Append(bytes);
  if (stream->pending.size() >= kHighWater) stream->blocked = true;
  Activate(id, *stream);
}

std::size_t Session::SendNow(StreamId id, Stream& stream, ByteView bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && log_.size_bytes() < options_.limits.max_replay) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(
        {bytes.size() - sent, stream.send_credit, send_credit_, kMaxPayload}));
    if (size == 0) break;
    Append(FrameType::kData, id, bytes.subspan(sent, size));
    stream.send_credit -= size;
    send_credit_ -= size;
    sent += size;
  }
  return sent;
}

void Session::Finish(StreamId id) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->fin_sent || stream->fin_pending || stream->reset_received)
    return;
  if (!stream->pending.empty()) {
    stream->fin_pending = true;  // PumpOne sends it behind the last byte
    return;
  }
  stream->fin_sent = true;
  Append(FrameType::kData, id, {}, kFlagFin);
  ForgetIfOver(id, *stream);
}

std::size_t Session::held_bytes() const {
  std::size_t held = log_.size_bytes() + (policy_ ? policy_->size() - policy_framed_ : 0);
  for (const auto& [id, stream] : streams_) held += stream.pending.size();
  return held;
}

std::size_t Session::backlog(StreamId id) const {
  const auto it = streams_.find(id);
  return it == streams_.end() ? 0 : it->second.pending.size();
}

void Session::Activate(StreamId id, Stream& stream) {
  if (stream.active || stream.pending.empty() || stream.send_credit == 0) return;
  stream.active = true;
  active_.push_back(id);
}

void Session::Unqueue(StreamId id, Stream& stream) {
  if (std::exchange(stream.active, false)) std::erase(active_, id);
  if (std::exchange(stream.credit_queued, false)) std::erase(credit_queue_, id);
}

void Session::Consumed(StreamId id, std::size_t bytes) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, stream->unconsumed));
  stream->unconsumed -= bytes;
  ReturnCredit(id, stream, bytes);
}

void Session::Close(StreamId id, ResetCode code) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  if (!dead_ && !stream.reset_received && !(stream.fin_sent && stream.fin_received)) {
    std::byte payload[2];
    StoreBigEndian<std::uint16_t>(payload, static_cast<std::uint16_t>(code));
    Append(FrameType::kRst, id, payload);
  }
  ReturnCredit(id, nullptr, static_cast<std::size_t>(stream.unconsumed));
  if (!stream.answered) --unanswered_;
  if (options_.role == Role::kServer) FreePlace(stream.reset_received);
  grown_ -= std::uint64_t{stream.window} + stream.excess - options_.limits.stream_window;
  Unqueue(id, stream);
  streams_.erase(it);
}

void Session::Detach(StreamId id) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  stream->handler = nullptr;
  // The stream's credit too: the peer's FIN may be behind more bytes than the window takes.
  ReturnCredit(id, stream, static_cast<std::size_t>(stream->unconsumed));
  stream->unconsumed = 0;
  ForgetIfOver(id, *stream);
}

void Session::ForgetIfOver(StreamId id, const Stream& stream) {
  const bool over = stream.reset_received || (stream.fin_sent && stream.fin_received);
  if (stream.handler == nullptr && over) Close(id, ResetCode::kNone);
}

void Session::GoAway(ResetCode code, std::uint32_t drain_ms) {
  if (going_away_ || !ready_) return;
  going_away_ = true;
  std::byte payload[10];
  StoreBigEndian<std::uint32_t>(payload, next_stream_ > 1 ? next_stream_ - 2 : 0);
  StoreBigEndian<std::uint16_t>(payload + 4, static_cast<std::uint16_t>(code));
  StoreBigEndian<std::uint32_t>(payload + 6, drain_ms);
  Append(FrameType::kGoaway, 0, payload);
}

bool Session::CanPump() const {
  return !active_.empty() && send_credit_ > 0 && log_.size_bytes() < options_.limits.max_replay;
}

bool Session::HasOutput() const {
  if (dead_) return false;
  if (!attached_) return resume_proof_.has_value();
  if (!hello_sent_) return options_.role == Role::kClient || ready_;
  return resumed_due_ || log_.unsent_bytes() > 0 || CanPump() || CanPumpPolicy() ||
         pong_.has_value() || ping_due_ || !credit_queue_.empty() || closed_unannounced_ > 0 ||
         SessionCreditDue() || unacked_bytes_ >= kAckBytes ||
         received_frames_ - acked_frames_ >= kAckFrames;
}

std::size_t Session::Fill(MutableBytes out) {
  if (!HasOutput() || out.size() < kMaxRecord) return 0;
  out = out.first(kMaxRecord);
  std::size_t size = FillControl(out);
  if (ready_ && attached_) {
    PumpCredits();
    PumpPolicy();
    PumpStreams();
    size += log_.TakeUnsent(out.subspan(size));
    NotifyWritable();
  }
  return size;
}

// Frames that are not replayed. All of them together are far smaller than a record.
std::size_t Session::FillControl(MutableBytes out) {
  if (!attached_ || resumed_due_) return FillResume(out);
  std::size_t size = hello_sent_ ? 0 : FillHello(out);
  const auto put_u64 = [&](FrameType type, std::uint64_t number, std::uint8_t flags = 0) {
    std::byte payload[8];
    StoreBigEndian<std::uint64_t>(payload, number);
    size += WriteFrame(type, flags, payload, out.data() + size);
  };
  if (std::exchange(ping_due_, false)) {
    put_u64(FrameType::kPing, ++ping_number_);
    ping_sent_ms_ = now_ms_;
    pong_awaited_ = true;
  }
  if (pong_) put_u64(FrameType::kPing, *pong_, kFlagPong);
  pong_.reset();
  if (ready_ && received_frames_ > acked_frames_) {
    put_u64(FrameType::kAck, received_frames_);
    acked_frames_ = received_frames_;
    unacked_bytes_ = 0;
  }
  return size;
}

std::size_t Session::FillHello(MutableBytes out) {
  const SessionLimits& limits = options_.limits;
  const bool server = options_.role == Role::kServer;
  hello_sent_ = true;
  std::size_t size = WriteFrame(
      FrameType::kHello, 0,
      EncodeHello({options_.name, options_.version, limits.stream_window, limits.session_window,
                   server ? limits.max_streams : 0, server ? limits.max_unanswered : 0,
                   limits.dead_after_ms, server ? options_.peer_identity : std::string(),
                   options_.takes_policy ? kFeaturePolicy : 0, options_.routes}),
      out.data());
  if (!server) return size;
  std::byte payload[20];
  std::copy(options_.id.begin(), options_.id.end(), payload);
  StoreBigEndian<std::uint32_t>(payload + 16, options_.linger_ms);
  size += WriteFrame(FrameType::kSession, 0, payload, out.data() + size);
  return size;
}

void Session::PumpStreams() {
  while (log_.unsent_bytes() < kUnsentGoal && CanPump()) {
    const StreamId id = active_.front();
    active_.pop_front();
    Stream* stream = Find(id);
    if (stream == nullptr) continue;
    stream->active = false;
    PumpOne(id, *stream);
  }
}

void Session::PumpOne(StreamId id, Stream& stream) {
  const ByteView turn = stream.pending.bytes().first(std::min(stream.pending.size(), kQuantum));
  stream.pending.Drop(SendNow(id, stream, turn));
  if (stream.pending.empty() && stream.fin_pending) {
    stream.fin_pending = false;
    stream.fin_sent = true;
    Append(FrameType::kData, id, {}, kFlagFin);
  }
  if (stream.blocked && stream.pending.size() <= kLowWater) {
    stream.blocked = false;
    writable_.push_back(id);
  }
  Activate(id, stream);
  ForgetIfOver(id, stream);
}

void Session::NotifyWritable() {
  const std::vector<StreamId> now = std::exchange(writable_, {});
  for (const StreamId id : now) {
    Stream* stream = Find(id);
    if (stream != nullptr && stream->handler != nullptr) stream->handler->OnWritable();
  }
}

}  // namespace redwall::tunnel
