// The nodes: which one a command goes to, and the connections' beginning and end.
#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/proxy/cluster_router.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kBroken =
    "a connection to a node of the cluster broke while something was under way on it";

}  // namespace

// kNoNode: there are too many.
NodeId ClusterRouter::LinkTo(const ClusterNode& address) {
  NodeId unused = kNoNode;
  for (NodeId node = 0; node < links_.size(); ++node) {
    const Link& link = *links_[node];
    if (link.address == address) return node;
    const bool gone = link.state == Link::State::kClosed &&
                      map_->Find(link.address.host, link.address.port) == ClusterMap::kNone;
    if (gone) unused = node;
  }
  if (unused == kNoNode) {
    if (links_.size() >= limits_.max_nodes) return kNoNode;
    unused = static_cast<NodeId>(links_.size());
    links_.emplace_back();
  }
  if (links_[unused] == nullptr) links_[unused] = std::make_unique<Link>();
  links_[unused]->address = address;
  Forget(*links_[unused]);
  return unused;
}

// Back to the beginning. In place, since it may be in use up the stack.
void ClusterRouter::Forget(Link& link) {
  unsent_ -= link.unsent.size();
  const ClusterNode address = std::move(link.address);
  link = Link();
  link.address = address;
  link.scanner = resp::ReplyScanner(limits_.reply);
}

NodeId ClusterRouter::MasterOf(std::int32_t slot) {
  const auto key = static_cast<std::uint16_t>(slot);
  if (const auto moved = moved_.find(key); moved != moved_.end()) return moved->second;
  const std::size_t master = map_->MasterOf(key);
  return master == ClusterMap::kNone ? kNoNode : LinkTo(master);
}

// One of the slot's replicas, always the same; its master where it has none.
NodeId ClusterRouter::ReplicaOf(std::int32_t slot) {
  const std::size_t master = map_->MasterOf(static_cast<std::uint16_t>(slot));
  if (master == ClusterMap::kNone || moved_.contains(static_cast<std::uint16_t>(slot)))
    return MasterOf(slot);
  const std::vector<std::size_t>& replicas = map_->ReplicasOf(master);
  return LinkTo(replicas.empty() ? master : replicas[choice_ % replicas.size()]);
}

// Where commands without keys go: the master of the lowest slot, for as long as it is a master.
NodeId ClusterRouter::Home() {
  const std::vector<std::size_t>& masters = map_->masters();
  if (masters.empty()) return kNoNode;
  const auto is_home = [this](std::size_t master) { return map_->nodes()[master] == home_; };
  if (std::none_of(masters.begin(), masters.end(), is_home))
    home_ = map_->nodes()[masters[turns_++ % masters.size()]];
  return LinkTo(home_);
}

// The one that has the client's channels and patterns; else one that has shard channels.
NodeId ClusterRouter::SubscribedNode() const {
  NodeId sharded = kNoNode;
  for (NodeId node = 0; node < links_.size(); ++node) {
    if (links_[node]->pubsub.listens()) return node;
    if (links_[node]->pubsub.shard_channels() > 0) sharded = node;
  }
  return sharded;
}

std::int64_t ClusterRouter::ShardChannelsBeside(NodeId node) const {
  std::int64_t count = 0;
  for (NodeId other = 0; other < links_.size(); ++other)
    if (other != node)
      count += std::min<std::int64_t>(links_[other]->pubsub.shard_channels(), INT32_MAX);
  return count;
}

void ClusterRouter::OnNodeOpen(NodeId node) {
  if (finished_ || node >= links_.size()) return;
  Link& link = *links_[node];
  if (link.state != Link::State::kConnecting) return;
  link.state = Link::State::kGreeting;
  std::string preamble;
  link.greetings = session_.WritePreamble(preamble);
  link.logs_in = session_.logs_in();
  if (link.greetings > 0) {
    outlet_.ToNode(node, preamble);
    explicit_bzero(preamble.data(), preamble.size());  // it may have had a password in it
  } else {
    BecomeOpen(node);
  }
  Pump();
}

void ClusterRouter::BecomeOpen(NodeId node) {
  Link& link = *links_[node];
  link.state = Link::State::kOpen;
  const std::string unsent = std::exchange(link.unsent, {});
  unsent_ -= unsent.size();
  if (!unsent.empty()) outlet_.ToNode(node, unsent);
}

void ClusterRouter::OnNodeClosed(NodeId node) {
  if (finished_ || node >= links_.size()) return;
  Link& link = *links_[node];
  if (link.state == Link::State::kClosed) return;
  if (link.state == Link::State::kOpen) {
    link.ended = true;
    draining_ = !requests_.empty();
  } else if (session_.broadcast() && link.expected.empty()) {
    return Fail("a node that was to tell of changed keys can't be reached");
  } else {
    Want();
    DropUnsent(node);
  }
  Pump();
}

// CLIENT TRACKING ... BCAST: each master tells of its own keys.
void ClusterRouter::ConnectToAll() {
  for (const std::size_t master : map_->masters()) {
    const NodeId node = LinkTo(master);
    if (node == kNoNode || links_[node]->state != Link::State::kClosed) continue;
    links_[node]->state = Link::State::kConnecting;
    outlet_.Connect(node, links_[node]->address);
  }
}

// It answered the preamble with an error.
void ClusterRouter::Refuse(NodeId node) {
  outlet_.OnNodeRefused(node, links_[node]->refusal_code);
  outlet_.CloseNode(node);
  DropUnsent(node);
}

// The connection didn't come about: nothing that was meant for it was sent.
void ClusterRouter::DropUnsent(NodeId node) {
  Link& link = *links_[node];
  std::string error;
  if (!link.refusal.empty()) resp::WriteError(link.refusal, error);
  const std::deque<Link::Expected> dropped = std::exchange(link.expected, {});
  Forget(link);
  for (const Link::Expected& expected : dropped) {
    if (expected.kind == Link::Frame::kStep)
      FailFront(error.empty() ? "CLUSTERDOWN redwall: a node can't be reached"
                              : std::string_view(error).substr(1, error.size() - 3));
    Request* const request = Find(expected.request);
    if (expected.kind != Link::Frame::kPart || request == nullptr) continue;
    Part& part = request->parts[expected.part];
    part.state = Part::State::kUnsent;
    SetReply(part, error);
    --request->left;
  }
}

// Precondition: nothing is under way on it.
void ClusterRouter::CloseLink(NodeId node) {
  Link& link = *links_[node];
  if (link.state == Link::State::kClosed) return;
  if (!link.ended) outlet_.CloseNode(node);
  Forget(link);
}

// Whether it has something that another connection to the node wouldn't have.
bool ClusterRouter::LivesOn(NodeId node) const {
  const Link& link = *links_[node];
  return link.pubsub.subscribed() || link.monitor || session_.tracking() != TrackingMode::kOff ||
         (watch_.on && watch_.node == node) || (transaction_.open && transaction_.node == node);
}

// Nodes that have closed: what they had said before may have had to wait for its turn.
void ClusterRouter::SettleEnded() {
  for (NodeId node = 0; node < links_.size() && !finished_; ++node) {
    Link& link = *links_[node];
    if (!link.ended || !link.input.empty()) continue;
    if (!link.expected.empty() || link.frame != Link::Frame::kNone || LivesOn(node))
      return Fail(kBroken);
    Forget(link);
  }
}

}  // namespace redwall::proxy
