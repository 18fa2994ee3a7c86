#include "gateway/agent/server_agent.h"

#include <algorithm>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::uint64_t kDrainTickMs = 50;

}  // namespace

Result<ServerAgent::Upstreams, ConfigError> ServerAgent::ReadUpstreams(const ServerConfig& config) {
  Upstreams upstreams;
  for (const Route& route : config.routes) {
    auto login = ReadLogin(route);
    if (!login) return BlameFile(config, route.password_file, login.error().sentence);
    auto upstream = std::make_shared<Upstream>();
    upstream->route = route;
    upstream->login = std::move(*login);
    upstreams.emplace(route.name, std::move(upstream));
  }
  return upstreams;
}

Result<std::unique_ptr<ServerAgent>, ConfigError> ServerAgent::Make(net::Loop& loop,
                                                                    const ServerConfig& config) {
  auto keys = ReadServerKeys(config);
  if (!keys) return keys.error();
  auto upstreams = ReadUpstreams(config);
  if (!upstreams) return upstreams.error();
  auto core = Core::Make(loop, "server", config);
  if (!core) return core.error();
  return std::unique_ptr<ServerAgent>(
      new ServerAgent(config, std::move(*core), std::move(*keys), std::move(*upstreams)));
}

ServerAgent::ServerAgent(ServerConfig config, std::unique_ptr<Core> core, ServerKeys keys,
                         Upstreams upstreams)
    : config_(std::move(config)),
      core_(std::move(core)),
      keys_(std::move(keys)),
      drain_timer_(core_->loop()) {
  for (auto& [name, upstream] : upstreams) {
    auto& route = routes_[name];
    route = std::make_unique<ServerRoute>(core_->loop(), std::move(upstream), core_->policy(),
                                          config_.limits.timeout_ms,
                                          [this, &route] { UpdateRules(*route); });
  }
}

ServerAgent::~ServerAgent() {
  std::vector<ServerTunnel*> tunnels;
  for (const auto& [tunnel, owned] : tunnels_) tunnels.push_back(tunnel);
  for (ServerTunnel* tunnel : tunnels) tunnel->Abort("this agent is stopping");
  core_->RecordEvent("stop", {});
}

Result<void, net::ListenError> ServerAgent::Start() {
  for (const net::Address& address : config_.listen) {
    auto listener = net::Listener::Open(
        core_->loop(), address, 0, [this](net::Socket socket) { OnAccept(std::move(socket)); });
    if (!listener) return listener.error();
    LogInfo("listening on " + (*listener)->address());
    listeners_.push_back(std::move(*listener));
  }
  for (const auto& [name, route] : routes_) {
    LogInfo("route '" + name + "' goes to Redis at " + route->upstream()->route.redis.ToString());
    route->Refresh();
  }
  core_->RecordEvent("start", {});
  return {};
}

void ServerAgent::OnAccept(net::Socket socket) {
  // The oldest one goes: whoever holds them all open must not keep the agents out.
  if (unauthenticated_.size() >= config_.limits.max_unauthenticated) {
    strangers_.Warn("too many connections that haven't proved themselves: the oldest was closed",
                    core_->loop().now_ms());
    unauthenticated_.front()->Abort("it took too long while others waited");
  }
  auto tunnel = std::make_unique<ServerTunnel>(
      *core_, std::move(socket), crypto::SecureChannel::Responder(keys_.keyring, &replays_), *this);
  ServerTunnel* const made = tunnel.get();
  unauthenticated_.push_back(made);
  tunnels_.emplace(made, std::move(tunnel));
}

void ServerAgent::OnTunnelUp(ServerTunnel* tunnel) {
  std::erase(unauthenticated_, tunnel);
  const auto same = std::count_if(tunnels_.begin(), tunnels_.end(), [&](const auto& item) {
    return item.first->up() && item.first->identity() == tunnel->identity();
  });
  if (static_cast<std::size_t>(same) > config_.limits.max_tunnels)
    return tunnel->Abort("its identity has as many tunnels as it may (max_tunnels)");
  LogInfo("agent '" + tunnel->identity() + "' is connected from " + tunnel->peer_address());
  core_->RecordEvent("tunnel-up", {{"session", tunnel->session_name()},
                                   {"identity", tunnel->identity()},
                                   {"peer", tunnel->peer_address()},
                                   {"peer_name", tunnel->agent_name()}});
}

void ServerAgent::OnTunnelDone(ServerTunnel* tunnel, std::string_view why) {
  const auto it = tunnels_.find(tunnel);
  if (it == tunnels_.end()) return;
  if (tunnel->up()) {
    LogInfo("agent '" + tunnel->identity() + "' from " + tunnel->peer_address() +
            " is gone: " + std::string(why));
    core_->RecordEvent("tunnel-down", {{"session", tunnel->session_name()},
                                       {"identity", tunnel->identity()},
                                       {"why", std::string(why)}});
  } else {
    std::erase(unauthenticated_, tunnel);
    strangers_.Warn(
        "a connection from " + tunnel->peer_address() + " was refused: " + std::string(why),
        core_->loop().now_ms());
  }
  core_->Retire(std::move(it->second));
  tunnels_.erase(it);
}

ServerRoute* ServerAgent::FindRoute(const std::string& identity, std::string_view route,
                                    tunnel::ResetCode& refusal) {
  const auto it = routes_.find(std::string(route));
  if (it == routes_.end()) {
    refusal = tunnel::ResetCode::kUnknownRoute;
    OnUpstreamTrouble("agent '" + identity + "' asked for the route '" + std::string(route) +
                      "', which this server agent doesn't have (\"routes\")");
    return nullptr;
  }
  if (!keys_.MayUse(identity, it->first)) {
    refusal = tunnel::ResetCode::kNotPermitted;
    OnUpstreamTrouble("agent '" + identity + "' asked for the route '" + it->first +
                      "', which it may not use (\"routes\" of its line in the authorized agents)");
    return nullptr;
  }
  return it->second.get();
}

void ServerAgent::UpdateRules(const ServerRoute& route) {
  for (const auto& [tunnel, owned] : tunnels_) tunnel->UpdateRules(route);
}

void ServerAgent::OnUpstreamTrouble(const std::string& sentence) {
  upstream_trouble_.Warn(sentence, core_->loop().now_ms());
}

// All or nothing: everything is read before anything is replaced.
void ServerAgent::Reload() {
  auto keys = ReadServerKeys(config_);
  auto upstreams = ReadUpstreams(config_);
  const ConfigError* error = !keys ? &keys.error() : !upstreams ? &upstreams.error() : nullptr;
  const auto policy = error == nullptr ? core_->ReloadPolicy() : Result<void, ConfigError>();
  if (!policy) error = &policy.error();
  if (error != nullptr) {
    LogError("nothing was reloaded, the old configuration stays: " + error->sentence);
    core_->RecordEvent("reload-failed", {{"why", error->sentence}});
    return;
  }
  keys_ = std::move(*keys);
  for (const auto& [name, route] : routes_) {
    route->Replace(upstreams->at(name), core_->policy());
    UpdateRules(*route);
  }
  std::vector<ServerTunnel*> revoked;
  for (const auto& [tunnel, owned] : tunnels_) {
    // Whose handshake isn't over began it under the old keys and the old policy.
    if (!tunnel->up() || !tunnel->StillAuthorized(keys_)) revoked.push_back(tunnel);
  }
  for (ServerTunnel* tunnel : revoked)
    tunnel->Abort(tunnel->up() ? "its key was taken away" : "the keys were reloaded meanwhile");
  LogInfo("policy, keys and authorized agents were reloaded");
  core_->RecordEvent("policy-reloaded", {});
}

void ServerAgent::Drain(std::function<void()> drained) {
  on_drained_ = std::move(drained);
  listeners_.clear();
  std::vector<ServerTunnel*> tunnels;
  for (const auto& [tunnel, owned] : tunnels_) tunnels.push_back(tunnel);
  for (ServerTunnel* tunnel : tunnels) tunnel->BeginDrain();
  drain_timer_.Start(kDrainTickMs, kDrainTickMs, [this] { OnDrainTick(); });
}

void ServerAgent::OnDrainTick() {
  for (const auto& [tunnel, owned] : tunnels_) tunnel->CloseIdle();
  if (!std::all_of(tunnels_.begin(), tunnels_.end(),
                   [](const auto& item) { return item.first->drained(); }))
    return;
  drain_timer_.Stop();
  on_drained_();
}

}  // namespace redwall::agent
