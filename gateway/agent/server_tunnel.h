// ServerTunnel: one client agent's tunnel at the server agent, with the links that go through it.
#ifndef REDWALL_GATEWAY_AGENT_SERVER_TUNNEL_H_
#define REDWALL_GATEWAY_AGENT_SERVER_TUNNEL_H_

#include <memory>
#include <string>
#include <unordered_map>

#include "gateway/agent/keys.h"
#include "gateway/agent/server_link.h"

namespace redwall::agent {

class ServerTunnel;

class ServerTunnelOwner {
 public:
  // The tunnel is over: forget it and give it to Core::Retire. Called once.
  virtual void OnTunnelDone(ServerTunnel* tunnel, std::string_view why) = 0;
  virtual void OnTunnelUp(ServerTunnel* tunnel) = 0;
  // The route for a stream, which lives longer than the tunnel; null and a code where this agent
  // can't have it.
  virtual ServerRoute* FindRoute(const std::string& identity, std::string_view route,
                                 tunnel::ResetCode& refusal) = 0;
  virtual void OnUpstreamTrouble(const std::string& sentence) = 0;

 protected:
  ~ServerTunnelOwner() = default;
};

class ServerTunnel final : public Retirable,
                           public net::TunnelHandler,
                           public tunnel::SessionHandler,
                           public ServerLinkOwner {
 public:
  ServerTunnel(Core& core, net::Socket socket, crypto::SecureChannel channel,
               ServerTunnelOwner& owner);
  ~ServerTunnel() override;

  // The peer has proved itself and said HELLO: OnTunnelUp was called.
  bool up() const { return up_; }
  const std::string& identity() const { return identity_; }
  bool StillAuthorized(const ServerKeys& keys) const {
    return keys.StillHolds(identity_, connection_.channel().peer_proof());
  }
  const std::string& peer_address() const { return connection_.peer_address(); }
  std::string session_name() const;
  std::string agent_name();  // as the peer calls itself; not proved
  std::size_t link_count() const { return links_.size(); }

  // The policy of this route is another one.
  void UpdateRules(const ServerRoute& route);
  void Abort(std::string_view why) { connection_.Abort(why); }
  // No new streams; idle connections end now, the others when CloseIdle finds them idle.
  void BeginDrain();
  void CloseIdle();
  bool drained() const { return links_.empty() && connection_.drained(); }

 private:
  std::unique_ptr<tunnel::Session> OnAuthenticated(const crypto::SecureChannel& channel) override;
  void OnTunnelLost(std::string_view why) override;
  void OnReady() override;
  tunnel::StreamHandler* OnOpen(tunnel::StreamId stream, const tunnel::OpenPayload& open,
                                tunnel::ResetCode& refusal) override;
  void OnGoaway(tunnel::ResetCode, std::uint32_t) override {}
  void OnLinkDone(ServerLink* link) override;
  void OnUpstreamTrouble(const std::string& sentence) override {
    owner_.OnUpstreamTrouble(sentence);
  }

  Core& core_;
  ServerTunnelOwner& owner_;
  std::string identity_;
  bool up_ = false;
  tunnel::SessionId id_{};
  std::unordered_map<const ServerRoute*, proxy::Gate> gates_;  // of the routes that were used
  std::unordered_map<ServerLink*, std::unique_ptr<ServerLink>> links_;
  net::TunnelConnection connection_;  // after links_: it may call back until it is gone
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SERVER_TUNNEL_H_
