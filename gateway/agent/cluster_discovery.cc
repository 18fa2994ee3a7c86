#include "gateway/agent/cluster_discovery.h"

#include <algorithm>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::uint64_t kRetryMs = 1000;  // while no node answers

std::string Counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string Describe(const ClusterNodes& cluster) {
  const auto owners = std::count_if(cluster.nodes.begin(), cluster.nodes.end(),
                                    [](const ClusterNode& node) { return !node.slots.empty(); });
  const auto failed = std::count_if(cluster.nodes.begin(), cluster.nodes.end(),
                                    [](const ClusterNode& node) { return node.failed; });
  const std::size_t served = cluster.CountSlots();
  std::string text = "the cluster has " + Counted(cluster.nodes.size(), "node");
  text += ", " + std::to_string(owners) + " of them with slots";
  if (failed > 0) text += ", " + std::to_string(failed) + " failed";
  if (served < kClusterSlots) text += "; " + Counted(kClusterSlots - served, "slot") + " unowned";
  return text;
}

}  // namespace

ClusterDiscovery::ClusterDiscovery(const Setting& setting, std::shared_ptr<const Upstream> upstream)
    : setting_(setting), upstream_(std::move(upstream)), pace_(setting.loop, [this] { Ask(); }) {
  pace_.AskSoon();
}

std::optional<Discovery::Found> ClusterDiscovery::Find(const Target& target) {
  pace_.Use();
  if (pace_.is_resting()) {
    pace_.AskSoon();
    trouble_.clear();  // it is an old one
  }
  if (target.kind == Target::Kind::kReplica || target.kind == Target::Kind::kSentinel) {
    return Found(Failure{tunnel::ResetCode::kUnknownTarget,
                         "route '" + upstream_->route.name + "' is a cluster: no '" +
                             target.ToText() + "' can be had of it"});
  }
  if (nodes_ == nullptr) {
    if (!trouble_.empty()) return Found(Unreachable(trouble_));
    awaited_ = true;
    return std::nullopt;
  }
  if (target.kind == Target::Kind::kNode) return FindNode(target.node);
  const std::size_t turn = turn_;
  Found found = FindAny();
  if (target.kind == Target::Kind::kSingle) turn_ = turn;  // it isn't led to that node
  return found;
}

// A node that has come since is worth a question. When that is over and it isn't there still, it
// is unknown.
std::optional<Discovery::Found> ClusterDiscovery::FindNode(const net::Address& where) {
  const auto& nodes = nodes_->nodes;
  const bool known = std::any_of(nodes.begin(), nodes.end(), [&](const ClusterNode& node) {
    return node.is_target() && node.IsAt(where);
  });
  if (known) {
    if (setting_.health.Hangs(where)) {
      return Found(Failure{tunnel::ResetCode::kUpstreamUnreachable,
                           "route '" + upstream_->route.name + "': " +
                               *setting_.health.WhyDown(where) + " (it is tried every second)"});
    }
    return Found(where);
  }
  if (pace_.is_fresh()) {
    return Found(Failure{
        tunnel::ResetCode::kUnknownTarget,
        "route '" + upstream_->route.name + "': the cluster has no node " + where.ToString()});
  }
  pace_.AskSoon();
  awaited_ = true;
  return std::nullopt;
}

Discovery::Found ClusterDiscovery::FindAny() {
  const ClusterNode* node = Choose(true);
  if (node == nullptr) node = Choose(false);
  if (node != nullptr) return node->address;
  for (const ClusterNode& down : nodes_->nodes)
    if (const auto why = setting_.health.WhyDown(down.address)) return Unreachable(*why);
  return Unreachable("the cluster names none");
}

const ClusterNode* ClusterDiscovery::Choose(bool owner_only) {
  const auto& nodes = nodes_->nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::size_t index = (turn_ + i) % nodes.size();
    const ClusterNode& node = nodes[index];
    if (!node.is_target() || setting_.health.WhyDown(node.address)) continue;
    if (owner_only && (node.slots.empty() || node.failed || node.suspected)) continue;
    turn_ = index + 1;
    return &node;
  }
  return nullptr;
}

Discovery::Failure ClusterDiscovery::Unreachable(const std::string& why) const {
  return {tunnel::ResetCode::kUpstreamUnreachable,
          "route '" + upstream_->route.name + "': no node of the cluster can be had: " + why};
}

void ClusterDiscovery::Doubt() {
  awaited_ = true;
  pace_.Use();
  pace_.AskAnew();
}

// Those that nobody answered for last time are begun with elsewhere this time.
std::vector<net::Address> ClusterDiscovery::WhomToAsk() const {
  std::vector<net::Address> servers;
  const auto add = [&](const net::Address& address) {
    if (std::find(servers.begin(), servers.end(), address) == servers.end())
      servers.push_back(address);
  };
  if (nodes_ != nullptr) {
    for (const bool failed : {false, true})
      for (const ClusterNode& node : nodes_->nodes)
        if (node.is_target() && (node.failed || node.suspected) == failed) add(node.address);
  }
  for (const net::Address& seed : upstream_->route.addresses) add(seed);
  std::rotate(servers.begin(),
              servers.begin() + static_cast<std::ptrdiff_t>(vain_ % servers.size()), servers.end());
  const auto last =
      answerer_ ? std::find(servers.begin(), servers.end(), *answerer_) : servers.end();
  if (last != servers.end()) std::rotate(servers.begin(), last, last + 1);
  return servers;
}

void ClusterDiscovery::Ask() {
  answer_.reset();
  doubtful_.reset();
  inquiry_.emplace(
      setting_.loop, setting_.health, WhomToAsk(),
      Inquiry::Question{{{"CLUSTER", "NODES"}, {"CLUSTER", "SLOTS"}},
                        upstream_->login.bytes(),
                        setting_.timeout_ms},
      [this](const net::Address& node, const auto& replies) { return Judge(node, replies); },
      [this](const std::string& trouble) { OnOver(trouble); });
}

std::string ClusterDiscovery::Judge(const net::Address& node,
                                    const std::vector<net::Reply>& replies) {
  auto read = ReadClusterNodes(replies[0], replies[1], node);
  if (!read) return read.error().sentence;
  if (!read->HasMajority()) {
    if (!doubtful_) doubtful_ = std::move(*read);
    return "isn't in touch with most of the masters";
  }
  answer_ = std::move(*read);
  answerer_ = node;
  return {};
}

void ClusterDiscovery::OnOver(const std::string& trouble) {
  inquiry_.reset();
  if (!answer_) {
    answerer_.reset();
    answer_ = std::move(doubtful_);
  }
  vain_ = answer_ ? 0 : vain_ + 1;
  bool tell = std::exchange(awaited_, false);
  const std::string name = "route '" + upstream_->route.name + "': ";
  if (answer_) {
    if (Install(std::move(*answer_))) tell = true;
    ForgetOthers();
    log_.Tell(name + Describe(*nodes_), trouble);
  } else {
    trouble_ = trouble;
    log_.Tell(name + "no node of the cluster answers" +
                  (nodes_ == nullptr ? "" : ", and what they said last stays in use"),
              trouble);
  }
  const std::uint64_t refresh_ms = upstream_->route.refresh_ms;
  pace_.OnOver(!pace_.is_used() ? 0 : answer_ ? refresh_ms : kRetryMs);
  answer_.reset();
  if (tell) setting_.changed();
}

// Whether it is another cluster than before.
bool ClusterDiscovery::Install(ClusterNodes nodes) {
  trouble_.clear();
  if (nodes_ != nullptr && *nodes_ == nodes) return false;
  nodes_ = std::make_shared<const ClusterNodes>(std::move(nodes));
  return true;
}

// After every answer: a client's connection to a node that has left may fail later than that, and
// Health would try the node for ever.
void ClusterDiscovery::ForgetOthers() {
  std::vector<net::Address> addresses = upstream_->route.addresses;
  for (const ClusterNode& node : nodes_->nodes) {
    addresses.push_back(node.address);
    for (const std::string& name : {node.ip, node.hostname})
      addresses.push_back({name, node.address.port, {}});
  }
  setting_.health.Retain(addresses);
}

}  // namespace redwall::agent
