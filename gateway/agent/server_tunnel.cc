#include "gateway/agent/server_tunnel.h"

#include <utility>
#include <vector>

#include "crypto/primitives.h"
#include "crypto/resume_proof.h"
#include "gateway/agent/session_name.h"
#include "gateway/agent/version.h"

namespace redwall::agent {

ServerTunnel::ServerTunnel(Core& core, net::Socket socket, crypto::SecureChannel channel,
                           ServerTunnelOwner& owner)
    : core_(core),
      owner_(owner),
      linger_(core.loop()),
      connection_(core.loop(), std::move(socket), std::move(channel), core.limits().timeout_ms,
                  *this) {}

ServerTunnel::~ServerTunnel() = default;

std::string ServerTunnel::session_name() const { return SessionName(id_); }

std::string ServerTunnel::agent_name() {
  return connection_.session() == nullptr ? std::string() : connection_.session()->peer().name;
}

std::unique_ptr<tunnel::Session> ServerTunnel::OnAuthenticated(crypto::SecureChannel& channel,
                                                               ByteView record) {
  identity_ = channel.peer();
  proved_ = true;
  refusal_ = owner_.OnProved(this);
  if (!refusal_.empty()) return nullptr;
  if (const auto resume = tunnel::Session::PeekResume(record)) {
    ServerTunnel* const earlier = owner_.FindSession(resume->id);
    if (earlier != nullptr && earlier->Resume(connection_, *resume)) {
      owner_.OnTunnelMerged(this);
    } else {
      std::byte unknown[tunnel::kMaxRecord];
      connection_.SendAlone(ByteView(unknown).first(tunnel::Session::WriteUnknownSession(unknown)));
      refusal_ = "it asked for a session that is over, or not its own";
    }
    return nullptr;
  }
  resume_key_ = channel.TakeResumeKey();
  if (!crypto::Random(id_)) return nullptr;
  tunnel::Session::Options options;
  options.role = tunnel::Role::kServer;
  options.name = core_.name();
  options.version = kVersion;
  options.peer_identity = identity_;
  options.id = id_;
  options.linger_ms = core_.limits().linger_ms;
  options.limits = core_.limits().session;
  options.routes = owner_.RouteKindsFor(identity_);
  return std::make_unique<tunnel::Session>(std::move(options), *this);
}

// Nothing is done to this session before identity, proof and epoch are right. True: `fresh` was
// taken over.
bool ServerTunnel::Resume(net::TunnelConnection& fresh, const tunnel::ResumePayload& resume) {
  const tunnel::Session& session = *connection_.session();
  const crypto::SecureChannel& channel = fresh.channel();
  const crypto::ResumeClaim claim{channel.handshake_hash(), resume.id, resume.epoch,
                                  resume.handled};
  if (channel.peer() != identity_ || resume.epoch <= session.epoch() || session.linger_ms() == 0 ||
      !crypto::CheckResumeProof(resume_key_, claim, resume.proof))
    return false;
  linger_.Stop();
  connection_.Adopt(fresh);
  const tunnel::SessionError error =
      connection_.session()->AcceptResume(resume, core_.loop().now_ms());
  if (error != tunnel::SessionError::kNone) {
    connection_.End(tunnel::Describe(error));
    return true;
  }
  owner_.OnTunnelResumed(this);
  waiting_since_ms_ = -1;
  connection_.Wake();
  return true;
}

void ServerTunnel::OnTransportLost(std::string_view why) {
  waiting_since_ms_ = core_.loop().now_ms();
  linger_.Start(core_.limits().linger_ms, 0, [this] { End("it didn't come back in time"); });
  owner_.OnTunnelWaits(this, why);
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
  const auto target = Target::Parse(open.target);
  if (!target) {
    refusal = tunnel::ResetCode::kUnknownTarget;
    return nullptr;
  }
  const auto found = route->Find(*target);
  if (found && !*found) {  // refused at once
    refusal = found->error().code;
    owner_.OnUpstreamTrouble(found->error().sentence);
    return nullptr;
  }
  const bool sentinel = route->IsSentinel(*target);
  const auto [gate, is_new] = (sentinel ? sentinel_gates_ : gates_).try_emplace(route);
  if (is_new) {
    const auto& policy = sentinel ? route->sentinel_policy() : route->policy();
    gate->second.rules = policy->RulesFor(identity_);
  }
  audit::Subject subject{session_name(), stream, identity_, std::string(open.client)};
  auto link = std::make_unique<ServerLink>(core_, connection_, stream, *route, *target, sentinel,
                                           gate->second, std::move(subject), *this);
  ServerLink* const made = link.get();
  links_.emplace(made, std::move(link));
  made->Start(found);
  return made;
}

void ServerTunnel::UpdateRules(const ServerRoute& route, bool policy_is_new) {
  if (const auto gate = gates_.find(&route); gate != gates_.end())
    gate->second.rules = route.policy()->RulesFor(identity_);
  if (const auto gate = sentinel_gates_.find(&route); gate != sentinel_gates_.end())
    gate->second.rules = route.sentinel_policy()->RulesFor(identity_);
  for (ServerLink* link : LinksThrough(route)) link->OnRulesChanged(policy_is_new);
}

void ServerTunnel::OnDiscovered(const ServerRoute& route) {
  for (ServerLink* link : LinksThrough(route)) link->OnDiscovered();
}

// A copy: some may end meanwhile.
std::vector<ServerLink*> ServerTunnel::LinksThrough(const ServerRoute& route) const {
  std::vector<ServerLink*> links;
  for (const auto& [link, owned] : links_)
    if (link->goes_through(route)) links.push_back(link);
  return links;
}

void ServerTunnel::PushPolicy(const std::shared_ptr<const std::string>& text) {
  tunnel::Session& session = *connection_.session();
  if (!session.peer_takes_policy() || text == pushed_ || (!pushed_ && text->empty())) return;
  pushed_ = text;
  session.SendPolicy(text);
  connection_.Wake();
}

void ServerTunnel::OnLinkDone(ServerLink* link) {
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  core_.Retire(std::move(it->second));
  links_.erase(it);
}

void ServerTunnel::OnTunnelLost(std::string_view why) {
  linger_.Stop();
  if (!refusal_.empty()) why = refusal_;
  std::vector<ServerLink*> links;
  for (const auto& [link, owned] : links_) links.push_back(link);
  for (ServerLink* link : links) link->OnTunnelGone();
  owner_.OnTunnelDone(this, why);
}

// The client agent is stopping: nobody will come back for this session.
void ServerTunnel::OnGoaway(tunnel::ResetCode code, std::uint32_t drain_ms) {
  if (drain_ms == 0) connection_.End("the agent has said good-bye: " + std::string(Describe(code)));
}

void ServerTunnel::BeginDrain() {
  tunnel::Session* session = connection_.session();
  if (session == nullptr || connection_.lost()) return connection_.End("shutting down");
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
