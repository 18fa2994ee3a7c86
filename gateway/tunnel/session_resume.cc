// Session: the loss of its transport, and going on with another. docs/protocol.md, "Resume".
#include <algorithm>
#include <cassert>
#include <utility>

#include "gateway/tunnel/session.h"

namespace redwall::tunnel {

void Session::TransportLost() {
  if (dead_) return;
  ++transports_lost_;
  attached_ = false;
  if (!ready_ || !hello_sent_) dead_ = true;  // the peer doesn't know the session
  pong_.reset();
  ping_due_ = false;
  resume_proof_.reset();
  resume_sent_ = resumed_due_ = false;
  pong_awaited_ = round_trip_wanted_ = false;
  round_trip_ms_.reset();  // the next may take another way
}

Session::ResumePoint Session::BeginResume() {
  assert(options_.role == Role::kClient && ready_ && !attached_);
  resume_proof_.reset();
  resume_sent_ = false;
  return {++epoch_, received_frames_};
}

void Session::SendResume(const std::array<std::byte, 32>& proof) {
  assert(options_.role == Role::kClient && !attached_ && epoch_ > 0 && !resume_sent_);
  resume_proof_ = proof;
}

std::optional<ResumePayload> Session::PeekResume(ByteView record) {
  FrameHeader header;
  ByteView payload;
  if (!TakeFrame(record, header, payload) || !record.empty()) return std::nullopt;
  if (header.type != FrameType::kResume || header.stream != 0) return std::nullopt;
  return DecodeResume(payload);
}

SessionError Session::AcceptResume(const ResumePayload& resume, std::int64_t now_ms) {
  if (options_.role != Role::kServer || dead_ || !ready_ || !hello_sent_ ||
      options_.linger_ms == 0 || resume.id != options_.id || resume.epoch <= epoch_) {
    return SessionError::kBadResume;
  }
  TransportLost();
  epoch_ = resume.epoch;
  if (!log_.Acknowledge(resume.handled)) {
    dead_ = true;
    return SessionError::kBadAck;
  }
  log_.Rewind();
  attached_ = resumed_due_ = true;
  last_received_ms_ = now_ms;
  PassTime(now_ms);
  clock_started_ = true;
  return SessionError::kNone;
}

SessionError Session::HandleResumed(ByteView payload) {
  if (attached_ || !resume_sent_) return SessionError::kUnexpectedFrame;
  const auto resumed = DecodeResumed(payload);
  if (!resumed) return SessionError::kBadFrame;
  if (resumed->epoch == 0) return SessionError::kUnknownSession;
  if (resumed->epoch != epoch_) return SessionError::kBadResume;
  if (!log_.Acknowledge(resumed->handled)) return SessionError::kBadAck;
  log_.Rewind();
  resume_sent_ = false;
  attached_ = true;
  return SessionError::kNone;
}

// RESUME, or RESUMED. Both say how much was handled, so no ACK is due.
std::size_t Session::FillResume(MutableBytes out) {
  acked_frames_ = received_frames_;
  unacked_bytes_ = 0;
  if (std::exchange(resumed_due_, false)) {
    return WriteFrame(FrameType::kResumed, 0, EncodeResumed({epoch_, received_frames_}),
                      out.data());
  }
  resume_sent_ = true;
  const auto proof = *std::exchange(resume_proof_, std::nullopt);
  return WriteFrame(FrameType::kResume, 0,
                    EncodeResume({options_.id, epoch_, received_frames_, proof}), out.data());
}

std::size_t Session::WriteUnknownSession(MutableBytes out) {
  const auto payload = EncodeResumed({});
  if (out.size() < kFrameHeaderSize + payload.size()) return 0;
  return WriteFrame(FrameType::kResumed, 0, payload, out.data());
}

}  // namespace redwall::tunnel
