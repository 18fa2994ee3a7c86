#include "gateway/agent/client_tunnel.h"

#include <algorithm>
#include <utility>

#include "crypto/primitives.h"
#include "crypto/resume_proof.h"
#include "gateway/agent/log.h"
#include "gateway/agent/version.h"

namespace redwall::agent {
namespace {

constexpr std::uint64_t kFirstBackoffMs = 50;
constexpr std::uint64_t kMaxBackoffMs = 2000;
// A link that breaks swallows packets, or resets what is open; it doesn't make a server's machine
// say for so long that nobody listens. The server agent has ended, and its sessions with it.
constexpr std::int64_t kRefusedMs = 400;

}  // namespace

ClientTunnel::ClientTunnel(Core& core, const net::Address& server, const ClientKeys& keys,
                           ClientTunnelOwner& owner)
    : core_(core),
      address_(server),
      server_(server.ToString()),
      keys_(keys),
      owner_(owner),
      retry_(core.loop()),
      new_keys_(core.loop()) {
  Dial();
}

ClientTunnel::~ClientTunnel() = default;

tunnel::Session* ClientTunnel::session() {
  return was_up_ && !lost_ ? connection_->session() : nullptr;
}

void ClientTunnel::End(std::string_view why) {
  if (connection_ != nullptr) return connection_->EndBoth(tunnel::ResetCode::kShutdown, why);
  OnTunnelLost(why);
}

void ClientTunnel::TakeNewKeys() {
  if (connection_ != nullptr) connection_->Drop("there are new keys");
}

void ClientTunnel::Dial() {
  dial_.emplace(
      core_.loop(), address_, core_.limits().timeout_ms,
      [this](Result<net::Socket, net::DialError> socket) { OnConnected(std::move(socket)); });
}

void ClientTunnel::OnConnected(Result<net::Socket, net::DialError> socket) {
  dial_.reset();
  if (!socket) return OnDialFailed(socket.error());
  refused_since_ms_ = -1;
  crypto::SecureChannel channel = crypto::SecureChannel::Initiator(keys_.initiator());
  if (connection_ != nullptr) return connection_->Attach(std::move(*socket), std::move(channel));
  connection_ = std::make_unique<net::TunnelConnection>(
      core_.loop(), std::move(*socket), std::move(channel), core_.limits().timeout_ms, *this);
}

void ClientTunnel::OnDialFailed(const net::DialError& error) {
  if (connection_ == nullptr) return OnTunnelLost("can't be reached: " + error.sentence);
  const std::int64_t now = core_.loop().now_ms();
  if (!error.refused) {
    refused_since_ms_ = -1;
  } else if (refused_since_ms_ < 0) {
    refused_since_ms_ = now;
  } else if (now - refused_since_ms_ >= kRefusedMs) {
    return End("the server agent has ended: " + error.sentence);
  }
  DialLater();
}

// Again at once, and then after a growing, jittered pause, for as long as the server agent keeps
// the session.
void ClientTunnel::DialLater() {
  const std::int64_t away = core_.loop().now_ms() - away_since_ms_;
  if (away >= connection_->session()->linger_ms())
    return End("it couldn't be reached for as long as it keeps a session");
  const std::uint64_t half = backoff_ms_ / 2;
  const std::uint64_t delay = half + crypto::RandomBelow(static_cast<std::uint32_t>(half) + 1);
  if (backoff_ms_ > 0) owner_.OnTunnelStaysAway(this);
  backoff_ms_ = std::clamp(2 * backoff_ms_, kFirstBackoffMs, kMaxBackoffMs);
  retry_.Start(delay, 0, [this] { Dial(); });
}

std::unique_ptr<tunnel::Session> ClientTunnel::OnAuthenticated(crypto::SecureChannel& channel,
                                                               ByteView) {
  identity_ = channel.key_name().empty() ? "agent" : channel.key_name();
  resume_key_ = channel.TakeResumeKey();
  tunnel::Session::Options options;
  options.role = tunnel::Role::kClient;
  options.name = core_.name();
  options.version = kVersion;
  options.limits = core_.limits().session;
  options.takes_policy = true;
  return std::make_unique<tunnel::Session>(std::move(options), *this);
}

void ClientTunnel::OnReauthenticated(crypto::SecureChannel& channel) {
  tunnel::Session& session = *connection_->session();
  const tunnel::Session::ResumePoint point = session.BeginResume();
  const auto proof = crypto::MakeResumeProof(
      resume_key_, {channel.handshake_hash(), session.id(), point.epoch, point.handled});
  if (!proof) return End("the session can't be resumed");
  session.SendResume(*proof);
}

void ClientTunnel::OnTransportLost(std::string_view why) {
  new_keys_.Stop();
  if (!is_away()) {
    away_since_ms_ = core_.loop().now_ms();
    backoff_ms_ = 0;
    owner_.OnTunnelAway(this, why);
  }
  DialLater();
}

void ClientTunnel::OnRecord() {
  if (is_away() && connection_->session()->attached()) OnBack();
  owner_.OnTunnelActive();
}

void ClientTunnel::OnBack() {
  const std::int64_t away = core_.loop().now_ms() - std::exchange(away_since_ms_, -1);
  new_keys_.Start(core_.limits().new_keys_ms, 0,
                  [this] { connection_->Drop("it is time for new keys"); });
  owner_.OnTunnelResumed(this, away);
}

void ClientTunnel::OnReady() {
  was_up_ = true;
  const std::string& told = connection_->session()->peer().identity;
  if (!told.empty()) identity_ = told;
  SetPolicy(*core_.policy());
  new_keys_.Start(core_.limits().new_keys_ms, 0,
                  [this] { connection_->Drop("it is time for new keys"); });
  owner_.OnTunnelUp(this);
}

void ClientTunnel::OnGoaway(tunnel::ResetCode code, std::uint32_t drain_ms) {
  if (drain_ms == 0)
    return connection_->End("the server agent ended it: " + std::string(Describe(code)));
  LogInfo("the server agent at " + server_ +
          " takes no more connections: " + std::string(Describe(code)));
  owner_.OnTunnelLeaving(this);
}

// What can't be told here (a Redis user, a command of a newer Redis, a rate) is left to the server
// agent, which decides once more. So is everything where the policy is in a language that only it
// knows.
void ClientTunnel::OnPolicy(std::string text) {
  gate_.pushed = nullptr;
  std::string trouble;
  if (!text.empty()) {
    const auto policy = policy::Policy::Parse(text, "policy of the server agent");
    if (policy) {
      gate_.pushed = (*policy)->RulesFor(identity_, policy::Doubt::kForward);
    } else {
      trouble = policy.error().sentence;
    }
  }
  owner_.OnPolicyPushed(this, text, trouble);
}

void ClientTunnel::OnTunnelLost(std::string_view why) {
  if (lost_) return;
  lost_ = true;
  dial_.reset();
  retry_.Stop();
  new_keys_.Stop();
  owner_.OnTunnelLost(this, why);
}

}  // namespace redwall::agent
