#include "gateway/agent/server_agent.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "crypto/primitives.h"
#include "gateway/agent/descriptors.h"

namespace redwall::agent {
namespace {

constexpr std::uint64_t kDrainTickMs = 50;
constexpr std::uint64_t kWaitingTickMs = 1000;
constexpr std::int64_t kEndsTickMs = 60'000;  // a clock that was set is noticed after so long

std::string DescribeCrowd(Admission::Verdict verdict, const Admission& admission) {
  const Admission::Counters& counters = admission.counters();
  const bool one_source = verdict == Admission::Verdict::kTooManyOfSource;
  const std::string why = one_source ? "its source has too many that haven't proved themselves "
                                       "(max_unauthenticated_per_source)"
                                     : "too many haven't proved themselves (max_unauthenticated)";
  return why + "; since the start " + std::to_string(counters.too_many_of_source) +
         " were refused for their source, " + std::to_string(counters.crowded) +
         " for the crowd, and " + std::to_string(counters.taken) + " taken";
}

std::string Describe(const Route& route) {
  std::string addresses;
  for (const net::Address& address : route.addresses)
    addresses += (addresses.empty() ? "" : ", ") + address.ToString();
  switch (route.kind) {
    case Route::Kind::kRedis:
      break;
    case Route::Kind::kCluster:
      return "the cluster of " + addresses;
    case Route::Kind::kSentinel:
      return "what the Sentinels at " + addresses + " watch as '" + route.master + "'";
    case Route::Kind::kTcp:
      return addresses + ", as bytes that are not looked into";
  }
  return "Redis at " + addresses + (route.shared ? ", over connections that clients share" : "");
}

Core::Fields FieldsOf(const ServerTunnel& tunnel) {
  Core::Fields fields = {{"identity", tunnel.identity()}, {"peer", tunnel.peer_address()}};
  AddFields(tunnel.keys_in_use(), fields);
  return fields;
}

}  // namespace

Result<ServerAgent::Upstreams, ConfigError> ServerAgent::ReadUpstreams(const ServerConfig& config) {
  Upstreams upstreams;
  for (const Route& route : config.routes) {
    auto upstream = std::make_shared<Upstream>();
    upstream->route = route;
    for (const auto& [credentials, login] :
         {std::pair{&route.credentials, &upstream->login},
          std::pair{&route.sentinel_credentials, &upstream->sentinel_login}}) {
      auto read = ReadLogin(*credentials);
      if (!read) return BlameFile(config, credentials->password_file, read.error().sentence);
      *login = std::move(*read);
    }
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
      admission_(config_.limits.admission),
      waiting_tick_(core_->loop()),
      ends_timer_(core_->loop()),
      drain_timer_(core_->loop()) {
  for (auto& [name, upstream] : upstreams) {
    auto& route = routes_[name];
    route = std::make_unique<ServerRoute>(
        core_->loop(), std::move(upstream), core_->policy(), config_.limits.timeout_ms,
        ServerRoute::Callbacks{[this, &route] { UpdateRules(*route, false); },
                               [this, &route] { OnDiscovered(*route); }});
  }
  ChoosePushed();
}

ServerAgent::~ServerAgent() {
  std::vector<ServerTunnel*> tunnels;
  for (const auto& [tunnel, owned] : tunnels_) tunnels.push_back(tunnel);
  for (ServerTunnel* tunnel : tunnels) tunnel->End("this agent is stopping");
  core_->RecordEvent("stop", {});
}

Result<void, net::ListenError> ServerAgent::Start() {
  for (const net::Address& address : config_.listen) {
    auto listener = net::Listener::Open(
        core_->loop(), address, 0, [this](net::Socket socket) { OnAccept(std::move(socket)); },
        core_->LogCrowd());
    if (!listener) return listener.error();
    LogInfo("listening on " + (*listener)->address());
    listeners_.push_back(std::move(*listener));
  }
  WarnOfShortage(DescriptorNeedOf(config_));
  for (const auto& [name, route] : routes_) {
    LogInfo("route '" + name + "' goes to " + Describe(route->upstream()->route));
    route->Refresh();
  }
  core_->RecordEvent("start", core_->PolicyFields());
  CheckEnds();
  return {};
}

void ServerAgent::OnAccept(net::Socket socket) {
  const std::string peer = socket.peer_address();
  const auto verdict = admission_.Admit(peer, crypto::RandomBelow(Admission::kDice));
  if (verdict != Admission::Verdict::kTaken) {
    return crowds_.Warn(
        "a connection from " + peer + " was refused: " + DescribeCrowd(verdict, admission_),
        core_->loop().now_ms());
  }
  auto tunnel = std::make_unique<ServerTunnel>(
      *core_, std::move(socket), crypto::SecureChannel::Responder(keys_.keyring, &replays_), *this);
  ServerTunnel* const made = tunnel.get();
  tunnels_.emplace(made, std::move(tunnel));
}

std::string ServerAgent::OnProved(ServerTunnel* tunnel) {
  admission_.Release(tunnel->peer_address());
  std::string refusal = tunnel->Refusal(keys_, core_->loop().now().wall_us);
  if (refusal.empty()) return refusal;
  Core::Fields fields = FieldsOf(*tunnel);
  fields.emplace_back("why", refusal);
  core_->RecordEvent("auth-refused", std::move(fields));
  return refusal;
}

void ServerAgent::OnTunnelUp(ServerTunnel* tunnel) {
  if (!MakeRoomFor(tunnel))
    return tunnel->End("its identity has as many tunnels as it may (max_tunnels)");
  LogInfo("agent '" + tunnel->identity() + "' is connected from " + tunnel->peer_address() +
          " with " + Describe(tunnel->keys_in_use()));
  Core::Fields fields = FieldsOf(*tunnel);
  fields.emplace_back("session", tunnel->session_name());
  fields.emplace_back("peer_name", tunnel->agent_name());
  core_->RecordEvent("tunnel-up", std::move(fields));
  tunnel->PushPolicy(pushed_);
}

// One that waits for its agent gives way to one that has come.
bool ServerAgent::MakeRoomFor(const ServerTunnel* tunnel) {
  const auto is_same = [tunnel](const ServerTunnel* other) {
    return other->up() && other->identity() == tunnel->identity();
  };
  const auto same = std::count_if(tunnels_.begin(), tunnels_.end(),
                                  [&](const auto& item) { return is_same(item.first); });
  if (static_cast<std::size_t>(same) <= config_.limits.max_tunnels) return true;
  ServerTunnel* const waiting = LongestWaiting(is_same);
  if (waiting == nullptr) return false;
  waiting->End("a newer tunnel of its identity needs its place (max_tunnels)");
  return true;
}

ServerTunnel* ServerAgent::LongestWaiting(
    const std::function<bool(const ServerTunnel*)>& concerns) const {
  ServerTunnel* longest = nullptr;
  for (const auto& [tunnel, owned] : tunnels_) {
    if (tunnel->waiting_since_ms() < 0 || !concerns(tunnel)) continue;
    if (longest == nullptr || tunnel->waiting_since_ms() < longest->waiting_since_ms())
      longest = tunnel;
  }
  return longest;
}

void ServerAgent::OnTunnelWaits(ServerTunnel* tunnel, std::string_view why) {
  away_.Warn("agent '" + tunnel->identity() + "' from " + tunnel->peer_address() +
                 " has lost its connection: " + std::string(why) + "; what it has open here (" +
                 std::to_string(tunnel->link_count()) + ") waits for it to come back, for up to " +
                 std::to_string(config_.limits.linger_ms) + " ms",
             core_->loop().now_ms());
  core_->RecordEvent("tunnel-lost", {{"session", tunnel->session_name()},
                                     {"identity", tunnel->identity()},
                                     {"why", std::string(why)}});
  waiting_tick_.Start(kWaitingTickMs, kWaitingTickMs, [this] { LimitWaiting(); });
}

// What sessions keep for agents that may not come back is bounded for all of them together.
void ServerAgent::LimitWaiting() {
  const auto any = [](const ServerTunnel*) { return true; };
  std::size_t kept = 0, waiting = 0;
  for (const auto& [tunnel, owned] : tunnels_) {
    if (tunnel->waiting_since_ms() < 0) continue;
    kept += tunnel->held_bytes();
    ++waiting;
  }
  if (waiting == 0) return waiting_tick_.Stop();
  for (; kept > config_.limits.max_waiting && waiting > 0; --waiting) {
    ServerTunnel* const longest = LongestWaiting(any);
    kept -= longest->held_bytes();
    longest->End("too much is kept for agents that are away (max_waiting_bytes)");
  }
}

void ServerAgent::OnTunnelResumed(ServerTunnel* tunnel) {
  back_.Info("agent '" + tunnel->identity() + "' is back, from " + tunnel->peer_address() +
                 " with " + Describe(tunnel->keys_in_use()),
             core_->loop().now_ms());
  Core::Fields fields = FieldsOf(*tunnel);
  fields.emplace_back("session", tunnel->session_name());
  core_->RecordEvent("tunnel-resumed", std::move(fields));
}

void ServerAgent::OnTunnelMerged(ServerTunnel* tunnel) {
  const auto it = tunnels_.find(tunnel);
  core_->Retire(std::move(it->second));
  tunnels_.erase(it);
}

ServerTunnel* ServerAgent::FindSession(const tunnel::SessionId& id) {
  for (const auto& [tunnel, owned] : tunnels_)
    if (tunnel->up() && tunnel->id() == id) return tunnel;
  return nullptr;
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
  } else if (tunnel->proved()) {
    refused_agents_.Warn("agent '" + tunnel->identity() + "' from " + tunnel->peer_address() +
                             " was refused: " + std::string(why),
                         core_->loop().now_ms());
  } else {
    admission_.Release(tunnel->peer_address());
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

// In the configuration's order, so that what doesn't fit is always the same.
std::vector<tunnel::RouteKind> ServerAgent::RouteKindsFor(const std::string& identity) const {
  using tunnel::RouteKind;
  std::vector<RouteKind> kinds;
  for (const Route& route : config_.routes) {
    if (route.kind == Route::Kind::kRedis || !keys_.MayUse(identity, route.name)) continue;
    const auto kind = route.kind == Route::Kind::kCluster    ? RouteKind::Kind::kCluster
                      : route.kind == Route::Kind::kSentinel ? RouteKind::Kind::kSentinel
                                                             : RouteKind::Kind::kTcp;
    kinds.push_back({kind, route.name});
  }
  return kinds;
}

void ServerAgent::UpdateRules(const ServerRoute& route, bool policy_is_new) {
  for (const auto& [tunnel, owned] : tunnels_) tunnel->UpdateRules(route, policy_is_new);
}

void ServerAgent::OnDiscovered(const ServerRoute& route) {
  for (const auto& [tunnel, owned] : tunnels_) tunnel->OnDiscovered(route);
}

// Another pointer only where the text is another one.
void ServerAgent::ChoosePushed() {
  const policy::Policy& policy = *core_->policy();
  std::string text = policy.push() ? policy.text() : std::string();
  if (text.size() > tunnel::kMaxPolicy) {
    LogWarn("the policy is not pushed to client agents and is enforced here only: it has " +
            std::to_string(text.size()) + " bytes, and at most " +
            std::to_string(tunnel::kMaxPolicy) + " can be");
    text.clear();
  }
  if (pushed_ == nullptr || *pushed_ != text)
    pushed_ = std::make_shared<const std::string>(std::move(text));
}

void ServerAgent::OnUpstreamTrouble(const std::string& sentence) {
  upstream_trouble_.Warn(sentence, core_->loop().now_ms());
}

// All or nothing: everything is read before anything is replaced.
void ServerAgent::Reload() {
  auto keys = ReadServerKeys(config_);
  auto upstreams = ReadUpstreams(config_);
  const ConfigError* error = !keys ? &keys.error() : !upstreams ? &upstreams.error() : nullptr;
  const std::string before = core_->policy()->text();
  const auto policy = error == nullptr ? core_->ReloadPolicy() : Result<void, ConfigError>();
  if (!policy) error = &policy.error();
  if (error != nullptr) {
    LogError("nothing was reloaded, the old configuration stays: " + error->sentence);
    core_->RecordEvent("reload-failed", {{"why", error->sentence}});
    return;
  }
  const bool policy_is_new = core_->policy()->text() != before;
  keys_ = std::move(*keys);
  for (const auto& [name, route] : routes_) {
    route->Replace(upstreams->at(name), core_->policy());
    UpdateRules(*route, policy_is_new);
  }
  ChoosePushed();
  std::vector<ServerTunnel*> early;  // began their handshake under the old keys and policy
  for (const auto& [tunnel, owned] : tunnels_) {
    if (tunnel->up()) {
      tunnel->PushPolicy(pushed_);
    } else {
      early.push_back(tunnel);
    }
  }
  for (ServerTunnel* tunnel : early) tunnel->End("the keys were reloaded meanwhile");
  CheckEnds();
  LogInfo("policy, keys and authorized agents were reloaded");
  core_->RecordEvent("policy-reloaded", core_->PolicyFields());
}

// Ends the tunnels of all who would be refused if they came now.
void ServerAgent::EndRefused() {
  std::vector<std::pair<ServerTunnel*, std::string>> refused;
  for (const auto& [tunnel, owned] : tunnels_) {
    if (!tunnel->up()) continue;
    std::string refusal = tunnel->Refusal(keys_, core_->loop().now().wall_us);
    if (!refusal.empty()) refused.emplace_back(tunnel, std::move(refusal));
  }
  for (const auto& [tunnel, refusal] : refused) tunnel->End(refusal);
}

// Now, and again when the next agent's time is over.
void ServerAgent::CheckEnds() {
  EndRefused();
  const std::int64_t now_us = core_->loop().now().wall_us;
  const std::int64_t end_us = keys_.NextEnd(now_us).value_or(now_us + kEndsTickMs * 1000);
  const std::int64_t delay_ms = std::min((end_us - now_us) / 1000 + 1, kEndsTickMs);
  ends_timer_.Start(static_cast<std::uint64_t>(delay_ms), 0, [this] { CheckEnds(); });
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
