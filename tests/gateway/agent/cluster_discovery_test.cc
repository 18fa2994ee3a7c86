#include "gateway/agent/cluster_discovery.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/gateway/agent/discovery_scene.h"
#include "tests/gateway/agent/fake_server.h"

namespace redwall::agent {
namespace {

using Kind = Target::Kind;
using tunnel::ResetCode;

std::string Line(const std::string& id, const net::Address& address, const std::string& flags,
                 const std::string& slots) {
  return id + " " + address.ToString() + "@1 " + flags + " - 0 0 1 connected " + slots + "\n";
}

// A cluster of two masters, each of which tells what `nodes` is at the time.
struct Scene : DiscoveryScene {
  explicit Scene(std::uint64_t refresh_ms = 3600 * 1000) {
    nodes = Line("a1", first.address(), "master", "0-8191") +
            Line("a2", second.address(), "master", "8192-16383");
    route.kind = Route::Kind::kCluster;
    route.addresses = {first.address(), second.address()};
    route.refresh_ms = refresh_ms;
    StartAnew(5000);
  }
  void StartAnew(std::uint64_t timeout_ms) {
    discovery.reset();
    Start(route, timeout_ms);
  }
  std::string Answer(const std::string& command) const {
    if (silent) return {};
    return command == "CLUSTER NODES" ? Bulk(nodes) : "*0\r\n";
  }
  std::size_t questions() const { return (first.asked() + second.asked()) / 2; }

  Route route;
  std::string nodes;
  bool silent = false;
  FakeServer first{loop, [this](const std::string& command) { return Answer(command); }};
  FakeServer second{loop, [this](const std::string& command) { return Answer(command); }};
  FakeServer third{loop, [this](const std::string& command) { return Answer(command); }};
  ~Scene() { discovery.reset(); }
};

TEST_CASE("Nothing is known before the first answer, and then all is") {
  Scene scene;
  CHECK_FALSE(scene.discovery->Find({}).has_value());
  CHECK_FALSE(scene.discovery->Find({Kind::kSingle}).has_value());
  CHECK(scene.discovery->nodes() == nullptr);
  scene.Until([&] { return scene.changes > 0; });
  CHECK(scene.changes == 1);
  REQUIRE(scene.discovery->nodes() != nullptr);
  CHECK(scene.discovery->nodes()->nodes.size() == 2);
  // The masters take turns.
  const std::set<std::string> both = {scene.Where({}), scene.Where({})};
  CHECK(both == std::set{scene.first.address().ToString(), scene.second.address().ToString()});
  CHECK(scene.discovery->Find({Kind::kSingle})->ok());
  CHECK(scene.Where(Target::Node(scene.second.address())) == scene.second.address().ToString());
  CHECK(scene.questions() == 1);
}

TEST_CASE("The masters with slots take turns, with one call for each client") {
  Scene scene;
  scene.nodes = Line("a1", scene.first.address(), "master", "0-99") +
                Line("a4", {"127.0.0.1", 1, {}}, "master", "") +
                Line("a2", scene.second.address(), "master", "100-199") +
                Line("a3", scene.third.address(), "master", "200-16383");
  const std::vector<std::string> first_round = {scene.Where({}), scene.Where({}), scene.Where({})};
  CHECK(std::set<std::string>(first_round.begin(), first_round.end()) ==
        std::set{scene.first.address().ToString(), scene.second.address().ToString(),
                 scene.third.address().ToString()});
  // Who wants a certain node, or all, has no turn.
  scene.Where(Target::Node(scene.third.address()));
  CHECK(scene.discovery->Find({Kind::kSingle})->ok());
  for (const std::string& again : first_round) CHECK(scene.Where({}) == again);
}

TEST_CASE("Targets that a cluster hasn't got") {
  Scene scene;
  CHECK(scene.Code({Kind::kReplica}) == ResetCode::kUnknownTarget);
  CHECK(scene.Code({Kind::kSentinel}) == ResetCode::kUnknownTarget);
  const Target stranger = Target::Node({"127.0.0.1", 1, {}});
  CHECK(scene.Code(stranger) == ResetCode::kUnknownTarget);
  // A machine that only the configuration of another names is one, too.
  CHECK(scene.Code(Target::Node(scene.third.address())) == ResetCode::kUnknownTarget);
}

TEST_CASE("A node that has come is found, and strangers are bounded") {
  Scene scene;
  scene.Where({});
  const Target added = Target::Node(scene.third.address());
  scene.Until([&] { return scene.discovery->Find(added).has_value(); });
  const std::size_t before = scene.questions();
  scene.nodes += Line("a3", scene.third.address(), "master", "");
  // Right after an answer that is the last word; then it is asked for, once for all who want it.
  std::size_t waited = 0;
  scene.Until([&] {
    const auto found = scene.discovery->Find(added);
    if (!found) ++waited;
    return found.has_value() && found->ok();
  });
  CHECK(waited > 0);
  CHECK(scene.questions() == before + 1);
  CHECK(scene.discovery->nodes()->nodes.size() == 3);
}

TEST_CASE("Doubts lead to a question, however many they are") {
  Scene scene;
  scene.Where({});
  scene.nodes = Line("a1", scene.first.address(), "master", "0-16383") +
                Line("a2", scene.second.address(), "master", "");
  const int before = scene.changes;
  for (int i = 0; i < 1000; ++i) scene.discovery->Doubt();
  scene.Until([&] { return scene.changes > before; });
  CHECK(scene.questions() == 2);
  // Only the one that owns slots now, as long as it can be reached.
  for (int i = 0; i < 4; ++i) CHECK(scene.Where({}) == scene.first.address().ToString());
}

TEST_CASE("Refreshed by itself, and an answer like the last changes nothing") {
  Scene scene(100);
  scene.Where({});
  const int before = scene.changes;
  scene.Until([&] { return scene.questions() >= 3; });
  CHECK(scene.changes == before);
  const auto was = scene.discovery->nodes();
  scene.nodes += Line("a3", scene.third.address(), "master", "");
  scene.Until([&] { return scene.changes > before; });
  CHECK(was->nodes.size() == 2);  // who has the old ones keeps them
  CHECK(scene.discovery->nodes()->nodes.size() == 3);
}

TEST_CASE("A node that can't be reached is passed over, or told at once") {
  Scene scene;
  scene.Where({});
  // The loop doesn't run from here on: Health would find that they are there.
  scene.health.OnUnreachable(scene.first.address(), "it is down");
  for (int i = 0; i < 3; ++i)
    CHECK((**scene.discovery->Find({})).ToString() == scene.second.address().ToString());
  const auto node = scene.discovery->Find(Target::Node(scene.first.address()));
  REQUIRE(node.has_value());
  REQUIRE(!node->ok());
  CHECK(node->error().code == ResetCode::kUpstreamUnreachable);
  CHECK(node->error().sentence.find("it is down") != std::string::npos);
  scene.health.OnUnreachable(scene.second.address(), "this, too");
  for (const Kind kind : {Kind::kAny, Kind::kSingle}) {
    const auto none = scene.discovery->Find({kind});
    REQUIRE(none.has_value());
    REQUIRE(!none->ok());
    CHECK(none->error().code == ResetCode::kUpstreamUnreachable);
  }
}

TEST_CASE("What was said last stays in use while no node answers") {
  Scene scene(100);
  scene.Where({});
  scene.first.Stop();
  scene.second.Stop();
  scene.Until([&] {
    return scene.health.WhyDown(scene.first.address()) &&
           scene.health.WhyDown(scene.second.address());
  });
  CHECK(scene.discovery->nodes()->nodes.size() == 2);
  CHECK(scene.Code({}) == ResetCode::kUpstreamUnreachable);
  scene.second.Restart();
  scene.Until([&] { return scene.discovery->Find({})->ok(); });
  CHECK(scene.Where({}) == scene.second.address().ToString());
}

TEST_CASE("Nobody waits longer than a question takes, also where no node answers it") {
  Scene scene;
  scene.silent = true;
  SUBCASE("the first one") {
    scene.StartAnew(100);
    CHECK_FALSE(scene.discovery->Find({}).has_value());
    CHECK(scene.Code({}) == ResetCode::kUpstreamUnreachable);
    CHECK(scene.changes > 0);
  }
  SUBCASE("one for a node that isn't known") {
    scene.silent = false;
    scene.StartAnew(100);
    scene.Where({});
    scene.silent = true;
    const Target stranger = Target::Node(scene.third.address());
    scene.Until([&] { return !scene.discovery->Find(stranger).has_value(); });
    const int before = scene.changes;
    CHECK(scene.Code(stranger) == ResetCode::kUnknownTarget);
    CHECK(scene.changes > before);
    CHECK(scene.discovery->Find({})->ok());
  }
}

TEST_CASE("A server that isn't of the cluster isn't tried any longer") {
  Scene scene(100);
  scene.Where({});
  scene.third.Stop();
  scene.health.OnUnreachable(scene.third.address(), "a dial to it was under way when it left");
  scene.health.OnUnreachable(scene.second.address(), "it is down");
  scene.second.Stop();
  scene.Until([&] { return !scene.health.WhyDown(scene.third.address()); });
  CHECK(scene.health.WhyDown(scene.second.address()));
}

TEST_CASE("No node at all") {
  Scene scene;
  scene.first.Stop();
  scene.second.Stop();
  CHECK(scene.Code({}) == ResetCode::kUpstreamUnreachable);
  CHECK(scene.discovery->nodes() == nullptr);
  CHECK(scene.changes == 1);  // for who was told to wait
  scene.first.Restart();
  scene.Until([&] { return scene.discovery->nodes() != nullptr; });
  CHECK(scene.Where(Target::Node(scene.first.address())) == scene.first.address().ToString());
}

TEST_CASE("A node that was cut off counts only where there is no other") {
  DiscoveryScene scene;
  std::string cut_off, whole;
  FakeServer alone(scene.loop, [&](const std::string& command) {
    return command == "CLUSTER NODES" ? Bulk(cut_off) : "*0\r\n";
  });
  FakeServer other(scene.loop, [&](const std::string& command) {
    return command == "CLUSTER NODES" ? Bulk(whole) : "-ERR not now\r\n";
  });
  cut_off = Line("a1", alone.address(), "myself,master", "0-8191") +
            Line("a2", other.address(), "master,fail?", "8192-16383");
  whole = Line("a2", other.address(), "myself,master", "0-16383");
  Route route;
  route.kind = Route::Kind::kCluster;
  route.addresses = {alone.address(), other.address()};
  SUBCASE("there is another") {
    scene.Start(route);
    scene.Where({});
    CHECK(scene.discovery->nodes()->nodes.size() == 1);
  }
  SUBCASE("there is no other") {
    other.Stop();
    scene.Start(route);
    CHECK(scene.Where({}) == alone.address().ToString());
    CHECK(scene.discovery->nodes()->nodes.size() == 2);
  }
  scene.discovery.reset();
}

}  // namespace
}  // namespace redwall::agent
