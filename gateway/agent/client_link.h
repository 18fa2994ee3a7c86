// ClientLink: a Redis client at the client agent's site.
//
//     WAITING ─ Open ─▶ OPEN ─ FIN, RST, tunnel gone, protocol error ─▶ FLUSHING ─▶ done
//
// While it waits for the tunnel the client isn't read.
#ifndef REDWALL_GATEWAY_AGENT_CLIENT_LINK_H_
#define REDWALL_GATEWAY_AGENT_CLIENT_LINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/agent/link.h"
#include "gateway/agent/target.h"
#include "gateway/net/socket.h"
#include "gateway/proxy/topology_rewriter.h"

namespace redwall::agent {

class ClientLink;

// What a client's connection is for.
struct ClientPurpose {
  std::string route;
  Target target;
  // Rewrites what replies say of nodes; null: nothing is rewritten.
  std::shared_ptr<const proxy::TopologyRewriter> topology;
};

class ClientLinkOwner {
 public:
  // The link is over: forget it and give it to Core::Retire. Called once.
  virtual void OnLinkDone(ClientLink* link) = 0;
  // A connection was ended by the other site, or for what went through it: for the log, once in a
  // while.
  virtual void OnRefused(const std::string& sentence) = 0;

 protected:
  ~ClientLinkOwner() = default;
};

class ClientLink final : public Link, private net::SocketHandler {
 public:
  ClientLink(Core& core, net::Socket socket, ClientPurpose purpose, ClientLinkOwner& owner);

  // Precondition: the connection's session CanOpen().
  void Open(net::TunnelConnection& connection, const proxy::Gate& gate,
            const std::string& identity);
  // Answers an error that Redis itself would give, and closes.
  void Refuse(std::string_view error);

  bool waiting() const { return state_ == State::kWaiting; }
  const net::TunnelConnection* connection() const { return connection_; }
  const std::string& address() const { return address_; }
  std::int64_t since_ms() const { return since_ms_; }

  void OnTunnelGone() override;
  void CloseIfIdle() override;
  // A client that doesn't take its last bytes isn't waited for longer than this. To be called now
  // and then.
  void OnTick(std::int64_t now_ms);

 private:
  enum class State : std::uint8_t { kWaiting, kOpen, kFlushing, kDone };

  void OnOpened() override {}
  void OnData(ByteView bytes) override;
  void OnFinish() override;
  void OnReset(tunnel::ResetCode code) override;
  void OnWritable() override { Update(); }
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override;
  void ToRedis(std::string_view bytes) override { SendToStream(bytes); }
  void ToClient(std::string_view bytes) override { SendToClient(bytes); }

  void Update() override;
  void SendToClient(std::string_view bytes);
  void Flush();  // -> kFlushing
  void Finish();

  void TellWhy(tunnel::ResetCode code);
  bool CutRaw();

  const ClientPurpose purpose_;
  const std::string address_;
  ClientLinkOwner& owner_;
  std::optional<net::Socket> socket_;
  State state_ = State::kWaiting;
  std::int64_t since_ms_;      // of the present state
  bool client_ended_ = false;  // its FIN came
  bool server_ended_ = false;  // the other site's FIN came, and the client may still send
  bool fin_passed_on_ = false;
  bool answered_ = false;  // the client got bytes
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLIENT_LINK_H_
