// ClusterDiscovery: the nodes of a Redis Cluster.
//
// One node after the other is asked for CLUSTER NODES and CLUSTER SLOTS, first the one that
// answered last, then the others that are known, then those of the configuration. What was answered
// last counts for as long as no node answers.
//
// They are asked at the start; every refresh_ms for as long as somebody wanted a node within the
// last minute; when a connection broke or a node redirects (Doubt); and when a client agent wants a
// node that isn't known. A quarter of a second is between any two of these, whoever causes them.
//
// A question is over after about timeout_ms, whatever the nodes do (they share it; the last one
// that is asked may use its share besides), and so is every wait for Find.
#ifndef REDWALL_GATEWAY_AGENT_CLUSTER_DISCOVERY_H_
#define REDWALL_GATEWAY_AGENT_CLUSTER_DISCOVERY_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/agent/cluster_reply.h"
#include "gateway/agent/discovery.h"
#include "gateway/agent/inquiry.h"
#include "gateway/agent/log.h"
#include "gateway/agent/pace.h"

namespace redwall::agent {

class ClusterDiscovery final : public Discovery {
 public:
  ClusterDiscovery(const Setting& setting, std::shared_ptr<const Upstream> upstream);

  // kAny: the masters that own slots take turns, so that what stays on its first node
  // (subscriptions, scripts without keys) is spread; where none can be reached, any node that can.
  std::optional<Found> Find(const Target& target) override;
  void Doubt() override;
  std::shared_ptr<const ClusterNodes> nodes() const override { return nodes_; }

 private:
  std::optional<Found> FindNode(const net::Address& where);
  Found FindAny();
  const ClusterNode* Choose(bool owner_only);
  Failure Unreachable(const std::string& why) const;
  std::vector<net::Address> WhomToAsk() const;
  void Ask();
  std::string Judge(const net::Address& node, const std::vector<net::Reply>& replies);
  void OnOver(const std::string& trouble);
  bool Install(ClusterNodes nodes);
  void ForgetOthers();

  const Setting setting_;
  const std::shared_ptr<const Upstream> upstream_;
  std::shared_ptr<const ClusterNodes> nodes_;  // null: nothing was told yet
  std::string trouble_;                        // why not; empty: not asked yet
  std::optional<net::Address> answerer_;       // who answered last
  // Of the question under way: the answer, and one that counts only if there is no better.
  std::optional<ClusterNodes> answer_, doubtful_;
  // Find has told somebody to wait; at first, that of the discovery before a reload may have.
  bool awaited_ = true;
  std::size_t turn_ = 0;  // of the node that kAny gets next
  std::size_t vain_ = 0;  // questions in a row that nobody answered
  NewsLog log_;
  Pace pace_;
  std::optional<Inquiry> inquiry_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CLUSTER_DISCOVERY_H_
