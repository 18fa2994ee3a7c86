// SentinelDiscovery: the master that Sentinels name, its replicas, and the Sentinels themselves.
//
//     ask Sentinels, one after the other ─ answer ─▶ ask the named one for its ROLE ─ master ─▶ it
//     is
//                  ▲                    └ none ┐            └ down, a replica still ┐
//                  └──────── later ◀───────────┴────────────────────────────────────┘
//
// What was found stays in use until another server has been named and has said itself that it is
// the master: a Sentinel that was cut off, and names one that was replaced, changes nothing. They
// are asked at the start, every refresh_ms, a second after none of them has answered, and every
// quarter of a second while there is something wrong with the master; when a connection broke
// (Doubt), and when one of them, to which a subscription is kept, tells of a fail-over.
//
// A question is over after about timeout_ms, whatever the servers do, and so is every wait for
// Find: the Sentinels together have that long, of which the last one that is asked may use its
// share besides; for ROLE there is what they left of it, but half of it at least.
#ifndef REDWALL_GATEWAY_AGENT_SENTINEL_DISCOVERY_H_
#define REDWALL_GATEWAY_AGENT_SENTINEL_DISCOVERY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/agent/discovery.h"
#include "gateway/agent/inquiry.h"
#include "gateway/agent/log.h"
#include "gateway/agent/pace.h"
#include "gateway/agent/sentinel_reply.h"
#include "gateway/agent/sentinel_watch.h"
#include "gateway/net/redis_client.h"

namespace redwall::agent {

class SentinelDiscovery final : public Discovery {
 public:
  SentinelDiscovery(const Setting& setting, std::shared_ptr<const Upstream> upstream);

  // kReplica: those that can be used take turns; where there is none, the master. kSentinel: the
  // one that answered last.
  std::optional<Found> Find(const Target& target) override;
  // kAny: for as long as it is the master. kReplica: until the Sentinels haven't listed it for half
  // a minute (after SENTINEL RESET they have to find the replicas anew); one that has become the
  // master may stay, as reads are right there, too.
  bool StillServes(const Target& target, const net::Address& address) const override;
  // Not what is the master or a replica, whoever calls it a Sentinel: it is to be asked and judged
  // as a server.
  bool IsSentinel(const net::Address& address) const override;
  void Doubt() override;

 private:
  std::optional<Found> FindMaster();
  std::optional<Found> FindReplica();
  std::optional<Found> FindSentinel();
  std::optional<Found> FindNode(const net::Address& where);
  bool Knows(const net::Address& where) const;
  bool IsServer(const net::Address& where) const;  // the master or a replica
  Failure Unreachable(const std::string& why) const;

  void Ask();
  std::string Judge(const net::Address& sentinel, const std::vector<net::Reply>& replies);
  void NoteSentinels(const net::Address& answerer, const std::vector<net::Address>& others);
  void NoteReplicas(std::vector<SentinelReplica> replicas);
  void OnAsked(const std::string& trouble);
  void AskRole();
  void OnRole(const Result<std::vector<net::Reply>, net::RedisError>& replies);
  void Promote();
  void OnOver(const std::string& trouble, std::uint64_t delay_ms);
  void OnSwitch(const net::Address& sentinel);
  std::string MasterLine() const;

  const Setting setting_;
  const std::shared_ptr<const Upstream> upstream_;
  std::vector<net::Address> sentinels_;  // who answered last is the first
  std::vector<SentinelReplica> replicas_;
  std::map<std::string, std::int64_t> listed_ms_;  // replicas, by address: when they were listed
  net::Address named_;                             // by the Sentinel that answered last
  std::optional<net::Address> master_;             // has said so itself
  bool demoted_ = false;                           // it says since that it is a replica
  bool over_ = false;                              // there was a first question, and it is over
  bool switched_ = false;    // a fail-over was told of, and no question is over since
  std::int64_t end_ms_ = 0;  // when the question under way should be over
  std::string trouble_;      // of the last question; empty: none
  NewsLog log_;
  // Find has told somebody to wait; at first, that of the discovery before a reload may have.
  bool awaited_ = true;
  bool differs_ = false;  // what Find and StillServes say, since `changed` was called
  std::size_t turn_ = 0;  // of the replica that is next
  Pace pace_;
  std::optional<Inquiry> inquiry_;
  std::optional<net::RedisClient> role_;
  SentinelWatch watch_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SENTINEL_DISCOVERY_H_
