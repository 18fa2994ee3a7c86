// What Sentinels say of a master, its replicas and each other: pure functions of their answers.
// The Sentinel client specification, redis.io/docs/reference/sentinel-clients.
#ifndef REDWALL_GATEWAY_AGENT_SENTINEL_REPLY_H_
#define REDWALL_GATEWAY_AGENT_SENTINEL_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/net/address.h"
#include "gateway/net/redis_reply.h"

namespace redwall::agent {

constexpr std::size_t kMaxReplicas = 1000;
constexpr std::size_t kMaxSentinels = 64;

struct SentinelReplyError {
  std::string sentence;  // what was answered instead: "doesn't know a master 'mymaster'"
};

struct SentinelReplica {
  net::Address address;
  // The Sentinel can reach it, and it has its link with the master.
  bool usable = false;
  bool operator==(const SentinelReplica&) const = default;
};

// Of SENTINEL GET-MASTER-ADDR-BY-NAME `master`.
Result<net::Address, SentinelReplyError> ReadMasterAddress(const net::Reply& reply,
                                                           std::string_view master);
// Of SENTINEL REPLICAS and SENTINEL SENTINELS: entries that make no sense, and those beyond the
// limit, are left out; so are all where it is an error.
std::vector<SentinelReplica> ReadReplicas(const net::Reply& reply);
std::vector<net::Address> ReadSentinels(const net::Reply& reply);

// Of ROLE, asked of what Sentinels call the master.
enum class Role : std::uint8_t {
  kMaster,
  kReplica,
  kUntold,    // it doesn't let the agent ask (NOAUTH, NOPERM, a renamed ROLE)
  kNotReady,  // anything else: it is loading, or no Redis
};
Role ReadRole(const net::Reply& reply);

// Whether a message of +switch-master ("mymaster 10.0.0.1 6379 10.0.0.2 6379") is about `master`.
bool IsSwitchOf(std::string_view message, std::string_view master);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SENTINEL_REPLY_H_
