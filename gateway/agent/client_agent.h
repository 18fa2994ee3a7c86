// ClientAgent: local Redis endpoints, and the tunnel behind them.
//
// New connections are spread over as many tunnels as are asked for ("tunnels"). One that the server
// agent wants to be left (GOAWAY), or that is away while there are other servers, makes place for
// another one and lives on until its last connection has ended. A client that comes while there is
// no tunnel waits for one, up to the time-out.
#ifndef REDWALL_GATEWAY_AGENT_CLIENT_AGENT_H_
#define REDWALL_GATEWAY_AGENT_CLIENT_AGENT_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/agent/client_link.h"
#include "gateway/agent/client_tunnel.h"
#include "gateway/agent/keys.h"
#include "gateway/agent/log.h"
#include "gateway/agent/node_ports.h"
#include "gateway/agent/process.h"
#include "gateway/net/listener.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class ClientAgent final : public Agent,
                          public ClientLinkOwner,
                          public ClientTunnelOwner,
                          public net::TurnTask {
 public:
  // Reads keys and policy, opens the audit; binds and dials in Start.
  static Result<std::unique_ptr<ClientAgent>, ConfigError> Make(net::Loop& loop,
                                                                const ClientConfig& config);
  ~ClientAgent() override;

  Result<void, net::ListenError> Start() override;
  void Reload() override;
  void Reopen() override { core_->ReopenAudit(); }
  void Drain(std::function<void()> drained) override;

 private:
  ClientAgent(ClientConfig config, std::unique_ptr<Core> core, ClientKeys keys);

  void OnAccept(net::Socket socket, const ClientPurpose& purpose);
  void OnLinkDone(ClientLink* link) override;
  void OnRefused(const std::string& sentence) override;
  void OnTunnelUp(ClientTunnel* tunnel) override;
  void OnTunnelActive() override;
  void OnTunnelLeaving(ClientTunnel* tunnel) override { Replace(tunnel); }
  void OnTunnelAway(ClientTunnel* tunnel, std::string_view why) override;
  void OnTunnelStaysAway(ClientTunnel* tunnel) override;
  void OnTunnelResumed(ClientTunnel* tunnel, std::int64_t away_ms) override;
  void OnPolicyPushed(ClientTunnel* tunnel, const std::string& text,
                      std::string_view trouble) override;
  void OnTunnelLost(ClientTunnel* tunnel, std::string_view why) override;
  void OnTurnEnd() override { OpenWaiting(); }

  // One of the tunnels that take new connections, or will.
  struct Place {
    explicit Place(net::Loop& loop) : retry(loop) {}
    ClientTunnel* current = nullptr;
    std::size_t next_server = 0;
    std::uint64_t backoff_ms = 0;
    net::Timer retry;
  };
  Place* PlaceOf(const ClientTunnel* tunnel);
  void Connect(Place& place);
  void ConnectLater(Place& place);
  void Replace(const ClientTunnel* tunnel);
  void OpenWaiting();
  void TellLinks(const ClientTunnel* tunnel);
  std::vector<ClientLink*> LinksThrough(const ClientTunnel* tunnel) const;
  ClientTunnel* LeastUsed();
  bool AllAreFull();
  void EndUnused();
  void OnTick();
  void OnDrainTick();

  const ClientConfig config_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<ClientKeys> keys_;
  std::vector<std::unique_ptr<NodePorts>> node_ports_;  // outlive the links
  std::unordered_map<ClientLink*, std::unique_ptr<ClientLink>> links_;
  std::deque<ClientLink*> waiting_;  // in the order they came
  std::unordered_map<ClientTunnel*, std::unique_ptr<ClientTunnel>> tunnels_;
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  LimitedLog refusals_, away_, back_;
  net::Timer tick_, drain_timer_;
  std::function<void()> on_drained_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLIENT_AGENT_H_
