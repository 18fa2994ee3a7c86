#include "gateway/agent/cluster_backend.h"

#include <utility>

#include "gateway/agent/cluster_reply.h"

namespace redwall::agent {

proxy::ClusterMap MakeClusterMap(const ClusterNodes& nodes) {
  std::vector<proxy::ClusterNode> targets;
  std::map<std::string, std::size_t> indexes;  // by id
  for (const ClusterNode& node : nodes.nodes) {
    if (!node.is_target()) continue;
    indexes.emplace(node.id, targets.size());
    targets.push_back({node.address.host, node.address.port});
  }
  std::vector<proxy::ClusterMap::Replica> replicas;
  for (const ClusterNode& node : nodes.nodes) {
    if (node.is_master() || node.failed) continue;
    const auto index = indexes.find(node.id), master = indexes.find(node.master_id);
    if (index != indexes.end() && master != indexes.end())
      replicas.push_back({index->second, master->second});
  }
  std::vector<proxy::ClusterMap::Range> ranges;
  for (const ClusterNode& node : nodes.nodes) {
    const auto index = indexes.find(node.id);
    if (index == indexes.end() || !node.is_master()) continue;
    for (const SlotRange& slots : node.slots)
      ranges.push_back({slots.first, slots.last, index->second});
  }
  return proxy::ClusterMap(std::move(targets), ranges, replicas);
}

// This client's connection to one node.
struct ClusterBackend::Node final : BackendHandler {
  Node(ClusterBackend& the_owner, proxy::NodeId the_id, const net::Address& address)
      : owner(the_owner),
        id(the_id),
        // The router itself logs in, and again whenever the client's state asks for it.
        connection(owner.setting_.loop, address, owner.setting_.timeout_ms,
                   {std::make_shared<const crypto::Secret>(), {}}, *this) {}

  void OnConnected() override { owner.setting_.health.OnReached(connection.address()); }
  void OnReady() override {
    if (gone) return;
    owner.router_.OnNodeOpen(id);
    owner.RequestTurnEnd();
  }
  void OnFailed(const BackendFailure& failure) override {
    if (failure.code == tunnel::ResetCode::kUpstreamUnreachable)
      owner.setting_.health.OnUnreachable(connection.address(), failure.sentence, failure.refused);
    if (!gone) owner.OnNodeGone(id);
  }
  void OnRead(std::string_view bytes) override {
    if (gone) return;
    owner.router_.OnNodeReply(id, bytes);
    owner.RequestTurnEnd();
  }
  void OnReadEnd() override {
    if (!gone) owner.OnNodeGone(id);
  }
  void OnError() override { OnReadEnd(); }
  void OnDrained() override { owner.RequestTurnEnd(); }

  ClusterBackend& owner;
  const proxy::NodeId id;
  bool gone = false;  // the router has let go of it
  RedisConnection connection;
};

ClusterBackend::ClusterBackend(Setting setting, BackendHandler& handler)
    : TurnTask(setting.loop, Order::kSockets),
      setting_(std::move(setting)),
      limits_{.request = setting_.limits.request, .reply = setting_.limits.reply},
      handler_(handler),
      router_(limits_, *this, setting_.table, setting_.map,
              AsText(setting_.upstream->login.bytes()), setting_.choice) {
  RequestTurnEnd();
}

ClusterBackend::~ClusterBackend() { setting_.budget.used -= charged_; }

// False: all clients together hold too much, and this one more than its share.
bool ClusterBackend::Charge() { return setting_.budget.Charge(router_.memory(), charged_); }

void ClusterBackend::OnMap(const std::shared_ptr<const proxy::ClusterMap>& map) {
  router_.OnMap(map);
  RequestTurnEnd();
}

void ClusterBackend::Write(std::string_view bytes) {
  router_.OnRequest(bytes);
  RequestTurnEnd();
}

// What the router can't take on yet counts, too.
std::size_t ClusterBackend::queued() const {
  std::size_t bytes = router_.takes_requests() ? 0 : 1;
  for (const auto& [id, node] : nodes_) bytes += node->connection.queued();
  return bytes;
}

void ClusterBackend::StartReading() {
  reading_ = true;
  ChooseReads();
}

void ClusterBackend::StopReading() {
  reading_ = false;
  ChooseReads();
}

void ClusterBackend::Shutdown() {
  router_.OnRequestEnd();
  RequestTurnEnd();
}

void ClusterBackend::Connect(proxy::NodeId node, const proxy::ClusterNode& address) {
  const net::Address where{address.host, address.port, {}};
  if (setting_.health.Hangs(where)) {
    unreachable_.push_back(node);
    return RequestTurnEnd();
  }
  nodes_[node] = std::make_unique<Node>(*this, node, where);
}

void ClusterBackend::ToNode(proxy::NodeId node, std::string_view bytes) {
  const auto found = nodes_.find(node);
  if (found != nodes_.end()) found->second->connection.Write(bytes);
}

void ClusterBackend::CloseNode(proxy::NodeId node) {
  std::erase(unreachable_, node);
  LetGo(node);
}

void ClusterBackend::WantMap() { setting_.ask(); }

void ClusterBackend::OnNodeRefused(proxy::NodeId node, std::string_view error) {
  const auto found = nodes_.find(node);
  const std::string where = found == nodes_.end() ? std::string("a node")
                                                  : found->second->connection.address().ToString();
  setting_.refused_logins.Warn(
      "route '" + setting_.upstream->route.name + "': " + where +
          " refused what a client's connection begins with: " + std::string(error),
      setting_.loop.now_ms());
}

void ClusterBackend::OnNodeGone(proxy::NodeId node) {
  LetGo(node);
  router_.OnNodeClosed(node);
  RequestTurnEnd();
}

void ClusterBackend::LetGo(proxy::NodeId node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  found->second->gone = true;
  let_go_.push_back(std::move(found->second));
  nodes_.erase(found);
  RequestTurnEnd();
}

void ClusterBackend::ChooseReads() {
  for (const auto& [id, node] : nodes_) {
    if (reading_ && router_.reads(id)) {
      node->connection.StartReading();
    } else {
      node->connection.StopReading();
    }
  }
}

// Each call of the handler may be the last of this object.
void ClusterBackend::OnTurnEnd() {
  const std::weak_ptr<const bool> alive = alive_;
  let_go_.clear();
  if (!std::exchange(ready_, true)) {
    handler_.OnConnected();
    handler_.OnReady();
    if (alive.expired()) return;
  }
  while (!unreachable_.empty()) {
    const proxy::NodeId node = unreachable_.back();
    unreachable_.pop_back();
    router_.OnNodeClosed(node);
  }
  for (std::string replies = router_.TakeReplies(); !replies.empty();
       replies = router_.TakeReplies()) {
    handler_.OnRead(replies);
    if (alive.expired()) return;
  }
  if (router_.finished()) {
    if (!router_.failure().empty()) setting_.on_client_lost(router_.failure());
    return handler_.OnReadEnd();
  }
  if (!Charge()) {
    setting_.on_client_lost("the agent's memory for clients is used up (max_held_bytes)");
    return handler_.OnError();
  }
  ChooseReads();
  handler_.OnDrained();
}

}  // namespace redwall::agent
