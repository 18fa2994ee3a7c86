// ServerLink: a Redis client's connection at the server agent's site: its own connection to Redis.
//
//     LOCATING ─ its server is known ─▶ CONNECTING ─ ready ─▶ OPEN ─ Redis's FIN ─▶ done
//         └───────────────────────────────┴─────────────────────┴─ any failure, RST, tunnel gone,
//                                                         another master ─▶ done, with a RST
//                                                         that says why
//
// The client agent is told OPENED on connect. What the client sends before OPEN waits here; the
// stream's window bounds it.
#ifndef REDWALL_GATEWAY_AGENT_SERVER_LINK_H_
#define REDWALL_GATEWAY_AGENT_SERVER_LINK_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/agent/backend.h"
#include "gateway/agent/link.h"
#include "gateway/agent/server_route.h"

namespace redwall::agent {

class ServerLink;

class ServerLinkOwner {
 public:
  // The link is over: forget it and give it to Core::Retire. Called once.
  virtual void OnLinkDone(ServerLink* link) = 0;
  // Redis can't be reached or refuses the agent's credentials: for the log, once in a while.
  virtual void OnUpstreamTrouble(const std::string& sentence) = 0;

 protected:
  ~ServerLinkOwner() = default;
};

class ServerLink final : public Link, private BackendHandler {
 public:
  // `route` and `gate` outlive the link. To be started once its owner knows it.
  ServerLink(Core& core, net::TunnelConnection& connection, tunnel::StreamId stream,
             ServerRoute& route, Target target, bool sentinel, const proxy::Gate& gate,
             audit::Subject subject, ServerLinkOwner& owner);
  // `found`: what the route's Find says of the target; nothing: that is being found out.
  void Start(const std::optional<Discovery::Found>& found);

  void OnTunnelGone() override;
  void CloseIfIdle() override;
  void OnRulesChanged(bool policy_is_new) override;
  // More is known of where the route's servers are.
  void OnDiscovered();
  bool goes_through(const ServerRoute& route) const { return &route == &route_; }

 private:
  enum class State : std::uint8_t { kLocating, kConnecting, kOpen, kDone };

  // As a stream's handler.
  void OnOpened() override {}
  void OnData(ByteView bytes) override;
  void OnFinish() override;
  void OnReset(tunnel::ResetCode code) override;
  void OnWritable() override { Update(); }
  // As the backend's handler.
  void OnConnected() override;
  void OnReady() override;
  void OnFailed(const BackendFailure& failure) override;
  void OnRead(std::string_view bytes) override;
  void OnReadEnd() override;
  void OnError() override;
  void OnDrained() override { Update(); }
  // As the conversation's outlet.
  void ToRedis(std::string_view bytes) override { backend_->Write(bytes); }
  void ToClient(std::string_view bytes) override { SendToStream(bytes); }

  void Update() override;
  // Ends the stream: by RST with a code, or after what was sent.
  void Fail(tunnel::ResetCode code);
  void Leave();
  void Done();

  const std::string& name() const { return upstream_->route.name; }

  ServerRoute& route_;
  const std::shared_ptr<const Upstream> upstream_;  // as it was when the link began
  const Target target_;
  const bool sentinel_;  // who it is judged and logged in for: a Sentinel, or a Redis
  ServerLinkOwner& owner_;
  net::Address address_;  // once it is located
  std::unique_ptr<Backend> backend_;
  State state_ = State::kLocating;
  std::string waiting_;           // requests that came before OPEN
  bool connected_ = false;        // to Redis
  bool closed_by_redis_ = false;  // and nobody had asked for it
  bool client_ended_ = false;
  bool server_ended_ = false;  // and the client may still send
  bool fin_passed_on_ = false;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SERVER_LINK_H_
