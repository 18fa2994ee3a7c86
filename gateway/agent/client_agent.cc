#include "gateway/agent/client_agent.h"

#include <algorithm>
#include <utility>

#include "crypto/primitives.h"
#include "gateway/agent/descriptors.h"
#include "gateway/agent/session_name.h"

namespace redwall::agent {
namespace {

constexpr std::string_view kTooManyClients =
    "ERR max number of clients reached";  // Redis's own text
constexpr std::uint64_t kFirstBackoffMs = 100;
constexpr std::uint64_t kMaxBackoffMs = 10000;
constexpr std::uint64_t kTickMs = 250;
constexpr std::uint64_t kDrainTickMs = 50;

Target TargetOf(const ClientListener& listener) {
  switch (listener.role) {
    case ClientListener::Role::kAny:
      break;
    case ClientListener::Role::kSingle:
      return {Target::Kind::kSingle};
    case ClientListener::Role::kReplica:
      return {Target::Kind::kReplica};
    case ClientListener::Role::kSentinel:
      return {Target::Kind::kSentinel};
  }
  return {};
}

Core::Fields FieldsOf(ClientTunnel& tunnel) {
  Core::Fields fields = {{"session", SessionName(tunnel.session()->id())},
                         {"identity", tunnel.identity()},
                         {"peer", tunnel.server()}};
  AddFields(tunnel.keys_in_use(), fields);
  return fields;
}

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
      tick_(core_->loop()),
      drain_timer_(core_->loop()) {}

ClientAgent::~ClientAgent() {
  links_.clear();
  std::vector<ClientTunnel*> tunnels;
  for (const auto& [tunnel, owned] : tunnels_) tunnels.push_back(tunnel);
  for (ClientTunnel* tunnel : tunnels) tunnel->End("this agent is stopping");
  core_->RecordEvent("stop", {});
}

Result<void, net::ListenError> ClientAgent::Start() {
  for (const ClientListener& wanted : config_.listeners) {
    ClientPurpose purpose{wanted.route, TargetOf(wanted), nullptr};
    if (wanted.node_ports.first != 0) {
      node_ports_.push_back(std::make_unique<NodePorts>(
          core_->loop(), wanted, [this](net::Socket socket, const ClientPurpose& of_node) {
            OnAccept(std::move(socket), of_node);
          }));
      purpose.topology = node_ports_.back()->topology();
    }
    auto listener = net::Listener::Open(
        core_->loop(), wanted.listen, wanted.mode,
        [this, purpose](net::Socket socket) { OnAccept(std::move(socket), purpose); },
        core_->LogCrowd());
    if (!listener) return listener.error();
    LogInfo("listening on " + (*listener)->address() + " for route '" + wanted.route + "'");
    listeners_.push_back(std::move(*listener));
  }
  WarnOfShortage(DescriptorNeedOf(config_));
  core_->RecordEvent("start", core_->PolicyFields());
  tick_.Start(kTickMs, kTickMs, [this] { OnTick(); });
  for (std::size_t i = 0; i < config_.tunnels; ++i) {
    places_.push_back(std::make_unique<Place>(core_->loop()));
    Connect(*places_.back());
  }
  return {};
}

ClientAgent::Place* ClientAgent::PlaceOf(const ClientTunnel* tunnel) {
  for (const auto& place : places_)
    if (place->current == tunnel) return place.get();
  return nullptr;
}

void ClientAgent::Connect(Place& place) {
  const net::Address& server = config_.servers[place.next_server % config_.servers.size()];
  auto tunnel = std::make_unique<ClientTunnel>(*core_, server, *keys_, *this);
  place.current = tunnel.get();
  tunnels_.emplace(place.current, std::move(tunnel));
}

// Exponential, with full jitter above the half, so that many agents don't come back at once.
void ClientAgent::ConnectLater(Place& place) {
  place.current = nullptr;
  if (on_drained_) return;
  ++place.next_server;
  place.backoff_ms = std::clamp(2 * place.backoff_ms, kFirstBackoffMs, kMaxBackoffMs);
  const std::uint64_t half = place.backoff_ms / 2;
  const std::uint64_t delay = half + crypto::RandomBelow(static_cast<std::uint32_t>(half) + 1);
  place.retry.Start(delay, 0, [this, &place] { Connect(place); });
}

void ClientAgent::Replace(const ClientTunnel* tunnel) {
  if (Place* const place = PlaceOf(tunnel)) ConnectLater(*place);
}

void ClientAgent::OnAccept(net::Socket socket, const ClientPurpose& purpose) {
  auto made = std::make_unique<ClientLink>(*core_, std::move(socket), purpose, *this);
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
  while (!waiting_.empty()) {
    ClientTunnel* const tunnel = LeastUsed();
    if (tunnel == nullptr && !AllAreFull()) return;
    ClientLink* const link = waiting_.front();
    waiting_.pop_front();
    if (tunnel != nullptr) {
      link->Open(tunnel->connection(), tunnel->gate(), tunnel->identity());
      continue;
    }
    refusals_.Warn("a client was refused: the server agent's limit of streams is reached",
                   core_->loop().now_ms());
    link->Refuse(kTooManyClients);
  }
}

// Of those that can take a connection now.
ClientTunnel* ClientAgent::LeastUsed() {
  ClientTunnel* least = nullptr;
  for (const auto& place : places_) {
    tunnel::Session* const session = place->current ? place->current->session() : nullptr;
    if (session == nullptr) continue;
    if (session->exhausted()) {
      ConnectLater(*place);
    } else if (session->CanOpen() &&
               (least == nullptr || session->stream_count() < least->session()->stream_count())) {
      least = place->current;
    }
  }
  return least;
}

// True where waiting makes no sense: all tunnels are there, and have as many streams as they may.
bool ClientAgent::AllAreFull() {
  return std::all_of(places_.begin(), places_.end(), [](const auto& place) {
    const tunnel::Session* const session = place->current ? place->current->session() : nullptr;
    return session != nullptr && session->attached() && !session->OpensPending() &&
           !session->going_away();
  });
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
  if (Place* const place = PlaceOf(tunnel)) place->backoff_ms = 0;
  LogInfo("tunnel to " + tunnel->server() + " is up, as '" + tunnel->identity() + "' with " +
          Describe(tunnel->keys_in_use()));
  Core::Fields fields = FieldsOf(*tunnel);
  fields.emplace_back("peer_name", tunnel->session()->peer().name);
  core_->RecordEvent("tunnel-up", std::move(fields));
  RequestTurnEnd();
}

void ClientAgent::OnTunnelActive() {
  if (!waiting_.empty()) RequestTurnEnd();
}

void ClientAgent::OnTunnelAway(ClientTunnel* tunnel, std::string_view why) {
  away_.Warn("the connection to " + tunnel->server() + " is lost: " + std::string(why) +
                 "; its clients wait until it is there again",
             core_->loop().now_ms());
  core_->RecordEvent("tunnel-lost", {{"session", SessionName(tunnel->session()->id())},
                                     {"identity", tunnel->identity()},
                                     {"why", std::string(why)}});
}

// Those who come now needn't wait where there is another server.
void ClientAgent::OnTunnelStaysAway(ClientTunnel* tunnel) {
  if (config_.servers.size() > 1) Replace(tunnel);
}

void ClientAgent::OnTunnelResumed(ClientTunnel* tunnel, std::int64_t away_ms) {
  back_.Info("the connection to " + tunnel->server() + " is there again after " +
                 std::to_string(away_ms) + " ms, with " + Describe(tunnel->keys_in_use()),
             core_->loop().now_ms());
  Core::Fields fields = FieldsOf(*tunnel);
  fields.emplace_back("away_ms", std::to_string(away_ms));
  core_->RecordEvent("tunnel-resumed", std::move(fields));
  RequestTurnEnd();
}

void ClientAgent::OnPolicyPushed(ClientTunnel* tunnel, const std::string& text,
                                 std::string_view trouble) {
  TellLinks(tunnel);
  Core::Fields fields = {{"session", SessionName(tunnel->session()->id())},
                         {"identity", tunnel->identity()},
                         {"peer", tunnel->server()}};
  if (text.empty()) {
    LogInfo("the server agent at " + tunnel->server() + " leaves no policy to enforce here");
    return core_->RecordEvent("policy-withdrawn", std::move(fields));
  }
  fields.emplace_back("hash", HashOfPolicy(text));
  if (trouble.empty()) {
    LogInfo("the policy of the server agent at " + tunnel->server() + " is enforced here, too");
  } else {
    LogWarn("the policy of the server agent at " + tunnel->server() +
            " can't be read here, and is left to it: " + std::string(trouble));
    fields.emplace_back("why", trouble);
  }
  core_->RecordEvent("policy-pushed", std::move(fields));
}

// Its policy is another one.
void ClientAgent::TellLinks(const ClientTunnel* tunnel) {
  for (ClientLink* link : LinksThrough(tunnel)) link->OnRulesChanged(true);
}

std::vector<ClientLink*> ClientAgent::LinksThrough(const ClientTunnel* tunnel) const {
  std::vector<ClientLink*> links;
  for (const auto& [link, owned] : links_)
    if (tunnel->is_through(link->connection())) links.push_back(link);
  return links;
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
  for (ClientLink* link : LinksThrough(tunnel)) link->OnTunnelGone();
  core_->Retire(std::move(it->second));
  tunnels_.erase(it);
  Replace(tunnel);
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
  EndUnused();
}

// Tunnels that had to make place go with their last stream.
void ClientAgent::EndUnused() {
  std::vector<ClientTunnel*> unused;
  for (const auto& [tunnel, owned] : tunnels_) {
    const bool idle = tunnel->session() != nullptr && tunnel->session()->stream_count() == 0;
    if (idle && PlaceOf(tunnel) == nullptr) unused.push_back(tunnel);
  }
  for (ClientTunnel* tunnel : unused) tunnel->End("nobody uses it any more");
}

// All or nothing: everything is read before anything is replaced.
void ClientAgent::Reload() {
  auto keys = ReadClientKeys(config_);
  const std::string before = core_->policy()->text();
  const auto policy = keys ? core_->ReloadPolicy() : Result<void, ConfigError>(keys.error());
  if (!policy) {
    LogError("nothing was reloaded, the old configuration stays: " + policy.error().sentence);
    core_->RecordEvent("reload-failed", {{"why", policy.error().sentence}});
    return;
  }
  const bool new_keys = !keys->SameAs(*keys_);
  *keys_ = std::move(*keys);
  for (const auto& [tunnel, owned] : tunnels_) {
    tunnel->SetPolicy(*core_->policy());
    if (core_->policy()->text() != before) TellLinks(tunnel);
  }
  LogInfo(new_keys ? "policy and keys were reloaded; the keys are new: tunnels change over to them"
                   : "policy and keys were reloaded; the keys are the same");
  core_->RecordEvent("policy-reloaded", core_->PolicyFields());
  if (!new_keys) return;
  std::vector<ClientTunnel*> tunnels;
  for (const auto& [tunnel, owned] : tunnels_) tunnels.push_back(tunnel);
  for (ClientTunnel* tunnel : tunnels) tunnel->TakeNewKeys();
}

void ClientAgent::Drain(std::function<void()> drained) {
  on_drained_ = std::move(drained);
  listeners_.clear();
  for (const auto& nodes : node_ports_) nodes->StopListening();
  for (const auto& place : places_) place->retry.Stop();
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
