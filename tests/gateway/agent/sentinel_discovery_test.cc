#include "gateway/agent/sentinel_discovery.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/gateway/agent/discovery_scene.h"
#include "tests/gateway/agent/fake_server.h"

namespace redwall::agent {
namespace {

using Kind = Target::Kind;
using tunnel::ResetCode;

constexpr char kIsMaster[] = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
constexpr char kIsReplica[] = "*5\r\n$5\r\nslave\r\n$1\r\na\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";
constexpr char kSubscribed[] = "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n";

std::string Entry(const net::Address& address, const std::string& link = "ok") {
  return Bulks({"ip", address.host, "port", std::to_string(address.port), "flags", "slave",
                "master-link-status", link});
}
std::string Entries(const std::vector<std::string>& entries) {
  std::string list = "*" + std::to_string(entries.size()) + "\r\n";
  for (const std::string& entry : entries) list += entry;
  return list;
}

// Two Sentinels, of which the second is named only by the first, and three servers.
struct Scene : DiscoveryScene {
  explicit Scene(std::uint64_t refresh_ms = 3600 * 1000) {
    master = one.address();
    replicas = Entries({Entry(two.address()), Entry(three.address())});
    route.kind = Route::Kind::kSentinel;
    route.master = "m";
    route.addresses = {sentinel.address()};
    route.refresh_ms = refresh_ms;
    StartAnew(5000);
  }
  ~Scene() { discovery.reset(); }
  void StartAnew(std::uint64_t timeout_ms) {
    discovery.reset();
    Start(route, timeout_ms);
  }

  std::string Answer(const std::string& command, const FakeServer& other) const {
    if (silent) return {};
    if (command == "SENTINEL GET-MASTER-ADDR-BY-NAME m")
      return knows ? Bulks({master.host, std::to_string(master.port)}) : "*-1\r\n";
    if (command == "SENTINEL REPLICAS m") return replicas;
    if (command == "SENTINEL SENTINELS m")
      return sentinels.empty() ? Entries({Entry(other.address())}) : sentinels;
    if (command == "SUBSCRIBE +switch-master") return kSubscribed;
    return "-ERR unexpected\r\n";
  }
  void Switch(const net::Address& to, const std::string& name = "m") {
    master = to;
    for (FakeServer* each : {&sentinel, &another}) {
      each->Say(Bulks(
          {"message", "+switch-master", name + " a 1 " + to.host + " " + std::to_string(to.port)}));
    }
  }
  // The subscription has begun, and what is asked then has been answered.
  void Settle() {
    Until([&] { return subscribed > 0; });
    const std::size_t before = roles;
    Until([&] { return roles > before; });
  }

  Route route;
  bool knows = true, silent = false;
  net::Address master;
  std::string replicas, sentinels;  // of the latter each names the other where it is empty
  std::string one_is = kIsMaster, two_is = kIsReplica;
  std::size_t subscribed = 0, roles = 0;
  FakeServer sentinel{loop, [this](const std::string& command) {
                        if (command == "SUBSCRIBE +switch-master") ++subscribed;
                        return Answer(command, another);
                      }};
  FakeServer another{loop, [this](const std::string& command) {
                       if (command == "SUBSCRIBE +switch-master") ++subscribed;
                       return Answer(command, sentinel);
                     }};
  FakeServer one{loop, [this](const std::string& command) {
                   ++roles;
                   return command == "ROLE" ? one_is : "-ERR\r\n";
                 }};
  FakeServer two{loop, [this](const std::string& command) {
                   ++roles;
                   return command == "ROLE" ? two_is : "-ERR\r\n";
                 }};
  FakeServer three{loop, [](const std::string&) { return kIsReplica; }};
};

TEST_CASE("The master, replicas in turn, Sentinels") {
  Scene scene;
  CHECK_FALSE(scene.discovery->Find({}).has_value());
  CHECK_FALSE(scene.discovery->Find({Kind::kSentinel}).has_value());
  CHECK(scene.Where({}) == scene.one.address().ToString());
  CHECK(scene.changes > 0);
  const std::set<std::string> both = {scene.Where({Kind::kReplica}), scene.Where({Kind::kReplica})};
  CHECK(both == std::set{scene.two.address().ToString(), scene.three.address().ToString()});
  CHECK(scene.Where({Kind::kSentinel}) == scene.sentinel.address().ToString());
  for (const FakeServer* known :
       {&scene.one, &scene.two, &scene.three, &scene.sentinel, &scene.another})
    CHECK(scene.Where(Target::Node(known->address())) == known->address().ToString());
  CHECK(scene.discovery->IsSentinel(scene.another.address()));
  CHECK_FALSE(scene.discovery->IsSentinel(scene.one.address()));
  CHECK(scene.Code({Kind::kSingle}) == ResetCode::kUnknownTarget);
  CHECK(scene.Code(Target::Node({"127.0.0.1", 1, {}})) == ResetCode::kUnknownTarget);
}

TEST_CASE("A server isn't a Sentinel because a Sentinel says so") {
  Scene scene;
  scene.sentinels = Entries(
      {Entry(scene.one.address()), Entry(scene.two.address()), Entry(scene.another.address())});
  scene.Where({});
  CHECK_FALSE(scene.discovery->IsSentinel(scene.one.address()));
  CHECK_FALSE(scene.discovery->IsSentinel(scene.two.address()));
  CHECK(scene.discovery->IsSentinel(scene.another.address()));
  CHECK(scene.Where(Target::Node(scene.one.address())) == scene.one.address().ToString());
  // Nor is it given to who wants one, even if the others are down.
  scene.health.OnUnreachable(scene.sentinel.address(), "it is down");
  CHECK((**scene.discovery->Find({Kind::kSentinel})) == scene.another.address());
  scene.health.OnUnreachable(scene.another.address(), "it is down");
  const auto none = scene.discovery->Find({Kind::kSentinel});
  REQUIRE(none.has_value());
  REQUIRE(!none->ok());
  CHECK(none->error().code == ResetCode::kUpstreamUnreachable);
  CHECK(none->error().sentence.find("it is down") != std::string::npos);
}

TEST_CASE("Replicas take turns, with one call for each client") {
  Scene scene;
  FakeServer four(scene.loop, [](const std::string&) { return kIsReplica; });
  scene.replicas = Entries({Entry(scene.two.address()), Entry(scene.one.address(), "err"),
                            Entry(scene.three.address()), Entry(four.address())});
  const Target replica{Kind::kReplica};
  const std::vector<std::string> first_round = {scene.Where(replica), scene.Where(replica),
                                                scene.Where(replica)};
  CHECK(std::set<std::string>(first_round.begin(), first_round.end()) ==
        std::set{scene.two.address().ToString(), scene.three.address().ToString(),
                 four.address().ToString()});
  // Who wants something else has no turn.
  scene.Where({});
  scene.Where(Target::Node(scene.three.address()));
  for (const std::string& again : first_round) CHECK(scene.Where(replica) == again);
}

TEST_CASE("Nobody waits longer than a question takes, whoever doesn't answer it") {
  Scene scene;
  SUBCASE("the Sentinels") {
    scene.silent = true;
    scene.StartAnew(100);
    CHECK_FALSE(scene.discovery->Find({}).has_value());
    CHECK(scene.Code({}) == ResetCode::kUpstreamUnreachable);
  }
  SUBCASE("the one that they name") {
    scene.one_is.clear();
    scene.StartAnew(100);
    CHECK_FALSE(scene.discovery->Find({}).has_value());
    CHECK(scene.Code({}) == ResetCode::kUpstreamUnreachable);
  }
  SUBCASE("the Sentinels, when somebody wants a server that isn't known") {
    scene.StartAnew(100);
    scene.Where({});
    scene.silent = true;
    const Target stranger = Target::Node({"127.0.0.1", 1, {}});
    scene.Until([&] { return !scene.discovery->Find(stranger).has_value(); });
    const int before = scene.changes;
    CHECK(scene.Code(stranger) == ResetCode::kUnknownTarget);
    CHECK(scene.changes > before);
    CHECK(scene.Where({}) == scene.one.address().ToString());
  }
  CHECK(scene.changes > 0);
}

TEST_CASE("What is named but isn't the master yet is not handed out") {
  Scene scene;
  scene.one_is = kIsReplica;
  SUBCASE("it says that it is a replica") {}
  SUBCASE("it is loading") { scene.one_is = "-LOADING Redis is loading the dataset\r\n"; }
  CHECK(scene.Code({}) == ResetCode::kUpstreamUnreachable);
  scene.one_is = kIsMaster;
  scene.Until([&] { return scene.discovery->Find({})->ok(); });
  CHECK(scene.Where({}) == scene.one.address().ToString());
}

TEST_CASE("Where it may not ask, the Sentinels are believed") {
  Scene scene;
  scene.one_is = "-NOAUTH Authentication required.\r\n";
  CHECK(scene.Where({}) == scene.one.address().ToString());
}

TEST_CASE("A fail-over is noticed by the subscription") {
  Scene scene;
  scene.Where({});
  scene.Settle();
  const net::Address before = scene.one.address();
  CHECK(scene.discovery->StillServes({}, before));
  scene.two_is = kIsMaster;
  scene.Switch(scene.two.address());
  scene.Until([&] { return !scene.discovery->StillServes({}, before); });
  CHECK(scene.Where({}) == scene.two.address().ToString());
  CHECK(scene.discovery->StillServes({}, scene.two.address()));
  // A replica that was promoted is still right for reads.
  CHECK(scene.discovery->StillServes({Kind::kReplica}, scene.two.address()));
  CHECK(scene.discovery->StillServes({Kind::kReplica}, scene.three.address()));
  CHECK(scene.discovery->StillServes({Kind::kSentinel}, scene.sentinel.address()));
}

TEST_CASE("A fail-over that is told again and again is still found out") {
  Scene scene;
  scene.Where({});
  scene.Settle();
  scene.two_is.clear();  // it takes longer than until it is told again
  int since_asked = 0;
  std::size_t asked = 0;
  net::Timer again(scene.loop);
  again.Start(0, 20, [&] {
    scene.Switch(scene.two.address());
    if (std::exchange(asked, scene.two.asked()) != scene.two.asked()) since_asked = 0;
    if (++since_asked == 4) scene.two.Say(kIsMaster);
  });
  scene.Until([&] { return !scene.discovery->StillServes({}, scene.one.address()); });
  CHECK(scene.Where({}) == scene.two.address().ToString());
  // Nor does it keep who waits for an address waiting.
  CHECK(scene.Code(Target::Node({"127.0.0.1", 1, {}})) == ResetCode::kUnknownTarget);
}

TEST_CASE("A Sentinel that names a server that isn't the master changes nothing") {
  Scene scene;
  scene.Where({});
  scene.Settle();
  const std::size_t before = scene.roles;
  scene.Switch(scene.two.address());  // which says that it is a replica
  scene.Until([&] { return scene.roles > before + 1; });
  CHECK(scene.Where({}) == scene.one.address().ToString());
  CHECK(scene.discovery->StillServes({}, scene.one.address()));
}

TEST_CASE("Another master's fail-over is none") {
  Scene scene;
  scene.Where({});
  scene.Settle();
  const std::size_t before = scene.sentinel.asked() + scene.another.asked();
  scene.Switch(scene.one.address(), "mm");
  bool over = false;
  net::Timer later(scene.loop);
  later.Start(600, 0, [&] { over = true; });  // twice as long as a question would have to wait
  scene.Until([&] { return over; });
  CHECK(scene.sentinel.asked() + scene.another.asked() == before);
}

TEST_CASE("Without a subscription it is noticed by the question") {
  Scene scene(100);
  scene.Where({});
  scene.two_is = kIsMaster;
  scene.master = scene.two.address();
  scene.Until([&] { return !scene.discovery->StillServes({}, scene.one.address()); });
  CHECK(scene.Where({}) == scene.two.address().ToString());
}

TEST_CASE("The next Sentinel is asked, and subscribed to, when one is gone") {
  Scene scene(100);
  scene.Where({});
  scene.Settle();
  const std::size_t before = scene.subscribed;
  scene.sentinel.Stop();
  scene.Until([&] { return scene.subscribed > before; });
  scene.Until([&] {
    const auto found = scene.discovery->Find({Kind::kSentinel});
    return found->ok() && **found == scene.another.address();
  });
  CHECK(scene.Where({}) == scene.one.address().ToString());
}

TEST_CASE("A master that is down is told at once, and a replica serves") {
  Scene scene;
  scene.Where({});
  scene.one.Stop();
  scene.health.OnUnreachable(scene.one.address(), "it is down");
  scene.discovery->Doubt();
  const auto found = scene.discovery->Find({});
  REQUIRE(found.has_value());
  REQUIRE(!found->ok());
  CHECK(found->error().code == ResetCode::kUpstreamUnreachable);
  CHECK(scene.discovery->Find({Kind::kReplica})->ok());
  // It is back.
  scene.one.Restart();
  scene.Until([&] { return scene.discovery->Find({})->ok(); });
}

TEST_CASE("Without a replica that can be used the master serves") {
  Scene scene;
  scene.replicas = Entries({Entry(scene.two.address(), "err")});
  CHECK(scene.Where({Kind::kReplica}) == scene.one.address().ToString());
}

TEST_CASE("No Sentinel knows the master") {
  Scene scene;
  scene.knows = false;
  const auto found = scene.Wait({});
  REQUIRE(!found.ok());
  CHECK(found.error().code == ResetCode::kUpstreamUnreachable);
  CHECK(found.error().sentence.find("doesn't know a master 'm'") != std::string::npos);
  // The Sentinels themselves can be had.
  CHECK(scene.Where({Kind::kSentinel}) == scene.sentinel.address().ToString());
  scene.knows = true;
  scene.Until([&] { return scene.discovery->Find({})->ok(); });
}

}  // namespace
}  // namespace redwall::agent
