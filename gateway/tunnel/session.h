// Session: one tunnel between two agents, as a state machine over spans. No socket, no clock, no
// crypto.
//
// Many streams (one a Redis client connection) share it. Plaintext of records comes in by Receive,
// plaintext for records is taken out by Fill; the owner does the encryption and the socket.
// docs/protocol.md has the wire format.
//
//   client:  Fill gives HELLO ─▶ waits for HELLO and SESSION ─▶ ready (OnReady), may Open streams
//   server:  waits for HELLO ─▶ ready (OnReady), Fill gives HELLO and SESSION
//   either:  any violation, or a silent peer ─▶ dead: Receive or Tick says why, nothing comes out
//
// A stream, seen from one side (the other direction is its own):
//
//     OPEN/OPENED ─▶ data ... ─▶ FIN both ways ─▶ Detach()
//                        └────── RST ─▶ OnReset ─▶ Close()
//
// Close() at any time before that sends RST.
//
// Flow control: bytes sent never exceed the credit that the peer gave, for the stream and for all
// together. What can't be sent waits in the stream (backlog()); the owner stops its source when the
// backlog is high, and OnWritable tells it when to go on. Credit for received bytes is given back
// by Consumed, when the owner's socket took them.
//
// All replayed frames are numbered and kept until the peer's ACK, so that a session can outlive its
// transport.
//
// The owner may call anything but Receive and Fill from inside a callback.
#ifndef REDWALL_GATEWAY_TUNNEL_SESSION_H_
#define REDWALL_GATEWAY_TUNNEL_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "gateway/tunnel/byte_queue.h"
#include "gateway/tunnel/frame.h"
#include "gateway/tunnel/replay_log.h"

namespace redwall::tunnel {

enum class Role : std::uint8_t { kClient, kServer };

using SessionId = std::array<std::byte, 16>;

// Every limit of a session. Bytes, milliseconds, or counts.
struct SessionLimits {
  std::uint32_t stream_window = 256 * 1024;
  std::uint32_t session_window = 16 * 1024 * 1024;
  std::uint32_t max_streams = 1024;            // server: open at once
  std::uint32_t max_unanswered = 256;          // server: OPENs that wait for an answer at once
  std::uint32_t max_replay = 8 * 1024 * 1024;  // kept until acknowledged; full: sources wait
                                               // (kNoAck: well beyond twice this)
  std::uint32_t ping_after_ms = 5000;          // of silence
  std::uint32_t dead_after_ms = 15000;         // of silence
};

enum class SessionError : std::uint8_t {
  kNone,
  kUnknownFrame,
  kBadFrame,         // a length or payload that its type can't have
  kUnexpectedFrame,  // known, but not now, or not from this side
  kBadStream,        // an id that was never opened, is used again, or is even
  kTooManyStreams,
  kCreditOverrun,  // more bytes than credit was given for, or credit over 2^31
  kBadAck,
  kNoAck,  // takes frames that it makes us send, and never acknowledges them
  kSilent,
};
std::string_view Describe(SessionError error);  // a sentence

// What belongs to one stream at its owner. Calls stop once the owner has called Close or Detach.
class StreamHandler {
 public:
  virtual void OnOpened() = 0;               // client: the other side is connected to Redis
  virtual void OnData(ByteView bytes) = 0;   // valid for the call; give the credit back by Consumed
  virtual void OnFinish() = 0;               // the peer sends no more; what it sent is all here
  virtual void OnReset(ResetCode code) = 0;  // nothing more either way; Close it
  virtual void OnWritable() = 0;             // the backlog has fallen below kLowWater

 protected:
  ~StreamHandler() = default;
};

class SessionHandler {
 public:
  virtual void OnReady() = 0;
  // Server: a client connection at the other site. Returns who handles it, or null to refuse with
  // `refusal`.
  virtual StreamHandler* OnOpen(StreamId stream, const OpenPayload& open, ResetCode& refusal) = 0;
  virtual void OnGoaway(ResetCode code, std::uint32_t drain_ms) = 0;

 protected:
  ~SessionHandler() = default;
};

class Session {
 public:
  struct Options {
    Role role = Role::kClient;
    std::string name;  // this agent's, told to the peer
    std::string version;
    std::string peer_identity;  // server: the authenticated name of the peer
    SessionId id{};             // server: random, chosen by the owner
    std::uint32_t linger_ms =
        0;  // server: how long a session outlives its transport; 0: not at all
    SessionLimits limits;
  };
  static constexpr std::size_t kHighWater =
      256 * 1024;  // backlog at which an owner stops its source
  static constexpr std::size_t kLowWater = 64 * 1024;

  Session(Options options, SessionHandler& handler);

  // The plaintext of one record, whole. Any error is final.
  [[nodiscard]] SessionError Receive(ByteView record, std::int64_t now_ms);
  // To be called about once a second. kSilent: the peer is gone.
  [[nodiscard]] SessionError Tick(std::int64_t now_ms);

  // True where Fill would write something.
  bool HasOutput() const;
  // Writes the plaintext of the next record to the front of `out` (kMaxRecord bytes or more;
  // into less nothing is written) and returns its size; 0: nothing to send. Control frames go
  // first, then streams take turns.
  std::size_t Fill(MutableBytes out);

  bool ready() const { return ready_; }
  const SessionId& id() const { return options_.id; }
  const HelloPayload& peer() const { return peer_; }
  std::size_t stream_count() const { return streams_.size(); }
  // Bytes of the frames that are kept until the peer acknowledges them.
  std::size_t replay_bytes() const { return log_.size_bytes(); }

  // Client: whether Open would give a stream now; if not, streams in use or unanswered are at the
  // server's limit, or the session isn't ready or going away.
  bool CanOpen() const;
  // True where only unanswered OPENs stand in the way, so that waiting makes sense.
  bool OpensPending() const { return unanswered_ > 0; }
  // Precondition: CanOpen(). Data may follow at once.
  StreamId Open(std::string_view route, std::string_view client, StreamHandler* handler);
  // Server: Redis was reached.
  void Accept(StreamId stream);

  // Takes all of `bytes`; what can't go now is backlog. Ignored on a stream that is closed, or
  // finished by us.
  void Send(StreamId stream, ByteView bytes);
  void Finish(StreamId stream);  // FIN after all that was sent
  std::size_t backlog(StreamId stream) const;
  void Consumed(StreamId stream, std::size_t bytes);
  // The owner is done with the stream, and its handler isn't called any more; what was sent still
  // goes, FIN included, and the stream is forgotten once both sides have finished. What still comes
  // is thrown away.
  void Detach(StreamId stream);
  // Forgets the stream at once, with all that wasn't sent. Where it hasn't ended both ways, the
  // peer is sent RST with this code.
  void Close(StreamId stream, ResetCode code);

  // No new streams from now on; those that are open may go on for drain_ms.
  void GoAway(ResetCode code, std::uint32_t drain_ms);
  bool going_away() const { return going_away_; }

 private:
  struct Stream {
    StreamHandler* handler = nullptr;  // null: detached
    ByteQueue pending;                 // not framed yet
    std::uint64_t send_credit = 0;     // bytes that may still be sent
    std::uint64_t receive_credit = 0;  // bytes that the peer may still send
    std::uint64_t unconsumed = 0;      // received, credit not given back
    std::uint32_t credit_due = 0;      // to be given back with the next CREDIT
    bool answered = false;             // OPENED went or came
    bool active = false;               // stands in active_
    bool blocked = false;              // the owner was told to stop: OnWritable is due
    bool credit_queued = false;        // stands in credit_queue_
    bool fin_pending = false, fin_sent = false, fin_received = false;
    bool reset_received = false;
  };

  // session_receive.cc: one function a frame type.
  SessionError HandleFrame(const FrameHeader& header, ByteView payload);
  SessionError HandleControl(const FrameHeader& header, ByteView payload);
  SessionError HandleData(const FrameHeader& header, ByteView payload);
  SessionError HandleOpen(const FrameHeader& header, ByteView payload);
  SessionError HandleOpened(const FrameHeader& header, ByteView payload);
  SessionError HandleRst(const FrameHeader& header, ByteView payload);
  SessionError HandleCredit(const FrameHeader& header, ByteView payload);
  SessionError HandleMaxStreams(ByteView payload);
  SessionError HandlePing(const FrameHeader& header, ByteView payload);
  SessionError HandleHello(ByteView payload);
  SessionError HandleSession(ByteView payload);
  SessionError HandleGoaway(ByteView payload);
  void BecomeReady();

  // Whether this id may have been opened in the past (its frames may still be under way).
  bool WasOpened(StreamId stream) const { return stream % 2 == 1 && stream < next_stream_; }
  Stream* Find(StreamId stream);
  void Append(FrameType type, StreamId stream, ByteView payload, std::uint8_t flags = 0);
  void AppendNumber(FrameType type, StreamId stream, std::uint32_t number);
  // Sends as much of `bytes` as credit and the log allow, as DATA; returns how much.
  std::size_t SendNow(StreamId id, Stream& stream, ByteView bytes);
  void Activate(StreamId id, Stream& stream);
  // Takes the stream out of active_ and credit_queue_, so that they only hold what gives output.
  void Unqueue(StreamId id, Stream& stream);
  void ReturnCredit(StreamId id, Stream* stream, std::size_t bytes);
  void PumpCredits();
  void PumpStreams();
  void PumpOne(StreamId id, Stream& stream);
  void ForgetIfOver(StreamId id, const Stream& stream);
  void NotifyWritable();
  std::size_t FillControl(MutableBytes out);
  bool CanPump() const;
  bool SessionCreditDue() const;

  Options options_;
  SessionHandler& handler_;
  HelloPayload peer_;
  bool dead_ = false, ready_ = false, hello_sent_ = false, hello_received_ = false;
  bool going_away_ = false;

  std::unordered_map<StreamId, Stream> streams_;
  StreamId next_stream_ = 1;  // client: for the next Open; server: least id that wasn't opened
  std::uint32_t unanswered_ = 0;
  std::uint64_t opened_ = 0;  // streams ever
  std::uint64_t opens_allowed_ =
      0;  // client: by the server's HELLO and MAX_STREAMS; server: as announced
  std::uint32_t closed_unannounced_ = 0;  // server: closed, MAX_STREAMS not sent

  ReplayLog log_;
  std::deque<StreamId> active_;  // with pending bytes and credit: they take turns
  std::deque<StreamId> credit_queue_;
  std::vector<StreamId> writable_;  // owners to be told
  std::uint64_t send_credit_ = 0;   // of the session
  std::uint64_t receive_credit_ = 0;
  std::uint32_t credit_due_ = 0;

  std::uint64_t received_frames_ = 0;  // replayed ones that were handled
  std::uint64_t acked_frames_ = 0;     // of which the peer knows
  std::size_t unacked_bytes_ = 0;      // received since the last ACK
  std::optional<std::uint64_t> pong_;  // to be sent
  bool ping_due_ = false;
  std::uint64_t ping_number_ = 0;
  std::int64_t last_received_ms_ = 0, last_ping_ms_ = 0;
  bool clock_started_ = false;
};

}  // namespace redwall::tunnel

#endif  // REDWALL_GATEWAY_TUNNEL_SESSION_H_
