#include "gateway/agent/descriptors.h"

#include <doctest/doctest.h>

#include <string>

namespace redwall::agent {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a client agent needs one for each client, listener and node's port") {
  ClientConfig config;
  config.listeners.resize(2);
  const std::uint64_t without = DescriptorNeedOf(config).count;
  config.limits.max_connections = 500;
  CHECK(DescriptorNeedOf(config).count == without + 500);
  config.listeners[1].node_ports = {17000, 17063};
  CHECK(DescriptorNeedOf(config).count == without + 500 + 64);
  config.listeners.emplace_back().node_ports = {1, 65535};
  const DescriptorNeed need = DescriptorNeedOf(config);
  CHECK(need.count == without + 500 + 64 + 65535 + 1);
  CHECK(Has(need.parts, "500 for clients (max_connections), 65599 for listeners of nodes"));
  CHECK(Has(need.parts, ", 3 for listeners, 2 for tunnels, "));
}

TEST_CASE("a server agent needs one for each client of a tunnel, and for each node of a cluster") {
  ServerConfig config;
  config.listen.resize(1);
  config.limits.session.max_streams = 1000;
  config.routes.resize(2);
  config.routes[0].addresses.resize(1);
  config.routes[1].addresses.resize(7);
  config.routes[1].kind = Route::Kind::kSentinel;
  const std::uint64_t one_each = DescriptorNeedOf(config).count;
  CHECK(one_each >= 1000 + config.limits.admission.full + 1);
  config.routes[1].kind = Route::Kind::kCluster;
  const DescriptorNeed need = DescriptorNeedOf(config);
  CHECK(need.count == one_each + 6 * 1000);
  CHECK(Has(need.parts, "7000 for the clients of one tunnel (max_streams, each with up to 7"));
}

TEST_CASE("a shortage is told with its figures, and none where there is none") {
  const DescriptorNeed need{1000, "990 for clients, 10 for the rest"};
  CHECK(DescribeShortage(need, 1001).empty());
  CHECK(DescribeShortage(need, 1000).empty());
  const std::string shortage = DescribeShortage(need, 999);
  CHECK(Has(shortage, "have 999 file descriptors, and it needs 1000 "));
  CHECK(Has(shortage, need.parts + "; let it have more (LimitNOFILE="));
}

}  // namespace
}  // namespace redwall::agent
