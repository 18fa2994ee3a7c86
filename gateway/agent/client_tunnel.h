// ClientTunnel: a tunnel to a server agent, from the dial on, with the links that go through it.
//
//     DIALING ─▶ HANDSHAKE ─▶ UP ─ GOAWAY ─▶ LEAVING (no new links) ─▶ LOST
//        └───────────┴─────────┴────────── any failure ─────────────────▲
#ifndef REDWALL_GATEWAY_AGENT_CLIENT_TUNNEL_H_
#define REDWALL_GATEWAY_AGENT_CLIENT_TUNNEL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/agent/core.h"
#include "gateway/agent/keys.h"
#include "gateway/net/dialer.h"
#include "gateway/net/tunnel_connection.h"
#include "gateway/proxy/conversation.h"

namespace redwall::agent {

class ClientTunnel;

class ClientTunnelOwner {
 public:
  virtual void OnTunnelUp(ClientTunnel* tunnel) = 0;
  // Something came through the tunnel: streams may be possible that weren't before.
  virtual void OnTunnelActive() = 0;
  // The server agent wants to be left: no new connections through this tunnel.
  virtual void OnTunnelLeaving(ClientTunnel* tunnel) = 0;
  // The tunnel is over: end its links, forget it, and give it to Core::Retire. Called once.
  virtual void OnTunnelLost(ClientTunnel* tunnel, std::string_view why) = 0;

 protected:
  ~ClientTunnelOwner() = default;
};

class ClientTunnel final : public Retirable,
                           public net::TunnelHandler,
                           public tunnel::SessionHandler {
 public:
  // `keys` is borrowed until the handshake has begun.
  ClientTunnel(Core& core, const net::Address& server, const ClientKeys& keys,
               ClientTunnelOwner& owner);
  ~ClientTunnel() override;

  // Null before it is up and after it is lost.
  tunnel::Session* session();
  net::TunnelConnection& connection() { return *connection_; }
  const proxy::Gate& gate() const { return gate_; }
  // This agent's name at the server agent: what the server says, else the key's name.
  const std::string& identity() const { return identity_; }
  const std::string& server() const { return server_; }
  bool was_up() const { return was_up_; }
  bool is_through(const net::TunnelConnection* connection) const {
    return connection != nullptr && connection == connection_.get();
  }
  void SetPolicy(const policy::Policy& policy) { gate_.rules = policy.RulesFor(identity_); }
  bool drained() const { return connection_ == nullptr || connection_->drained(); }
  void Abort(std::string_view why);

 private:
  void OnConnected(Result<net::Socket, net::DialError> socket);
  std::unique_ptr<tunnel::Session> OnAuthenticated(const crypto::SecureChannel& channel) override;
  void OnTunnelLost(std::string_view why) override;
  void OnReady() override;
  void OnRecord() override { owner_.OnTunnelActive(); }
  tunnel::StreamHandler* OnOpen(tunnel::StreamId, const tunnel::OpenPayload&,
                                tunnel::ResetCode&) override {
    return nullptr;
  }
  void OnGoaway(tunnel::ResetCode code, std::uint32_t drain_ms) override;

  Core& core_;
  const std::string server_;
  const ClientKeys& keys_;
  ClientTunnelOwner& owner_;
  std::string identity_;
  proxy::Gate gate_;
  bool was_up_ = false, lost_ = false;
  std::optional<net::Dial> dial_;
  std::unique_ptr<net::TunnelConnection> connection_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLIENT_TUNNEL_H_
