// ClientTunnel: a session with a server agent, from the dial on, with the links that go through it.
//
//     DIALING ─▶ HANDSHAKE ─▶ UP ⇄ AWAY (the connection is lost; dials, until it is resumed)
//        └───────────┴─────────┴────┴─ failure, the session is over, too long away ─▶ LOST
//
// Streams stay through AWAY: no client notices but by the delay. The session is the one server
// agent's that it began with, so it is dialled again at the same address. GOAWAY: the server agent
// wants to be left, and gets no new links.
#ifndef REDWALL_GATEWAY_AGENT_CLIENT_TUNNEL_H_
#define REDWALL_GATEWAY_AGENT_CLIENT_TUNNEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.h"
#include "gateway/agent/core.h"
#include "gateway/agent/keys.h"
#include "gateway/net/dialer.h"
#include "gateway/net/timer.h"
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
  // The connection is lost; an attempt to get it back failed; it is there again.
  virtual void OnTunnelAway(ClientTunnel* tunnel, std::string_view why) = 0;
  virtual void OnTunnelStaysAway(ClientTunnel* tunnel) = 0;
  virtual void OnTunnelResumed(ClientTunnel* tunnel, std::int64_t away_ms) = 0;
  // The server agent has said by what policy its commands are to be refused here already (`text`;
  // empty: by none any more). Not empty `trouble`: it can't be read, and refuses nothing.
  virtual void OnPolicyPushed(ClientTunnel* tunnel, const std::string& text,
                              std::string_view trouble) = 0;
  // The tunnel is over: end its links, forget it, and give it to Core::Retire. Called once.
  virtual void OnTunnelLost(ClientTunnel* tunnel, std::string_view why) = 0;

 protected:
  ~ClientTunnelOwner() = default;
};

class ClientTunnel final : public Retirable,
                           public net::TunnelHandler,
                           public tunnel::SessionHandler {
 public:
  // `keys` is borrowed: each handshake uses what is there by then.
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
  bool is_away() const { return away_since_ms_ >= 0; }
  bool is_through(const net::TunnelConnection* connection) const {
    return connection != nullptr && connection == connection_.get();
  }
  void SetPolicy(const policy::Policy& policy) { gate_.rules = policy.RulesFor(identity_); }
  bool drained() const { return connection_ == nullptr || connection_->drained(); }
  void End(std::string_view why);
  // The keys are other ones than those that the connection was made with: makes it anew.
  void TakeNewKeys();
  // Precondition: was_up().
  const crypto::SecureChannel::KeysInUse& keys_in_use() const {
    return connection_->channel().keys_in_use();
  }

 private:
  void Dial();
  void OnConnected(Result<net::Socket, net::DialError> socket);
  void OnDialFailed(const net::DialError& error);
  void DialLater();
  void OnBack();
  std::unique_ptr<tunnel::Session> OnAuthenticated(crypto::SecureChannel& channel,
                                                   ByteView record) override;
  void OnReauthenticated(crypto::SecureChannel& channel) override;
  void OnTransportLost(std::string_view why) override;
  void OnTunnelLost(std::string_view why) override;
  void OnReady() override;
  void OnRecord() override;
  tunnel::StreamHandler* OnOpen(tunnel::StreamId, const tunnel::OpenPayload&,
                                tunnel::ResetCode&) override {
    return nullptr;
  }
  void OnGoaway(tunnel::ResetCode code, std::uint32_t drain_ms) override;
  void OnPolicy(std::string text) override;

  Core& core_;
  const net::Address address_;
  const std::string server_;  // address_, for people
  const ClientKeys& keys_;
  ClientTunnelOwner& owner_;
  std::string identity_;
  proxy::Gate gate_;
  bool was_up_ = false, lost_ = false;
  crypto::Secret resume_key_;
  std::int64_t away_since_ms_ = -1;     // monotonic; -1: it isn't
  std::int64_t refused_since_ms_ = -1;  // nobody has listened there since
  std::uint64_t backoff_ms_ = 0;
  net::Timer retry_, new_keys_;
  std::optional<net::Dial> dial_;
  std::unique_ptr<net::TunnelConnection> connection_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLIENT_TUNNEL_H_
