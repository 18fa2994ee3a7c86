// ServerRoute: a route of the server agent at work: where its servers are and whether they can be
// reached, what commands its Redis has, and the policy compiled for them.
//
// Redis itself is asked for its commands (COMMAND), so that modules, renamed commands and newer
// versions are known; until it has answered, the built-in table counts. It is asked by a short
// connection of the agent's own: at the start, when Redis may have restarted, and, by name, for
// commands that were refused because the table doesn't have them. Between these MONITOR and
// statistics have nothing of the agent's own to show, but where Health tries a server that is down,
// and where a cluster or Sentinels are asked who serves (Discovery).
#ifndef REDWALL_GATEWAY_AGENT_SERVER_ROUTE_H_
#define REDWALL_GATEWAY_AGENT_SERVER_ROUTE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/agent/backend.h"
#include "gateway/agent/discovery.h"
#include "gateway/agent/health.h"
#include "gateway/agent/log.h"
#include "gateway/agent/shared_pool.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_client.h"
#include "gateway/net/timer.h"
#include "gateway/policy/policy.h"
#include "gateway/proxy/conversation.h"
#include "resp/command_table.h"

namespace redwall::agent {

class ServerRoute final : public proxy::UnknownCommands {
 public:
  // What the route tells its owner.
  struct Callbacks {
    // policy() is another one, or what was asked for by a LookUp is known.
    std::function<void()> rules_changed;
    // Find and StillServes may say something else than before.
    std::function<void()> discovered;
  };
  ServerRoute(net::Loop& loop, std::shared_ptr<const Upstream> upstream,
              std::shared_ptr<const policy::Policy> policy, std::uint64_t timeout_ms,
              Callbacks callbacks);
  ~ServerRoute();

  const std::shared_ptr<const Upstream>& upstream() const { return upstream_; }
  const std::shared_ptr<const policy::Policy>& policy() const { return policy_; }
  // After a reload.
  void Replace(std::shared_ptr<const Upstream> upstream,
               std::shared_ptr<const policy::Policy> policy);
  // Asks Redis for its commands.
  void Refresh();

  // What stands behind it, for sentences.
  std::string server() const {
    return upstream_->route.kind == Route::Kind::kTcp ? "the server" : "Redis";
  }

  // Whether a connection to this target is one to a Sentinel. It has other credentials, and the
  // commands that Sentinels have.
  bool IsSentinel(const Target& target) const {
    return target.kind == Target::Kind::kSentinel ||
           (target.kind == Target::Kind::kNode && discovery_->IsSentinel(target.node));
  }
  // The policy for these: the built-in table has what Sentinels know.
  const std::shared_ptr<const policy::Policy>& sentinel_policy() const { return base_; }

  // As Discovery has them.
  std::optional<Discovery::Found> Find(const Target& target) { return discovery_->Find(target); }
  bool StillServes(const Target& target, const net::Address& address) const {
    return discovery_->StillServes(target, address);
  }
  // Its cluster; null where it has none, or that isn't known yet.
  std::shared_ptr<const proxy::ClusterMap> cluster_map();
  // The commands that its Redis has, as far as is known.
  const std::shared_ptr<const resp::CommandTable>& table() const { return table_; }
  // A new connection to what Find gave.
  struct Wanted {
    const Target& target;
    const net::Address& address;
    bool sentinel;         // it is one
    std::uint32_t choice;  // any number, to spread clients over replicas
    const proxy::ConversationLimits& limits;
    proxy::Budget& budget;  // outlives the connection
  };
  std::unique_ptr<Backend> Connect(const Wanted& wanted, BackendHandler& handler);

  // A client was disconnected since the route's servers are others, as Callbacks::discovered has
  // told its link: all such clients of one server make one line of the log.
  void OnMovedAway(const net::Address& from) { ++moved_away_[from.ToString()]; }
  // Or for another reason: in the log once in a while, for when something happens it happens to
  // many at once.
  void OnClientLost(std::string_view why);

  // What happens to the connections of clients: when the last one of them is closed by Redis, or
  // Redis can't be reached, or nobody was there to see it, it may have restarted.
  void OnConnected(const net::Address* address);  // null: to no server yet
  void OnUnreachable(const net::Address& address, const BackendFailure& failure);
  void OnDisconnected(bool by_redis);
  void OnUnknownCommand(std::string_view name) override;
  Name LookUp(std::string_view name) override;

 private:
  using Replies = Result<std::vector<net::Reply>, net::RedisError>;
  void MakeDiscovery();
  void OnDiscovered();
  std::shared_ptr<SharedPool> PoolFor(const Wanted& wanted, RedisConnection::Login login);
  void BecomeStale();
  bool IsNotThere(const std::string& folded) const;
  void AskSoon();
  void Ask();
  void AskForEveryName();
  void OnCommands(const Replies& replies);
  void OnNames(const Replies& replies);
  bool AnswersNames(const net::Reply& reply) const;
  bool NoteNames(const net::Reply& reply);
  void Install(std::shared_ptr<const resp::CommandTable> table);
  void LogTrouble(const std::string& what);

  net::Loop& loop_;
  std::shared_ptr<const Upstream> upstream_;
  std::shared_ptr<const policy::Policy> base_;    // for the built-in table
  std::shared_ptr<const policy::Policy> policy_;  // for table_
  policy::Policy::Table table_;
  const std::uint64_t timeout_ms_;
  const Callbacks callbacks_;
  Health health_;
  std::unique_ptr<Discovery> discovery_;
  // By the AUTH command that they log in with: who has other credentials has another pool.
  std::map<const crypto::Secret*, std::shared_ptr<SharedPool>> pools_;
  std::shared_ptr<const ClusterNodes> mapped_;  // that map_ was made of
  std::shared_ptr<const proxy::ClusterMap> map_;

  bool stale_ = false;
  std::size_t links_ = 0;
  std::int64_t asked_ms_, read_ms_;
  net::Timer soon_;
  std::optional<net::RedisClient> client_;
  std::vector<std::string> asking_;  // names, of the talk under way
  std::vector<resp::CommandTable::Alias> aliases_;
  std::set<std::string> unknown_;                  // to be asked for
  std::map<std::string, std::int64_t> not_there_;  // asked for, and not there; when that was (ms)
  bool in_trouble_ = false;                        // the last talk failed
  std::string logged_;
  std::map<std::string, std::size_t> moved_away_;  // clients, by the server's address
  LimitedLog lost_clients_, refused_logins_, shared_trouble_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SERVER_ROUTE_H_
