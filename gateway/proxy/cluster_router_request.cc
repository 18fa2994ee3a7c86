// The request half of ClusterRouter: what the client sends, and where it goes.
#include <algorithm>
#include <utility>

#include "gateway/proxy/cluster_router.h"
#include "resp/hash_slot.h"
#include "resp/writer.h"

namespace redwall::proxy {

bool ClusterRouter::MayTake() const {
  if (finished_ || map_ == nullptr || intake_ == Intake::kClosed) return false;
  if (unsent_ >= limits_.max_unsent) return false;
  if (intake_ != Intake::kCommands) return true;
  const bool alone = !requests_.empty() && requests_.back().exclusive;
  return !alone && !draining_ && !waits_ && requests_.size() < limits_.max_requests &&
         kept_ < limits_.max_kept;
}

void ClusterRouter::TakeHeld() {
  if (intake_ == Intake::kClosed) std::string().swap(held_);
  if (held_.empty() || !MayTake()) return;
  held_.erase(0, TakeRequests(held_));
  if (held_.empty()) std::string().swap(held_);
}

// Returns how much of the input is done with.
std::size_t ClusterRouter::TakeRequests(std::string_view input) {
  std::size_t done = 0;
  bool wait = false;
  while (!wait && done < input.size() && MayTake()) {
    const std::string_view rest = input.substr(done);
    const resp::ParseStatus status = parser_.Parse(rest);
    std::size_t used = parser_.consumed();
    switch (status) {
      case resp::ParseStatus::kNeedMore:
        wait = true;
        break;
      case resp::ParseStatus::kHead:
        if (TakeHead(rest, used)) break;
        // Where more is here than may be looked at, the next Parse says so.
        wait = waits_ || rest.size() <= limits_.request.max_inspected;
        used = 0;
        break;
      case resp::ParseStatus::kCommand:
        wait = !TakeCommand(rest.substr(0, used));
        break;
      case resp::ParseStatus::kBody:
        TakeBody(parser_.body(), false);
        wait = used == 0;
        break;
      case resp::ParseStatus::kBodyEnd:
        TakeBody(parser_.body(), true);
        break;
      case resp::ParseStatus::kError:
        TakeProtocolError();
        break;
    }
    if (!wait) done += used;
  }
  return intake_ == Intake::kClosed || finished_ ? input.size() : done;
}

// False: it stays where it is, until nothing is under way.
bool ClusterRouter::TakeCommand(std::string_view raw) {
  const resp::Command& command = parser_.command();
  if (command.argc() == 0) {
    skip_next_ = false;
    return true;
  }
  const resp::CommandInfo* const info = table_->Find(command);
  Taken taken{command, info, raw, RouteOf(info, command)};
  keys_.clear();
  if (info != nullptr) taken.key_status = resp::ExtractKeys(*info, command, keys_);
  if (HasToWait(taken)) {
    waits_ = true;
    return false;
  }
  std::string rewritten;
  if (!command.canonical()) {
    resp::WriteCommand(command, rewritten);
    taken.bytes = rewritten;
  }
  silent_ = reply_off_ || std::exchange(skip_next_, false);
  Dispatch(taken);
  return true;
}

// A command whose long argument is still arriving: it is sent on as it comes, where it is known to
// belong to one node. False: more of it is needed, or it has to wait.
bool ClusterRouter::TakeHead(std::string_view input, std::size_t& used) {
  const resp::Command& command = parser_.command();
  if (command.size() == 0) return false;
  const resp::CommandInfo* const info = table_->Find(command);
  if (info == nullptr || info->verb != resp::Verb::kOther) return false;
  Taken taken{command, info, {}, RouteOf(info, command)};
  if (taken.route.handling != Handling::kByKeys) return false;
  taken.key_status = resp::ExtractKeys(*info, command, keys_);
  if (taken.key_status != resp::KeyStatus::kComplete) return false;
  // MULTI has to be granted before, which takes no more than one short command. What steps go
  // before is taken whole: its head would come behind them, and so behind its value.
  const bool bound = transaction_.node != kNoNode && transaction_.slot >= 0;
  if (transaction_.open && !bound) return false;
  if (HasToWait(taken)) {
    waits_ = true;
    return false;
  }
  std::string head;
  if (!command.canonical()) parser_.WriteHead(head);
  silent_ = reply_off_ || std::exchange(skip_next_, false);
  parser_.StreamRest();
  used = parser_.consumed();
  taken.bytes = command.canonical() ? input.substr(0, used) : std::string_view(head);
  intake_ = Intake::kStreaming;
  Dispatch(taken);
  streaming_ = requests_.back().id;
  if (requests_.back().parts.empty()) intake_ = Intake::kDiscarding;
  return true;
}

void ClusterRouter::TakeBody(std::string_view piece, bool end) {
  Request* const request = Find(streaming_);
  if (intake_ == Intake::kStreaming && request != nullptr) {
    const Part& part = request->parts[0];
    // Only behind its head: by itself, a value would be read as commands.
    if (part.state == Part::State::kSent) Write(*links_[part.node], part.node, piece);
  }
  if (!end) return;
  streaming_ = 0;
  intake_ = Intake::kCommands;
}

// As Redis answers it, in its turn. Where a node has half of a command already, that one's answer
// will never come.
void ClusterRouter::TakeProtocolError() {
  std::string answer;
  resp::WriteError(parser_.error(), answer);
  Request* const half = Find(streaming_);
  streaming_ = 0;
  intake_ = Intake::kClosed;
  if (half == nullptr) {
    silent_ = reply_off_ || skip_next_;
    PushAnswer(answer).closes = true;
    return;
  }
  half->purpose = Purpose::kLocal;
  half->answer = answer;
  half->closes = true;
  half->left = 0;
}

// Exclusive commands wait until nothing is under way. So does what has no keys and yet may be seen
// to come before or after what others do (PUBLISH): its node isn't that of the commands before it.
bool ClusterRouter::HasToWait(const Taken& taken) const {
  if (requests_.empty()) return false;
  if (transaction_.open || IsConfined() || monitor_) return true;
  switch (taken.route.handling) {
    case Handling::kByKeys:
      if (taken.info == nullptr || (taken.info->flags & resp::kFlagBlocking) != 0) return true;
      return keys_.empty() && keyed_ > 0 && !IsAnywhen(taken.info);
    case Handling::kSplit:
    case Handling::kReplyMode:
    case Handling::kNotACluster:
    case Handling::kRefused:
      return false;
    default:
      return true;
  }
}

bool ClusterRouter::IsConfined() const {
  return session_.protocol() == 2 && SubscribedNode() != kNoNode;
}

void ClusterRouter::Dispatch(const Taken& taken) {
  const Handling handling = taken.route.handling;
  if (handling == Handling::kReset) return TakeReset();
  if (handling == Handling::kQuit) return TakeQuit();
  if (monitor_) return PushError("ERR redwall: only RESET and QUIT follow MONITOR here");
  if (transaction_.open) return TakeInTransaction(taken);
  const bool subscribes = handling == Handling::kSubscribe || handling == Handling::kShardSubscribe;
  if (IsConfined() && !subscribes) return TakeConfined(taken);
  switch (handling) {
    case Handling::kByKeys:
      return TakeByKeys(taken);
    case Handling::kSplit:
      return TakeSplit(taken);
    case Handling::kAllMasters:
      return TakeAllMasters(taken);
    case Handling::kScan:
      return TakeScan(taken);
    case Handling::kState:
      return TakeState(taken);
    case Handling::kUsedNodes:
      return TakeUsedNodes(taken);
    case Handling::kCaching:
      return TakeCaching(taken);
    case Handling::kReplyMode:
      return TakeReplyMode(taken);
    case Handling::kMulti:
      transaction_.open = true;
      transaction_.lost = watch_.lost;
      transaction_.multi = taken.bytes;
      PushAnswer("+OK\r\n");
      return;
    case Handling::kExec:
    case Handling::kDiscard:
      return TakeWithoutMulti(taken);
    case Handling::kWatch:
      return TakeWatch(taken);
    case Handling::kUnwatch:
      return TakeUnwatch(taken);
    case Handling::kSubscribe:
      return TakeSubscribe(taken);
    case Handling::kShardSubscribe:
      return TakeShardSubscribe(taken);
    case Handling::kMonitor:
      return TakeMonitor(taken);
    case Handling::kNotACluster:
      return PushError("ERR This instance has cluster support disabled");
    case Handling::kRefused:
      return PushError("ERR redwall: '" + taken.info->name +
                       "' can't be done by a cluster in the place of one Redis");
    case Handling::kReset:
    case Handling::kQuit:
      break;
  }
}

// False: they aren't. Channels of SPUBLISH and SSUBSCRIBE are hashed like keys.
bool ClusterRouter::KeysInOneSlot(const Taken& taken, std::int32_t& slot) const {
  slot = -1;
  const bool sharded =
      taken.info != nullptr && (taken.info->name == "spublish" || taken.info->name == "ssubscribe");
  for (const resp::KeyRef& key : keys_) {
    if (key.kind != resp::KeyRef::Kind::kKey && !sharded) continue;
    const std::int32_t its = resp::HashSlot(taken.command.arg(key.index));
    if (slot >= 0 && slot != its) return false;
    slot = its;
  }
  return true;
}

NodeId ClusterRouter::NodeFor(const Taken& taken, std::int32_t slot) {
  if (slot < 0) return Home();
  const bool reads = taken.info != nullptr && (taken.info->flags & resp::kFlagReadonly) != 0 &&
                     (taken.info->flags & resp::kFlagBlocking) == 0;
  return session_.readonly() && reads ? ReplicaOf(slot) : MasterOf(slot);
}

void ClusterRouter::TakeByKeys(const Taken& taken) {
  std::int32_t slot = -1;
  if (!KeysInOneSlot(taken, slot))
    return PushError("CROSSSLOT Keys in request don't hash to the same slot");
  const NodeId node = NodeFor(taken, slot);
  if (node == kNoNode) return PushUnserved();
  Request& request = Push(Purpose::kNone, Join::kNone);
  request.keyed = slot >= 0;
  request.blocking = taken.info != nullptr && (taken.info->flags & resp::kFlagBlocking) != 0;
  request.exclusive = request.blocking || taken.info == nullptr;
  request.script = RunsScript(taken.info);
  request.prefix = std::exchange(prefix_, {});
  AddPart(request, node, slot, taken.bytes);
  Start(request);
}

}  // namespace redwall::proxy
