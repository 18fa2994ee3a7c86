// A NodeAddresses that stands for the listeners of a client agent: a port for each node, in the
// order in which they are asked for.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_FAKE_NODES_H_
#define REDWALL_TESTS_GATEWAY_PROXY_FAKE_NODES_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/proxy/topology_rewriter.h"

namespace redwall::proxy {

class FakeNodes final : public NodeAddresses {
 public:
  // `ports`: how many there are.
  explicit FakeNodes(std::size_t ports = 64) : ports_(ports) {}

  std::optional<LocalAddress> LocalOf(std::string_view host, std::uint16_t port,
                                      NodeKind kind) override {
    const Node node = Main({std::string(host), port});
    if (kind == NodeKind::kSentinel) sentinels.insert({node.first, node.second});
    const auto found = locals_.find(node);
    if (found != locals_.end()) return found->second;
    if (locals_.size() == ports_) return std::nullopt;
    asked.push_back(node.first + ":" + std::to_string(node.second));
    const LocalAddress local{"127.0.0.1", static_cast<std::uint16_t>(17000 + locals_.size())};
    return locals_.emplace(node, local).first->second;
  }
  void SameNode(std::string_view host, std::string_view other, std::uint16_t port) override {
    const Node node = Main({std::string(host), port}), same{std::string(other), port};
    if (Main(same) == node) return;
    aliases_.emplace(same, node);
  }

  std::vector<std::string> asked;  // the nodes, each once
  std::map<std::string, std::uint16_t> sentinels;

 private:
  using Node = std::pair<std::string, std::uint16_t>;
  Node Main(Node node) const {
    const auto found = aliases_.find(node);
    return found == aliases_.end() ? node : found->second;
  }

  const std::size_t ports_;
  std::map<Node, Node> aliases_;
  std::map<Node, LocalAddress> locals_;
};

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_FAKE_NODES_H_
