// FakeCluster: as much of a Redis 7 Cluster as the router can tell from a real one: nodes with
// slots, redirects, transactions, pub/sub. With `single` it is one Redis that is no cluster: what
// that one says is what a client of the router has to see.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_FAKE_CLUSTER_H_
#define REDWALL_TESTS_GATEWAY_PROXY_FAKE_CLUSTER_H_

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/proxy/cluster_map.h"
#include "resp/command_parser.h"
#include "resp/command_table.h"
#include "resp/hash_slot.h"
#include "resp/key_extractor.h"
#include "resp/writer.h"

namespace redwall::proxy {

class FakeConnection;

struct FakeNode {
  std::size_t index = 0;
  std::map<std::string, std::string> data;
  std::map<int, std::size_t> migrating, importing;  // slot: the other node
  std::map<std::string, std::uint64_t> versions;    // of keys, for WATCH
  std::vector<FakeConnection*> connections;
  std::vector<std::string> executed;  // commands that took effect, joined by spaces
};

struct FakeCluster {
  explicit FakeCluster(std::size_t count, bool one = false) : single(one) {
    for (std::size_t i = 0; i < count; ++i) {
      nodes.push_back(std::make_unique<FakeNode>());
      nodes.back()->index = i;
    }
    for (std::size_t slot = 0; slot < resp::kHashSlots; ++slot)
      owner.push_back(slot * count / resp::kHashSlots);
  }

  const bool single;
  std::string password;  // of everybody; empty: none
  std::vector<std::unique_ptr<FakeNode>> nodes;
  std::vector<std::size_t> owner;  // by slot
  std::set<std::string> scripts;

  static ClusterNode AddressOf(std::size_t node) {
    return {"10.0.0." + std::to_string(node + 1), 7000};
  }
  static std::string TextOf(std::size_t node) { return AddressOf(node).host + ":7000"; }
  std::size_t IndexOf(const ClusterNode& address) const {
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (AddressOf(i) == address) return i;
    return nodes.size();
  }

  std::shared_ptr<const ClusterMap> Map() const {
    std::vector<ClusterNode> addresses;
    for (std::size_t i = 0; i < nodes.size(); ++i) addresses.push_back(AddressOf(i));
    std::vector<ClusterMap::Range> ranges;
    for (std::size_t slot = 0; slot < owner.size(); ++slot) {
      const auto at = static_cast<std::uint16_t>(slot);
      if (!ranges.empty() && ranges.back().master == owner[slot]) {
        ranges.back().last = at;
      } else {
        ranges.push_back({at, at, owner[slot]});
      }
    }
    return std::make_shared<const ClusterMap>(addresses, ranges);
  }

  // The slot and its keys, at once.
  void MoveSlot(int slot, std::size_t to) {
    FakeNode& from = *nodes[owner[static_cast<std::size_t>(slot)]];
    for (auto it = from.data.begin(); it != from.data.end();) {
      const bool goes = resp::HashSlot(it->first) == slot && from.index != to;
      if (goes) nodes[to]->data[it->first] = it->second;
      it = goes ? from.data.erase(it) : std::next(it);
    }
    owner[static_cast<std::size_t>(slot)] = to;
    from.migrating.erase(slot);
    nodes[to]->importing.erase(slot);
  }
  void BeginMigration(int slot, std::size_t to) {
    FakeNode& from = *nodes[owner[static_cast<std::size_t>(slot)]];
    from.migrating[slot] = to;
    nodes[to]->importing[slot] = from.index;
  }
  void MigrateKey(const std::string& key, std::size_t to) {
    FakeNode& from = *nodes[owner[resp::HashSlot(key)]];
    if (const auto it = from.data.find(key); it != from.data.end()) {
      nodes[to]->data[key] = it->second;
      from.data.erase(it);
    }
  }
};

// One connection to one node.
class FakeConnection {
 public:
  using Arguments = std::vector<std::string>;

  FakeConnection(FakeCluster& cluster, FakeNode& node) : cluster_(cluster), node_(node) {
    node_.connections.push_back(this);
  }
  ~FakeConnection() { std::erase(node_.connections, this); }
  FakeConnection(const FakeConnection&) = delete;
  FakeConnection& operator=(const FakeConnection&) = delete;

  std::string replies;
  std::string name;
  int protocol = 2;
  bool closed = false, tracking = false, readonly = false;
  std::vector<Arguments> seen;

  void Receive(std::string_view bytes);

 private:
  void Say(std::string_view text) { replies += text; }
  void SayBulk(std::string_view text) { resp::WriteBulk(text, replies); }
  void SayNull() { Say(protocol == 3 ? "_\r\n" : "$-1\r\n"); }
  void SayInteger(std::size_t number) { Say(":" + std::to_string(number) + "\r\n"); }
  void SayArray(std::size_t size) { resp::WriteArrayHeader(size, replies); }
  void Process(const resp::Command& command);
  // An error, where the node doesn't serve the keys.
  std::string Redirection(const std::vector<std::string>& keys);
  bool Connection(const Arguments& a);
  bool Transaction(const Arguments& a);
  void Execute(const Arguments& a);
  bool Keyless(const Arguments& a);
  void Scan(const Arguments& a);
  void Subscribe(const Arguments& a, std::set<std::string>& channels);
  void Publish(const std::string& channel, const std::string& text);
  void Touch(const std::string& key) { ++node_.versions[key]; }

  FakeCluster& cluster_;
  FakeNode& node_;
  resp::CommandParser parser_;
  std::string pending_;
  bool authenticated_ = false, asking_ = false;
  bool multi_ = false, dirty_ = false;
  std::vector<Arguments> queued_;
  std::vector<std::string> queued_keys_;
  std::map<std::string, std::uint64_t> watched_;
  std::set<std::string> channels_, shard_channels_;
  std::set<std::string> tracked_;
};

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_FAKE_CLUSTER_H_
