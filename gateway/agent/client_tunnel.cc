#include "gateway/agent/client_tunnel.h"

#include <utility>

#include "gateway/agent/log.h"
#include "gateway/agent/version.h"

namespace redwall::agent {

ClientTunnel::ClientTunnel(Core& core, const net::Address& server, const ClientKeys& keys,
                           ClientTunnelOwner& owner)
    : core_(core), server_(server.ToString()), keys_(keys), owner_(owner) {
  dial_.emplace(
      core_.loop(), server, core_.limits().timeout_ms,
      [this](Result<net::Socket, net::DialError> socket) { OnConnected(std::move(socket)); });
}

ClientTunnel::~ClientTunnel() = default;

tunnel::Session* ClientTunnel::session() {
  return was_up_ && !lost_ ? connection_->session() : nullptr;
}

void ClientTunnel::Abort(std::string_view why) {
  if (connection_ != nullptr) return connection_->Abort(why);
  dial_.reset();
  OnTunnelLost(why);
}

void ClientTunnel::OnConnected(Result<net::Socket, net::DialError> socket) {
  if (!socket) {
    const std::string why = "can't be reached: " + socket.error().sentence;
    dial_.reset();
    return OnTunnelLost(why);
  }
  connection_ = std::make_unique<net::TunnelConnection>(
      core_.loop(), std::move(*socket), crypto::SecureChannel::Initiator(keys_.initiator()),
      core_.limits().timeout_ms, *this);
  dial_.reset();
}

std::unique_ptr<tunnel::Session> ClientTunnel::OnAuthenticated(
    const crypto::SecureChannel& channel) {
  identity_ = channel.key_name().empty() ? "agent" : channel.key_name();
  tunnel::Session::Options options;
  options.role = tunnel::Role::kClient;
  options.name = core_.name();
  options.version = kVersion;
  options.limits = core_.limits().session;
  return std::make_unique<tunnel::Session>(std::move(options), *this);
}

void ClientTunnel::OnReady() {
  was_up_ = true;
  const std::string& told = connection_->session()->peer().identity;
  if (!told.empty()) identity_ = told;
  SetPolicy(*core_.policy());
  owner_.OnTunnelUp(this);
}

void ClientTunnel::OnGoaway(tunnel::ResetCode code, std::uint32_t) {
  LogInfo("the server agent at " + server_ +
          " takes no more connections: " + std::string(Describe(code)));
  owner_.OnTunnelLeaving(this);
}

void ClientTunnel::OnTunnelLost(std::string_view why) {
  if (lost_) return;
  lost_ = true;
  owner_.OnTunnelLost(this, why);
}

}  // namespace redwall::agent
