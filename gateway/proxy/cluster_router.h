// ClusterRouter: makes a Redis Cluster look like one Redis to one client connection.
//
//     Conversation ─ OnRequest ─▶ parse ─▶ slots ─▶ requests ─┬─ ToNode ─▶ node A
//                                                             ├─ ToNode ─▶ node B
//     Conversation ◀─ TakeReplies ◀─ in order ◀─ scan ◀───────┴─ OnNodeReply
//
// It stands behind the server agent's Conversation, in the place of the socket to Redis. For each
// client there is one router, with connections of its own to the nodes that it needs, as there
// would be one connection of its own to Redis: so what a connection is (user, protocol,
// transactions, subscriptions) stays the nodes' business. docs/cluster.md, "One endpoint".
//
// Order. Commands for one slot go straight on to its master; replies are given in the order of the
// requests. A reply whose turn hasn't come stays in its node's `input`, and beyond a limit in the
// node's socket (reads()). What changes the connection or concerns more than slots (MULTI, AUTH,
// SUBSCRIBE, FLUSHALL, what blocks) is exclusive: it waits until nothing is under way, and
// all waits for it.
//
// Redirects are looked at when the reply's turn has come. From then until nothing is under way any
// more no new command is taken, so that none overtakes what is sent again for the same slot. Only
// what was certainly not executed is sent again: what was answered MOVED or ASK, since a node says
// that before it executes anything, and what was never written to a node that couldn't be reached.
// Where a connection breaks with a command unanswered, its outcome is unknown, and the client's
// connection ends, as with one Redis. A redirect is followed only to a node of the map: others
// may be what a script made up.
//
// Scripts (EVAL, FCALL and their like) can return what looks like a redirect after they have run.
// Only one with keys is sent again, once, to another node of the map, and for its own slot; else
// the error passes. What remains: if the node that the script names has become the slot's master,
// or imports it, at that moment, the script runs there too. And of a command that isn't in the
// table nobody knows whether it runs scripts: its redirects are followed.
//
// A node:   CLOSED ─ needed ─▶ CONNECTING ─ OnNodeOpen ─▶ GREETING ─ all granted ─▶ OPEN
//             ▲ ▲                  │ OnNodeClosed             │ refused, closed       │
//             │ └──────────────────┴──────────────────────────┘ nothing was sent      │
//             └──── closed while nothing was under way and nothing lived on it ───────┘
//                   (else the client's connection ends)
//
// A transaction: MULTI is answered here. The first command that has keys binds it to their slot's
// master, which is told MULTI and then what was queued. Commands without keys that come before go
// to the home node, and are queued anew should the transaction be bound elsewhere: nothing of it
// has been executed by then. Likewise when a slot moves before EXEC. If keys are watched, EXEC
// then answers null, as if one of them had changed. What its node refuses to queue is that node's
// to tell at EXEC; what is refused here, or by a node that it has left, makes EXEC abort here.
//
//     NONE ─ MULTI ─▶ UNBOUND ─ command ─▶ BOUND (to the home node, or a slot) ─ EXEC, DISCARD ─▶
//     NONE
//
// No socket, no clock, no randomness. It never throws and never trusts client or nodes; after
// finished() it is dead.
#ifndef REDWALL_GATEWAY_PROXY_CLUSTER_ROUTER_H_
#define REDWALL_GATEWAY_PROXY_CLUSTER_ROUTER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/proxy/cluster_map.h"
#include "gateway/proxy/cluster_request.h"
#include "gateway/proxy/cluster_session.h"
#include "resp/command_parser.h"
#include "resp/command_table.h"
#include "resp/key_extractor.h"

namespace redwall::proxy {

// Of one client's connection; sizes in bytes.
struct ClusterLimits {
  resp::RequestLimits request = {};
  resp::ReplyLimits reply = {};
  std::size_t max_requests = 4096;      // without an answer; beyond, none is taken
  std::size_t max_kept = 1024 * 1024;   // of requests, to be sent again; beyond, none is taken
  std::size_t max_unsent = 256 * 1024;  // for nodes that aren't open yet; likewise
  std::size_t max_waiting = 64 * 1024;  // of a node's replies before their turn; see reads()
  std::size_t max_gathered = 64 * 1024 * 1024;  // of replies that are to be joined
  std::size_t max_error = 64 * 1024;            // of an error that is looked at before it passes
  unsigned max_redirects = 16;                  // of one command
  std::size_t max_nodes = 1024;
};

// Where everything goes. None of these may come back into the router; views are valid for the call.
class ClusterOutlet {
 public:
  // Connect to it, then call OnNodeOpen, or OnNodeClosed where that fails.
  virtual void Connect(NodeId node, const ClusterNode& address) = 0;
  virtual void ToNode(NodeId node, std::string_view bytes) = 0;
  // Let go of it (or of the attempt to connect). No more calls for it, OnNodeClosed included.
  virtual void CloseNode(NodeId node) = 0;
  // The map is out of date. Call OnMap once the cluster was asked, also if that failed or nothing
  // has changed: commands may be waiting for it.
  virtual void WantMap() = 0;
  // For the log: the node refused the connection's login, or another part of its preamble. `code`:
  // the first word of its error ("WRONGPASS"), or "an error"; nothing that was sent is quoted.
  virtual void OnNodeRefused(NodeId node, std::string_view code) = 0;

 protected:
  ~ClusterOutlet() = default;
};

class ClusterRouter {
 public:
  // `limits`, `outlet` and `login` are borrowed and outlive the router. `login`: AUTH as the route
  // has it, encoded; may be empty. `map` may be null: then all waits for the first OnMap.
  // `choice`: any number, to spread clients over replicas.
  ClusterRouter(const ClusterLimits& limits, ClusterOutlet& outlet,
                std::shared_ptr<const resp::CommandTable> table,
                std::shared_ptr<const ClusterMap> map, std::string_view login,
                std::uint32_t choice);
  ~ClusterRouter();
  ClusterRouter(const ClusterRouter&) = delete;
  ClusterRouter& operator=(const ClusterRouter&) = delete;

  void OnRequest(std::string_view bytes);
  // The client sends no more: what is under way is answered, then the router is finished().
  void OnRequestEnd();
  void OnNodeOpen(NodeId node);
  void OnNodeReply(NodeId node, std::string_view bytes);
  void OnNodeClosed(NodeId node);
  void OnMap(std::shared_ptr<const ClusterMap> map);
  void OnTable(std::shared_ptr<const resp::CommandTable> table) { table_ = std::move(table); }

  // What is the client's by now. To be called after each of the calls above.
  std::string TakeReplies() { return std::exchange(output_, {}); }
  // True: after TakeReplies() both ends are to be closed.
  bool finished() const { return finished_; }
  // Why, where it wasn't the regular end. For the log.
  std::string_view failure() const { return failure_; }
  // False: what is here has to get on first; the client is to be left unread.
  bool takes_requests() const { return MayTake() || intake_ == Intake::kClosed; }
  // False: the node is to be left unread for now.
  bool reads(NodeId node) const;
  // Nothing is under way, and nothing would be lost if the connection ended here.
  bool idle() const;
  // What it holds of requests and replies, bytes: for what all clients may hold together.
  std::size_t memory() const;

 private:
  using Request = ClusterRequest;
  using Part = ClusterPart;
  using Link = ClusterLink;
  enum class Intake : std::uint8_t { kCommands, kStreaming, kDiscarding, kClosed };

  struct Transaction {
    bool open = false;
    bool dirty = false;   // something was refused here: EXEC is not to execute it
    bool failed = false;  // something was refused by its node, which sees to it itself
    bool lost = false;    // EXEC is not to execute it, as if a watched key had changed
    bool repeatable = true;
    std::string multi;      // as the client has written it, for those who MONITOR a node
    NodeId node = kNoNode;  // that has been told MULTI
    std::int32_t slot = -1;
    std::vector<std::string> commands;  // that are queued
    std::size_t bytes = 0;
  };
  struct Watch {
    bool on = false, lost = false;
    NodeId node = kNoNode;
    std::int32_t slot = -1;
  };
  struct Redirect {
    bool ask = false;
    std::uint16_t slot = 0;
    std::string_view host;  // empty: the same as the node's that says it
    std::uint16_t port = 0;
  };
  // The command at hand.
  struct Taken {
    const resp::Command& command;
    const resp::CommandInfo* info;
    std::string_view bytes;
    CommandRoute route;
    resp::KeyStatus key_status = resp::KeyStatus::kComplete;
  };

  // Requests (cluster_router_request.cc).
  std::size_t TakeRequests(std::string_view input);
  void TakeHeld();
  bool MayTake() const;
  bool TakeCommand(std::string_view raw);
  bool TakeHead(std::string_view input, std::size_t& used);
  void TakeBody(std::string_view piece, bool end);
  void TakeProtocolError();
  void Dispatch(const Taken& taken);
  bool HasToWait(const Taken& taken) const;
  bool IsConfined() const;  // RESP2, subscribed: only the subscriptions' node may answer
  void TakeConfined(const Taken& taken);
  bool KeysInOneSlot(const Taken& taken, std::int32_t& slot) const;
  void TakeByKeys(const Taken& taken);
  NodeId NodeFor(const Taken& taken, std::int32_t slot);

  // Commands of several parts, and of the connection (cluster_router_fanout.cc).
  void TakeSplit(const Taken& taken);
  void TakeAllMasters(const Taken& taken);
  void TakeUsedNodes(const Taken& taken);
  void TakeScan(const Taken& taken);
  std::vector<std::pair<std::uint32_t, std::size_t>> ScanOrder() const;
  std::string RewriteScan(const Request& request) const;
  void TakeState(const Taken& taken);
  void TakeCaching(const Taken& taken);
  void TakeReplyMode(const Taken& taken);
  void TakeSubscribe(const Taken& taken);
  void TakeShardSubscribe(const Taken& taken);
  void TakeMonitor(const Taken& taken);
  void TakeReset();
  void TakeQuit();

  // Transactions (cluster_router_transaction.cc).
  void TakeInTransaction(const Taken& taken);
  bool GoesIntoTransactions(const Taken& taken) const;
  void TakeWithoutMulti(const Taken& taken);
  void RefuseInTransaction(std::string_view error);
  void TakeQueued(const Taken& taken);
  NodeId NodeOfTransaction(std::int32_t slot);
  void MoveTransaction(Request& request, NodeId node);
  void TakeExec(const Taken& taken);
  void AbortExec();
  void TakeDiscard();
  void TakeWatch(const Taken& taken);
  void TakeUnwatch(const Taken& taken);
  void EndTransaction();
  // A command of a transaction was redirected. True: it was sent again, else `part` is answered.
  bool RerouteTransaction(Request& request, Part& part, const Redirect& redirect);
  // Likewise, while it was being repeated; `error` without its '-'.
  bool RerouteStep(Request& request, const std::string& error);
  void AnsweredInTransaction(Request& request, bool granted);

  // Making and sending requests (cluster_router.cc).
  Request& Push(Purpose purpose, Join join);
  Request& PushExclusive(Purpose purpose, Join join = Join::kNone);
  Request& PushAnswer(std::string_view answer);
  void PushError(std::string_view text);
  // The hash slot has no master, or there is no map.
  void PushUnserved();
  void AddPart(Request& request, NodeId node, std::int32_t slot, std::string_view bytes);
  // The parts, or the steps before them.
  void Start(Request& request);
  void SendPart(Request& request, std::size_t part);
  void Write(Link& link, NodeId node, std::string_view bytes);
  Request* Find(std::uint64_t id);
  Request& front() { return requests_.front(); }

  // Nodes (cluster_router_nodes.cc).
  NodeId LinkTo(const ClusterNode& address);
  NodeId LinkTo(std::size_t map_index) { return LinkTo(map_->nodes()[map_index]); }
  NodeId MasterOf(std::int32_t slot);
  NodeId ReplicaOf(std::int32_t slot);
  NodeId Home();
  NodeId SubscribedNode() const;
  std::int64_t ShardChannelsBeside(NodeId node) const;
  void ConnectToAll();
  void BecomeOpen(NodeId node);
  void Refuse(NodeId node);
  void CloseLink(NodeId node);
  void Forget(Link& link);
  void DropUnsent(NodeId node);
  void SettleEnded();
  bool LivesOn(NodeId node) const;

  // Replies (cluster_router_reply.cc).
  void Pump();
  std::size_t Consume(NodeId node, std::string_view input);
  bool MayBegin(NodeId node, char first);
  bool MayGoOn(NodeId node);
  bool FrontWaitsOn(NodeId node) const;
  bool IsSubscribing(NodeId node) const;
  void Deliver(NodeId node, std::string_view piece);
  void Gather(Request& request, Part& part, std::string_view piece);
  void EndFrame(NodeId node);
  void EndPart(NodeId node);
  void EndStep(NodeId node);
  void PassMessage(NodeId node, std::string_view piece);
  void EndWriting();
  void EndPush(NodeId node);
  void EndMessage(NodeId node, resp::Verb confirmed);
  void EndGreeting(NodeId node);

  // The request whose turn it is (cluster_router_settle.cc).
  bool SettleFront();
  bool PassOn(Request& request);
  bool SettleSteps(Request& request);
  void FailFront(std::string_view error);
  void SetReply(Part& part, std::string_view reply);
  bool RerouteParts(Request& request);
  void Reroute(Request& request, std::size_t part);
  bool MayRepeatScript(const Request& request, const Part& part, std::size_t target) const;
  void RetryUnsent(Request& request, std::size_t part);
  void WaitForMap(Part& part);
  void ResendWaiting();
  std::string AnswerOf(Request& request);
  void Answered(Request& request, char type);
  void AnsweredState(Request& request, bool granted);
  void AnsweredReset();
  void FinishFront();
  static std::optional<Redirect> ReadRedirect(std::string_view reply);

  void Want();
  void Fail(std::string_view why);

  const ClusterLimits& limits_;
  ClusterOutlet& outlet_;
  std::shared_ptr<const resp::CommandTable> table_;
  std::shared_ptr<const ClusterMap> map_;
  const std::uint32_t choice_;
  ClusterSession session_;

  resp::CommandParser parser_;
  std::string held_;  // requests that aren't whole yet, or wait
  std::vector<resp::KeyRef> keys_;
  Intake intake_ = Intake::kCommands;
  std::uint64_t streaming_ = 0;  // the request whose body arrives
  bool request_end_ = false;
  bool waits_ = false;     // the next request does, until nothing is under way
  bool draining_ = false;  // nothing is taken until nothing is under way
  bool reply_off_ = false, skip_next_ = false;
  bool silent_ = false;  // the command at hand is to have no reply
  bool monitor_ = false;
  std::string prefix_;  // for the next command with keys
  std::uint32_t turns_ = 0;

  std::deque<Request> requests_;
  std::uint64_t next_id_ = 1;
  std::size_t keyed_ = 0;     // requests
  std::size_t kept_ = 0;      // bytes
  std::size_t unsent_ = 0;    // bytes
  std::size_t gathered_ = 0;  // bytes

  std::vector<std::unique_ptr<Link>> links_;
  std::map<std::uint16_t, NodeId> moved_;  // what MOVED has said since the map was made
  ClusterNode home_;                       // port 0: not chosen yet
  ClusterSession::Change change_;          // of the kState request under way
  Transaction transaction_;
  Watch watch_;

  NodeId writer_ = kNoNode;  // whose frame `output_` is in the middle of
  std::string output_;
  std::string messages_;  // whole ones, that go behind that frame
  bool map_wanted_ = false;
  bool waits_for_map_ = false;  // a part of the first request does
  bool finished_ = false;
  std::string failure_;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLUSTER_ROUTER_H_
