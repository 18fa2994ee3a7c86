#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "gateway/agent/config.h"
#include "tests/gateway/agent/config_file.h"

namespace redwall::agent {
namespace {

std::string RouteError(const std::string& route) {
  return ConfigFile(R"({"routes": {"r": )" + route + "}}").ServerError();
}

std::string ListenerError(const std::string& members) {
  return ConfigFile(R"({"listeners": [{)" + members + "}]}").ClientError();
}

using Cases = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("A route goes to a Redis, a cluster, what Sentinels watch, or anything") {
  const ConfigFile file(R"({"routes": {
      "a": {"redis": "h:1"},
      "b": {"cluster": ["h:1", "[::1]:2"], "refresh_ms": 100, "user": "u", "password_file": "pw"},
      "c": {"sentinel": ["h:3"], "master": "mymaster", "sentinel_user": "s",
            "sentinel_password_file": "spw"},
      "d": {"tcp": "unix:/x"}}})");
  const auto config = ReadServerConfig(file.path());
  if (!config) FAIL(config.error().sentence);
  const std::vector<Route>& routes = config->routes;
  REQUIRE(routes.size() == 4);
  CHECK(routes[0].kind == Route::Kind::kRedis);
  CHECK(routes[1].kind == Route::Kind::kCluster);
  REQUIRE(routes[1].addresses.size() == 2);
  CHECK(routes[1].addresses[1].ToString() == "[::1]:2");
  CHECK(routes[1].refresh_ms == 100);
  CHECK(routes[1].credentials.user == "u");
  CHECK(routes[1].sentinel_credentials.password_file.empty());
  CHECK(routes[2].kind == Route::Kind::kSentinel);
  CHECK(routes[2].master == "mymaster");
  CHECK(routes[2].sentinel_credentials.user == "s");
  CHECK(routes[2].sentinel_credentials.password_file == file.In("spw"));
  CHECK(routes[2].credentials.password_file.empty());
  CHECK(routes[2].refresh_ms == 5000);
  CHECK(routes[3].kind == Route::Kind::kTcp);
  CHECK(routes[3].addresses.at(0).path == "/x");
}

TEST_CASE("A route that makes no sense is an error that names it") {
  for (const auto& [route, error] : Cases{
           {R"({"redis": "h:1", "tcp": "h:2"})", "expected one of"},
           {R"({"cluster": []})", "routes.r.cluster: expected at least one address"},
           {R"({"cluster": "h:1"})", "routes.r.cluster: expected an array"},
           {R"({"cluster": ["unix:/x"]})", "routes.r.cluster: a node's address is host:port"},
           {R"({"sentinel": ["h:1"]})", "routes.r.master: is required and missing"},
           {R"({"sentinel": ["h:1"], "master": ""})", "the name that the Sentinels know it by"},
           {R"({"sentinel": ["h:1"], "master": "a b"})", "the name that the Sentinels know it by"},
           {R"({"sentinel": ["h:1"], "master": "m", "sentinel_user": "u"})",
            "a \"sentinel_user\" needs a \"sentinel_password_file\""},
           {R"({"redis": "h:1", "master": "m"})", "routes.r.master: unknown name"},
           {R"({"redis": "h:1", "refresh_ms": 500})", "routes.r.refresh_ms: unknown name"},
           {R"({"cluster": ["h:1"], "refresh_ms": 99})", "from 100 to 3600000, got 99"},
           {R"({"tcp": "h:1", "password_file": "pw"})", "routes.r.password_file: unknown name"},
       }) {
    const std::string given(route);
    CAPTURE(given);
    CHECK(RouteError(route).find(error) != std::string::npos);
  }
}

TEST_CASE(
    "A listener says which servers its clients get, and by which ports they are told of nodes") {
  const ConfigFile file(R"({"listeners": [
      {"listen": "127.0.0.1:1", "node_ports": "17000-17063"},
      {"listen": "0.0.0.0:2", "node_ports": "65535", "announce": "gw.local", "cluster_mode": "nodes"},
      {"listen": "a:3", "cluster_mode": "single"},
      {"listen": "a:4", "role": "replica"},
      {"listen": "a:5", "role": "sentinel", "node_ports": "1-1"},
      {"listen": "a:6", "role": "master"}]})");
  const auto config = ReadClientConfig(file.path());
  if (!config) FAIL(config.error().sentence);
  using Role = ClientListener::Role;
  const std::vector<ClientListener>& listeners = config->listeners;
  REQUIRE(listeners.size() == 6);
  CHECK(listeners[0].node_ports.first == 17000);
  CHECK(listeners[0].node_ports.last == 17063);
  CHECK(listeners[1].node_ports.first == 65535);
  CHECK(listeners[1].node_ports.last == 65535);
  CHECK(listeners[1].announce == "gw.local");
  CHECK(listeners[2].role == Role::kSingle);
  CHECK(listeners[3].role == Role::kReplica);
  CHECK(listeners[4].role == Role::kSentinel);
  CHECK(listeners[5].role == Role::kAny);
}

TEST_CASE("A listener that makes no sense is an error that says what was expected") {
  for (const std::string ports :
       {"", "a", "1-", "-1", "2-1", "0-5", "1-65536", "1-2-3", "+1-2", "1 - 2", "123456"}) {
    CAPTURE(ports);
    CHECK(ListenerError(R"("listen": "a:1", "node_ports": ")" + ports + "\"")
              .find("node_ports: expected ports like") != std::string::npos);
  }
  for (const auto& [members, error] : Cases{
           {R"("listen": "unix:/x", "node_ports": "1-2")", "nodes need ports"},
           {R"("listen": "0.0.0.0:1", "node_ports": "1-2")", "as \"announce\""},
           {R"("listen": "[::]:1", "node_ports": "1-2")", "as \"announce\""},
           {R"("listen": "a:1", "announce": "h")", "\"announce\" goes with \"node_ports\""},
           {R"("listen": "a:1", "node_ports": "1-2", "announce": "a,b")", "expected a host's name"},
           {R"("listen": "a:1", "cluster_mode": "nodes")", "\"nodes\" needs \"node_ports\""},
           {R"("listen": "a:1", "cluster_mode": "single", "node_ports": "1-2")", "no use for them"},
           {R"("listen": "a:1", "cluster_mode": "single", "role": "replica")", "for clusters"},
           {R"("listen": "a:1", "role": "sentinel")", "needs \"node_ports\""},
           {R"("listen": "a:1", "role": "slave")", "listeners[0].role: expected"},
       }) {
    const std::string given(members);
    CAPTURE(given);
    CHECK(ListenerError(members).find(error) != std::string::npos);
  }
}

}  // namespace
}  // namespace redwall::agent
