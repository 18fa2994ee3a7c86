// Transactions: WATCH, MULTI, EXEC, DISCARD, and all between them.
#include <utility>

#include "gateway/proxy/cluster_router.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kCrossSlot = "CROSSSLOT Keys in request don't hash to the same slot";
constexpr std::string_view kAborted =
    "-EXECABORT Transaction discarded because of previous errors.\r\n";
constexpr std::string_view kMoves =
    "-TRYAGAIN redwall: the transaction's slot is moving to another node\r\n";
constexpr std::string_view kDiscard = "*1\r\n$7\r\nDISCARD\r\n";
constexpr std::string_view kUnwatch = "*1\r\n$7\r\nUNWATCH\r\n";

}  // namespace

void ClusterRouter::TakeInTransaction(const Taken& taken) {
  if (GoesIntoTransactions(taken)) return TakeQueued(taken);
  switch (taken.route.handling) {
    case Handling::kMulti:
      return PushError("ERR MULTI calls can not be nested");
    case Handling::kWatch:
      return PushError("ERR WATCH inside MULTI is not allowed");
    case Handling::kExec:
      if (taken.command.argc() != 1) transaction_.dirty = true;
      return TakeExec(taken);
    case Handling::kDiscard:
      return TakeDiscard();
    case Handling::kNotACluster:
      return RefuseInTransaction("ERR This instance has cluster support disabled");
    default:
      return RefuseInTransaction("ERR redwall: '" + taken.info->name +
                                 "' can't be part of a transaction in a cluster");
  }
}

// Whether it is the transaction's node that queues it, or says that it can't.
bool ClusterRouter::GoesIntoTransactions(const Taken& taken) const {
  switch (taken.route.handling) {
    case Handling::kByKeys:
    case Handling::kSplit:
    case Handling::kUnwatch:
      return true;
    case Handling::kMulti:
    case Handling::kWatch:
    case Handling::kExec:
    case Handling::kDiscard:
    case Handling::kNotACluster:
      return false;
    case Handling::kAllMasters:
    case Handling::kScan:
    case Handling::kUsedNodes:
      return map_->masters().size() == 1 || (taken.info->flags & resp::kFlagNoMulti) != 0;
    default:
      return (taken.info->flags & resp::kFlagNoMulti) != 0;
  }
}

void ClusterRouter::TakeWithoutMulti(const Taken& taken) {
  const bool exec = taken.route.handling == Handling::kExec;
  if (exec && taken.command.argc() != 1) return TakeByKeys(taken);
  PushError(exec ? "ERR EXEC without MULTI" : "ERR DISCARD without MULTI");
}

void ClusterRouter::RefuseInTransaction(std::string_view error) {
  transaction_.dirty = true;
  PushError(error);
}

void ClusterRouter::TakeQueued(const Taken& taken) {
  std::int32_t slot = -1;
  if (!KeysInOneSlot(taken, slot)) return RefuseInTransaction(kCrossSlot);
  const bool watched = watch_.on && !watch_.lost;
  const std::int32_t bound = transaction_.slot >= 0 ? transaction_.slot
                             : watched              ? watch_.slot
                                                    : -1;
  if (slot >= 0 && bound >= 0 && slot != bound) return RefuseInTransaction(kCrossSlot);
  const NodeId node = NodeOfTransaction(slot);
  if (node == kNoNode) {
    transaction_.dirty = true;
    return PushUnserved();
  }
  if (node != transaction_.node && !transaction_.repeatable)
    return RefuseInTransaction("ERR redwall: too much was queued before the first key");
  Request& request = PushExclusive(Purpose::kQueued);
  request.keyed = slot >= 0;
  if (slot >= 0) transaction_.slot = slot;
  if (node != transaction_.node) MoveTransaction(request, node);
  AddPart(request, node, slot, taken.bytes);
  Start(request);
}

// Where a command of it goes, that has keys of this slot.
NodeId ClusterRouter::NodeOfTransaction(std::int32_t slot) {
  if (transaction_.node != kNoNode && (slot < 0 || slot == transaction_.slot))
    return transaction_.node;
  if (watch_.on && !watch_.lost) return watch_.node;
  return slot < 0 ? Home() : MasterOf(slot);
}

// Before the request: MULTI, and all that is queued already, at another node than so far.
void ClusterRouter::MoveTransaction(Request& request, NodeId node) {
  request.steps.clear();
  request.step = 0;
  request.step_sent = false;
  // The other node doesn't know of it.
  transaction_.dirty = transaction_.dirty || transaction_.failed;
  if (transaction_.node != kNoNode)
    request.steps.push_back({transaction_.node, std::string(kDiscard), true});
  request.steps.push_back({node, transaction_.multi});
  for (const std::string& command : transaction_.commands) request.steps.push_back({node, command});
  transaction_.node = node;
}

void ClusterRouter::TakeExec(const Taken& taken) {
  if (transaction_.dirty || transaction_.lost) return AbortExec();
  if (transaction_.node == kNoNode && !watch_.on) {
    EndTransaction();
    PushAnswer("*0\r\n");
    return;
  }
  const NodeId node = NodeOfTransaction(-1);
  Request& request = PushExclusive(Purpose::kExec);
  request.verb = resp::Verb::kExec;
  if (node != transaction_.node) MoveTransaction(request, node);
  AddPart(request, node, transaction_.slot, taken.bytes);
  Start(request);
}

// EXEC that executes nothing: the node is told to forget what it has.
void ClusterRouter::AbortExec() {
  const std::string_view null = session_.protocol() == 3 ? "_\r\n" : "*-1\r\n";
  const std::string_view answer = transaction_.dirty || transaction_.failed ? kAborted : null;
  const bool bound = transaction_.node != kNoNode;
  const NodeId node = bound ? transaction_.node : watch_.on ? watch_.node : kNoNode;
  EndTransaction();
  if (node == kNoNode) {
    PushAnswer(answer);
    return;
  }
  Request& request = PushExclusive(Purpose::kAborted, Join::kFirst);
  request.answer = answer;
  AddPart(request, node, -1, bound ? kDiscard : kUnwatch);
  Start(request);
}

void ClusterRouter::TakeDiscard() {
  const bool bound = transaction_.node != kNoNode;
  const NodeId node = bound ? transaction_.node : watch_.on ? watch_.node : kNoNode;
  EndTransaction();
  if (node == kNoNode) {
    PushAnswer("+OK\r\n");
    return;
  }
  Request& request = PushExclusive(Purpose::kAborted, Join::kFirst);
  request.answer = "+OK\r\n";
  AddPart(request, node, -1, bound ? kDiscard : kUnwatch);
  Start(request);
}

void ClusterRouter::TakeWatch(const Taken& taken) {
  std::int32_t slot = -1;
  const bool together = KeysInOneSlot(taken, slot) && (!watch_.on || watch_.slot == slot);
  if (!together) return PushError(kCrossSlot);
  const NodeId node = watch_.on ? watch_.node : MasterOf(slot);
  if (node == kNoNode) return PushUnserved();
  Request& request = PushExclusive(Purpose::kWatch);
  request.keyed = true;
  AddPart(request, node, slot, taken.bytes);
  Start(request);
}

void ClusterRouter::TakeUnwatch(const Taken& taken) {
  const NodeId node = watch_.on ? watch_.node : Home();
  if (node == kNoNode) return PushUnserved();
  AddPart(PushExclusive(Purpose::kUnwatch), node, -1, taken.bytes);
  Start(requests_.back());
}

void ClusterRouter::EndTransaction() {
  transaction_ = Transaction();
  watch_ = Watch();
}

// Nothing of it has been executed: the redirected command made the node drop the whole (EXEC), or
// see to it that EXEC will (any other).
bool ClusterRouter::RerouteTransaction(Request& request, Part& part, const Redirect& redirect) {
  const bool exec = request.purpose == Purpose::kExec;
  if (watch_.on) {
    // What happens at the new node before it is watched there would go unseen.
    transaction_.lost = true;
    SetReply(part, !exec ? "+QUEUED\r\n" : session_.protocol() == 3 ? "_\r\n" : "*-1\r\n");
    return false;
  }
  const std::size_t target = map_->Find(redirect.host, redirect.port);
  const NodeId node = target == ClusterMap::kNone ? kNoNode : LinkTo(target);
  const bool repeats = !redirect.ask && part.kept && transaction_.repeatable &&
                       !transaction_.failed && node != kNoNode &&
                       request.redirects < limits_.max_redirects;
  if (!repeats) {
    SetReply(part, exec ? kAborted : kMoves);
    return false;
  }
  ++request.redirects;
  if (exec) transaction_.node = kNoNode;
  MoveTransaction(request, node);
  moved_[redirect.slot] = node;
  part.node = node;
  SetReply(part, {});
  ++request.left;
  return true;
}

bool ClusterRouter::RerouteStep(Request& request, const std::string& error) {
  const std::string reply = "-" + error;
  const std::optional<Redirect> redirect = ReadRedirect(reply);
  if (!redirect || redirect->ask || redirect->slot != transaction_.slot) return false;
  const std::size_t target = map_->Find(redirect->host, redirect->port);
  const NodeId node = target == ClusterMap::kNone ? kNoNode : LinkTo(target);
  if (node == kNoNode || request.redirects >= limits_.max_redirects) return false;
  ++request.redirects;
  Want();
  MoveTransaction(request, node);
  moved_[redirect->slot] = node;
  request.parts[0].node = node;
  return true;
}

void ClusterRouter::AnsweredInTransaction(Request& request, bool granted) {
  Part& part = request.parts[0];
  if (request.purpose == Purpose::kExec) return EndTransaction();
  if (!granted) {
    transaction_.failed = true;
    return;
  }
  transaction_.bytes += part.bytes.size();
  if (!part.kept || transaction_.bytes > limits_.max_kept) {
    transaction_.repeatable = false;
    transaction_.commands.clear();
    return;
  }
  transaction_.commands.push_back(part.bytes);
}

}  // namespace redwall::proxy
