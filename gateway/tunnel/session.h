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
// A session can outlive its transport (linger_ms() > 0). Streams stay, what the peer hasn't
// acknowledged is kept and sent again:
//
//   client:  TransportLost ─▶ BeginResume, SendResume on a new transport ─▶ RESUMED came ─▶ goes on
//   server:  TransportLost ─▶ PeekResume on a new transport, AcceptResume ─▶ Fill gives RESUMED
//
// The resume itself may be cut, any number of times: TransportLost, and the next attempt.
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
// by Consumed, when the owner's socket took them. The window of a stream that is read fast grows,
// so that a long link can be filled: session_flow.cc.
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
#include <memory>
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
  // To which the window of a fast reader may grow, within half of the session's window; nor do all
  // that have grown take more than that. stream_window or less: none grows.
  std::uint32_t max_stream_window = 8 * 1024 * 1024;
  std::uint32_t session_window = 16 * 1024 * 1024;
  std::uint32_t max_streams = 1024;            // server: open at once
  std::uint32_t max_unanswered = 256;          // server: OPENs that wait for an answer at once
  std::uint32_t max_resets = 1024;             // server: by the client, whose places it gives back
                                               // within a second
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
  kBadResume,       // for another session, another attempt, or one that can't be resumed
  kUnknownSession,  // the server has forgotten it
  kBadPolicy,       // a policy that is too large, or whose pieces are out of order
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
  // Client that takes policies: the text of the server agent's, whole; empty: there is none (any
  // more).
  virtual void OnPolicy(std::string) {}

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
    // Server: how long a session outlives its transport; 0: not at all.
    std::uint32_t linger_ms = 0;
    SessionLimits limits;
    StreamId first_stream = 1;           // client: odd. Only a test starts near the last.
    bool takes_policy = false;           // client: asks for OnPolicy
    std::vector<RouteKind> routes = {};  // server: told to the peer
  };
  static constexpr std::size_t kHighWater =
      256 * 1024;  // backlog at which an owner stops its source
  static constexpr std::size_t kLowWater = 64 * 1024;

  Session(Options options, SessionHandler& handler);

  // The plaintext of one record, whole. Any error is final.
  [[nodiscard]] SessionError Receive(ByteView record, std::int64_t now_ms);
  // To be called about once a second. kSilent: the peer is gone, and with it the session; where it
  // can be resumed, only its transport, as by TransportLost. While it isn't attached() it is for
  // the owner to lose patience.
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
  // These, and what waits in streams. Looks at each of them.
  std::size_t held_bytes() const;

  // Client: whether Open would give a stream now; if not, streams in use or unanswered are at the
  // server's limit, or the session isn't ready or going away.
  bool CanOpen() const;
  // True where only unanswered OPENs stand in the way, so that waiting makes sense.
  bool OpensPending() const { return unanswered_ > 0; }
  // Precondition: CanOpen(). Data may follow at once.
  StreamId Open(std::string_view route, std::string_view client, StreamHandler* handler,
                std::string_view target = {});
  // Server: Redis was reached.
  void Accept(StreamId stream);

  // Takes all of `bytes`; what can't go now is backlog. Ignored on a stream that is closed, or
  // finished by us.
  void Send(StreamId stream, ByteView bytes);
  void Finish(StreamId stream);  // FIN after all that was sent
  std::size_t backlog(StreamId stream) const;
  void Consumed(StreamId stream, std::size_t bytes);
  // Bytes that the peer may have on their way or with us; 0: no such stream.
  std::uint32_t receive_window(StreamId stream) const;
  // As last measured, while data flows; nothing: not yet on this transport.
  std::optional<std::int64_t> round_trip_ms() const { return round_trip_ms_; }
  // The owner is done with the stream, and its handler isn't called any more; what was sent still
  // goes, FIN included, and the stream is forgotten once both sides have finished. What still comes
  // is thrown away.
  void Detach(StreamId stream);
  // Forgets the stream at once, with all that wasn't sent. Where it hasn't ended both ways, the
  // peer is sent RST with this code.
  void Close(StreamId stream, ResetCode code);

  // Server, once ready(): whether the peer asked for policies.
  bool peer_takes_policy() const { return (peer_.features & kFeaturePolicy) != 0; }
  // Server: the peer is to enforce the policy of this text (at most kMaxPolicy bytes; null or
  // empty: none), in place of the one before. Goes in pieces between what streams send; one that
  // isn't out when the next is given may never arrive. Ignored where the peer didn't ask.
  void SendPolicy(std::shared_ptr<const std::string> text);

  // No new streams from now on; those that are open may go on for drain_ms.
  void GoAway(ResetCode code, std::uint32_t drain_ms);
  bool going_away() const { return going_away_; }
  // All 2^30 stream numbers are used up: only a new session can open more.
  bool exhausted() const { return next_stream_ > kLastStream; }

  // The transport is gone: what the peer hasn't acknowledged is kept, Fill gives nothing until the
  // session is resumed. Before ready() there is nothing to resume: the session is dead.
  void TransportLost();
  // False between TransportLost and RESUMED (client) or AcceptResume (server).
  bool attached() const { return attached_; }
  // As SESSION said (client) or as configured (server). 0: can't be resumed.
  std::uint32_t linger_ms() const { return options_.linger_ms; }
  // Of the last resume: begun (client) or accepted (server). 0: none yet.
  std::uint32_t epoch() const { return epoch_; }

  // Client. What the next attempt says; each call is a new attempt, on a transport of its own.
  // Precondition: ready(), !attached().
  struct ResumePoint {
    std::uint32_t epoch = 0;
    std::uint64_t handled = 0;
  };
  ResumePoint BeginResume();
  // Client, after BeginResume: Fill gives RESUME, and nothing else before RESUMED came.
  void SendResume(const std::array<std::byte, 32>& proof);

  // Server. What the first record of a new transport says; nothing where it isn't one RESUME frame
  // alone.
  static std::optional<ResumePayload> PeekResume(ByteView record);
  // Server. The owner has checked identity and proof. The old transport, if there still is one, is
  // lost by this; Fill gives RESUMED and then what the client lacks. kBadResume: the epoch isn't
  // newer, or nothing here can be resumed; the session isn't harmed. kBadAck: the client claims
  // frames that were never sent, or fewer than before; the session is dead.
  [[nodiscard]] SessionError AcceptResume(const ResumePayload& resume, std::int64_t now_ms);
  // Server. Writes the plaintext that tells a client that its session is unknown to the front of
  // `out` and returns its size; 0: there is too little room (kMaxRecord is always enough).
  static std::size_t WriteUnknownSession(MutableBytes out);

 private:
  static constexpr StreamId kLastStream = 0x7fffffff;
  // Framed ahead of the socket; more would spoil the turns.
  static constexpr std::size_t kUnsentGoal = 64 * 1024;
  static constexpr std::uint64_t kMaxCredit = 0x7fffffff;  // as in HTTP/2, RFC 9113 section 6.9.1

  struct Stream {
    StreamHandler* handler = nullptr;  // null: detached
    ByteQueue pending;                 // not framed yet
    std::uint64_t send_credit = 0;     // bytes that may still be sent
    std::uint64_t receive_credit = 0;  // bytes that the peer may still send
    std::uint64_t unconsumed = 0;      // received, credit not given back
    std::uint32_t credit_due = 0;      // to be given back with the next CREDIT
    std::uint32_t window = 0;          // receive_credit + unconsumed + credit_due - excess
    std::uint32_t excess = 0;          // not to be given back: the window has shrunk
    std::uint64_t used = 0;            // consumed since the measure began
    std::uint64_t measure = 0;         // of which so much is half a window; 0: none has begun
    std::int64_t measured_since_ms = 0;
    bool answered = false;       // OPENED went or came
    bool active = false;         // stands in active_
    bool blocked = false;        // the owner was told to stop: OnWritable is due
    bool credit_queued = false;  // stands in credit_queue_
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
  // session_resume.cc
  SessionError HandleResumed(ByteView payload);
  // session_policy.cc
  SessionError HandlePolicy(const FrameHeader& header, ByteView payload);
  bool CanPumpPolicy() const;
  void PumpPolicy();
  // session_flow.cc
  void InitWindow(Stream& stream);
  void ReturnCredit(StreamId id, Stream* stream, std::size_t bytes);
  void QueueCredit(StreamId id, Stream& stream);
  void MeasureWindow(StreamId id, Stream& stream);
  void GrowWindow(StreamId id, Stream& stream);
  bool SessionCreditDue() const;
  void PumpCredits();
  void MeasureRoundTrip(std::uint64_t pong);
  void FreePlace(bool reset_by_peer);
  void PassTime(std::int64_t now_ms);

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
  void PumpStreams();
  void PumpOne(StreamId id, Stream& stream);
  void ForgetIfOver(StreamId id, const Stream& stream);
  void NotifyWritable();
  std::size_t FillControl(MutableBytes out);
  std::size_t FillHello(MutableBytes out);
  std::size_t FillResume(MutableBytes out);
  bool CanPump() const;

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
  std::uint32_t resets_left_ = 0;         // server: in this second
  std::uint32_t places_withheld_ = 0;     // server: of streams that were reset too fast
  std::int64_t resets_since_ms_ = 0;

  ReplayLog log_;
  std::deque<StreamId> active_;  // with pending bytes and credit: they take turns
  std::deque<StreamId> credit_queue_;
  std::vector<StreamId> writable_;  // owners to be told
  std::uint64_t send_credit_ = 0;   // of the session
  std::uint64_t receive_credit_ = 0;
  std::uint32_t credit_due_ = 0;
  std::uint64_t grown_ = 0;  // what all windows have beyond stream_window, excess included

  std::uint64_t received_frames_ = 0;  // replayed ones that were handled
  std::uint64_t acked_frames_ = 0;     // of which the peer knows
  std::size_t unacked_bytes_ = 0;      // received since the last ACK
  std::optional<std::uint64_t> pong_;  // to be sent
  bool ping_due_ = false;
  std::uint64_t ping_number_ = 0;
  std::int64_t now_ms_ = 0;  // of the last Receive or Tick
  std::int64_t last_received_ms_ = 0, last_ping_ms_ = 0;
  bool clock_started_ = false;
  std::optional<std::int64_t> round_trip_ms_;
  std::int64_t ping_sent_ms_ = 0;
  bool pong_awaited_ = false;
  bool round_trip_wanted_ = false;  // a stream's window is in use

  std::uint32_t policy_generation_ = 0;        // of the last text that was sent, or came
  std::shared_ptr<const std::string> policy_;  // server: not framed to its end; null: none
  std::size_t policy_framed_ = 0;              // of its bytes
  std::string policy_received_;                // client: the pieces so far
  bool policy_whole_ = true;                   // client: no piece of this generation is due

  bool attached_ = true;
  std::uint64_t transports_lost_ = 0;
  std::uint32_t epoch_ = 0;
  std::optional<std::array<std::byte, 32>> resume_proof_;  // client: RESUME is to be sent
  bool resume_sent_ = false;                               // client: RESUMED may come
  bool resumed_due_ = false;                               // server: RESUMED is to be sent
};

}  // namespace redwall::tunnel

#endif  // REDWALL_GATEWAY_TUNNEL_SESSION_H_
