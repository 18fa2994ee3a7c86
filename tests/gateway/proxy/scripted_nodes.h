// ScriptedNodes: a router with two masters, of which the test is both: slots 0-8191 are
// node 10.0.0.1's.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_SCRIPTED_NODES_H_
#define REDWALL_TESTS_GATEWAY_PROXY_SCRIPTED_NODES_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/proxy/cluster_router.h"
#include "resp/writer.h"

namespace redwall::proxy {

class ScriptedNodes final : public ClusterOutlet {
 public:
  explicit ScriptedNodes(ClusterLimits its = {}, std::string its_login = {})
      : limits(its), login(std::move(its_login)) {
    const ClusterMap map({{"10.0.0.1", 7000}, {"10.0.0.2", 7000}},
                         {{0, 8191, 0}, {8192, 16383, 1}});
    std::shared_ptr<const resp::CommandTable> table(&resp::CommandTable::Builtin(), [](auto*) {});
    router = std::make_unique<ClusterRouter>(limits, *this, table,
                                             std::make_shared<const ClusterMap>(map), login, 0);
  }

  const ClusterLimits limits;
  const std::string login;
  std::unique_ptr<ClusterRouter> router;
  std::vector<ClusterNode> dialed;  // by NodeId, each once
  std::vector<std::string> sent = std::vector<std::string>(8);
  std::vector<NodeId> closed;
  std::vector<std::string> refused;  // what the log is told

  void Request(std::string_view bytes) {
    const std::size_t before = dialed.size();
    router->OnRequest(bytes);
    for (std::size_t i = before; i < dialed.size(); ++i) router->OnNodeOpen(ids[i]);
  }
  static std::string Encode(std::initializer_list<std::string_view> arguments) {
    std::string bytes;
    resp::WriteCommand(arguments, bytes);
    return bytes;
  }
  std::string Reply(NodeId node, std::string_view bytes) {
    router->OnNodeReply(node, bytes);
    return router->TakeReplies();
  }

 private:
  void Connect(NodeId node, const ClusterNode& address) override {
    dialed.push_back(address);
    ids.push_back(node);
  }
  void ToNode(NodeId node, std::string_view bytes) override { sent[node] += bytes; }
  void CloseNode(NodeId node) override { closed.push_back(node); }
  void WantMap() override {}
  void OnNodeRefused(NodeId, std::string_view error) override { refused.emplace_back(error); }
  std::vector<NodeId> ids;
};

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_SCRIPTED_NODES_H_
