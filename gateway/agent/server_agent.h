// ServerAgent: accepts tunnels, forwards to Redis.
#ifndef REDWALL_GATEWAY_AGENT_SERVER_AGENT_H_
#define REDWALL_GATEWAY_AGENT_SERVER_AGENT_H_

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "crypto/keyring.h"
#include "gateway/agent/admission.h"
#include "gateway/agent/keys.h"
#include "gateway/agent/log.h"
#include "gateway/agent/process.h"
#include "gateway/agent/server_tunnel.h"
#include "gateway/net/listener.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class ServerAgent final : public Agent, public ServerTunnelOwner {
 public:
  // Reads keys, policy and credentials, opens the audit; binds in Start.
  static Result<std::unique_ptr<ServerAgent>, ConfigError> Make(net::Loop& loop,
                                                                const ServerConfig& config);
  ~ServerAgent() override;

  Result<void, net::ListenError> Start() override;
  void Reload() override;
  void Reopen() override { core_->ReopenAudit(); }
  void Drain(std::function<void()> drained) override;

 private:
  using Upstreams = std::unordered_map<std::string, std::shared_ptr<const Upstream>>;
  ServerAgent(ServerConfig config, std::unique_ptr<Core> core, ServerKeys keys,
              Upstreams upstreams);
  static Result<Upstreams, ConfigError> ReadUpstreams(const ServerConfig& config);

  void OnAccept(net::Socket socket);
  void OnTunnelDone(ServerTunnel* tunnel, std::string_view why) override;
  void OnTunnelUp(ServerTunnel* tunnel) override;
  std::string OnProved(ServerTunnel* tunnel) override;
  void OnTunnelWaits(ServerTunnel* tunnel, std::string_view why) override;
  void OnTunnelResumed(ServerTunnel* tunnel) override;
  void OnTunnelMerged(ServerTunnel* tunnel) override;
  ServerTunnel* FindSession(const tunnel::SessionId& id) override;
  bool MakeRoomFor(const ServerTunnel* tunnel);
  ServerTunnel* LongestWaiting(const std::function<bool(const ServerTunnel*)>& concerns) const;
  void LimitWaiting();
  ServerRoute* FindRoute(const std::string& identity, std::string_view route,
                         tunnel::ResetCode& refusal) override;
  std::vector<tunnel::RouteKind> RouteKindsFor(const std::string& identity) const override;
  void UpdateRules(const ServerRoute& route, bool policy_is_new);
  void OnDiscovered(const ServerRoute& route);
  void ChoosePushed();
  void OnUpstreamTrouble(const std::string& sentence) override;
  void OnDrainTick();
  void EndRefused();
  void CheckEnds();

  const ServerConfig config_;
  std::unique_ptr<Core> core_;
  ServerKeys keys_;
  std::unordered_map<std::string, std::unique_ptr<ServerRoute>> routes_;
  std::shared_ptr<const std::string> pushed_;  // the policy for client agents; empty: none
  crypto::ReplayCache replays_;
  std::unordered_map<ServerTunnel*, std::unique_ptr<ServerTunnel>> tunnels_;
  Admission admission_;  // of those in tunnels_ that haven't proved themselves
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  LimitedLog strangers_, crowds_, refused_agents_, upstream_trouble_, away_, back_;
  net::Timer waiting_tick_, ends_timer_, drain_timer_;
  std::function<void()> on_drained_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SERVER_AGENT_H_
