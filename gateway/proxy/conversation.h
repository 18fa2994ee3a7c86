// Conversation: one Redis client connection, seen as two byte streams, and the checkpoint in it.
//
//                 OnRequest ─▶ parse ─▶ policy ─▶ audit ─▶ Outlet::ToRedis
//     client                     │ denied: a slot with the answer                    Redis
//                 ToClient ◀─ reply queue ◀─ scan ◀─ OnReply
//
// The same class runs at both agents: at the client agent its "Redis" is the tunnel, at the server
// agent its "client" is. It keeps the little state that Redis itself keeps per connection, as far
// as that decides what the bytes mean: MULTI, subscriptions, MONITOR, CLIENT REPLY, the protocol
// version, raw replication. docs/fidelity.md.
//
// What is allowed is forwarded as the bytes that came, in as few pieces as possible. What is
// refused is replaced by an empty request (`*0`), which Redis skips without an answer: so both
// agents number the requests of a connection alike, and an armed CLIENT REPLY SKIP is used up as it
// would be on a direct connection. A protocol error is brought about at Redis, which so answers it
// in its turn; AUTH waits for the replies before it, and what stands behind QUIT for QUIT's.
//
// No socket and no clock. A Conversation never throws and never trusts either side; after
// finished() it is dead.
#ifndef REDWALL_GATEWAY_PROXY_CONVERSATION_H_
#define REDWALL_GATEWAY_PROXY_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/now.h"
#include "gateway/audit/connection_text.h"
#include "gateway/audit/recorder.h"
#include "gateway/policy/policy.h"
#include "gateway/proxy/claim.h"
#include "gateway/proxy/passage.h"
#include "gateway/proxy/pending_records.h"
#include "gateway/proxy/pubsub_state.h"
#include "gateway/proxy/reply_queue.h"
#include "gateway/proxy/topology_rewriter.h"
#include "resp/command_parser.h"
#include "resp/command_table.h"
#include "resp/key_extractor.h"
#include "resp/reply_scanner.h"

namespace redwall::proxy {

struct ConversationLimits {
  resp::RequestLimits request;
  resp::ReplyLimits reply;
  std::size_t max_pending =
      262144;  // requests without a reply; beyond, no more are taken until some are answered
  // Bytes of one reply that is kept to be rewritten; a longer one ends the connection.
  std::size_t max_topology_reply = 4 * 1024 * 1024;
};

// The rules in force for an agent's connections on one route, and with them the commands that they
// know. Its owner replaces `rules` when policy or commands change, and all conversations obey at
// once.
struct Gate {
  std::shared_ptr<const policy::Rules> rules;
  std::shared_ptr<const policy::Rules> pushed;  // by the server agent; a command must pass both
};

// What all conversations of an agent may hold together, bytes: requests that aren't whole yet, what
// is kept of those without a reply, and replies that are withheld. When it is used up, a
// conversation that holds more than kFairShare of it ends.
struct Budget {
  static constexpr std::size_t kFairShare = 256 * 1024;
  std::size_t limit = 0;
  std::size_t used = 0;

  // Somebody holds `held` now; `charged`: as of the last call, 0 at first. False: it is to end.
  [[nodiscard]] bool Charge(std::size_t held, std::size_t& charged) {
    used += held - charged;  // wraps around where it falls, and comes out right
    charged = held;
    return used <= limit || held <= kFairShare;
  }
};

// Whoever can find out what a command is that the table doesn't have.
class UnknownCommands {
 public:
  // A command of this name (as the client wrote it, of any length) was refused for it.
  virtual void OnUnknownCommand(std::string_view name) = 0;
  // What a policy that lets unknown commands pass has to know of one. kAsking: that is found out,
  // and Conversation::OnCommandsKnown is called then. kUntold: it can't be, for now.
  enum class Name : std::uint8_t { kNotThere, kAsking, kUntold };
  virtual Name LookUp(std::string_view name) = 0;

 protected:
  ~UnknownCommands() = default;
};

// What a conversation shares with its neighbours. All pointers are borrowed and outlive it.
struct Environment {
  const Gate* gate = nullptr;
  audit::Recorder* recorder = nullptr;
  const ConversationLimits* limits = nullptr;
  // Server agent with credentials of its own: the AUTH command, encoded, to be sent again after a
  // RESET. Else empty.
  std::string_view login;
  Budget* budget = nullptr;            // null: without a limit
  UnknownCommands* unknown = nullptr;  // null: nobody wants to know
  // Of the node that the client is connected to; null: no reply is rewritten.
  const TopologyRewriter* topology = nullptr;
};

class Conversation final : public Passage {
 public:
  // `user`: the Redis user that the connection starts with; empty where it isn't known.
  Conversation(const Environment& environment, Outlet& outlet, audit::Subject subject,
               std::string user);
  ~Conversation() override;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void OnRequest(std::string_view bytes, const Now& now) override;
  void OnRequestEnd(const Now& now) override;
  void OnReply(std::string_view bytes, const Now& now) override;
  // Ends a connection that does what it no longer may (MONITOR, a replication stream, subscriptions
  // where it can't be told that all are still allowed), and lets no transaction be executed of
  // which commands are queued.
  void OnPolicyChanged(const Now& now) override;
  void OnCommandsKnown(const Now& now) override;
  // What is unanswered is recorded as such.
  void OnClosed() override;

  bool finished() const override { return finished_; }
  std::string_view failure() const override { return failure_; }
  // False: too many requests wait for their replies, or the next one has to wait for them.
  bool takes_requests() const override { return !paused_ && !held_back_; }
  bool listens() const override { return !paused_ && (!held_back_ || held_.size() < kMaxHeldBack); }
  // QUIT, or shown out: no more requests are taken.
  bool leaving() const override { return intake_ == Intake::kClosed; }
  bool idle() const override;
  bool outlives_server() const override { return false; }

 private:
  enum class Intake : std::uint8_t {
    kCommands,    // parsing
    kStreaming,   // inside a command that is forwarded piece by piece
    kDiscarding,  // inside one that was denied
    kClosed,      // after QUIT or an error: what still comes is ignored
  };
  struct Transaction {
    bool open = false;
    bool dirty = false;            // a command in it was denied
    bool granted = false;          // Redis has answered +OK to one of its MULTIs, or is thought to
    bool heard = false;            // it has
    std::uint32_t unanswered = 0;  // of its MULTIs
    std::int64_t generation = 0;
    std::uint64_t commands = 0;      // that are queued
    std::unique_ptr<ExecPlan> plan;  // what takes effect at EXEC; null: nothing
  };
  static constexpr std::size_t kMaxHeldBack = 64 * 1024;  // bytes of requests

  struct LocalAnswer {
    bool closes = false;
    bool silent = false;
  };
  enum class ReplyMode : std::uint8_t { kUnchanged, kOn, kOff, kSkip };
  // What of Redis's a client doesn't get before it is whole, as it may have to be replaced or
  // rewritten.
  enum class Withholding : std::uint8_t {
    kNothing,
    kShort,  // what turns out to be longer needs no rewriting, and passes
    kAll,    // what turns out to be longer ends the connection
  };

  // Requests (conversation_request.cc). `input` is all that isn't consumed; returns how much of it
  // is done with.
  std::size_t TakeRequests(std::string_view input, const Now& now);
  bool TakeCommand(std::string_view raw, const Now& now);
  bool TakeHead(std::string_view input, const Now& now, std::size_t& used);
  void TakeBody(std::string_view piece, bool end);
  void TakeProtocolError(const Now& now);
  policy::Sender SenderNow(const Now& now) const;
  policy::Decision Decide(const policy::Request& request) const;
  bool NeedsMore(const policy::Request& head) const;
  bool IsAsking(const resp::Command& command) const;
  bool MayStill(std::string_view command, const Now& now) const;
  bool Examine(const policy::Request& request, std::size_t bytes, const Now& now);
  void Refuse(std::string_view text, bool disconnect, std::size_t bytes, const Now& now);
  void Admit(const resp::Command& command, const resp::CommandInfo* info, resp::Verb verb,
             std::size_t bytes, const Now& now);
  void DropTransaction(bool answered);
  void PushLocal(std::string_view text, LocalAnswer how, std::size_t bytes, const Now& now);
  void FinishUnanswered(std::size_t bytes);
  void WriteAnew(const resp::Command& command);
  void Forward(std::string_view bytes);
  void FlushForward();

  // What commands and their replies do to the connection's state (conversation_state.cc).
  bool HasToWait(const resp::Command& command, resp::Verb verb) const;
  void NoteSubscribing(resp::Verb verb, std::size_t argc);
  bool ExpectsReply(const resp::Command& command, resp::Verb verb);
  static ReplyMode ReadReplyMode(const resp::Command& command);
  void TakeReplyMode(const Effect& effect);
  ReplyMode ReplyModeOf(const resp::Command& command, resp::Verb verb) const;
  void NoteEffects(const resp::Command& command, resp::Verb verb, Slot& slot);
  void NoteMulti(Slot& slot);
  void NoteExec(Slot& slot);
  void NoteQueued(const resp::Command& command, resp::Verb verb, Slot& slot);
  void ReadEffect(const resp::Command& command, resp::Verb verb, Effect& effect) const;
  void Ask(const Effect& effect);
  void Answer(const Effect& effect, bool granted, bool asked, bool heard);
  static void NoteRefusal(std::string_view error, Effect& effect);
  void ApplyReply(const Slot& slot, bool granted);
  void ApplyMulti(const Slot& slot, bool granted);
  void EndTransaction();
  void SettleRest(ExecPlan& plan, bool granted);
  void EndExecHeader(std::uint64_t commands);
  void EndExecReply(const resp::ReplyScanner::Frame& frame, resp::Verb confirmed);
  void EndExecCommand();
  bool RefusesReplyMode() const;
  void ReplyModeRefused();
  void ReplyModeGranted();
  void AssumeReplyModeGranted();

  // Replies (conversation_reply.cc).
  bool BeginFrame(char first, const Now& now);
  void DecideWithholding(char first);
  TopologyKind DueTopology();
  bool Withhold(std::string_view piece);
  void RefuseLongReply();
  void GiveWithheld(bool message);
  void EndFrame();
  bool IsOutOfBand(const resp::ReplyScanner::Frame& frame, resp::Verb confirmed) const;
  void EndUnproven();
  bool ConfirmsBehindSilence(resp::Verb confirmed);
  void EndReply(const resp::ReplyScanner::Frame& frame);
  void EndConfirmation(resp::Verb verb, const resp::ReplyScanner::Frame& frame);
  bool MayComeUnasked(char first) const;
  void AnswerAborted(const resp::ReplyScanner::Frame& frame);
  bool WaitsForRedis(const Slot& slot) const;
  void FlushLocals();
  void FlushReplies();
  void FinishSlot(audit::CommandEnd::Result result, std::string_view error_text);

  void Fail(std::string_view why);
  void Charge();
  void GiveMemoryBack();

  const Environment environment_;
  Outlet& outlet_;
  const audit::Subject subject_;
  audit::ConnectionText audit_text_;
  const std::optional<IpAddress> ip_;  // of the client

  resp::CommandParser parser_;
  std::string held_;          // requests that aren't whole yet, or wait while paused_
  std::string_view forward_;  // of the current input: contiguous bytes that are to be forwarded
  std::string scratch_;       // rewritten commands, error texts
  PendingRecords records_;    // at hand: of the command at hand
  std::vector<resp::KeyRef> keys_;
  Intake intake_ = Intake::kCommands;
  std::uint64_t number_ = 0;  // of the last request
  bool paused_ = false;       // too many requests without a reply
  bool held_back_ = false;    // the next request waits until all before it are answered
  bool quitting_ = false;     // because it stands behind QUIT
  bool request_end_ = false;
  bool streams_slot_ = false;  // the last slot is that of the command in kStreaming

  ReplyQueue queue_;
  resp::ReplyScanner scanner_;
  std::string_view replies_;  // of the current input: contiguous bytes that are the client's
  std::string withheld_;      // the frame under way, so far
  Withholding withholding_ = Withholding::kNothing;
  std::size_t max_withheld_ = 0;
  bool replaced_ = false;  // the frame can't be rewritten, and the client got an error
  bool in_frame_ = false;
  std::uint64_t frame_bytes_ = 0;
  std::int64_t frame_started_us_ = 0;

  Transaction transaction_;
  std::size_t planned_ = 0;  // items of all transactions that aren't settled
  PubsubState pubsub_;
  ReplyMode reply_mode_ = ReplyMode::kOn;
  bool skip_next_ = false;        // CLIENT REPLY SKIP
  unsigned subscribing_ = 0;      // see NoteSubscribing
  std::size_t unproven_ = 0;      // slots that are
  std::size_t silenced_ = 0;      // slots behind the first of them
  bool reply_mode_used_ = false;  // then an error may come without a slot
  bool monitor_ = false, raw_ = false;
  // Confirmations may come without a slot until so many replies are there: CLIENT REPLY silences
  // SUBSCRIBE's errors alone.
  std::uint64_t loose_until_ = 0;
  std::uint64_t awaited_ = 0, answered_ = 0;  // replies of Redis's
  std::int64_t protocol_ = 2;
  const std::string first_user_;  // what RESET goes back to
  Claim<std::int64_t> db_;
  Claim<std::string> user_, client_name_;

  std::size_t charged_ = 0;  // to the budget
  bool finished_ = false;
  std::string failure_;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CONVERSATION_H_
