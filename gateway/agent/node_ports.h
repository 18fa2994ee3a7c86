// NodePorts: the local listeners that stand for nodes of the other site: of a cluster, or of what
// Sentinels watch.
//
// A client learns of a node by a reply, which is rewritten (proxy::TopologyRewriter); for that it
// is given a port here, which is opened at that moment. Which port is told by a hash of the node's
// address, so that after a restart of this agent a node has the same one, unless two nodes want one
// port, or another program has it. When all ports are in use, the node that was named
// longest ago gives way to a new one, unless it has a connection or is named by the same
// reply.
//
// What is named in a reply may be made up (by a script at Redis): a listener opened for it leads
// nowhere, since the server agent goes to no address that the cluster doesn't name.
#ifndef REDWALL_GATEWAY_AGENT_NODE_PORTS_H_
#define REDWALL_GATEWAY_AGENT_NODE_PORTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/agent/client_link.h"
#include "gateway/agent/config.h"
#include "gateway/agent/log.h"
#include "gateway/net/listener.h"
#include "gateway/net/loop.h"
#include "gateway/proxy/node_addresses.h"

namespace redwall::agent {

class NodePorts final : public proxy::NodeAddresses {
 public:
  using OnAccept = std::function<void(net::Socket, const ClientPurpose&)>;

  // `listener` has node_ports.
  NodePorts(net::Loop& loop, const ClientListener& listener, OnAccept on_accept);
  ~NodePorts();

  // No new connections: this agent is being drained.
  void StopListening();

  // What rewrites the replies to clients of the listener itself.
  const std::shared_ptr<const proxy::TopologyRewriter>& topology() const { return topology_; }

  std::optional<proxy::LocalAddress> LocalOf(std::string_view host, std::uint16_t port,
                                             proxy::NodeKind kind) override;
  void SameNode(std::string_view host, std::string_view other, std::uint16_t port) override;

 private:
  struct Node;
  std::uint16_t count() const { return static_cast<std::uint16_t>(ports_.last - ports_.first + 1); }
  Node* Find(const std::string& name) const;
  Node* Add(const net::Address& address, const std::string& name, proxy::NodeKind kind);
  std::string Listen(Node& node);
  bool MakeRoom();
  void Remove(const Node* node);

  net::Loop& loop_;
  const std::string route_, listen_host_, announced_host_;
  const PortRange ports_;
  const OnAccept on_accept_;
  std::shared_ptr<const proxy::TopologyRewriter> topology_;
  std::map<std::uint16_t, std::unique_ptr<Node>> nodes_;  // by local port
  std::map<std::string, Node*> names_;                    // "host:port" as the other site calls it
  bool stopped_ = false;
  std::uint64_t named_ = 0;  // how often nodes were named
  LimitedLog full_, opened_, crowded_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_NODE_PORTS_H_
