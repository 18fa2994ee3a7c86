#include "gateway/agent/client_agent.h"

#include <algorithm>
#include <utility>

#include "crypto/primitives.h"
#include "gateway/agent/session_name.h"

namespace redwall::agent {
namespace {

constexpr std::string_view kTooManyClients =
    "ERR max number of clients reached";  // Redis's own text
constexpr std::uint64_t kFirstBackoffMs = 100;
constexpr std::uint64_t kMaxBackoffMs = 10000;
constexpr std::uint64_t kTickMs = 250;
constexpr std::uint64_t kDrainTickMs = 50;

}  // namespace

Result<std::unique_ptr<ClientAgent>, ConfigError> ClientAgent::Make(net::Loop& loop,
                                                                    const ClientConfig& config) {
  auto keys = ReadClientKeys(config);
  if (!keys) return keys.error();
  auto core = Core::Make(loop, "client", config);
  if (!core) return core.error();
  return std::unique_ptr<ClientAgent>(new ClientAgent(config, std::move(*core), std::move(*keys)));
}

ClientAgent::ClientAgent(ClientConfig config, std::unique_ptr<Core> core, ClientKeys keys)
    : TurnTask(core->loop(), Order::kSockets),
      config_(std::move(config)),
      core_(std::move(core)),
      keys_(std::make_unique<ClientKeys>(std::move(keys))),
      retry_(core_->loop()),
      tick_(core_->loop()),
      drain_timer_(core_->loop()) {}

ClientAgent::~ClientAgent() {
  links_.clear();
  std::vector<ClientTunnel*> tunnels;
  for (const auto& [tunnel, owned] : tunnels_) tunnels.push_back(tunnel);
  for (ClientTunnel* tunnel : tunnels) tunnel->Abort("this agent is stopping");
  core_->RecordEvent("stop", {});
}

Result<void, net::ListenError> ClientAgent::Start() {
  for (const ClientListener& wanted : config_.listeners) {
    auto listener = net::Listener::Open(
        core_->loop(), wanted.listen, wanted.mode,
        [this, route = wanted.route](net::Socket socket) { OnAccept(std::move(socket), route); });
    if (!listener) return listener.error();
    LogInfo("listening on " + (*listener)->address() + " for route '" + wanted.route + "'");
    listeners_.push_back(std::move(*listener));
  }
  core_->RecordEvent("start", {});
  tick_.Start(kTickMs, kTickMs, [this] { OnTick(); });
  Connect();
  return {};
}

void ClientAgent::Connect() {
  const net::Address& server = config_.servers[next_server_ % config_.servers.size()];
  auto tunnel = std::make_unique<ClientTunnel>(*core_, server, *keys_, *this);
  current_ = tunnel.get();
  tunnels_.emplace(current_, std::move(tunnel));
}

// Exponential, with full jitter above the half, so that many agents don't come back at once.
void ClientAgent::ConnectLater() {
  current_ = nullptr;
  if (on_drained_) return;
  ++next_server_;
  backoff_ms_ = std::clamp(2 * backoff_ms_, kFirstBackoffMs, kMaxBackoffMs);
  const std::uint64_t half = backoff_ms_ / 2;
  const std::uint64_t delay = half + crypto::RandomBelow(static_cast<std::uint32_t>(half) + 1);
  retry_.Start(delay, 0, [this] { Connect(); });
}

void ClientAgent::OnAccept(net::Socket socket, const std::string& route) {
  auto made = std::make_unique<ClientLink>(*core_, std::move(socket), route, *this);
  ClientLink* const link = made.get();
  const bool full =
      config_.limits.max_connections != 0 && links_.size() >= config_.limits.max_connections;
  links_.emplace(link, std::move(made));
  if (full) {
    refusals_.Warn("a client was refused: the limit of connections (-n) is reached",
                   core_->loop().now_ms());
    return link->Refuse(kTooManyClients);
  }
  waiting_.push_back(link);
  OpenWaiting();
}

void ClientAgent::OpenWaiting() {
  tunnel::Session* session = current_ == nullptr ? nullptr : current_->session();
  while (session != nullptr && !waiting_.empty()) {
    if (session->CanOpen()) {
      ClientLink* const link = waiting_.front();
      waiting_.pop_front();
      link->Open(current_->connection(), current_->gate(), current_->identity());
      continue;
    }
    if (session->OpensPending() || session->going_away()) return;
    refusals_.Warn("a client was refused: the server agent's limit of streams is reached",
                   core_->loop().now_ms());
    ClientLink* const link = waiting_.front();
    waiting_.pop_front();
    link->Refuse(kTooManyClients);
  }
}

void ClientAgent::OnLinkDone(ClientLink* link) {
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), link), waiting_.end());
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  core_->Retire(std::move(it->second));
  links_.erase(it);
  RequestTurnEnd();
}

void ClientAgent::OnRefused(const std::string& sentence) {
  refusals_.Warn(sentence, core_->loop().now_ms());
}

void ClientAgent::OnTunnelUp(ClientTunnel* tunnel) {
  backoff_ms_ = 0;
  LogInfo("tunnel to " + tunnel->server() + " is up, as '" + tunnel->identity() + "'");
  core_->RecordEvent("tunnel-up", {{"session", SessionName(tunnel->session()->id())},
                                   {"identity", tunnel->identity()},
                                   {"peer", tunnel->server()},
                                   {"peer_name", tunnel->session()->peer().name}});
  RequestTurnEnd();
}

void ClientAgent::OnTunnelActive() {
  if (!waiting_.empty()) RequestTurnEnd();
}

void ClientAgent::OnTunnelLeaving(ClientTunnel* tunnel) {
  if (tunnel == current_) ConnectLater();
}

void ClientAgent::OnTunnelLost(ClientTunnel* tunnel, std::string_view why) {
  const auto it = tunnels_.find(tunnel);
  if (it == tunnels_.end()) return;
  if (tunnel->was_up()) {
    LogWarn("the tunnel to " + tunnel->server() + " is lost: " + std::string(why));
    core_->RecordEvent("tunnel-down",
                       {{"identity", tunnel->identity()}, {"why", std::string(why)}});
  } else {
    LogWarn("no tunnel to " + tunnel->server() + ": " + std::string(why) +
            ". Does `redwall server` run there, and do both have the same key?");
  }
  std::vector<ClientLink*> links;
  for (const auto& [link, owned] : links_) {
    if (tunnel->is_through(link->connection())) links.push_back(link);
  }
  for (ClientLink* link : links) link->OnTunnelGone();
  core_->Retire(std::move(it->second));
  tunnels_.erase(it);
  if (tunnel == current_) ConnectLater();
}

void ClientAgent::OnTick() {
  const std::int64_t now = core_->loop().now_ms();
  const std::int64_t timeout = static_cast<std::int64_t>(config_.limits.timeout_ms);
  while (!waiting_.empty() && now - waiting_.front()->since_ms() >= timeout) {
    refusals_.Warn("a client was disconnected: there was no tunnel within the time-out", now);
    waiting_.front()->CloseIfIdle();
  }
  std::vector<ClientLink*> links;
  for (const auto& [link, owned] : links_) links.push_back(link);
  for (ClientLink* link : links) link->OnTick(now);
}

// All or nothing: everything is read before anything is replaced.
void ClientAgent::Reload() {
  auto keys = ReadClientKeys(config_);
  const auto policy = keys ? core_->ReloadPolicy() : Result<void, ConfigError>(keys.error());
  if (!policy) {
    LogError("nothing was reloaded, the old configuration stays: " + policy.error().sentence);
    core_->RecordEvent("reload-failed", {{"why", policy.error().sentence}});
    return;
  }
  *keys_ = std::move(*keys);
  for (const auto& [tunnel, owned] : tunnels_) tunnel->SetPolicy(*core_->policy());
  LogInfo("policy and keys were reloaded; a new key is used from the next tunnel on");
  core_->RecordEvent("policy-reloaded", {});
}

void ClientAgent::Drain(std::function<void()> drained) {
  on_drained_ = std::move(drained);
  listeners_.clear();
  retry_.Stop();
  drain_timer_.Start(kDrainTickMs, kDrainTickMs, [this] { OnDrainTick(); });
}

void ClientAgent::OnDrainTick() {
  std::vector<ClientLink*> links;
  for (const auto& [link, owned] : links_) links.push_back(link);
  for (ClientLink* link : links) link->CloseIfIdle();
  const bool sent = std::all_of(tunnels_.begin(), tunnels_.end(),
                                [](const auto& item) { return item.first->drained(); });
  if (!links_.empty() || !sent) return;
  drain_timer_.Stop();
  on_drained_();
}

}  // namespace redwall::agent
