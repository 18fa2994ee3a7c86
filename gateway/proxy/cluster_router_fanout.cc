// Commands that concern several nodes, or the connection itself.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/fnv.h"
#include "gateway/proxy/cluster_join.h"
#include "gateway/proxy/cluster_router.h"
#include "gateway/proxy/fold.h"
#include "resp/hash_slot.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

// A number for a master that stays the same as long as its address does; never 0, so that no cursor
// but the first is "0".
std::uint32_t HashOf(const ClusterNode& node) {
  const char port[] = {static_cast<char>(node.port >> 8), static_cast<char>(node.port & 0xff)};
  const std::uint32_t hash = Fnv1a({port, sizeof(port)}, Fnv1a(node.host));
  return std::max(1u, (hash ^ (hash >> 24)) % kScanMasters);
}

}  // namespace

// MGET, MSET, DEL...: a part for each slot, since in a cluster a command mustn't go beyond one.
void ClusterRouter::TakeSplit(const Taken& taken) {
  std::int32_t slot = -1;
  if (taken.key_status != resp::KeyStatus::kComplete || KeysInOneSlot(taken, slot))
    return TakeByKeys(taken);
  const resp::Command& command = taken.command;
  const std::size_t step = taken.info->name == "mset" ? 2 : 1;
  if ((command.argc() - 1) % step != 0)
    return PushError("ERR wrong number of arguments for 'mset' command");
  std::unordered_map<std::uint16_t, std::uint32_t> part_of_slot;
  std::vector<std::pair<std::uint16_t, std::vector<std::size_t>>> parts;
  std::vector<std::uint32_t> order;
  for (std::size_t i = 1; i < command.argc(); i += step) {
    const std::uint16_t its = resp::HashSlot(command.arg(i));
    const auto [found, fresh] = part_of_slot.emplace(its, static_cast<std::uint32_t>(parts.size()));
    if (fresh) parts.push_back({its, {}});
    parts[found->second].second.push_back(i);
    order.push_back(found->second);
  }
  for (const auto& part : parts)
    if (NodeFor(taken, part.first) == kNoNode) return PushUnserved();
  Request& request = Push(Purpose::kNone, taken.route.join);
  request.keyed = true;
  request.prefix = std::exchange(prefix_, {});
  if (taken.route.join == Join::kMget) request.order = std::move(order);
  for (const auto& [its, keys] : parts) {
    std::string bytes;
    resp::WriteArrayHeader(1 + keys.size() * step, bytes);
    resp::WriteBulk(command.name(), bytes);
    for (const std::size_t key : keys)
      for (std::size_t i = 0; i < step; ++i) resp::WriteBulk(command.arg(key + i), bytes);
    AddPart(request, NodeFor(taken, its), its, bytes);
  }
  Start(request);
}

void ClusterRouter::TakeAllMasters(const Taken& taken) {
  std::vector<NodeId> nodes;
  for (const std::size_t master : map_->masters()) nodes.push_back(LinkTo(master));
  if (nodes.empty() || std::find(nodes.begin(), nodes.end(), kNoNode) != nodes.end())
    return PushUnserved();
  Request& request = PushExclusive(Purpose::kNone, taken.route.join);
  if (taken.route.join == Join::kRandom) request.order = {turns_++};
  for (const NodeId node : nodes) AddPart(request, node, -1, taken.bytes);
  Start(request);
}

// WAIT: a node without a connection has nothing of this client's to wait for.
void ClusterRouter::TakeUsedNodes(const Taken& taken) {
  std::vector<NodeId> nodes;
  for (const std::size_t master : map_->masters()) {
    const NodeId node = LinkTo(master);
    if (node != kNoNode && links_[node]->state != Link::State::kClosed) nodes.push_back(node);
  }
  if (nodes.empty()) return TakeByKeys(taken);
  Request& request = PushExclusive(Purpose::kNone, taken.route.join);
  request.blocking = true;
  for (const NodeId node : nodes) AddPart(request, node, -1, taken.bytes);
  Start(request);
}

// The masters, in the order in which they are scanned.
std::vector<std::pair<std::uint32_t, std::size_t>> ClusterRouter::ScanOrder() const {
  std::vector<std::size_t> masters = map_->masters();
  std::sort(masters.begin(), masters.end(), [this](std::size_t a, std::size_t b) {
    const ClusterNode &x = map_->nodes()[a], &y = map_->nodes()[b];
    return std::pair(std::string_view(x.host), x.port) <
           std::pair(std::string_view(y.host), y.port);
  });
  std::map<std::uint32_t, std::size_t> by_hash;
  for (const std::size_t master : masters) {
    std::uint32_t hash = HashOf(map_->nodes()[master]);
    while (!by_hash.emplace(hash, master).second) hash = std::max(1u, (hash + 1) % kScanMasters);
  }
  return {by_hash.begin(), by_hash.end()};
}

void ClusterRouter::TakeScan(const Taken& taken) {
  const auto order = ScanOrder();
  ScanCursor cursor;
  // The home node has the words for a cursor that is none.
  if (!ReadScanCursor(taken.command.arg(1), cursor)) return TakeByKeys(taken);
  if (order.empty()) return PushUnserved();
  auto at = std::find_if(order.begin(), order.end(),
                         [&](const auto& entry) { return entry.first == cursor.master; });
  if (at == order.end()) {
    // The scan begins, or its master is gone: then nothing is sure but from the beginning.
    cursor.of_node = 0;
    at = order.begin();
  }
  const NodeId node = LinkTo(at->second);
  if (node == kNoNode) return PushUnserved();
  std::string bytes;
  resp::WriteArrayHeader(taken.command.argc(), bytes);
  resp::WriteBulk(taken.command.name(), bytes);
  resp::WriteBulk(std::to_string(cursor.of_node), bytes);
  for (std::size_t i = 2; i < taken.command.argc(); ++i)
    resp::WriteBulk(taken.command.arg(i), bytes);
  Request& request = PushExclusive(Purpose::kNone, Join::kScan);
  request.scanned = at->first;
  AddPart(request, node, -1, bytes);
  Start(request);
}

// The reply to SCAN with the cursor that the client is to go on with.
std::string ClusterRouter::RewriteScan(const Request& request) const {
  const std::string& reply = request.parts[0].reply;
  if (reply.starts_with('-')) return reply;
  ScanCursor next{0, request.scanned};
  std::string_view elements;
  const bool good = ReadScanReply(reply, next.of_node, elements);
  if (!good || next.of_node >> 39 != 0)
    return "-ERR redwall: a node's answer to SCAN can't be continued\r\n";
  if (next.of_node == 0) {
    next.master = 0;
    for (const auto& [hash, master] : ScanOrder())
      if (next.master == 0 && hash > request.scanned) next.master = hash;
  }
  std::string rewritten;
  resp::WriteArrayHeader(2, rewritten);
  resp::WriteBulk(WriteScanCursor(next), rewritten);
  return rewritten.append(elements);
}

// Told to all nodes that the client has connections to; further ones are told when they are made.
void ClusterRouter::TakeState(const Taken& taken) {
  ClusterSession::Change change = ClusterSession::Read(taken.info->name, taken.command);
  if (change.redirects)
    return PushError("ERR redwall: CLIENT TRACKING can't redirect to another connection here");
  if (!session_.HasRoom(change))
    return PushError("ERR redwall: that is too long to be repeated to all nodes");
  const NodeId home = Home();
  if (home == kNoNode) return PushUnserved();
  Request& request = PushExclusive(Purpose::kState, Join::kFirst);
  AddPart(request, home, -1, taken.bytes);
  std::set<NodeId> told{home};
  if (change.broadcast)
    for (const std::size_t master : map_->masters()) told.insert(LinkTo(master));
  for (NodeId node = 0; node < links_.size(); ++node)
    if (links_[node]->state != Link::State::kClosed) told.insert(node);
  told.erase(home);
  told.erase(kNoNode);
  for (const NodeId node : told) AddPart(request, node, -1, taken.bytes);
  change_ = std::move(change);
  Start(request);
}

// It holds for the next command, which may be another node's.
void ClusterRouter::TakeCaching(const Taken& taken) {
  const bool yes = EqualsFolded(taken.command.arg(2), "yes");
  const bool no = EqualsFolded(taken.command.arg(2), "no");
  const TrackingMode mode = session_.tracking();
  const bool granted =
      (yes && mode == TrackingMode::kOptIn) || (no && mode == TrackingMode::kOptOut);
  if (!granted) return TakeByKeys(taken);  // for the error's text
  prefix_ = taken.bytes;
  PushAnswer("+OK\r\n");
}

void ClusterRouter::TakeReplyMode(const Taken& taken) {
  const std::string_view mode = taken.command.arg(2);
  if (EqualsFolded(mode, "on")) {
    reply_off_ = silent_ = false;
    PushAnswer("+OK\r\n");
  } else if (EqualsFolded(mode, "off")) {
    reply_off_ = true;
  } else if (EqualsFolded(mode, "skip")) {
    skip_next_ = !reply_off_;
  } else {
    TakeByKeys(taken);
  }
}

// One node has all of a client's channels and patterns: any hears what is published at any.
void ClusterRouter::TakeSubscribe(const Taken& taken) {
  NodeId node = SubscribedNode();
  if (node == kNoNode) node = Home();
  if (node == kNoNode) return PushUnserved();
  Request& request = PushExclusive(Purpose::kSubscribe);
  request.verb = taken.info->verb;
  request.blocking = true;
  AddPart(request, node, -1, taken.bytes);
  const auto names = static_cast<std::uint32_t>(taken.command.argc() - 1);
  request.parts[0].confirmations =
      names > 0 ? names : links_[node]->pubsub.ConfirmationsOfAll(request.verb);
  Start(request);
}

// Shard channels are heard at their slot's node alone.
void ClusterRouter::TakeShardSubscribe(const Taken& taken) {
  std::int32_t slot = -1;
  for (std::size_t i = 1; i < taken.command.argc(); ++i) {
    const std::int32_t its = resp::HashSlot(taken.command.arg(i));
    if (slot >= 0 && slot != its)
      return PushError("CROSSSLOT Keys in request don't hash to the same slot");
    slot = its;
  }
  std::vector<NodeId> nodes;
  for (NodeId node = 0; slot < 0 && node < links_.size(); ++node)
    if (links_[node]->pubsub.shard_channels() > 0) nodes.push_back(node);
  if (nodes.empty()) nodes.push_back(slot < 0 ? Home() : MasterOf(slot));
  if (nodes[0] == kNoNode) return PushUnserved();
  Request& request = PushExclusive(Purpose::kSubscribe);
  request.verb = taken.info->verb;
  request.blocking = true;
  for (const NodeId node : nodes) {
    AddPart(request, node, slot, taken.bytes);
    request.parts.back().confirmations =
        slot >= 0 ? static_cast<std::uint32_t>(taken.command.argc() - 1)
                  : links_[node]->pubsub.ConfirmationsOfAll(request.verb);
  }
  Start(request);
}

// Subscribed in RESP2, a connection may do little else; the node has the words for it.
void ClusterRouter::TakeConfined(const Taken& taken) {
  Request& request = PushExclusive(Purpose::kNone);
  request.script = RunsScript(taken.info);
  AddPart(request, SubscribedNode(), -1, taken.bytes);
  Start(request);
}

void ClusterRouter::TakeMonitor(const Taken& taken) {
  const NodeId node = Home();
  if (node == kNoNode) return PushUnserved();
  AddPart(PushExclusive(Purpose::kMonitor), node, -1, taken.bytes);
  Start(requests_.back());
}

// Done in its turn: until then messages may come.
void ClusterRouter::TakeReset() {
  // It ends CLIENT REPLY OFF and is answered, but a SKIP skips it.
  if (reply_off_) silent_ = false;
  reply_off_ = false;
  PushExclusive(Purpose::kReset).answer = "+RESET\r\n";
}

void ClusterRouter::TakeQuit() {
  PushAnswer("+OK\r\n").closes = true;
  intake_ = Intake::kClosed;
}

}  // namespace redwall::proxy
