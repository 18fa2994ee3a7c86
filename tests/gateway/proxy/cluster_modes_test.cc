// One endpoint before a cluster: commands of all nodes, and what a connection may become.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "gateway/proxy/cluster_join.h"
#include "tests/gateway/proxy/cluster_fixture.h"
#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ClusterSite::Encode(arguments);
}

// The slots of a, b and c are nodes 2, 0 and 1's.
TEST_CASE("What concerns all keys is done by all masters") {
  ClusterSite site;
  site.Run({"MSET", "a", "1", "b", "2", "c", "3"});
  CHECK(site.Run({"DBSIZE"}) == ":3\r\n");
  CHECK(site.Run({"KEYS", "*"}).starts_with("*3\r\n"));
  CHECK(site.Run({"RANDOMKEY"}).starts_with("$1\r\n"));
  CHECK(site.Run({"SCRIPT", "LOAD", "return 1"}) == "$3\r\nsha\r\n");
  CHECK(site.Run({"SCRIPT", "EXISTS", "sha", "no"}) == "*2\r\n:1\r\n:0\r\n");
  CHECK(site.Run({"WAIT", "1", "10"}) == ":1\r\n");
  CHECK(site.Send(Encode({"SET", "a", "1"}) + Encode({"FLUSHALL"}) + Encode({"GET", "a"})) ==
        "+OK\r\n+OK\r\n$-1\r\n");
  CHECK(site.Run({"DBSIZE"}) == ":0\r\n");
  CHECK(site.Run({"RANDOMKEY"}) == "$-1\r\n");
}

TEST_CASE("A scan goes through all masters, from any connection") {
  for (const std::size_t keys : {0u, 1u, 2u, 7u, 40u}) {
    ClusterSite site;
    for (std::size_t i = 0; i < keys; ++i) site.Run({"SET", "key" + std::to_string(i), "x"});
    std::multiset<std::string> seen;
    std::string cursor = "0";
    std::size_t calls = 0;
    do {
      ClusterSite other;  // a connection that knows nothing of the scan
      for (std::size_t node = 0; node < 3; ++node)
        other.cluster.nodes[node]->data = site.cluster.nodes[node]->data;
      const std::string reply = other.Run({"SCAN", cursor, "MATCH", "*", "COUNT", "2"});
      std::vector<std::string_view> parts, names;
      REQUIRE(SplitArray(reply, parts));
      REQUIRE(SplitArray(parts[1], names));
      for (const std::string_view name : names) seen.emplace(name);
      const std::size_t line = parts[0].find("\r\n");
      cursor = parts[0].substr(line + 2, parts[0].size() - line - 4);
    } while (cursor != "0" && ++calls < 100);
    CHECK(seen.size() == keys);
    CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == keys);
  }
}

TEST_CASE("A scan whose master has gone begins anew, and ends") {
  ClusterSite site;
  site.Run({"MSET", "a", "1", "b", "2"});
  const std::string reply = site.Run({"SCAN", WriteScanCursor({3, 12345})});
  CHECK(reply.starts_with("*2\r\n"));
  CHECK(!reply.starts_with("*2\r\n$1\r\n0\r\n"));
}

TEST_CASE("Subscriptions of a RESP2 client") {
  for (std::size_t piece = 0; piece < 40; ++piece) {
    ClusterSite site;
    site.piece = piece;
    site.Run({"SET", "a", "1"});
    CHECK(site.Run({"SUBSCRIBE", "x", "y"}) ==
          Confirmation("subscribe", "x", 1) + Confirmation("subscribe", "y", 2));
    CHECK(!site.router->idle());
    CHECK(site.Run({"GET", "a"}) == "-ERR Can't execute 'GET' in this context\r\n");
    CHECK(site.Run({"PING"}) == "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    ClusterSite other;
    FakeConnection publisher(site.cluster, *site.cluster.nodes[2]);
    publisher.Receive(Encode({"PUBLISH", "x", "news"}));
    site.Settle();
    CHECK(site.Take() == Message("x", "news"));
    CHECK(site.Run({"UNSUBSCRIBE"}) ==
          Confirmation("unsubscribe", "x", 1) + Confirmation("unsubscribe", "y", 0));
    CHECK(site.Run({"UNSUBSCRIBE"}) == Confirmation("unsubscribe", "", 0));
    CHECK(site.Run({"GET", "a"}) == "$1\r\n1\r\n");
  }
}

TEST_CASE("Messages come between the replies of a RESP3 client, never within one") {
  for (std::size_t piece = 1; piece < 60; piece += 2) {
    ClusterSite site;
    site.piece = piece;
    site.Run({"HELLO", "3"});
    CHECK(site.Run({"SUBSCRIBE", "x"}) == Confirmation("subscribe", "x", 1, '>'));
    site.Run({"SET", "a", std::string(200, 'v')});
    site.silent = {2};
    site.Request(Encode({"GET", "a"}) + Encode({"GET", "b"}));
    FakeConnection publisher(site.cluster, *site.cluster.nodes[1]);
    publisher.Receive(Encode({"PUBLISH", "x", "news"}));
    site.Settle();
    site.silent = {};
    site.Settle();
    const std::string value = "$200\r\n" + std::string(200, 'v') + "\r\n";
    const std::string message = Message("x", "news", '>');
    const std::string got = site.Take();
    const bool whole = got == message + value + "_\r\n" || got == value + message + "_\r\n" ||
                       got == value + "_\r\n" + message;
    CHECK(whole);
  }
}

TEST_CASE("Shard channels live at their slots' nodes and are counted together") {
  ClusterSite site;
  CHECK(site.Run({"SSUBSCRIBE", "a"}) == Confirmation("ssubscribe", "a", 1));
  CHECK(site.Run({"SSUBSCRIBE", "b"}) == Confirmation("ssubscribe", "b", 2));
  CHECK(site.Run({"SSUBSCRIBE", "c", "d"}).starts_with("-CROSSSLOT "));
  CHECK(site.Run({"SUNSUBSCRIBE", "a"}) == Confirmation("sunsubscribe", "a", 1));
  CHECK(site.Run({"SSUBSCRIBE", "a"}) == Confirmation("ssubscribe", "a", 2));
  CHECK(site.Run({"GET", "c"}).starts_with("-ERR Can't execute"));
  const std::string all = site.Run({"SUNSUBSCRIBE"});
  CHECK(all.size() == 2 * Confirmation("sunsubscribe", "a", 1).size());
  CHECK(all.ends_with(":0\r\n"));
  CHECK(site.Run({"GET", "c"}) == "$-1\r\n");
}

TEST_CASE("An invalidation stays behind the reply that it is about") {
  for (std::size_t piece = 0; piece < 40; ++piece) {
    ClusterSite site;
    site.piece = piece;
    site.Run({"HELLO", "3"});
    CHECK(site.Run({"CLIENT", "TRACKING", "ON"}) == "+OK\r\n");
    site.Run({"SET", "a", "1"});
    site.silent = {0};
    site.Request(Encode({"GET", "b"}) + Encode({"MGET", "a", "b"}) + Encode({"GET", "a"}));
    site.Settle();
    FakeConnection writer(site.cluster, *site.cluster.nodes[2]);
    writer.Receive(Encode({"SET", "a", "2"}));
    site.silent.clear();
    site.Settle();
    CHECK(site.Take() ==
          "_\r\n*2\r\n$1\r\n1\r\n_\r\n$1\r\n1\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
  }
}

TEST_CASE("Tracking that broadcasts knows all masters, later ones too") {
  ClusterSite site;
  CHECK(site.Run({"CLIENT", "TRACKING", "ON", "BCAST"}) == "+OK\r\n");
  for (std::size_t node = 0; node < 3; ++node) CHECK(site.ConnectionTo(node)->tracking);
  site.cluster.nodes.push_back(std::make_unique<FakeNode>());
  site.cluster.nodes.back()->index = 3;
  site.cluster.MoveSlot(0, 3);
  site.router->OnMap(site.cluster.Map());
  site.Settle();
  REQUIRE(site.ConnectionTo(3) != nullptr);
  CHECK(site.ConnectionTo(3)->tracking);
  CHECK(site.Run({"CLIENT", "TRACKING", "ON", "REDIRECT", "7"}).starts_with("-ERR redwall: "));
  site.Break(1);
  CHECK(site.router->finished());
}

TEST_CASE("CLIENT REPLY") {
  ClusterSite site;
  CHECK(site.Send(Encode({"CLIENT", "REPLY", "SKIP"}) + Encode({"SET", "a", "1"}) +
                  Encode({"GET", "a"})) == "$1\r\n1\r\n");
  CHECK(site.Send(Encode({"CLIENT", "REPLY", "OFF"}) + Encode({"SET", "a", "2"}) +
                  Encode({"MGET", "a", "b"}) + Encode({"RENAME", "a", "b"})) == "");
  CHECK(site.Run({"CLIENT", "REPLY", "ON"}) == "+OK\r\n");
  CHECK(site.Run({"GET", "a"}) == "$1\r\n2\r\n");
  CHECK(site.Send(Encode({"CLIENT", "REPLY", "OFF"}) + Encode({"RESET"})) == "+RESET\r\n");
}

TEST_CASE("What blocks holds up what stands behind it") {
  ClusterSite site;
  site.Request(Encode({"SET", "b", "1"}) + Encode({"BLPOP", "a", "0"}) + Encode({"SET", "c", "1"}));
  site.Settle();
  CHECK(site.Take() == "+OK\r\n");
  CHECK(site.cluster.nodes[1]->data.empty());
  CHECK(!site.router->takes_requests());
  site.router->OnRequestEnd();
  CHECK(site.router->finished());
}

TEST_CASE("MONITOR shows one node's commands, until RESET") {
  ClusterSite site;
  const std::string got = site.Run({"MONITOR"});
  CHECK(got.starts_with("+OK\r\n+1700000000."));
  CHECK(site.Run({"GET", "a"}).starts_with("-ERR redwall: "));
  CHECK(site.Run({"RESET"}) == "+RESET\r\n");
  CHECK(site.Run({"GET", "a"}) == "$-1\r\n");
}

TEST_CASE("Reads from replicas, where the client asks for them") {
  ClusterSite site;
  auto map = std::make_shared<const ClusterMap>(
      std::vector<ClusterNode>{FakeCluster::AddressOf(0), FakeCluster::AddressOf(1)},
      std::vector<ClusterMap::Range>{{0, 16383, 0}}, std::vector<ClusterMap::Replica>{{1, 0}});
  for (auto& owner : site.cluster.owner) owner = 0;
  site.answers_map = false;
  site.router->OnMap(map);
  CHECK(site.Run({"READONLY"}) == "+OK\r\n");
  site.Run({"SET", "a", "1"});
  // The fake has no replicas: it sends the client on, who is told by the master.
  CHECK(site.Run({"GET", "a"}) == "$1\r\n1\r\n");
  REQUIRE(site.ConnectionTo(1) != nullptr);
  CHECK(site.ConnectionTo(1)->readonly);
  CHECK(site.ConnectionTo(1)->seen.back() == std::vector<std::string>{"GET", "a"});
}

TEST_CASE("A command is streamed to its node as it comes") {
  for (const std::size_t piece : {1000u, 40000u, 0u}) {
    ClusterSite site({.limits = {.max_kept = 100000, .max_unsent = 100000}});
    site.piece = piece;
    const std::string value(300000, 'v');
    CHECK(site.Send(Encode({"GET", "b"}) + Encode({"SET", "a", value}) + Encode({"GET", "b"})) ==
          "$-1\r\n+OK\r\n$-1\r\n");
    CHECK(site.cluster.nodes[2]->data.at("a") == value);
    CHECK(site.Run({"RPOPLPUSH", "a", "b"}).starts_with("-CROSSSLOT "));
    // It can't be sent again.
    site.cluster.MoveSlot(resp::HashSlot("a"), 0);
    CHECK(site.Send(Encode({"SET", "a", value}) + Encode({"GET", "b"})) ==
          "-TRYAGAIN redwall: the key's slot is moving to another node\r\n$-1\r\n");
    CHECK(site.Send(Encode({"SET", "a", value}) + Encode({"GET", "b"})) == "+OK\r\n$-1\r\n");
    CHECK(site.Send(Encode({"SMOVE", "a", "b", value}) + Encode({"GET", "b"})) ==
          "-CROSSSLOT Keys in request don't hash to the same slot\r\n$-1\r\n");
    CHECK(site.router->idle());
  }
}

}  // namespace
}  // namespace redwall::proxy
