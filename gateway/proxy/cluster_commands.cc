#include "gateway/proxy/cluster_commands.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "gateway/proxy/fold.h"

namespace redwall::proxy {
namespace {

struct Named {
  std::string_view name;
  Handling handling;
  Join join = Join::kNone;
};

// Sorted by name.
constexpr Named kNamed[] = {
    {"asking", Handling::kNotACluster},
    {"auth", Handling::kState},
    {"bgrewriteaof", Handling::kAllMasters, Join::kFirst},
    {"bgsave", Handling::kAllMasters, Join::kFirst},
    {"client|caching", Handling::kCaching},
    {"client|no-evict", Handling::kState},
    {"client|no-touch", Handling::kState},
    {"client|pause", Handling::kAllMasters, Join::kFirst},
    {"client|reply", Handling::kReplyMode},
    {"client|setinfo", Handling::kState},
    {"client|setname", Handling::kState},
    {"client|tracking", Handling::kState},
    {"client|unpause", Handling::kAllMasters, Join::kFirst},
    {"config|resetstat", Handling::kAllMasters, Join::kFirst},
    {"config|rewrite", Handling::kAllMasters, Join::kFirst},
    {"config|set", Handling::kAllMasters, Join::kFirst},
    {"dbsize", Handling::kAllMasters, Join::kSum},
    {"del", Handling::kSplit, Join::kSum},
    {"discard", Handling::kDiscard},
    {"exec", Handling::kExec},
    {"exists", Handling::kSplit, Join::kSum},
    {"failover", Handling::kRefused},
    {"flushall", Handling::kAllMasters, Join::kFirst},
    {"flushdb", Handling::kAllMasters, Join::kFirst},
    {"function|delete", Handling::kAllMasters, Join::kFirst},
    {"function|flush", Handling::kAllMasters, Join::kFirst},
    {"function|kill", Handling::kAllMasters, Join::kAnyOk},
    {"function|load", Handling::kAllMasters, Join::kFirst},
    {"function|restore", Handling::kAllMasters, Join::kFirst},
    {"hello", Handling::kState},
    {"keys", Handling::kAllMasters, Join::kConcat},
    {"mget", Handling::kSplit, Join::kMget},
    {"monitor", Handling::kMonitor},
    {"mset", Handling::kSplit, Join::kFirst},
    {"multi", Handling::kMulti},
    {"psubscribe", Handling::kSubscribe},
    {"psync", Handling::kRefused},
    {"pubsub|channels", Handling::kAllMasters, Join::kUnique},
    {"pubsub|numpat", Handling::kAllMasters, Join::kSum},
    {"pubsub|numsub", Handling::kAllMasters, Join::kTally},
    {"pubsub|shardchannels", Handling::kAllMasters, Join::kUnique},
    {"pubsub|shardnumsub", Handling::kAllMasters, Join::kTally},
    {"punsubscribe", Handling::kSubscribe},
    {"quit", Handling::kQuit},
    {"randomkey", Handling::kAllMasters, Join::kRandom},
    {"readonly", Handling::kState},
    {"readwrite", Handling::kState},
    {"replconf", Handling::kRefused},
    {"replicaof", Handling::kRefused},
    {"reset", Handling::kReset},
    {"save", Handling::kAllMasters, Join::kFirst},
    {"scan", Handling::kScan, Join::kScan},
    {"script|debug", Handling::kRefused},
    {"script|exists", Handling::kAllMasters, Join::kAnd},
    {"script|flush", Handling::kAllMasters, Join::kFirst},
    {"script|kill", Handling::kAllMasters, Join::kAnyOk},
    {"script|load", Handling::kAllMasters, Join::kFirst},
    {"shutdown", Handling::kRefused},
    {"slaveof", Handling::kRefused},
    {"ssubscribe", Handling::kShardSubscribe},
    {"subscribe", Handling::kSubscribe},
    {"sunsubscribe", Handling::kShardSubscribe},
    {"sync", Handling::kRefused},
    {"touch", Handling::kSplit, Join::kSum},
    {"unlink", Handling::kSplit, Join::kSum},
    {"unsubscribe", Handling::kSubscribe},
    {"unwatch", Handling::kUnwatch},
    {"wait", Handling::kUsedNodes, Join::kMin},
    {"watch", Handling::kWatch},
};

constexpr bool ByName(const Named& a, const Named& b) { return a.name < b.name; }
static_assert(std::is_sorted(std::begin(kNamed), std::end(kNamed), ByName));

}  // namespace

CommandRoute RouteOf(const resp::CommandInfo* info, const resp::Command& command) {
  if (info == nullptr)  // CLUSTER NO-SUCH-SUBCOMMAND isn't in the table either
    return {EqualsFolded(command.name(), "cluster") ? Handling::kNotACluster : Handling::kByKeys};
  const Named* const found = std::lower_bound(std::begin(kNamed), std::end(kNamed),
                                              Named{info->name, Handling::kByKeys}, ByName);
  if (found != std::end(kNamed) && found->name == info->name) {
    // A wrong number of arguments is the home node's to tell.
    if (resp::ArityHolds(*info, command.argc()) || found->handling == Handling::kExec)
      return {found->handling, found->join};
    return {};
  }
  if (info->name == "cluster" || info->name.starts_with("cluster|"))
    return {Handling::kNotACluster};
  return {};
}

bool IsAnywhen(const resp::CommandInfo* info) {
  return info != nullptr && !info->touches_keyspace && (info->flags & resp::kFlagPubsub) == 0;
}

bool RunsScript(const resp::CommandInfo* info) {
  constexpr std::string_view kNames[] = {"eval",       "eval_ro", "evalsha",
                                         "evalsha_ro", "fcall",   "fcall_ro"};
  return info != nullptr &&
         std::find(std::begin(kNames), std::end(kNames), info->name) != std::end(kNames);
}

}  // namespace redwall::proxy
