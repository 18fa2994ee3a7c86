#include "gateway/agent/server_tunnel.h"

#include <utility>
#include <vector>

#include "crypto/primitives.h"
#include "gateway/agent/session_name.h"
#include "gateway/agent/version.h"

namespace redwall::agent {

ServerTunnel::ServerTunnel(Core& core, net::Socket socket, crypto::SecureChannel channel,
                           ServerTunnelOwner& owner)
    : core_(core),
      owner_(owner),
      connection_(core.loop(), std::move(socket), std::move(channel), core.limits().timeout_ms,
                  *this) {}

ServerTunnel::~ServerTunnel() = default;

std::string ServerTunnel::session_name() const { return SessionName(id_); }

std::string ServerTunnel::agent_name() {
  return connection_.session() == nullptr ? std::string() : connection_.session()->peer().name;
}

std::unique_ptr<tunnel::Session> ServerTunnel::OnAuthenticated(
    const crypto::SecureChannel& channel) {
  identity_ = channel.peer();
  if (!crypto::Random(id_)) return nullptr;
  tunnel::Session::Options options;
  options.role = tunnel::Role::kServer;
  options.name = core_.name();
  options.version = kVersion;
  options.peer_identity = identity_;
  options.id = id_;
  options.limits = core_.limits().session;
  return std::make_unique<tunnel::Session>(std::move(options), *this);
}

void ServerTunnel::OnReady() {
  up_ = true;
  owner_.OnTunnelUp(this);
}

tunnel::StreamHandler* ServerTunnel::OnOpen(tunnel::StreamId stream,
                                            const tunnel::OpenPayload& open,
                                            tunnel::ResetCode& refusal) {
  ServerRoute* const route = owner_.FindRoute(identity_, open.route, refusal);
  if (route == nullptr) return nullptr;
  const auto [gate, is_new] = gates_.try_emplace(route);
  if (is_new) UpdateRules(*route);
  audit::Subject subject{session_name(), stream, identity_, std::string(open.client)};
  auto link = std::make_unique<ServerLink>(core_, connection_, stream, *route, gate->second,
                                           std::move(subject), *this);
  ServerLink* const made = link.get();
  links_.emplace(made, std::move(link));
  return made;
}

void ServerTunnel::UpdateRules(const ServerRoute& route) {
  const auto gate = gates_.find(&route);
  if (gate != gates_.end()) gate->second.rules = route.policy()->RulesFor(identity_);
}

void ServerTunnel::OnLinkDone(ServerLink* link) {
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  core_.Retire(std::move(it->second));
  links_.erase(it);
}

void ServerTunnel::OnTunnelLost(std::string_view why) {
  std::vector<ServerLink*> links;
  for (const auto& [link, owned] : links_) links.push_back(link);
  for (ServerLink* link : links) link->OnTunnelGone();
  owner_.OnTunnelDone(this, why);
}

void ServerTunnel::BeginDrain() {
  tunnel::Session* session = connection_.session();
  if (session == nullptr || connection_.lost()) return connection_.Abort("shutting down");
  session->GoAway(tunnel::ResetCode::kShutdown,
                  static_cast<std::uint32_t>(core_.limits().drain_ms));
  connection_.Wake();
  CloseIdle();
}

void ServerTunnel::CloseIdle() {
  std::vector<ServerLink*> links;
  for (const auto& [link, owned] : links_) links.push_back(link);
  for (ServerLink* link : links) link->CloseIfIdle();
}

}  // namespace redwall::agent
