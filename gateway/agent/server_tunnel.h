// ServerTunnel: one client agent's tunnel at the server agent, with the links that go through it.
//
//     HANDSHAKE ─ first record ─▶ UP ⇄ WAITING (its connection is lost, its links stay) ─▶ done
//         └── RESUME: the session of an earlier ServerTunnel takes the connection over ──▶ done
#ifndef REDWALL_GATEWAY_AGENT_SERVER_TUNNEL_H_
#define REDWALL_GATEWAY_AGENT_SERVER_TUNNEL_H_

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "crypto/secret.h"
#include "gateway/agent/keys.h"
#include "gateway/agent/server_link.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class ServerTunnel;

class ServerTunnelOwner {
 public:
  // The tunnel is over: forget it and give it to Core::Retire. Called once.
  virtual void OnTunnelDone(ServerTunnel* tunnel, std::string_view why) = 0;
  virtual void OnTunnelUp(ServerTunnel* tunnel) = 0;
  // The peer has proved its identity, and has been trusted with nothing yet. Called once, before
  // all else but OnTunnelDone. Empty, or else why it is refused all the same.
  virtual std::string OnProved(ServerTunnel* tunnel) = 0;
  // Its connection is lost, or there is another one; for the log and the audit.
  virtual void OnTunnelWaits(ServerTunnel* tunnel, std::string_view why) = 0;
  virtual void OnTunnelResumed(ServerTunnel* tunnel) = 0;
  // Its connection now belongs to the session that it resumed: forget it and give it to
  // Core::Retire.
  virtual void OnTunnelMerged(ServerTunnel* tunnel) = 0;
  // The tunnel that is up with a session; null: none.
  virtual ServerTunnel* FindSession(const tunnel::SessionId& id) = 0;
  // The route for a stream, which lives longer than the tunnel; null and a code where this agent
  // can't have it.
  virtual ServerRoute* FindRoute(const std::string& identity, std::string_view route,
                                 tunnel::ResetCode& refusal) = 0;
  // Of the routes that this identity may use: those that lead to more than a Redis.
  virtual std::vector<tunnel::RouteKind> RouteKindsFor(const std::string& identity) const = 0;
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
  // The peer has proved its identity.
  bool proved() const { return proved_; }
  const std::string& identity() const { return identity_; }
  const crypto::SecureChannel::KeysInUse& keys_in_use() const {
    return connection_.channel().keys_in_use();
  }
  // Why it may not be connected under these keys at that time; empty: it may. Precondition:
  // proved().
  std::string Refusal(const ServerKeys& keys, std::int64_t wall_us) const {
    return keys.Refusal(identity_, connection_.channel().peer_proof(), peer_address(), wall_us);
  }
  const std::string& peer_address() const { return connection_.peer_address(); }
  const tunnel::SessionId& id() const { return id_; }  // of its session, once up
  std::string session_name() const;
  std::string agent_name();  // as the peer calls itself; not proved
  std::size_t link_count() const { return links_.size(); }

  // The rules of this route are other ones: by another policy, or for what more is known of Redis's
  // commands.
  void UpdateRules(const ServerRoute& route, bool policy_is_new);
  // More is known of where the servers of this route are.
  void OnDiscovered(const ServerRoute& route);
  // The client agent is to refuse by the policy of this text, too; empty: by none. Nothing happens
  // where it has been told so before, or can't be told. Precondition: up().
  void PushPolicy(const std::shared_ptr<const std::string>& text);
  // Since when (monotonic) it waits for its agent to come back; -1: it doesn't.
  std::int64_t waiting_since_ms() const { return waiting_since_ms_; }
  std::size_t held_bytes() { return connection_.session()->held_bytes(); }
  void End(std::string_view why) { connection_.EndBoth(tunnel::ResetCode::kShutdown, why); }
  // No new streams; idle connections end now, the others when CloseIdle finds them idle.
  void BeginDrain();
  void CloseIdle();
  bool drained() const { return links_.empty() && connection_.drained(); }

 private:
  std::unique_ptr<tunnel::Session> OnAuthenticated(crypto::SecureChannel& channel,
                                                   ByteView record) override;
  void OnTransportLost(std::string_view why) override;
  void OnTunnelLost(std::string_view why) override;
  std::vector<ServerLink*> LinksThrough(const ServerRoute& route) const;
  bool Resume(net::TunnelConnection& fresh, const tunnel::ResumePayload& resume);
  void OnReady() override;
  tunnel::StreamHandler* OnOpen(tunnel::StreamId stream, const tunnel::OpenPayload& open,
                                tunnel::ResetCode& refusal) override;
  void OnGoaway(tunnel::ResetCode code, std::uint32_t drain_ms) override;
  void OnLinkDone(ServerLink* link) override;
  void OnUpstreamTrouble(const std::string& sentence) override {
    owner_.OnUpstreamTrouble(sentence);
  }

  Core& core_;
  ServerTunnelOwner& owner_;
  std::string identity_;
  bool proved_ = false, up_ = false;
  std::string refusal_;  // why it isn't let in, where that is known
  tunnel::SessionId id_{};
  crypto::Secret resume_key_;
  std::int64_t waiting_since_ms_ = -1;
  net::Timer linger_;
  std::shared_ptr<const std::string> pushed_;  // null: nothing yet
  // Of the routes that were used; for a Redis there, and for a Sentinel.
  std::unordered_map<const ServerRoute*, proxy::Gate> gates_, sentinel_gates_;
  std::unordered_map<ServerLink*, std::unique_ptr<ServerLink>> links_;
  net::TunnelConnection connection_;  // after links_: it may call back until it is gone
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SERVER_TUNNEL_H_
