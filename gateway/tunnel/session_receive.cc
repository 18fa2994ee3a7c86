// The receiving half of Session: one function a frame type.
#include <algorithm>
#include <utility>

#include "gateway/tunnel/session.h"

namespace redwall::tunnel {
namespace {

// Frames beyond max_replay that may wait for an ACK: an OPEN and the small frames of each stream.
constexpr std::size_t kMoreReplay = 1024 * 1024, kMoreReplayPerStream = 1024;

}  // namespace

SessionError Session::Receive(ByteView record, std::int64_t now_ms) {
  // Late, from a transport that is gone: what isn't counted comes again.
  if (!dead_ && !attached_ && !resume_proof_ && !resume_sent_) return SessionError::kNone;
  last_received_ms_ = now_ms;
  clock_started_ = true;
  PassTime(now_ms);
  SessionError error = dead_ ? SessionError::kUnexpectedFrame : SessionError::kNone;
  FrameHeader header;
  ByteView payload;
  const std::uint64_t transport = transports_lost_;
  while (error == SessionError::kNone && TakeFrame(record, header, payload)) {
    // Counted first: an owner that resumes from inside a callback must not be sent it again.
    if (IsReplayed(header.type)) {
      ++received_frames_;
      unacked_bytes_ += kFrameHeaderSize + payload.size();
    }
    error = HandleFrame(header, payload);
    if (transport != transports_lost_) return error;  // the rest comes again
  }
  if (error == SessionError::kNone && !record.empty()) error = SessionError::kBadFrame;
  // DATA waits when the log is full, but answers to the peer's own frames can't. A peer that keeps
  // its side of the bargain acknowledges long before there are this many.
  const std::size_t most = 2 * std::size_t{options_.limits.max_replay} + kMoreReplay +
                           kMoreReplayPerStream * std::size_t{options_.limits.max_streams};
  if (error == SessionError::kNone && log_.size_bytes() > most) error = SessionError::kNoAck;
  if (error != SessionError::kNone) dead_ = true;
  return error;
}

SessionError Session::Tick(std::int64_t now_ms) {
  if (dead_ || !attached_) return SessionError::kNone;
  if (!clock_started_) {
    last_received_ms_ = now_ms;
    clock_started_ = true;
  }
  PassTime(now_ms);
  const std::int64_t silence = now_ms - last_received_ms_;
  if (silence >= options_.limits.dead_after_ms) {
    TransportLost();
    if (options_.linger_ms == 0) dead_ = true;
    return SessionError::kSilent;
  }
  if (ready_ && silence >= options_.limits.ping_after_ms &&
      now_ms - last_ping_ms_ >= options_.limits.ping_after_ms) {
    ping_due_ = true;
    last_ping_ms_ = now_ms;
  }
  return SessionError::kNone;
}

SessionError Session::HandleFrame(const FrameHeader& header, ByteView payload) {
  if (!hello_received_ && header.type != FrameType::kHello && header.type != FrameType::kPad)
    return SessionError::kUnexpectedFrame;
  if (IsReplayed(header.type) && !ready_) return SessionError::kUnexpectedFrame;
  // While a resume is under way, nobody says anything else.
  if ((!attached_ || resumed_due_) && header.type != FrameType::kResumed &&
      header.type != FrameType::kPad) {
    return SessionError::kUnexpectedFrame;
  }
  switch (header.type) {
    case FrameType::kData:
      return HandleData(header, payload);
    case FrameType::kOpen:
      return HandleOpen(header, payload);
    case FrameType::kOpened:
      return HandleOpened(header, payload);
    case FrameType::kRst:
      return HandleRst(header, payload);
    case FrameType::kCredit:
      return HandleCredit(header, payload);
    default:
      if (header.type > FrameType::kPolicy) return SessionError::kUnknownFrame;
      return header.stream == 0 ? HandleControl(header, payload) : SessionError::kBadFrame;
  }
}

// Frames that concern the session, not a stream.
SessionError Session::HandleControl(const FrameHeader& header, ByteView payload) {
  switch (header.type) {
    case FrameType::kPad:
      return SessionError::kNone;
    case FrameType::kMaxStreams:
      return HandleMaxStreams(payload);
    case FrameType::kPing:
      return HandlePing(header, payload);
    case FrameType::kAck:
      if (payload.size() != 8) return SessionError::kBadFrame;
      return log_.Acknowledge(LoadBigEndian<std::uint64_t>(payload.data())) ? SessionError::kNone
                                                                            : SessionError::kBadAck;
    case FrameType::kHello:
      return HandleHello(payload);
    case FrameType::kSession:
      return HandleSession(payload);
    case FrameType::kGoaway:
      return HandleGoaway(payload);
    case FrameType::kPolicy:
      return HandlePolicy(header, payload);
    case FrameType::kResume:  // begins a transport: PeekResume
      return SessionError::kUnexpectedFrame;
    case FrameType::kResumed:
      return HandleResumed(payload);
    default:
      return SessionError::kUnknownFrame;
  }
}

SessionError Session::HandleData(const FrameHeader& header, ByteView payload) {
  if (payload.size() > receive_credit_) return SessionError::kCreditOverrun;
  receive_credit_ -= payload.size();
  Stream* stream = Find(header.stream);
  if (stream == nullptr) {
    if (!WasOpened(header.stream)) return SessionError::kBadStream;
    ReturnCredit(header.stream, nullptr, payload.size());  // was under way when we closed
    return SessionError::kNone;
  }
  if (stream->fin_received || stream->reset_received) return SessionError::kBadStream;
  if (payload.size() > stream->receive_credit) return SessionError::kCreditOverrun;
  stream->receive_credit -= payload.size();
  const bool fin = (header.flags & kFlagFin) != 0;
  stream->fin_received = fin;
  if (fin && std::exchange(stream->credit_queued, false)) std::erase(credit_queue_, header.stream);
  StreamHandler* const handler = stream->handler;
  if (handler == nullptr) {
    ReturnCredit(header.stream, stream, payload.size());
    ForgetIfOver(header.stream, *stream);
    return SessionError::kNone;
  }
  if (!fin) MeasureWindow(header.stream, *stream);
  stream->unconsumed += payload.size();
  if (!payload.empty()) handler->OnData(payload);
  if (!fin) return SessionError::kNone;
  stream = Find(header.stream);  // the owner may have closed it meanwhile
  if (stream != nullptr && stream->handler != nullptr) handler->OnFinish();
  return SessionError::kNone;
}

SessionError Session::HandleOpen(const FrameHeader& header, ByteView payload) {
  if (options_.role != Role::kServer) return SessionError::kUnexpectedFrame;
  if (header.stream % 2 == 0 || header.stream < next_stream_ || header.stream > 0x7fffffff)
    return SessionError::kBadStream;
  const auto open = DecodeOpen(payload);
  if (!open || open->credit > kMaxCredit) return SessionError::kBadFrame;
  if (opened_ >= opens_allowed_ || unanswered_ >= options_.limits.max_unanswered)
    return SessionError::kTooManyStreams;
  ++opened_;
  next_stream_ = header.stream + 2;
  ++unanswered_;
  {
    Stream& stream = streams_[header.stream];
    stream.send_credit = open->credit;
    InitWindow(stream);
  }
  ResetCode refusal = ResetCode::kRefused;
  StreamHandler* const handler =
      going_away_ ? nullptr : handler_.OnOpen(header.stream, *open, refusal);
  if (handler == nullptr) {
    Close(header.stream, refusal);
  } else if (Stream* stream = Find(header.stream)) {
    stream->handler = handler;
  }
  return SessionError::kNone;
}

SessionError Session::HandleOpened(const FrameHeader& header, ByteView payload) {
  if (options_.role != Role::kClient) return SessionError::kUnexpectedFrame;
  if (payload.size() != 4) return SessionError::kBadFrame;
  Stream* stream = Find(header.stream);
  if (stream == nullptr)
    return WasOpened(header.stream) ? SessionError::kNone : SessionError::kBadStream;
  if (stream->reset_received) return SessionError::kBadStream;
  if (stream->answered) return SessionError::kUnexpectedFrame;
  const std::uint32_t credit = LoadBigEndian<std::uint32_t>(payload.data());
  if (credit > kMaxCredit - std::min(stream->send_credit, kMaxCredit))
    return SessionError::kCreditOverrun;
  stream->answered = true;
  --unanswered_;
  stream->send_credit += credit;
  Activate(header.stream, *stream);
  if (stream->handler != nullptr) stream->handler->OnOpened();
  return SessionError::kNone;
}

SessionError Session::HandleRst(const FrameHeader& header, ByteView payload) {
  if (payload.size() != 2) return SessionError::kBadFrame;
  Stream* stream = Find(header.stream);
  if (stream == nullptr)
    return WasOpened(header.stream) ? SessionError::kNone : SessionError::kBadStream;
  if (stream->reset_received) return SessionError::kBadStream;
  stream->reset_received = true;
  stream->pending = ByteQueue();
  stream->fin_pending = false;
  Unqueue(header.stream, *stream);
  // Both sides must count alike, whenever their owners close: a client that has reset its OPEN
  // doesn't count it any more.
  if (!std::exchange(stream->answered, true)) --unanswered_;
  if (stream->handler == nullptr) {
    ForgetIfOver(header.stream, *stream);
    return SessionError::kNone;
  }
  stream->handler->OnReset(static_cast<ResetCode>(LoadBigEndian<std::uint16_t>(payload.data())));
  return SessionError::kNone;
}

SessionError Session::HandleCredit(const FrameHeader& header, ByteView payload) {
  if (payload.size() != 4) return SessionError::kBadFrame;
  const std::uint32_t credit = LoadBigEndian<std::uint32_t>(payload.data());
  if (header.stream == 0) {
    if (credit > kMaxCredit || send_credit_ + credit > kMaxCredit)
      return SessionError::kCreditOverrun;
    send_credit_ += credit;
    return SessionError::kNone;
  }
  Stream* stream = Find(header.stream);
  if (stream == nullptr)
    return WasOpened(header.stream) ? SessionError::kNone : SessionError::kBadStream;
  if (stream->reset_received) return SessionError::kBadStream;
  if (credit > kMaxCredit || stream->send_credit + credit > kMaxCredit)
    return SessionError::kCreditOverrun;
  stream->send_credit += credit;
  Activate(header.stream, *stream);
  return SessionError::kNone;
}

SessionError Session::HandleMaxStreams(ByteView payload) {
  if (options_.role != Role::kClient) return SessionError::kUnexpectedFrame;
  if (payload.size() != 4) return SessionError::kBadFrame;
  const std::uint32_t allowed = LoadBigEndian<std::uint32_t>(payload.data());
  if (allowed < opens_allowed_) return SessionError::kBadFrame;
  opens_allowed_ = allowed;
  return SessionError::kNone;
}

SessionError Session::HandlePing(const FrameHeader& header, ByteView payload) {
  if (payload.size() != 8) return SessionError::kBadFrame;
  const std::uint64_t number = LoadBigEndian<std::uint64_t>(payload.data());
  if ((header.flags & kFlagPong) != 0) {
    MeasureRoundTrip(number);
  } else {
    pong_ = number;  // one answer waits at most: a flood of pings costs one record at a time
  }
  return SessionError::kNone;
}

SessionError Session::HandleHello(ByteView payload) {
  if (hello_received_) return SessionError::kUnexpectedFrame;
  auto hello = DecodeHello(payload);
  if (!hello || hello->stream_window > kMaxCredit || hello->session_window > kMaxCredit)
    return SessionError::kBadFrame;
  hello_received_ = true;
  peer_ = std::move(*hello);
  send_credit_ = peer_.session_window;
  // The peer gives up after its own measure of silence: three pings fit into it.
  if (peer_.silence_ms != 0)
    options_.limits.ping_after_ms = std::min(options_.limits.ping_after_ms, peer_.silence_ms / 3);
  if (options_.role == Role::kServer) {
    BecomeReady();
  } else {
    opens_allowed_ = peer_.max_streams;
  }
  return SessionError::kNone;
}

SessionError Session::HandleSession(ByteView payload) {
  if (options_.role != Role::kClient || ready_) return SessionError::kUnexpectedFrame;
  if (payload.size() != options_.id.size() + 4) return SessionError::kBadFrame;
  std::copy_n(payload.begin(), options_.id.size(), options_.id.begin());
  options_.linger_ms = LoadBigEndian<std::uint32_t>(payload.data() + options_.id.size());
  BecomeReady();
  return SessionError::kNone;
}

SessionError Session::HandleGoaway(ByteView payload) {
  if (payload.size() != 10) return SessionError::kBadFrame;
  going_away_ = true;
  handler_.OnGoaway(static_cast<ResetCode>(LoadBigEndian<std::uint16_t>(payload.data() + 4)),
                    LoadBigEndian<std::uint32_t>(payload.data() + 6));
  return SessionError::kNone;
}

void Session::BecomeReady() {
  ready_ = true;
  handler_.OnReady();
}

}  // namespace redwall::tunnel
