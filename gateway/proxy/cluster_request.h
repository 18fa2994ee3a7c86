// ClusterRequest: one command of the client's, and what has become of it at the nodes.
// ClusterLink: one connection to a node, as the router sees it.
#ifndef REDWALL_GATEWAY_PROXY_CLUSTER_REQUEST_H_
#define REDWALL_GATEWAY_PROXY_CLUSTER_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "gateway/proxy/cluster_commands.h"
#include "gateway/proxy/cluster_map.h"
#include "gateway/proxy/pubsub_state.h"
#include "resp/reply_scanner.h"

namespace redwall::proxy {

// A connection to a node, by a number that is the router's own. A number is used again for another
// node only after CloseNode or OnNodeClosed.
using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xffffffff;

struct ClusterPart {
  enum class State : std::uint8_t {
    kDue,       // nothing of it is sent, not even its head: steps go before it
    kSent,      // or waiting in its node's `unsent`
    kAnswered,  // `reply` is whole, or has passed
    kUnsent,    // certainly not executed: the node couldn't be reached or refused us
    kWaits,     // until there is a new map
  };
  State state = State::kDue;
  NodeId node = kNoNode;
  std::int32_t slot = -1;           // -1: of none
  bool kept = true;                 // `bytes` is all of it, so it can be sent again
  bool asking = false;              // ASKING goes before it
  bool too_large = false;           // its reply doesn't fit; a byte of it is kept
  bool passed = false;              // its reply, or the beginning of it, has gone to the client
  char type = 0;                    // of its reply, once that is whole
  std::uint32_t confirmations = 0;  // of (un)subscribing, yet to come
  std::string bytes;
  std::string reply;  // what has been gathered of it. kUnsent: the node's error, or empty
};

// What its answer means to the connection.
enum class Purpose : std::uint8_t {
  kNone,
  kLocal,  // no parts: the answer is made here
  kState,
  kWatch,
  kUnwatch,
  kQueued,   // a command inside MULTI
  kExec,     // or DISCARD
  kAborted,  // EXEC of a transaction that is not to be executed: DISCARD; `answer` replaces its OK
  kSubscribe,
  kMonitor,
  kReset,
};

struct ClusterRequest {
  // Something that has to be granted before the part is sent: MULTI, commands of a transaction that
  // is repeated on another node.
  struct Step {
    NodeId node;
    std::string bytes;
    bool may_fail = false;
  };

  std::uint64_t id = 0;
  Purpose purpose = Purpose::kNone;
  resp::Verb verb = resp::Verb::kOther;  // kSubscribe
  Join join = Join::kNone;
  bool silent = false;     // CLIENT REPLY: its replies are dropped
  bool exclusive = false;  // alone under way
  bool blocking = false;   // may wait for ever
  bool keyed = false;
  bool script = false;      // may have run though its answer is a redirect
  bool redirected = false;  // MOVED or ASK was followed
  bool closes = false;      // the connection ends behind its answer
  unsigned redirects = 0;
  std::size_t left = 0;  // parts without an answer
  std::vector<ClusterPart> parts;
  std::vector<std::uint32_t> order;  // see JoinReplies
  std::uint32_t scanned = 0;         // kScan: the master, as in ScanCursor
  std::vector<Step> steps;
  std::size_t step = 0;  // of them, the one that is due
  bool step_sent = false;
  std::string prefix;  // CLIENT CACHING
  std::string answer;  // kLocal, kAborted
  std::string after;   // messages that came behind its replies, and belong behind it
};

struct ClusterLink {
  enum class State : std::uint8_t { kClosed, kConnecting, kGreeting, kOpen };
  // What the frame at hand is.
  enum class Frame : std::uint8_t { kNone, kGreeting, kSwallowed, kStep, kPart, kPush };
  struct Expected {
    Frame kind;
    std::uint64_t request = 0;
    std::uint32_t part = 0;
  };

  ClusterNode address;
  State state = State::kClosed;
  std::size_t greetings = 0;      // replies to the preamble that are to come
  bool logs_in = false;           // the next of them answers the route's own login
  std::string refusal;            // the first error among them, as the client is told it
  std::string refusal_code;       // and as the log is
  std::string unsent;             // requests for when it is open
  std::string input;              // replies that can't be taken yet
  std::deque<Expected> expected;  // replies, in order
  resp::ReplyScanner scanner;
  Frame frame = Frame::kNone;
  std::string withheld;  // of a confirmation whose count has to be rewritten
  bool withholds = false;
  bool attaches = false;         // the message goes behind the answer to `last_taken`
  bool ended = false;            // the node has closed it; `input` may still hold replies
  bool monitor = false;          // it says what nobody asked for
  std::uint64_t last_taken = 0;  // the last request whose reply came from here and wasn't passed on
                                 // at once
  PubsubState pubsub;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLUSTER_REQUEST_H_
