#include "gateway/agent/sentinel_watch.h"

#include <algorithm>
#include <utility>

#include "gateway/agent/log.h"
#include "gateway/agent/sentinel_reply.h"

namespace redwall::agent {
namespace {

constexpr std::uint64_t kAgainMs = 1000;
constexpr char kChannel[] = "+switch-master";

}  // namespace

SentinelWatch::SentinelWatch(net::Loop& loop, Health& health,
                             std::shared_ptr<const Upstream> upstream, std::uint64_t timeout_ms,
                             Callbacks callbacks)
    : loop_(loop),
      health_(health),
      upstream_(std::move(upstream)),
      timeout_ms_(timeout_ms),
      callbacks_(std::move(callbacks)),
      again_(loop) {}

void SentinelWatch::Keep(const std::vector<net::Address>& sentinels) {
  sentinels_ = sentinels;
  const bool gone = std::find(sentinels_.begin(), sentinels_.end(), watched_) == sentinels_.end();
  if (subscriber_ && gone) subscriber_.reset();
  if (subscriber_ || again_.running()) return;
  turn_ = 0;  // the one that has just answered
  Subscribe();
}

// Those that are known to be down are passed over.
void SentinelWatch::Subscribe() {
  for (std::size_t i = 0; i < sentinels_.size(); ++i, ++turn_)
    if (!health_.WhyDown(sentinels_[turn_ % sentinels_.size()])) break;
  watched_ = sentinels_[turn_++ % sentinels_.size()];
  net::RedisSubscriber::Options options;
  options.timeout_ms = timeout_ms_;
  options.login = upstream_->sentinel_login.bytes();
  subscriber_.emplace(
      loop_, watched_, std::vector<std::string>{kChannel}, options,
      net::RedisSubscriber::Callbacks{
          [this] {
            logged_.clear();
            callbacks_.begun();
          },
          [this](const std::string&, const std::string& message) { OnEvent(message); },
          [this](const net::RedisError& error) { OnEnd(error); }});
}

void SentinelWatch::OnEvent(const std::string& message) {
  if (IsSwitchOf(message, upstream_->route.master)) callbacks_.switched(watched_);
}

void SentinelWatch::OnEnd(const net::RedisError& error) {
  subscriber_.reset();
  if (error.stage == net::RedisError::Stage::kConnecting)
    health_.OnUnreachable(watched_, error.sentence, error.refused);
  const std::string line =
      "route '" + upstream_->route.name + "': the subscription to a Sentinel's fail-overs is lost";
  if (line != logged_) LogWarn(line + ", another one is tried: " + error.sentence);
  logged_ = line;
  again_.Start(kAgainMs, 0, [this] { Subscribe(); });
}

}  // namespace redwall::agent
