// One endpoint before a cluster: where commands go, the order of replies, redirects.
#include "gateway/proxy/cluster_router.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/gateway/proxy/cluster_fixture.h"

namespace redwall::proxy {
namespace {

// Slots 15495, 3300, 7365: nodes 2, 0, 1 of three.
constexpr std::string_view kA = "a", kB = "b", kC = "c";

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ClusterSite::Encode(arguments);
}

TEST_CASE("Commands go to the node of their slot, and replies come in order") {
  ClusterSite site;
  const std::string requests = Encode({"SET", kA, "1"}) + Encode({"SET", kB, "2"}) +
                               Encode({"GET", kA}) + Encode({"GET", kB}) + Encode({"GET", kC}) +
                               Encode({"PING"});
  for (site.piece = 0; site.piece < 40; ++site.piece) {
    CHECK(site.Send(requests) == "+OK\r\n+OK\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n+PONG\r\n");
    CHECK(site.router->idle());
  }
  CHECK(site.cluster.nodes[2]->data.at("a") == "1");
  CHECK(site.cluster.nodes[0]->data.at("b") == "2");
  CHECK(site.open_connections() == 3);
}

TEST_CASE("A slow node holds back the replies behind its own, not the commands") {
  ClusterSite site;
  site.silent = {0};
  site.Request(Encode({"GET", kB}) + Encode({"SET", kA, "1"}));
  site.Settle();
  CHECK(site.Take().empty());
  CHECK(site.cluster.nodes[2]->data.at("a") == "1");
  site.silent.clear();
  site.Settle();
  CHECK(site.Take() == "$-1\r\n+OK\r\n");
}

TEST_CASE("A node is left unread while too much of its waits for its turn") {
  ClusterSite site({.limits = {.max_waiting = 100}});
  site.cluster.nodes[2]->data["a"] = std::string(1000, 'x');
  site.silent = {0};
  site.Request(Encode({"GET", kB}) + Encode({"GET", kA}));
  site.Settle();
  NodeId unread = 0;
  while (unread < 8 && site.router->reads(unread)) ++unread;
  CHECK(unread < 8);
  site.silent.clear();
  site.Settle();
  CHECK(site.router->reads(unread));
  CHECK(site.Take() == "$-1\r\n$1000\r\n" + std::string(1000, 'x') + "\r\n");
}

TEST_CASE("Keys of several slots") {
  ClusterSite site;
  CHECK(site.Run({"MSET", kA, "1", kB, "2", kC, "3", "{a}x", "4"}) == "+OK\r\n");
  CHECK(site.Run({"MGET", kC, "none", kA, kB, "{a}x", kA}) ==
        "*6\r\n$1\r\n3\r\n$-1\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n4\r\n$1\r\n1\r\n");
  CHECK(site.Run({"EXISTS", kA, kB, "none", kA}) == ":3\r\n");
  CHECK(site.Run({"DEL", kA, kB, "none"}) == ":2\r\n");
  CHECK(site.Run({"MSET", kA, "1", kB}) == "-ERR wrong number of arguments for 'mset' command\r\n");
  CHECK(site.Run({"RENAME", kA, kB}) ==
        "-CROSSSLOT Keys in request don't hash to the same slot\r\n");
  CHECK(site.Run({"SUNION", kA, kB}).starts_with("-CROSSSLOT "));
  CHECK(site.Run({"DBSIZE"}) == ":2\r\n");
}

TEST_CASE("MOVED is followed, and remembered") {
  for (std::size_t piece = 0; piece < 30; ++piece) {
    ClusterSite site;
    site.piece = piece;
    site.answers_map = false;
    site.cluster.nodes[2]->data["a"] = "1";
    site.cluster.MoveSlot(resp::HashSlot(kA), 0);
    CHECK(site.Run({"GET", kA}) == "$1\r\n1\r\n");
    CHECK(site.maps_wanted == 1);
    CHECK(site.Run({"GET", kA}) == "$1\r\n1\r\n");
    CHECK(site.ConnectionTo(2)->seen.size() == 1);
    site.answers_map = true;
    CHECK(site.Run({"GET", kA}) == "$1\r\n1\r\n");
  }
}

TEST_CASE("A pipeline into a slot that has moved is executed once and in order") {
  for (std::size_t piece = 0; piece < 50; piece += 7) {
    ClusterSite site;
    site.piece = piece;
    site.cluster.MoveSlot(resp::HashSlot(kA), 1);
    std::string requests, expected, value;
    for (int i = 0; i < 20; ++i) {
      requests += Encode({"APPEND", kA, std::to_string(i)}) + Encode({"GET", kB});
      value += std::to_string(i);
      expected += ":" + std::to_string(value.size()) + "\r\n$-1\r\n";
    }
    CHECK(site.Send(requests) == expected);
    CHECK(site.cluster.nodes[1]->data.at("a") == value);
    CHECK(site.cluster.nodes[1]->executed.size() == 20);
  }
}

TEST_CASE("A slot that moves between any two replies of a pipeline") {
  for (std::size_t after = 0; after < 12; ++after) {
    ClusterSite site({.limits = {.max_requests = 4}});
    std::size_t replies = 0;
    site.between = [&] {
      if (replies++ == after) site.cluster.MoveSlot(resp::HashSlot(kA), 0);
    };
    std::string requests, expected, value;
    for (int i = 0; i < 12; ++i) {
      requests += Encode({"APPEND", kA, "x"});
      expected += ":" + std::to_string(i + 1) + "\r\n";
    }
    CHECK(site.Send(requests) == expected);
  }
}

TEST_CASE("ASK is followed for the one command, with ASKING") {
  for (std::size_t piece = 0; piece < 30; ++piece) {
    ClusterSite site;
    site.piece = piece;
    site.cluster.nodes[2]->data["{a}1"] = "here";
    site.cluster.nodes[2]->data["{a}2"] = "there";
    site.cluster.BeginMigration(resp::HashSlot(kA), 0);
    site.cluster.MigrateKey("{a}2", 0);
    CHECK(site.Send(Encode({"GET", "{a}1"}) + Encode({"GET", "{a}2"}) +
                    Encode({"SET", "{a}3", "new"}) + Encode({"GET", "{a}3"})) ==
          "$4\r\nhere\r\n$5\r\nthere\r\n+OK\r\n$3\r\nnew\r\n");
    CHECK(site.maps_wanted == 0);
    CHECK(site.cluster.nodes[0]->data.at("{a}3") == "new");
    CHECK(site.Run({"MGET", "{a}1", "{a}2", kB}).starts_with("-TRYAGAIN "));
  }
}

TEST_CASE("Parts of one command are redirected each for itself") {
  for (std::size_t piece = 0; piece < 60; piece += 3) {
    ClusterSite site;
    site.piece = piece;
    site.Run({"MSET", kA, "1", kB, "2", kC, "3"});
    site.cluster.MoveSlot(resp::HashSlot(kA), 0);
    site.cluster.BeginMigration(resp::HashSlot(kB), 1);
    site.cluster.MigrateKey("b", 1);
    CHECK(site.Run({"MGET", kA, kB, kC}) == "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
  }
}

TEST_CASE("Redirects that don't end") {
  ClusterSite site;
  std::size_t owner = 1;
  site.cluster.owner[resp::HashSlot(kA)] = owner;
  site.between = [&] { site.cluster.owner[resp::HashSlot(kA)] = owner = (owner + 1) % 3; };
  CHECK(site.Run({"SET", kA, "1"}).starts_with("-TRYAGAIN redwall: "));
  site.between = [] {};
  CHECK(site.Run({"SET", kA, "1"}) == "+OK\r\n");
}

TEST_CASE("A redirect to a node that the map doesn't have waits for a map that has it") {
  ClusterSite site;
  site.cluster.nodes.push_back(std::make_unique<FakeNode>());
  site.cluster.nodes.back()->index = 3;
  site.cluster.MoveSlot(resp::HashSlot(kA), 3);
  site.answers_map = false;
  CHECK(site.Run({"SET", kA, "1"}).empty());
  CHECK(site.ConnectionTo(3) == nullptr);
  site.answers_map = true;
  site.Settle();
  CHECK(site.Take() == "+OK\r\n");
  CHECK(site.cluster.nodes[3]->data.at("a") == "1");
}

TEST_CASE("A node that breaks with a command unanswered ends the client's connection") {
  ClusterSite site;
  site.Run({"SET", kA, "1"});
  site.silent = {2};
  site.Request(Encode({"GET", kB}) + Encode({"INCR", kA}) + Encode({"GET", kB}));
  site.Settle();
  site.Break(2);
  site.Settle();
  CHECK(site.Take() == "$-1\r\n");
  CHECK(site.router->finished());
  CHECK(!site.router->failure().empty());
}

TEST_CASE("A node that breaks while nothing is under way is connected to again") {
  ClusterSite site;
  site.Run({"SET", kA, "1"});
  site.Break(2);
  site.Settle();
  CHECK(site.Run({"GET", kA}) == "$1\r\n1\r\n");
  CHECK(!site.router->finished());
}

TEST_CASE("What a node has answered before it broke still comes") {
  ClusterSite site;
  site.Run({"MSET", kA, "1", kB, "2"});
  site.silent = {0};
  site.Request(Encode({"GET", kB}) + Encode({"GET", kA}));
  site.Settle();
  site.Break(2);
  site.silent.clear();
  site.Settle();
  CHECK(site.Take() == "$1\r\n2\r\n$1\r\n1\r\n");
  CHECK(!site.router->finished());
}

TEST_CASE("A node that can't be reached") {
  ClusterSite site;
  site.down = {2};
  CHECK(site.Send(Encode({"SET", kA, "1"}) + Encode({"SET", kB, "2"})) ==
        "-CLUSTERDOWN redwall: the node that serves this can't be reached\r\n+OK\r\n");
  CHECK(site.maps_wanted >= 1);
  // Another one takes its place.
  site.answers_map = false;
  site.Request(Encode({"SET", kA, "1"}) + Encode({"GET", kA}));
  site.Settle();
  for (std::size_t slot = 0; slot < resp::kHashSlots; ++slot)
    if (site.cluster.owner[slot] == 2) site.cluster.owner[slot] = 1;
  site.answers_map = true;
  site.Settle();
  CHECK(site.Take() == "+OK\r\n$1\r\n1\r\n");
}

TEST_CASE("A home node that can't be reached is replaced by another one") {
  ClusterSite site;
  site.down = {0};
  CHECK(site.Run({"PING"}) == "+PONG\r\n");
  CHECK(site.Run({"ECHO", "x"}) == "$1\r\nx\r\n");
}

TEST_CASE("The route's login is said first, and its refusal is the command's answer") {
  ClusterSite site({.login = Encode({"AUTH", "secret"})});
  site.cluster.password = "secret";
  CHECK(site.Send(Encode({"SET", kA, "1"}) + Encode({"GET", kB})) == "+OK\r\n$-1\r\n");
  site.Break(0);
  site.cluster.password = "changed";
  CHECK(site.Run({"GET", kB}) == "-ERR redwall: a node refused the route's credentials\r\n");
  CHECK(site.refused == std::vector<std::string>{"WRONGPASS"});
  CHECK(site.cluster.nodes[0]->executed.empty());
}

TEST_CASE("What the client asked its connection to be, all of its connections are") {
  ClusterSite site;
  site.Run({"SET", kA, "1"});
  CHECK(site.Run({"HELLO", "3", "SETNAME", "me"}) == "%1\r\n$5\r\nproto\r\n:3\r\n");
  CHECK(site.Run({"GET", kB}) == "_\r\n");
  CHECK(site.Run({"GET", kC}) == "_\r\n");
  for (std::size_t node = 0; node < 3; ++node) CHECK(site.ConnectionTo(node)->protocol == 3);
  CHECK(site.ConnectionTo(1)->name == "me");
  CHECK(site.Run({"CLIENT", "SETNAME", "you"}) == "+OK\r\n");
  for (std::size_t node = 0; node < 3; ++node) CHECK(site.ConnectionTo(node)->name == "you");
  CHECK(site.Run({"RESET"}) == "+RESET\r\n");
  CHECK(site.open_connections() == 0);
  CHECK(site.Run({"GET", kB}) == "$-1\r\n");
}

TEST_CASE("It says that it is no cluster") {
  ClusterSite site;
  const std::string disabled = "-ERR This instance has cluster support disabled\r\n";
  CHECK(site.Run({"CLUSTER", "SLOTS"}) == disabled);
  CHECK(site.Run({"CLUSTER", "NONSENSE"}) == disabled);
  CHECK(site.Run({"ASKING"}) == disabled);
  CHECK(site.Run({"PSYNC", "?", "-1"}).starts_with("-ERR redwall: 'psync' "));
}

TEST_CASE("The end of the requests, QUIT and protocol errors") {
  ClusterSite site;
  site.Request(Encode({"GET", kA}) + Encode({"QUIT"}) + Encode({"SET", kA, "1"}));
  site.Settle();
  CHECK(site.Take() == "$-1\r\n+OK\r\n");
  CHECK(site.router->finished());
  CHECK(site.cluster.nodes[2]->data.empty());

  ClusterSite half;
  half.Request(Encode({"GET", kA}) + "*2\r\n$3\r\nGET");
  half.router->OnRequestEnd();
  CHECK(!half.router->finished());
  half.Settle();
  CHECK(half.Take() == "$-1\r\n");
  CHECK(half.router->finished());

  ClusterSite wrong;
  wrong.Request(Encode({"GET", kA}) + "*1\r\n$x\r\n");
  wrong.Settle();
  CHECK(wrong.Take() == "$-1\r\n-ERR Protocol error: invalid bulk length\r\n");
  CHECK(wrong.router->finished());
}

TEST_CASE("Nothing is taken before there is a map") {
  ClusterSite site({.with_map = false});
  site.answers_map = false;
  CHECK(site.Run({"SET", kA, "1"}).empty());
  CHECK(!site.router->takes_requests());
  site.router->OnMap(site.cluster.Map());
  site.Settle();
  CHECK(site.Take() == "+OK\r\n");
}

}  // namespace
}  // namespace redwall::proxy
