#include "gateway/agent/sentinel_discovery.h"

#include <algorithm>
#include <utility>

namespace redwall::agent {
namespace {

using net::RedisError;

constexpr std::uint64_t kRetryMs = 1000;     // while no Sentinel answers
constexpr std::int64_t kUnlistedMs = 30000;  // until a replica is one no longer
constexpr std::size_t kMaxListed = 4 * kMaxReplicas;

bool Holds(const std::vector<net::Address>& list, const net::Address& address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

}  // namespace

SentinelDiscovery::SentinelDiscovery(const Setting& setting,
                                     std::shared_ptr<const Upstream> upstream)
    : setting_(setting),
      upstream_(std::move(upstream)),
      sentinels_(upstream_->route.addresses),
      pace_(setting.loop, [this] { Ask(); }),
      watch_(setting.loop, setting.health, upstream_, setting.timeout_ms,
             {[this] { pace_.AskAnew(); },
              [this](const net::Address& sentinel) { OnSwitch(sentinel); }}) {
  pace_.AskSoon();
}

std::optional<Discovery::Found> SentinelDiscovery::Find(const Target& target) {
  pace_.Use();
  if (!over_) {
    awaited_ = true;
    return std::nullopt;
  }
  switch (target.kind) {
    case Target::Kind::kAny:
      return FindMaster();
    case Target::Kind::kReplica:
      return FindReplica();
    case Target::Kind::kSentinel:
      return FindSentinel();
    case Target::Kind::kNode:
      return FindNode(target.node);
    case Target::Kind::kSingle:
      break;
  }
  return Found(Failure{tunnel::ResetCode::kUnknownTarget,
                       "route '" + upstream_->route.name + "' is no cluster: no '" +
                           target.ToText() + "' can be had of it"});
}

std::optional<Discovery::Found> SentinelDiscovery::FindMaster() {
  if (!master_ || demoted_) return Found(Unreachable(trouble_));
  if (setting_.health.Hangs(*master_))
    return Found(Unreachable(*setting_.health.WhyDown(*master_)));
  return Found(*master_);
}

std::optional<Discovery::Found> SentinelDiscovery::FindReplica() {
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const std::size_t index = (turn_ + i) % replicas_.size();
    const SentinelReplica& replica = replicas_[index];
    if (!replica.usable || setting_.health.WhyDown(replica.address)) continue;
    turn_ = index + 1;
    return Found(replica.address);
  }
  return FindMaster();
}

std::optional<Discovery::Found> SentinelDiscovery::FindSentinel() {
  for (const net::Address& sentinel : sentinels_)
    if (IsSentinel(sentinel) && !setting_.health.WhyDown(sentinel)) return Found(sentinel);
  const auto why = setting_.health.WhyDown(sentinels_.front());
  return Found(Failure{tunnel::ResetCode::kUpstreamUnreachable,
                       "route '" + upstream_->route.name + "': no Sentinel can be reached: " +
                           why.value_or("all that are up are named as servers, too")});
}

// As for a cluster: one that has come since is worth a question.
std::optional<Discovery::Found> SentinelDiscovery::FindNode(const net::Address& where) {
  if (Knows(where)) {
    if (setting_.health.Hangs(where)) return Found(Unreachable(*setting_.health.WhyDown(where)));
    return Found(where);
  }
  if (pace_.is_fresh()) {
    return Found(Failure{tunnel::ResetCode::kUnknownTarget,
                         "route '" + upstream_->route.name + "': " + where.ToString() +
                             " is neither the master, nor a replica of it, nor a Sentinel"});
  }
  pace_.AskSoon();
  awaited_ = true;
  return std::nullopt;
}

bool SentinelDiscovery::Knows(const net::Address& where) const {
  return IsServer(where) || IsSentinel(where);
}

bool SentinelDiscovery::IsServer(const net::Address& where) const {
  return master_ == where ||
         std::any_of(replicas_.begin(), replicas_.end(),
                     [&](const SentinelReplica& replica) { return replica.address == where; });
}

bool SentinelDiscovery::IsSentinel(const net::Address& address) const {
  return Holds(sentinels_, address) && !IsServer(address);
}

Discovery::Failure SentinelDiscovery::Unreachable(const std::string& why) const {
  return {tunnel::ResetCode::kUpstreamUnreachable,
          "route '" + upstream_->route.name + "' ('" + upstream_->route.master + "'): " + why};
}

bool SentinelDiscovery::StillServes(const Target& target, const net::Address& address) const {
  if (!master_ || *master_ == address) return true;
  if (target.kind == Target::Kind::kAny) return false;
  return target.kind != Target::Kind::kReplica || listed_ms_.contains(address.ToString());
}

void SentinelDiscovery::Doubt() {
  pace_.Use();
  pace_.AskAnew();
}

// The Sentinel that told of it knows best, and what is under way may have begun before it. But one
// that goes on telling gives nothing up a second time: a question would never be over.
void SentinelDiscovery::OnSwitch(const net::Address& sentinel) {
  const auto found = std::find(sentinels_.begin(), sentinels_.end(), sentinel);
  if (found != sentinels_.end()) std::rotate(sentinels_.begin(), found, found + 1);
  if (std::exchange(switched_, true)) return pace_.AskAnew();
  inquiry_.reset();
  role_.reset();
  pace_.Restart();
}

void SentinelDiscovery::Ask() {
  const std::string& master = upstream_->route.master;
  end_ms_ = setting_.loop.now_ms() + static_cast<std::int64_t>(setting_.timeout_ms);
  inquiry_.emplace(
      setting_.loop, setting_.health, sentinels_,
      Inquiry::Question{{{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master},
                         {"SENTINEL", "REPLICAS", master},
                         {"SENTINEL", "SENTINELS", master}},
                        upstream_->sentinel_login.bytes(),
                        setting_.timeout_ms},
      [this](const net::Address& from, const auto& replies) { return Judge(from, replies); },
      [this](const std::string& trouble) { OnAsked(trouble); });
}

std::string SentinelDiscovery::Judge(const net::Address& sentinel,
                                     const std::vector<net::Reply>& replies) {
  auto master = ReadMasterAddress(replies[0], upstream_->route.master);
  if (!master) return master.error().sentence;
  named_ = std::move(*master);
  NoteReplicas(ReadReplicas(replies[1]));
  NoteSentinels(sentinel, ReadSentinels(replies[2]));
  return {};
}

// Those of the configuration stay, and of the others those that the one who answered knows. It
// doesn't name itself.
void SentinelDiscovery::NoteSentinels(const net::Address& answerer,
                                      const std::vector<net::Address>& others) {
  const net::Address first = answerer;  // it may be one of the list
  std::vector<net::Address> known = {first};
  const auto add = [&](const net::Address& address) {
    if (known.size() < kMaxSentinels && !Holds(known, address)) known.push_back(address);
  };
  const std::vector<net::Address>& seeds = upstream_->route.addresses;
  for (const net::Address& address : sentinels_)
    if (Holds(others, address) || Holds(seeds, address)) add(address);
  for (const net::Address& address : seeds) add(address);
  for (const net::Address& address : others) add(address);
  sentinels_ = std::move(known);
}

void SentinelDiscovery::NoteReplicas(std::vector<SentinelReplica> replicas) {
  const std::int64_t now_ms = setting_.loop.now_ms();
  for (const SentinelReplica& replica : replicas) listed_ms_[replica.address.ToString()] = now_ms;
  const std::size_t before = listed_ms_.size();
  const std::int64_t oldest_ms = before > kMaxListed ? now_ms : now_ms - kUnlistedMs;
  std::erase_if(listed_ms_, [&](const auto& item) { return item.second < oldest_ms; });
  if (listed_ms_.size() != before || replicas_ != replicas) differs_ = true;
  replicas_ = std::move(replicas);
}

void SentinelDiscovery::OnAsked(const std::string& trouble) {
  inquiry_.reset();
  if (!trouble.empty()) return OnOver("no Sentinel tells the master: " + trouble, kRetryMs);
  watch_.Keep(sentinels_);
  std::vector<net::Address> known = sentinels_;
  known.push_back(named_);
  if (master_) known.push_back(*master_);
  for (const SentinelReplica& replica : replicas_) known.push_back(replica.address);
  setting_.health.Retain(known);
  AskRole();
}

void SentinelDiscovery::AskRole() {
  // Health tries it, and says when it is back.
  if (const auto why = setting_.health.WhyDown(named_)) return OnOver(*why, Pace::kPauseMs);
  net::RedisClientOptions options;
  const std::int64_t left_ms = end_ms_ - setting_.loop.now_ms();
  options.timeout_ms = std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(left_ms, 0)),
                                (setting_.timeout_ms + 1) / 2);
  options.login = upstream_->login.bytes();
  role_.emplace(
      setting_.loop, named_, std::vector<std::vector<std::string>>{{"ROLE"}}, options,
      [this](const Result<std::vector<net::Reply>, RedisError>& replies) { OnRole(replies); });
}

void SentinelDiscovery::OnRole(const Result<std::vector<net::Reply>, RedisError>& replies) {
  role_.reset();
  Role role = Role::kNotReady;
  std::string trouble = named_.ToString() + ", which the Sentinels name, isn't ready";
  if (replies) {
    role = ReadRole(replies->front());
    if (role == Role::kReplica)
      trouble = named_.ToString() + ", which the Sentinels name, isn't the master yet";
  } else {
    trouble = replies.error().sentence;
    // Where it is the agent's login that fails, clients are to hear of it by their own.
    if (replies.error().stage == RedisError::Stage::kLogin) role = Role::kUntold;
    if (replies.error().stage == RedisError::Stage::kConnecting)
      setting_.health.OnUnreachable(named_, trouble, replies.error().refused);
  }
  if (role == Role::kMaster || role == Role::kUntold) {
    Promote();
    return OnOver({}, upstream_->route.refresh_ms);
  }
  if (role == Role::kReplica && master_ == named_ && !demoted_) demoted_ = differs_ = true;
  OnOver(trouble, Pace::kPauseMs);
}

void SentinelDiscovery::Promote() {
  if (master_ != named_ || demoted_) differs_ = true;
  demoted_ = false;
  master_ = named_;
}

// Quick only while somebody wants to know.
void SentinelDiscovery::OnOver(const std::string& trouble, std::uint64_t delay_ms) {
  over_ = true;
  switched_ = false;
  trouble_ = trouble;
  log_.Tell(MasterLine(), trouble);
  pace_.OnOver(pace_.is_used() ? delay_ms : upstream_->route.refresh_ms);
  const bool awaited = std::exchange(awaited_, false);
  const bool differs = std::exchange(differs_, false);
  if (awaited || differs) setting_.changed();
}

std::string SentinelDiscovery::MasterLine() const {
  const std::string name = "route '" + upstream_->route.name + "': ";
  if (!master_) return name + "the master '" + upstream_->route.master + "' isn't known yet";
  return name + "the master '" + upstream_->route.master + "' is " + master_->ToString();
}

}  // namespace redwall::agent
