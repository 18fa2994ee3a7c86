// SentinelWatch: a subscription to +switch-master that is kept with one of several Sentinels, as
// long as any of them can be reached.
#ifndef REDWALL_GATEWAY_AGENT_SENTINEL_WATCH_H_
#define REDWALL_GATEWAY_AGENT_SENTINEL_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/agent/discovery.h"
#include "gateway/agent/health.h"
#include "gateway/net/address.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_subscriber.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class SentinelWatch {
 public:
  // Called from the loop only.
  struct Callbacks {
    // A subscription has begun: a fail-over before it may have been missed.
    std::function<void()> begun;
    // This Sentinel tells of a fail-over of the route's master.
    std::function<void(const net::Address&)> switched;
  };
  SentinelWatch(net::Loop& loop, Health& health, std::shared_ptr<const Upstream> upstream,
                std::uint64_t timeout_ms, Callbacks callbacks);

  // These are the Sentinels at present. The subscription moves only if its own isn't among them any
  // more, or there is none yet.
  void Keep(const std::vector<net::Address>& sentinels);

 private:
  void Subscribe();
  void OnEvent(const std::string& message);
  void OnEnd(const net::RedisError& error);

  net::Loop& loop_;
  Health& health_;
  const std::shared_ptr<const Upstream> upstream_;
  const std::uint64_t timeout_ms_;
  const Callbacks callbacks_;
  std::vector<net::Address> sentinels_;
  net::Address watched_;
  std::size_t turn_ = 0;  // of the Sentinel that is tried next
  std::string logged_;
  net::Timer again_;
  std::optional<net::RedisSubscriber> subscriber_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SENTINEL_WATCH_H_
