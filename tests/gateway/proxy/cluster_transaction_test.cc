// Transactions through one endpoint: bound to one slot's node, moved with it, never half executed.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/cluster_fixture.h"

namespace redwall::proxy {
namespace {

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ClusterSite::Encode(arguments);
}

const std::string kOk = "+OK\r\n", kQueued = "+QUEUED\r\n", kNull = "*-1\r\n";
const std::string kAborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
const std::string kMulti = Encode({"MULTI"}), kExec = Encode({"EXEC"});

TEST_CASE("A transaction is executed by its slot's node") {
  for (std::size_t piece = 0; piece < 40; ++piece) {
    ClusterSite site;
    site.piece = piece;
    CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"INCR", "a"}) + kExec) ==
          kOk + kQueued + kQueued + "*2\r\n+OK\r\n:2\r\n");
    CHECK(site.cluster.nodes[2]->executed.size() == 2);
    CHECK(site.Run({"GET", "b"}) == "$-1\r\n");
  }
}

TEST_CASE("What is queued before the first key goes where the key is") {
  ClusterSite site;
  CHECK(site.Send(kMulti + Encode({"PING"}) + Encode({"ECHO", "x"}) + Encode({"SET", "a", "1"}) +
                  Encode({"PING"}) + kExec) ==
        kOk + kQueued + kQueued + kQueued + kQueued + "*4\r\n+PONG\r\n$1\r\nx\r\n+OK\r\n+PONG\r\n");
  CHECK(site.Send(kMulti + Encode({"PING"}) + kExec) == kOk + kQueued + "*1\r\n+PONG\r\n");
  CHECK(site.Send(kMulti + kExec) == kOk + "*0\r\n");
  CHECK(site.router->idle());
}

TEST_CASE("Keys of another slot are refused, and then EXEC executes nothing") {
  ClusterSite site;
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"SET", "b", "2"}) + kExec) ==
        kOk + kQueued + "-CROSSSLOT Keys in request don't hash to the same slot\r\n" + kAborted);
  CHECK(site.Send(kMulti + Encode({"MSET", "a", "1", "b", "2"}) + kExec).ends_with(kAborted));
  CHECK(site.Send(kMulti + Encode({"FLUSHALL"}) + kExec).ends_with(kAborted));
  CHECK(site.Send(kMulti + Encode({"NONSENSE"}) + kExec).ends_with(kAborted));
  for (const auto& node : site.cluster.nodes) CHECK(node->executed.empty());
  CHECK(site.Run({"SET", "a", "1"}) == kOk);
}

TEST_CASE("What the transaction's node refuses is the node's to tell at EXEC") {
  ClusterSite site;
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"GET"}) + Encode({"SAVE"})) ==
        kOk + kQueued + "-ERR unknown command or wrong number of arguments\r\n" +
            "-ERR Command not allowed inside a transaction\r\n");
  CHECK(site.Send(kExec) == kAborted);
  CHECK(site.ConnectionTo(2)->seen.back()[0] == "EXEC");
  CHECK(site.cluster.nodes[2]->executed.empty());
  // The node that the transaction is bound to later hasn't seen the first error.
  CHECK(site.Send(kMulti + Encode({"GET"}) + Encode({"SET", "a", "1"}) + kExec) ==
        kOk + "-ERR unknown command or wrong number of arguments\r\n" + kQueued + kAborted);
  CHECK(site.cluster.nodes[2]->executed.empty());
  // Nor has the one that its slot moves to.
  site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"GET"}));
  site.cluster.MoveSlot(resp::HashSlot("a"), 1);
  CHECK(site.Send(kExec) == kAborted);
  for (const auto& node : site.cluster.nodes) CHECK(node->executed.empty());
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + kExec) == kOk + kQueued + "*1\r\n+OK\r\n");
}

TEST_CASE("With one master, a transaction has what else goes to all masters") {
  ClusterSite site({.nodes = 1});
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"FLUSHALL"}) +
                  Encode({"MSET", "a", "1", "b", "2"}) + kExec)
            .ends_with("-CROSSSLOT Keys in request don't hash to the same slot\r\n" + kAborted));
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"FLUSHALL"}) + kExec) ==
        kOk + kQueued + kQueued + "*2\r\n+OK\r\n+OK\r\n");
  CHECK(site.Run({"DBSIZE"}) == ":0\r\n");
}

TEST_CASE("A node is told MULTI and EXEC as the client has written them") {
  ClusterSite site;
  CHECK(site.Send("*1\r\n$5\r\nmUlTi\r\n" + Encode({"SET", "a", "1"}) + "*1\r\n$4\r\neXeC\r\n") ==
        kOk + kQueued + "*1\r\n+OK\r\n");
  const auto& seen = site.ConnectionTo(2)->seen;
  CHECK(seen[0][0] == "mUlTi");
  CHECK(seen.back()[0] == "eXeC");
}

TEST_CASE("DISCARD, and words that don't fit") {
  ClusterSite site;
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + Encode({"DISCARD"})) == kOk + kQueued + kOk);
  CHECK(site.Send(kMulti + Encode({"DISCARD"})) == kOk + kOk);
  CHECK(site.Send(kExec) == "-ERR EXEC without MULTI\r\n");
  CHECK(site.Run({"DISCARD"}) == "-ERR DISCARD without MULTI\r\n");
  CHECK(site.Send(kMulti + kMulti + Encode({"WATCH", "a"}) + Encode({"SET", "a", "1"}) + kExec) ==
        kOk + "-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n" +
            kQueued + "*1\r\n+OK\r\n");
}

TEST_CASE("WATCH") {
  ClusterSite site;
  CHECK(site.Run({"WATCH", "a"}) == kOk);
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + kExec) == kOk + kQueued + "*1\r\n+OK\r\n");
  CHECK(site.Run({"WATCH", "a"}) == kOk);
  CHECK(site.Run({"SET", "a", "2"}) == kOk);
  CHECK(site.Send(kMulti + Encode({"SET", "a", "3"}) + kExec) == kOk + kQueued + kNull);
  CHECK(site.Run({"WATCH", "a"}) == kOk);
  CHECK(site.Run({"SET", "a", "4"}) == kOk);
  CHECK(site.Run({"UNWATCH"}) == kOk);
  CHECK(site.Send(kMulti + Encode({"SET", "a", "5"}) + kExec) == kOk + kQueued + "*1\r\n+OK\r\n");
  CHECK(site.Run({"WATCH", "a", "b"}).starts_with("-CROSSSLOT "));
  CHECK(site.Run({"WATCH", "a"}) == kOk);
  CHECK(site.Run({"WATCH", "b"}).starts_with("-CROSSSLOT "));
  CHECK(site.Send(kMulti + kExec) == kOk + "*0\r\n");
  CHECK(site.Run({"WATCH", "b"}) == kOk);
  CHECK(site.Send(kMulti + Encode({"PING"}) + kExec) == kOk + kQueued + "*1\r\n+PONG\r\n");
  CHECK(site.router->idle());
}

TEST_CASE("A slot that moves before EXEC takes the transaction with it") {
  for (std::size_t at = 0; at < 5; ++at) {
    ClusterSite site;
    site.answers_map = at % 2 == 0;
    const std::string commands[] = {kMulti, Encode({"PING"}), Encode({"SET", "a", "1"}),
                                    Encode({"APPEND", "a", "2"}), kExec};
    std::string got;
    for (std::size_t i = 0; i < 5; ++i) {
      if (i == at) site.cluster.MoveSlot(resp::HashSlot("a"), 1);
      got += site.Send(commands[i]);
    }
    CHECK(got == kOk + kQueued + kQueued + kQueued + "*3\r\n+PONG\r\n+OK\r\n:2\r\n");
    CHECK(site.cluster.nodes[1]->data.at("a") == "12");
    CHECK(site.cluster.nodes[2]->executed.empty());
    CHECK(site.Run({"GET", "a"}) == "$2\r\n12\r\n");
  }
}

TEST_CASE("A watched slot that moves is as a watched key that changes") {
  for (std::size_t at = 1; at < 4; ++at) {
    ClusterSite site;
    const std::string commands[] = {Encode({"WATCH", "a"}), kMulti, Encode({"SET", "a", "1"}),
                                    kExec};
    std::string got;
    for (std::size_t i = 0; i < 4; ++i) {
      if (i == at) site.cluster.MoveSlot(resp::HashSlot("a"), 1);
      got += site.Send(commands[i]);
    }
    CHECK(got == kOk + kOk + kQueued + kNull);
    for (const auto& node : site.cluster.nodes) CHECK(node->executed.empty());
    CHECK(site.Send(commands[0] + kMulti + commands[2] + kExec) ==
          kOk + kOk + kQueued + "*1\r\n+OK\r\n");
  }
}

TEST_CASE("A slot that is being migrated refuses what isn't there any more") {
  ClusterSite site;
  site.cluster.BeginMigration(resp::HashSlot("a"), 1);
  CHECK(site.Send(kMulti + Encode({"SET", "a", "1"}) + kExec) ==
        kOk + "-TRYAGAIN redwall: the transaction's slot is moving to another node\r\n" + kAborted);
}

TEST_CASE("A transaction's node that breaks ends the connection; one that can't be reached, EXEC") {
  ClusterSite site;
  site.Send(kMulti + Encode({"SET", "a", "1"}));
  site.Break(2);
  CHECK(site.router->finished());

  ClusterSite other;
  other.down = {2};
  CHECK(other.Send(kMulti + Encode({"SET", "a", "1"}) + kExec) ==
        kOk + "-CLUSTERDOWN redwall: a node can't be reached\r\n" + kAborted);

  ClusterSite watching;
  watching.Run({"WATCH", "a"});
  watching.Break(2);
  CHECK(watching.router->finished());
}

}  // namespace
}  // namespace redwall::proxy
