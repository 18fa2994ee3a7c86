// A ClusterRouter between a client and a FakeCluster, with the network between them as queues.
//
// Bytes are given to the router from memory of their own, so that a sanitizer sees every use of a
// view that has died.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_CLUSTER_FIXTURE_H_
#define REDWALL_TESTS_GATEWAY_PROXY_CLUSTER_FIXTURE_H_

#include <cstring>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/proxy/cluster_router.h"
#include "tests/gateway/proxy/fake_cluster.h"

namespace redwall::proxy {

struct ClusterSiteOptions {
  std::size_t nodes = 3;
  std::string login = {};
  ClusterLimits limits = {};
  bool with_map = true;
};

class ClusterSite final : public ClusterOutlet {
 public:
  explicit ClusterSite(ClusterSiteOptions options = {})
      : cluster(options.nodes), options_(std::move(options)) {
    std::shared_ptr<const resp::CommandTable> table(&resp::CommandTable::Builtin(), [](auto*) {});
    router = std::make_unique<ClusterRouter>(options_.limits, *this, table,
                                             options_.with_map ? cluster.Map() : nullptr,
                                             options_.login, 1);
  }

  FakeCluster cluster;
  std::unique_ptr<ClusterRouter> router;
  std::string output;            // what the client has got
  std::size_t piece = 0;         // how many bytes at a time; 0: all
  bool answers_map = true;       // WantMap is answered
  std::set<std::size_t> down;    // nodes that can't be reached
  std::set<std::size_t> silent;  // nodes of which nothing is delivered for now
  std::size_t maps_wanted = 0;
  std::vector<std::string> refused;
  // Before a node's reply is delivered.
  std::function<void()> between = [] {};

  // Sends, and lets everything happen until nothing moves.
  std::string Send(std::string_view bytes) {
    Request(bytes);
    Settle();
    return Take();
  }
  std::string Run(std::initializer_list<std::string_view> arguments) {
    return Send(Encode(arguments));
  }
  void Request(std::string_view bytes) {
    InPieces(bytes, [this](std::string_view part) { router->OnRequest(part); });
  }
  void Settle() {
    while (Step()) {
    }
  }
  // One event; false: there is none.
  bool Step() {
    output += router->TakeReplies();
    if (router->finished()) return false;
    if (map_wanted_ && answers_map) {
      map_wanted_ = false;
      router->OnMap(cluster.Map());
      return true;
    }
    for (auto& [id, peer] : peers_)
      if (StepPeer(id, peer)) return true;
    return false;
  }
  std::string Take() {
    output += router->TakeReplies();
    return std::exchange(output, {});
  }
  static std::string Encode(std::initializer_list<std::string_view> arguments) {
    std::string bytes;
    resp::WriteCommand(arguments, bytes);
    return bytes;
  }
  // The router's connection to a node; null: there is none.
  FakeConnection* ConnectionTo(std::size_t node) {
    for (auto& [id, peer] : peers_)
      if (peer.node == node && peer.connection != nullptr) return peer.connection.get();
    return nullptr;
  }
  // The node closes it.
  void Break(std::size_t node) {
    for (auto& [id, peer] : peers_) {
      if (peer.node != node) continue;
      const NodeId broken = id;
      peers_.erase(id);
      return router->OnNodeClosed(broken);
    }
  }
  std::size_t open_connections() const { return peers_.size(); }

 private:
  struct Peer {
    std::size_t node = 0;
    std::unique_ptr<FakeConnection> connection;  // null: dialing
    std::string to_node;
  };

  bool StepPeer(NodeId id, Peer& peer) {
    if (silent.contains(peer.node)) return false;
    if (peer.connection == nullptr) {
      if (down.contains(peer.node) || peer.node >= cluster.nodes.size()) {
        peers_.erase(id);
        router->OnNodeClosed(id);
        return true;
      }
      peer.connection = std::make_unique<FakeConnection>(cluster, *cluster.nodes[peer.node]);
      router->OnNodeOpen(id);
      return true;
    }
    if (!peer.to_node.empty()) {
      peer.connection->Receive(std::exchange(peer.to_node, {}));
      return true;
    }
    if (!peer.connection->replies.empty() && router->reads(id)) {
      between();
      const std::string bytes = std::exchange(peer.connection->replies, {});
      const std::size_t node = peer.node;
      InPieces(bytes, [&](std::string_view part) {
        const auto found = peers_.find(id);
        if (found != peers_.end() && found->second.node == node) router->OnNodeReply(id, part);
      });
      return true;
    }
    if (!peer.connection->closed) return false;
    peers_.erase(id);
    router->OnNodeClosed(id);
    return true;
  }

  template <class Give>
  void InPieces(std::string_view bytes, Give give) {
    const std::size_t size = piece == 0 ? bytes.size() : piece;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
      const std::string_view part = bytes.substr(0, size);
      const auto copy = std::make_unique<char[]>(part.size());
      std::memcpy(copy.get(), part.data(), part.size());
      give(std::string_view(copy.get(), part.size()));
      output += router->TakeReplies();
    }
  }

  void Connect(NodeId node, const ClusterNode& address) override {
    peers_[node].node = cluster.IndexOf(address);
  }
  void ToNode(NodeId node, std::string_view bytes) override { peers_.at(node).to_node += bytes; }
  void CloseNode(NodeId node) override { peers_.erase(node); }
  void WantMap() override {
    map_wanted_ = true;
    ++maps_wanted;
  }
  void OnNodeRefused(NodeId, std::string_view error) override { refused.emplace_back(error); }

  const ClusterSiteOptions options_;
  std::map<NodeId, Peer> peers_;
  bool map_wanted_ = false;
};

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_CLUSTER_FIXTURE_H_
