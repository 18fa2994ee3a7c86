#include "gateway/agent/discovery.h"

#include <utility>

#include "gateway/agent/cluster_discovery.h"
#include "gateway/agent/sentinel_discovery.h"

namespace redwall::agent {
namespace {

// One Redis, or whatever listens at the one address.
class FixedDiscovery final : public Discovery {
 public:
  FixedDiscovery(const Setting& setting, std::shared_ptr<const Upstream> upstream)
      : health_(setting.health), upstream_(std::move(upstream)) {}

  std::optional<Found> Find(const Target& target) override {
    const Route& route = upstream_->route;
    if (target.kind != Target::Kind::kAny) {
      return Found(Failure{tunnel::ResetCode::kUnknownTarget,
                           "route '" + route.name + "' has one server: no '" + target.ToText() +
                               "' can be had of it"});
    }
    const net::Address& address = route.addresses.front();
    if (health_.Hangs(address)) {
      return Found(Failure{tunnel::ResetCode::kUpstreamUnreachable,
                           "route '" + route.name + "': " + *health_.WhyDown(address) +
                               "; it is tried every second, and nobody waits for it meanwhile"});
    }
    return Found(address);
  }

 private:
  const Health& health_;
  const std::shared_ptr<const Upstream> upstream_;
};

}  // namespace

std::unique_ptr<Discovery> Discovery::Make(const Setting& setting,
                                           std::shared_ptr<const Upstream> upstream) {
  switch (upstream->route.kind) {
    case Route::Kind::kCluster:
      return std::make_unique<ClusterDiscovery>(setting, std::move(upstream));
    case Route::Kind::kSentinel:
      return std::make_unique<SentinelDiscovery>(setting, std::move(upstream));
    case Route::Kind::kRedis:
    case Route::Kind::kTcp:
      break;
  }
  return std::make_unique<FixedDiscovery>(setting, std::move(upstream));
}

}  // namespace redwall::agent
