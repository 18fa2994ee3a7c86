// ClusterBackend: all nodes of a cluster as if they were one Redis, for one client: a ClusterRouter
// with a connection to each node that it needs. docs/cluster.md, "One endpoint".
//
// It is READY at once, since the router connects to nodes when it comes to need them. The handler
// is called from the end of the turn alone: the router may have an answer while it is still being
// given a request.
#ifndef REDWALL_GATEWAY_AGENT_CLUSTER_BACKEND_H_
#define REDWALL_GATEWAY_AGENT_CLUSTER_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/agent/backend.h"
#include "gateway/agent/discovery.h"
#include "gateway/agent/log.h"
#include "gateway/agent/redis_connection.h"
#include "gateway/net/loop.h"
#include "gateway/proxy/cluster_router.h"
#include "gateway/proxy/conversation.h"

namespace redwall::agent {

// What a router needs to know of a cluster. Nodes that no client may be led to are left out.
proxy::ClusterMap MakeClusterMap(const ClusterNodes& nodes);

class ClusterBackend final : public Backend, private proxy::ClusterOutlet, private net::TurnTask {
 public:
  // What it is made with. All that is referred to outlives it.
  struct Setting {
    net::Loop& loop;
    Health& health;
    std::uint64_t timeout_ms;
    std::shared_ptr<const Upstream> upstream;
    std::shared_ptr<const resp::CommandTable> table;
    std::shared_ptr<const proxy::ClusterMap> map;
    std::uint32_t choice;  // any number, to spread clients over replicas
    const proxy::ConversationLimits& limits;
    proxy::Budget& budget;
    // The cluster is to be asked for its nodes: OnMap is called when that is over.
    std::function<void()> ask;
    std::function<void(std::string_view why)> on_client_lost;  // for the log
    LimitedLog& refused_logins;
  };
  ClusterBackend(Setting setting, BackendHandler& handler);
  ~ClusterBackend() override;

  void Write(std::string_view bytes) override;
  std::size_t queued() const override;
  void StartReading() override;
  void StopReading() override;
  void Shutdown() override;
  void ResetOnClose() override {}
  void OnMap(const std::shared_ptr<const proxy::ClusterMap>& map) override;
  void OnTable(const std::shared_ptr<const resp::CommandTable>& table) override {
    router_.OnTable(table);
  }

 private:
  struct Node;
  // As the router's outlet.
  void Connect(proxy::NodeId node, const proxy::ClusterNode& address) override;
  void ToNode(proxy::NodeId node, std::string_view bytes) override;
  void CloseNode(proxy::NodeId node) override;
  void WantMap() override;
  void OnNodeRefused(proxy::NodeId node, std::string_view error) override;

  void OnTurnEnd() override;
  void OnNodeGone(proxy::NodeId node);
  void LetGo(proxy::NodeId node);
  void ChooseReads();
  bool Charge();

  const Setting setting_;
  const proxy::ClusterLimits limits_;
  BackendHandler& handler_;
  std::map<proxy::NodeId, std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Node>> let_go_;  // may be on the stack until the end of the turn
  std::vector<proxy::NodeId> unreachable_;     // the router isn't told from inside its own call
  proxy::ClusterRouter router_;
  std::size_t charged_ = 0;  // to the budget
  bool ready_ = false, reading_ = true;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLUSTER_BACKEND_H_
