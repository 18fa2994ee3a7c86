#include "gateway/agent/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

#include "gateway/agent/log.h"
#include "gateway/agent/shared_pool.h"

namespace redwall::agent {
namespace {

// Files of the log and the audit, its copies, the loop's own, and the agent's own talk with Redis.
constexpr std::uint64_t kOthers = 32;

void Add(std::uint64_t count, const std::string& what, DescriptorNeed& need) {
  if (count == 0) return;
  need.count += count;
  need.parts += (need.parts.empty() ? "" : ", ") + std::to_string(count) + " for " + what;
}

}  // namespace

DescriptorNeed DescriptorNeedOf(const ClientConfig& config) {
  DescriptorNeed need;
  Add(config.limits.max_connections, "clients (max_connections)", need);
  std::uint64_t ports = 0;
  for (const ClientListener& listener : config.listeners)
    if (listener.node_ports.first != 0)
      ports += std::uint64_t{listener.node_ports.last} - listener.node_ports.first + 1;
  Add(ports, "listeners of nodes (node_ports)", need);
  Add(config.listeners.size(), "listeners", need);
  Add(2 * config.tunnels, "tunnels", need);  // a lost one's successor comes before it is gone
  Add(kOthers, "the agent itself", need);
  return need;
}

DescriptorNeed DescriptorNeedOf(const ServerConfig& config) {
  DescriptorNeed need;
  // A client of a cluster that looks like one Redis has a connection to each node.
  std::size_t nodes = 1;
  for (const Route& route : config.routes)
    if (route.kind == Route::Kind::kCluster) nodes = std::max(nodes, route.addresses.size());
  const std::string each = nodes > 1 ? ", each with up to " + std::to_string(nodes) + " nodes" : "";
  Add(config.limits.session.max_streams * std::uint64_t{nodes},
      "the clients of one tunnel (max_streams" + each + ")", need);
  Add(config.limits.admission.full,
      "connections that haven't proved themselves (max_unauthenticated)", need);
  const auto shared = std::count_if(config.routes.begin(), config.routes.end(),
                                    [](const Route& route) { return route.shared; });
  Add(static_cast<std::uint64_t>(shared) * SharedPool::kConnections,
      "connections that clients share", need);
  Add(config.listen.size(), "listeners", need);
  Add(kOthers, "the agent itself", need);
  return need;
}

std::string DescribeShortage(const DescriptorNeed& need, std::uint64_t allowed) {
  if (need.count <= allowed) return {};
  return "the system lets this agent have " + std::to_string(allowed) +
         " file descriptors, and it needs " + std::to_string(need.count) +
         " when its limits are reached: " + need.parts +
         "; let it have more (LimitNOFILE= with systemd, `ulimit -Hn` in a shell), or lower these "
         "limits";
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void WarnOfShortage(const DescriptorNeed& need) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const std::string shortage = DescribeShortage(need, limit.rlim_cur);
  if (!shortage.empty()) LogWarn(shortage);
}

}  // namespace redwall::agent
