// ServerLink: a Redis client's connection at the server agent's site: its own connection to Redis.
//
//     DIALING ─ connected ─▶ LOGIN ─ OK ─▶ OPEN ─ Redis's FIN ─▶ done
//        └─────────────────────┴───────────┴─ any failure, RST, tunnel gone ─▶ done, with a RST
//                                             that says why
//
// LOGIN is left out where the route has no credentials. The client agent is told OPENED on connect.
// What the client sends before OPEN waits here; the stream's window bounds it.
#ifndef REDWALL_GATEWAY_AGENT_SERVER_LINK_H_
#define REDWALL_GATEWAY_AGENT_SERVER_LINK_H_

#include <memory>
#include <optional>
#include <string>

#include "gateway/agent/link.h"
#include "gateway/agent/server_route.h"
#include "gateway/net/dialer.h"
#include "resp/reply_scanner.h"

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

class ServerLink final : public Link {
 public:
  // `route` and `gate` outlive the link.
  ServerLink(Core& core, net::TunnelConnection& connection, tunnel::StreamId stream,
             ServerRoute& route, const proxy::Gate& gate, audit::Subject subject,
             ServerLinkOwner& owner);

  void OnTunnelGone() override;
  void CloseIfIdle() override;
  bool goes_through(const ServerRoute& route) const { return &route == &route_; }

 private:
  enum class State : std::uint8_t { kDialing, kLogin, kOpen, kDone };

  void OnOpened() override {}
  void OnData(ByteView bytes) override;
  void OnFinish() override;
  void OnReset(tunnel::ResetCode code) override;
  void OnWritable() override { Update(); }
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override { Update(); }
  void ToRedis(std::string_view bytes) override { SendToSocket(bytes); }
  void ToClient(std::string_view bytes) override { SendToStream(bytes); }

  void OnConnected(Result<net::Socket, net::DialError> socket);
  void ReadLogin(std::string_view bytes);
  void BecomeOpen();
  void Update() override;
  // Ends the stream: by RST with a code, or after what was sent.
  void Fail(tunnel::ResetCode code);
  void Leave();
  void Done();

  const std::string& route() const { return upstream_->route.name; }

  ServerRoute& route_;
  const std::shared_ptr<const Upstream> upstream_;  // as it was when the link began
  ServerLinkOwner& owner_;
  std::optional<net::Dial> dial_;
  State state_ = State::kDialing;
  std::string waiting_;  // requests that came before OPEN
  std::string login_reply_;
  resp::ReplyScanner login_scanner_;
  bool connected_ = false;        // to Redis
  bool closed_by_redis_ = false;  // and nobody had asked for it
  bool client_ended_ = false;
  bool fin_passed_on_ = false;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SERVER_LINK_H_
