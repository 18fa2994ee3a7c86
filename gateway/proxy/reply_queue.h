// ReplyQueue: one slot for each request that is answered, in the order of the requests.
//
// Replies come back strictly in that order, wherever they are made: a denial waits for its turn.
// Slots are reused, so that a steady state allocates nothing.
#ifndef REDWALL_GATEWAY_PROXY_REPLY_QUEUE_H_
#define REDWALL_GATEWAY_PROXY_REPLY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/proxy/pubsub_state.h"
#include "resp/command_table.h"

namespace redwall::proxy {

struct Slot {
  enum class Kind : std::uint8_t {
    kForwarded,  // one reply from Redis
    kPubsub,     // `confirmations` of (un)subscribing, or one error
    kLocal,      // made here: `text`, complete with its CRLF
    kAborted,    // EXEC, denied or with a denied command before it: Redis was told DISCARD
    kSilent,     // no reply comes (CLIENT REPLY); what it does is done when its turn comes
    kSwallowed,  // a command of our own (AUTH after RESET): its reply is nobody's
  };
  Kind kind = Kind::kForwarded;
  resp::Verb verb = resp::Verb::kOther;
  bool closes = false;              // kLocal: the connection ends behind it
  bool executed = false;            // EXEC: its array has come, and `confirmations` frames follow
  std::uint32_t confirmations = 0;  // kPubsub; 0: as many as there are subscriptions when its turn
                                    // comes. EXEC: frames by which its reply outgrows its array
  std::uint32_t generation = 0;     // MULTI: which transaction it opens, or is nested in
  std::int64_t number = 0;          // SELECT: the database; HELLO, EXEC: the protocol version
  std::int64_t arrived_us = 0;      // monotonic
  std::optional<PubsubState> pubsub;  // EXEC of a transaction that (un)subscribes: after it
  std::int64_t first_byte_us = -1;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  // kLocal, kAborted: the answer; AUTH, HELLO: the user asked for; CLIENT SETNAME: the name
  std::string text;
  std::string name;    // HELLO: the client's name asked for
  std::string record;  // the audit line's beginning; empty: not recorded
};

class ReplyQueue {
 public:
  // A cleared slot at the end. Valid until the next Push.
  Slot& Push();
  Slot& front() { return slots_[head_]; }
  Slot& back() { return slots_[(head_ + size_ - 1) & (slots_.size() - 1)]; }
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
