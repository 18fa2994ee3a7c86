// A discovery with fake servers in one loop. Waiting is for something that must come; the watchdog
// only ends a test that has failed.
#ifndef REDWALL_TESTS_GATEWAY_AGENT_DISCOVERY_SCENE_H_
#define REDWALL_TESTS_GATEWAY_AGENT_DISCOVERY_SCENE_H_

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/agent/discovery.h"
#include "gateway/agent/health.h"
#include "gateway/net/loop.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class DiscoveryScene {
 public:
  DiscoveryScene() : health(loop, 5000, [](const net::Address&) {}), watchdog_(loop), tick_(loop) {}

  void Start(Route route, std::uint64_t timeout_ms = 5000) {
    auto upstream = std::make_shared<Upstream>();
    route.name = "r";
    upstream->route = std::move(route);
    discovery =
        Discovery::Make({loop, health, timeout_ms, [this] { ++changes; }}, std::move(upstream));
  }

  // Runs the loop until it holds.
  void Until(const std::function<bool()>& holds) {
    bool held = false;
    watchdog_.Start(60000, 0, [this] { loop.Stop(); });
    tick_.Start(0, 2, [&] {
      held = holds();
      if (held) loop.Stop();
    });
    loop.Run();
    tick_.Stop();
    watchdog_.Stop();
    REQUIRE(held);
  }

  // What Find says, once it says something.
  Discovery::Found Wait(const Target& target) {
    std::optional<Discovery::Found> found;
    Until([&] {
      found = discovery->Find(target);
      return found.has_value();
    });
    return *found;
  }
  std::string Where(const Target& target) {
    const auto found = Wait(target);
    return found ? found->ToString() : "not found: " + found.error().sentence;
  }
  tunnel::ResetCode Code(const Target& target) {
    const auto found = Wait(target);
    REQUIRE(!found.ok());
    return found.error().code;
  }

  net::Loop loop;
  Health health;
  int changes = 0;
  std::unique_ptr<Discovery> discovery;

 private:
  net::Timer watchdog_, tick_;
};

}  // namespace redwall::agent

#endif  // REDWALL_TESTS_GATEWAY_AGENT_DISCOVERY_SCENE_H_
