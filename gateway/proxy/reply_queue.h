// ReplyQueue: one slot for each request that is answered, in the order of the requests.
//
// Replies come back strictly in that order, wherever they are made: a denial waits for its turn.
// Slots are reused, so that a steady state allocates nothing.
#ifndef REDWALL_GATEWAY_PROXY_REPLY_QUEUE_H_
#define REDWALL_GATEWAY_PROXY_REPLY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/proxy/pubsub_state.h"
#include "gateway/proxy/topology_kind.h"
#include "resp/command_table.h"

namespace redwall::proxy {

// What a command does to the state of its connection once Redis has granted it, and what has to be
// done to its reply.
struct Effect {
  resp::Verb verb = resp::Verb::kOther;
  // SELECT: the database. HELLO: the protocol version. MULTI: which transaction it opens, or is
  // nested in. CLIENT REPLY: a ReplyMode, or 0 where it is none.
  std::int64_t number = 0;
  std::string text;  // AUTH, HELLO: the user asked for. CLIENT SETNAME: the name
  std::string name;  // HELLO: the client's name asked for
  // HELLO: how often it logs in, 2 for more. Once it is refused: whether it may have done so all
  // the same.
  std::uint8_t logins = 0;
  // How its reply names nodes; kNone where replies aren't rewritten at all.
  TopologyKind topology = TopologyKind::kNone;
};

// The commands of a transaction that do more than give one reply that passes, in order.
struct ExecPlan {
  struct Item {
    std::uint64_t position;  // of the command among those that were queued
    Effect effect;
    std::uint32_t confirmations = 0;  // of (un)subscribing, as in Slot
  };
  std::vector<Item> items;
  std::size_t done = 0;  // of them
};

struct Slot : Effect {
  enum class Kind : std::uint8_t {
    kForwarded,  // one reply from Redis
    kPubsub,     // `confirmations` of (un)subscribing, or one error
    kLocal,      // made here: `text`, complete with its CRLF
    kAborted,    // EXEC, denied or with a denied command before it: Redis was told DISCARD
    kSwallowed,  // a command of our own (AUTH after RESET): its reply is nobody's
  };
  Kind kind = Kind::kForwarded;
  bool closes = false;    // kLocal: the connection ends behind it
  bool silent = false;    // no answer comes (CLIENT REPLY); what it does is done in its turn
  bool unproven = false;  // a silent CLIENT REPLY that Redis may yet refuse, with an answer
  bool own = false;       // its answer is an error made here, though the command was let through
  bool queued = false;    // sent behind a MULTI: Redis is expected to answer QUEUED
  // kPubsub; 0: as many as there are subscriptions when its turn comes.
  std::uint32_t confirmations = 0;
  std::unique_ptr<ExecPlan> exec;  // EXEC of a transaction that has such commands; else null
  std::uint64_t executed = 0;      // EXEC: commands whose replies have come,
  std::uint64_t commands = 0;      // of so many, by its array; 0: that hasn't come
  std::int64_t arrived_us = 0;     // monotonic
  std::int64_t first_byte_us = -1;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string answer;           // kLocal, kAborted
  std::size_t record_size = 0;  // of the audit line's beginning, bytes; 0: not recorded
};

class ReplyQueue {
 public:
  // A cleared slot at the end. Valid until the next Push.
  Slot& Push();
  Slot& front() { return slots_[head_]; }
  Slot& at(std::size_t i) { return slots_[(head_ + i) & (slots_.size() - 1)]; }  // from the front
  Slot& back() { return at(size_ - 1); }
  void Pop();
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  std::vector<Slot> slots_;  // a ring; its size is 0 or a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_REPLY_QUEUE_H_
