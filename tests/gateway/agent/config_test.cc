#include "gateway/agent/config.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/agent/config_file.h"

namespace redwall::agent {
namespace {

TEST_CASE("A server's configuration with all that it can say") {
  const ConfigFile file(R"({
    "listen": ["0.0.0.0:6479", "unix:gw.sock"],  // comments are fine
    "keys": ["site.key", "/etc/other.key"], "identity": "me.identity", "authorized": "authorized.json",
    "routes": {"default": {"redis": "127.0.0.1:6379", "user": "app", "password_file": "secrets/pw"},
               "other": {"redis": "unix:redis.sock", "upstream": "dedicated"}},
    "policy": "policy.json", "audit": {"file": "audit.jsonl"}, "name": "gw-b", "pidfile": "gw.pid",
    "user": "redwall", "log_level": "warn", "log_json": true, "threads": 1,
    "limits": {"max_connections": 1, "timeout_ms": 2, "drain_ms": 0, "max_unauthenticated": 40,
               "unauthenticated_start": 5, "unauthenticated_rate": 6, "max_unauthenticated_per_source": 7,
               "max_inspected_bytes": 1024, "max_argument_bytes": 1025, "max_reply_depth": 8,
               "max_pending_commands": 16, "max_topology_reply": 4096, "stream_window_bytes": 16384, "session_window_bytes": 16385,
               "max_streams": 11, "max_unanswered_opens": 12, "max_replay_bytes": 65536,
               "ping_after_ms": 100, "dead_after_ms": 200}})");
  REQUIRE(file.ServerError() == "");
  const ServerConfig config = *ReadServerConfig(file.path());
  REQUIRE(config.listen.size() == 2);
  CHECK(config.listen[0].ToString() == "0.0.0.0:6479");
  CHECK(config.listen[1].path == file.In("gw.sock"));
  CHECK(config.keys == std::vector<std::string>{file.In("site.key"), "/etc/other.key"});
  CHECK(config.identity == file.In("me.identity"));
  CHECK(config.authorized == file.In("authorized.json"));
  CHECK(config.policy == file.In("policy.json"));
  CHECK(config.audit.file == file.In("audit.jsonl"));
  CHECK(config.pidfile == file.In("gw.pid"));
  CHECK(config.name == "gw-b");
  CHECK(config.user == "redwall");
  CHECK(config.log_level == "warn");
  CHECK(config.log_json);
  REQUIRE(config.routes.size() == 2);
  CHECK(config.routes[0].name == "default");
  CHECK(config.routes[0].addresses.at(0).ToString() == "127.0.0.1:6379");
  CHECK(config.routes[0].credentials.user == "app");
  CHECK(config.routes[0].credentials.password_file == file.In("secrets/pw"));
  CHECK(config.routes[1].addresses.at(0).path == file.In("redis.sock"));
  const Limits& limits = config.limits;
  CHECK(limits.max_connections == 1);
  CHECK(limits.timeout_ms == 2);
  CHECK(limits.drain_ms == 0);
  CHECK(limits.admission.full == 40);
  CHECK(limits.admission.start == 5);
  CHECK(limits.admission.rate == 6);
  CHECK(limits.admission.per_source == 7);
  CHECK(limits.conversation.request.max_inspected == 1024);
  CHECK(limits.conversation.request.max_bulk == 1025);
  CHECK(limits.conversation.reply.max_depth == 8);
  CHECK(limits.conversation.max_pending == 16);
  CHECK(limits.conversation.max_topology_reply == 4096);
  CHECK(limits.session.stream_window == 16384);
  CHECK(limits.session.session_window == 16385);
  CHECK(limits.session.max_streams == 11);
  CHECK(limits.session.max_unanswered == 12);
  CHECK(limits.session.max_replay == 65536);
  CHECK(limits.session.ping_after_ms == 100);
  CHECK(limits.session.dead_after_ms == 200);
  CHECK(Check(config).ok());
  CHECK(*KindOfConfig(file.path()) == "server");
}

TEST_CASE("A client's configuration with all that it can say") {
  const ConfigFile file(R"({
    "servers": ["gw-b.example:6479", "[::1]:6479"], "keys": ["site.key"], "identity": "me.identity",
    "server_key": "server.pub", "tunnels": 1, "audit": "-",
    "listeners": [{"listen": "127.0.0.1:6379"},
                  {"listen": "unix:redis.sock", "route": "orders", "mode": "0660"}]})");
  REQUIRE(file.ClientError() == "");
  const ClientConfig config = *ReadClientConfig(file.path());
  REQUIRE(config.servers.size() == 2);
  CHECK(config.servers[1].ToString() == "[::1]:6479");
  CHECK(config.server_key == file.In("server.pub"));
  CHECK(config.audit.file == "-");
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[0].route == "default");
  CHECK(config.listeners[0].mode == 0);
  CHECK(config.listeners[1].listen.path == file.In("redis.sock"));
  CHECK(config.listeners[1].route == "orders");
  CHECK(config.listeners[1].mode == 0660);
  CHECK(Check(config).ok());
  CHECK(*KindOfConfig(file.path()) == "client");
}

TEST_CASE("A server agent may have several identities, a client agent's server a key or its file") {
  const ConfigFile server(R"({"identities": ["gw.id", "/etc/old.id"]})");
  REQUIRE(server.ServerError() == "");
  const ServerConfig several = *ReadServerConfig(server.path());
  CHECK(several.identity == server.In("gw.id"));
  CHECK(several.more_identities == std::vector<std::string>{"/etc/old.id"});
  const std::string key = "5nzrdsnlhqexTgByThgR1d1dWLrWiFtLMxZam+yFR0g=";
  const ConfigFile client("{\"server_key\": \"" + key + "\"}");
  REQUIRE(client.ClientError() == "");
  CHECK(ReadClientConfig(client.path())->server_key == key);
}

TEST_CASE("A low limit of strangers alone is no contradiction with the default start") {
  const ConfigFile file(R"({"limits": {"max_unauthenticated": 4}})");
  CHECK(file.ServerError() == "");
}

TEST_CASE("What is missing stays at its default") {
  const ConfigFile file("{}");
  const ServerConfig config = *ReadServerConfig(file.path());
  const Limits defaults;
  CHECK(config.log_level == "info");
  CHECK_FALSE(config.log_json);
  CHECK(config.keys.empty());
  CHECK(config.limits.timeout_ms == defaults.timeout_ms);
  CHECK(config.limits.session.max_streams == defaults.session.max_streams);
}

TEST_CASE("An error names the file, the place in it, and what was expected there") {
  struct Case {
    std::string text, error;
  };
  const std::string later = "not supported by this version yet";
  const Case server[] = {
      {R"({"listen": "a:1"})", "listen: expected an array, got \"a:1\""},
      {R"({"listen": []})", "listen: expected at least one address"},
      {R"({"listen": ["a"]})",
       "listen[0]: 'a' is not an address: the port is missing (host:port, [v6]:port or "
       "unix:/path)"},
      {R"({"keys": "a"})", "keys: expected an array, got \"a\""},
      {R"({"keys": [1]})", "keys[0]: expected a string, got 1"},
      {R"({"identity": ""})", "identity: expected a file's path"},
      {R"({"audit": {}})", "audit: an audit needs a \"file\""},
      {R"({"log_level": "loud"})",
       R"(log_level: expected "debug", "info", "warn" or "error", got "loud")"},
      {R"({"log_json": 1})", "log_json: expected true or false, got 1"},
      {R"({"threads": 2})", "threads: more than one thread is not supported by this version yet"},
      {R"({"threads": 0})", "threads: expected a whole number from 1 to 1024, got 0"},
      {R"({"admin": "127.0.0.1:9121"})", "admin: " + later},
      {R"({"routes": {"r": {}}})",
       R"(routes.r: expected one of "redis", "cluster", "sentinel" and "tcp")"},
      {R"({"routes": {"": {"redis": "a:1"}}})", "a route's name has 1 to 255 bytes"},
      {R"({"routes": {"r": {"redis": "a:1", "user": "u"}}})",
       "routes.r: a \"user\" needs a \"password_file\""},
      {R"({"routes": {"r": {"cluster": ["a:1"], "upstream": "shared"}}})",
       "routes.r.upstream: \"shared\" is for a route to one Redis"},
      {R"({"routes": {"r": {"sentinel": ["a:1"], "master": "m", "upstream": "shared"}}})",
       "routes.r.upstream: \"shared\" is for a route to one Redis"},
      {R"({"routes": {"r": {"tcp": "a:1", "upstream": "shared"}}})",
       "routes.r.upstream: \"shared\" is for a route to one Redis"},
      {R"({"routes": {"r": {"redis": "a:1", "upstream": "x"}}})",
       R"(routes.r.upstream: expected "dedicated" or "shared", got "x")"},
      {R"({"limits": {"max_connections": 0}})",
       "limits.max_connections: expected a whole number from 1 to 1000000, got 0"},
      {R"({"limits": {"max_topology_reply": 4095}})",
       "limits.max_topology_reply: expected a whole number from 4096 to"},
      {R"({"limits": {"max_pending_commands": 15}})",
       "limits.max_pending_commands: expected a whole number from 16 to"},
      {R"({"limits": {"timeout": 1}})", "limits.timeout: unknown name"},
      {R"({"limits": {"max_unauthenticated": 8, "unauthenticated_start": 9}})",
       "limits.unauthenticated_start: expected at most \"max_unauthenticated\", which is 8"},
      {R"({"limits": {"unauthenticated_start": 101}})", "which is 100"},
      {R"({"limits": {"unauthenticated_start": 0}})",
       "limits.unauthenticated_start: expected a whole number from 1"},
      {R"({"limits": {"unauthenticated_rate": 101}})",
       "limits.unauthenticated_rate: expected a whole number from 0 to 100, got 101"},
      {R"({"limits": {"max_unauthenticated_per_source": 0}})",
       "limits.max_unauthenticated_per_source: expected a whole number from 1"},
      {R"({"identity": "a", "identities": ["b"]})",
       "identities: give \"identity\" or \"identities\", not both"},
      {R"({"identities": []})", "identities: expected at least one file"},
      {R"({"identities": [""]})", "identities[0]: expected a file's path"},
      {R"({"identities": "a"})", "identities: expected an array"},
      {R"({"servers": ["a:1"]})", "servers: unknown name"},
      {R"({"lisen": ["a:1"]})", "lisen: unknown name"},
      {R"([])", "expected an object, got an array"},
      {"", "empty; expected JSON"},
  };
  for (const Case& each : server) {
    CAPTURE(each.text);
    const std::string error = ConfigFile(each.text).ServerError();
    CAPTURE(error);
    CHECK_FALSE(error.empty());
    CHECK(error.find(each.error) != std::string::npos);
  }
  const Case client[] = {
      {R"({"servers": []})", "servers: expected at least one address"},
      {R"({"server_key": 1})", "server_key: expected a string, got 1"},
      {R"({"identities": ["a"]})", "identities: unknown name"},
      {R"({"tunnels": 65})", "tunnels: expected a whole number from 1 to 64, got 65"},
      {R"({"listeners": [{}]})", "listeners[0].listen: is required and missing"},
      {R"({"listeners": [{"listen": "unix:a", "mode": "99"}]})",
       "listeners[0].mode: expected permission bits like \"0660\""},
      {R"({"listeners": [{"listen": "unix:a", "mode": "066000"}]})",
       "listeners[0].mode: expected permission bits"},
      {R"({"listeners": [{"listen": "a:1", "mode": "0660"}]})",
       "listeners[0].mode: \"mode\" is for unix sockets"},
      {R"({"listeners": [{"listen": "a:1", "rout": "x"}]})", "listeners[0].rout: unknown name"},
      {R"({"routes": {}})", "routes: unknown name"},
  };
  for (const Case& each : client) {
    CAPTURE(each.text);
    const std::string error = ConfigFile(each.text).ClientError();
    CAPTURE(error);
    CHECK_FALSE(error.empty());
    CHECK(error.find(each.error) != std::string::npos);
  }
}

TEST_CASE("A file that can't be read is named") {
  const auto config = ReadServerConfig("/nonexistent/redwall.json");
  REQUIRE_FALSE(config.ok());
  CHECK(config.error().sentence.starts_with("/nonexistent/redwall.json: can't be read"));
  CHECK_FALSE(KindOfConfig("/nonexistent/redwall.json").ok());
}

TEST_CASE("A socket's path that the file's folder makes too long is refused where it is named") {
  const ConfigFile file(R"({"listen": ["unix:)" + std::string(100, 'x') + "\"]}");
  CHECK(file.ServerError().find("listen[0]: ") == 0);
}

std::string ErrorOf(const Result<void, ConfigError>& result) {
  return result ? "" : result.error().sentence;
}

TEST_CASE("Check says what a server agent still lacks") {
  ServerConfig config;
  CHECK(ErrorOf(Check(config)).starts_with("no key: "));
  config.keys = {"k"};
  CHECK(ErrorOf(Check(config)).starts_with("nowhere to listen: "));
  config.listen.push_back(*net::Address::Parse("a:1"));
  CHECK(ErrorOf(Check(config)).starts_with("no Redis to forward to: "));
  config.routes.emplace_back().name = "r";
  CHECK(Check(config).ok());
  config.routes.push_back(config.routes[0]);
  CHECK(ErrorOf(Check(config)) == "the route 'r' is given twice");
  config.routes.pop_back();
  config.identity = "i";
  CHECK(ErrorOf(Check(config)).find("belong together") != std::string::npos);
  config.authorized = "a";
  CHECK(Check(config).ok());
  config.keys.clear();
  CHECK(Check(config).ok());
  config.identity.clear();
  config.keys = {"k"};
  CHECK(ErrorOf(Check(config)).find("belong together") != std::string::npos);
}

TEST_CASE("Check says what a client agent still lacks") {
  ClientConfig config;
  CHECK(ErrorOf(Check(config)).starts_with("no key: "));
  config.keys = {"k"};
  CHECK(ErrorOf(Check(config)).starts_with("nowhere to listen: "));
  config.listeners.emplace_back().listen = *net::Address::Parse("a:1");
  CHECK(ErrorOf(Check(config)).starts_with("no server agent to connect to: "));
  config.servers.push_back(*net::Address::Parse("b:1"));
  CHECK(Check(config).ok());
  config.identity = "i";
  CHECK(ErrorOf(Check(config)).find("belong together") != std::string::npos);
  config.server_key = "x";
  CHECK(Check(config).ok());
}

TEST_CASE("A file that is neither a server's nor a client's, or both, has no kind") {
  CHECK_FALSE(KindOfConfig(ConfigFile("{}").path()).ok());
  for (const char* text : {"{}", R"({"listen": [], "servers": []})"}) {
    const ConfigFile file(text);
    const auto kind = KindOfConfig(file.path());
    REQUIRE_FALSE(kind.ok());
    CHECK(kind.error().sentence.starts_with(file.path() + ": "));
  }
}

}  // namespace
}  // namespace redwall::agent
