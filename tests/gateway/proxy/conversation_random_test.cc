// Differential: a client behind two agents must see the same bytes as one that talks to a Redis
// which has the rules itself, whatever it sends and however the bytes are cut.
#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/gateway/proxy/conversation_fixture.h"
#include "tests/gateway/proxy/fake_redis.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kAtClient = R"({"version": 1, "default": "allow", "rules": [
    {"id": "c", "action": "deny", "commands": ["flushall"]}]})";
constexpr std::string_view kAtServer = R"({"version": 1, "default": "allow", "rules": [
    {"id": "s", "action": "deny", "commands": ["keys"]}]})";
const std::map<std::string, std::string> kRules = {
    {"FLUSHALL", "-NOPERM redwall: 'flushall' is denied by rule 'c'\r\n"},
    {"KEYS", "-NOPERM redwall: 'keys' is denied by rule 's'\r\n"}};

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::size_t Below(std::size_t n) { return engine_() % n; }

 private:
  std::mt19937 engine_;
};

std::string RandomRequest(Random& random) {
  switch (random.Below(26)) {
    case 0:
    case 1:
    case 2:
      return Wire({"GET", random.Below(8) == 0 ? "long" : "k" + std::to_string(random.Below(100))});
    case 3:
    case 4:
      return Wire({"SET", "k", random.Below(6) == 0 ? std::string(900, 'v') : "1"});
    case 5:
    case 6:
      return Wire({"FLUSHALL"});
    case 7:
    case 8:
      return Wire({"KEYS", "*"});
    case 9:
    case 10:
      return Wire({"MULTI"});
    case 11:
    case 12:
      return Wire({"EXEC"});
    case 13:
      return Wire({"DISCARD"});
    case 14:
      return random.Below(2) == 0 ? "\r\n" : "*0\r\n";
    case 15:
      return "PING\r\n";
    case 16:
      return Wire({"LRANGE", "l", "0", "-1"});
    case 17:
      return Wire({"CLIENT", "REPLY", random.Below(4) == 0 ? "OFF" : "SKIP"});
    case 18:
      return Wire({"CLIENT", "REPLY", "ON"});
    case 19:
      return Wire({"HELLO", random.Below(3) == 0 ? "2" : "3"});
    case 20:
      return Wire({"RESET"});
    case 21:
      return Wire({"SELECT", std::to_string(random.Below(9))});
    case 22:
      return Wire({"UNSUBSCRIBE"});
    case 23:
      return Wire({"SUBSCRIBE", "a", "b"});
    case 24:
      return Wire({"UNSUBSCRIBE", "a", "zz"});
    default:
      return Wire({"AUTH", random.Below(2) == 0 ? "right" : "wrong"});
  }
}

// Left out is what Redis itself answers out of step: (un)subscribing whose errors are silenced, and
// CLIENT REPLY or (un)subscribing inside of an EXEC's array.
class Mode {
 public:
  bool Admits(const std::string& request) {
    const auto has = [&request](const char* word) {
      return request.find(word) != std::string::npos;
    };
    const bool reply = has("REPLY"), pubsub = has("SUBSCRIBE");
    if ((reply && (multi_ || subscribed_)) || (pubsub && (multi_ || off_ || skip_))) return false;
    if (has("MULTI")) multi_ = true;
    subscribed_ = !has("RESET") && (subscribed_ || pubsub);
    if (has("EXEC") || has("DISCARD") || has("RESET")) multi_ = false;
    if (has("RESET") || (reply && has("ON\r\n"))) off_ = false;
    off_ = off_ || (reply && has("OFF"));
    skip_ = reply && has("SKIP");
    return true;
  }

 private:
  bool multi_ = false, off_ = false, skip_ = false, subscribed_ = false;
};

// Moves some bytes of `from`, at most `most`.
std::string Some(std::string& from, Random& random, std::size_t most) {
  const std::size_t n = std::min(from.size(), 1 + random.Below(most));
  std::string piece = from.substr(0, n);
  from.erase(0, n);
  return piece;
}

struct Gateway {
  Gateway(std::uint32_t seed, std::size_t most, std::size_t max_pending)
      : random(seed), most_bytes(most) {
    ConversationLimits limits;
    limits.request.stream_threshold = 256;
    limits.max_pending = max_pending;
    client = std::make_unique<Site>(
        SiteOptions{.policy = kAtClient, .limits = limits, .side = "client"});
    server = std::make_unique<Site>(
        SiteOptions{.policy = kAtServer, .limits = limits, .side = "server"});
  }

  // One neighbour, chosen at random, hands some bytes on.
  void Step() {
    switch (random.Below(5)) {
      case 0:
        if (client->conversation().takes_requests())
          client->Request(Some(requests, random, most_bytes));
        break;
      case 1:
        if (server->conversation().takes_requests())
          server->Request(Some(client->to_redis, random, most_bytes));
        break;
      case 2:
        redis.Receive(Some(server->to_redis, random, most_bytes));
        break;
      case 3:
        server->Reply(Some(redis.replies, random, most_bytes));
        break;
      default:
        client->Reply(Some(server->to_client, random, most_bytes));
        break;
    }
  }
  bool done() const {
    return requests.empty() && client->to_redis.empty() && server->to_redis.empty() &&
           redis.replies.empty() && server->to_client.empty();
  }

  Random random;
  const std::size_t most_bytes;
  std::string requests;
  std::unique_ptr<Site> client, server;
  FakeRedis redis;
};

TEST_CASE("Behind both agents a client sees what a Redis with these rules would say") {
  for (std::uint32_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::string requests;
    Mode mode;
    for (std::size_t i = 20 + random.Below(100); i > 0;) {
      const std::string request = RandomRequest(random);
      if (!mode.Admits(request)) continue;
      requests += request;
      --i;
    }
    // Whatever the silence before, the end is answered.
    requests += Wire({"CLIENT", "REPLY", "ON"}) + Wire({"RESET"}) + Wire({"GET", "end"});
    FakeRedis direct(kRules);
    direct.Receive(requests);

    constexpr std::size_t kMost[] = {1, 7, 60, 5000};
    Gateway gateway(seed, kMost[seed % 4], seed % 3 == 0 ? 16 : 262144);
    gateway.requests = requests;
    for (std::size_t i = 0; i < 2000000 && !gateway.done(); ++i) gateway.Step();
    REQUIRE(gateway.done());
    REQUIRE(gateway.client->failure() == "");
    REQUIRE(gateway.server->failure() == "");
    REQUIRE(gateway.client->to_client == direct.replies);
    REQUIRE(gateway.redis.executed == direct.executed);
    REQUIRE(gateway.redis.requests == direct.requests);
    REQUIRE(gateway.client->conversation().idle());
    REQUIRE(gateway.server->conversation().idle());
  }
}

TEST_CASE("With refused CLIENT REPLYs and logins among them no reply is lost or too many") {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::string requests;
    Mode mode;
    for (std::size_t i = 10 + random.Below(60); i > 0;) {
      const std::string request = RandomRequest(random);
      const bool denied =
          request.find("FLUSHALL") != request.npos || request.find("KEYS") != request.npos;
      if (denied || !mode.Admits(request)) continue;
      requests += request;
      --i;
    }
    requests += Wire({"RESET"}) + Wire({"AUTH", "right"}) + Wire({"CLIENT", "REPLY", "ON"}) +
                Wire({"RESET"});
    FakeRedis direct;
    direct.needs_auth = true;
    direct.Receive(requests);

    Gateway gateway(seed, seed % 2 == 0 ? 40 : 3000, seed % 3 == 0 ? 16 : 262144);
    gateway.redis.needs_auth = true;
    gateway.requests = requests;
    for (std::size_t i = 0; i < 2000000 && !gateway.done(); ++i) gateway.Step();
    REQUIRE(gateway.done());
    REQUIRE(gateway.client->failure() == "");
    REQUIRE(gateway.server->failure() == "");
    REQUIRE(gateway.client->to_client == direct.replies);
    REQUIRE(gateway.client->conversation().idle());
    REQUIRE(gateway.server->conversation().idle());
  }
}

TEST_CASE(
    "With AUTH and refused MULTIs among them, no transaction with a denied command is ever "
    "executed") {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Gateway gateway(seed, seed % 2 == 0 ? 40 : 3000, 262144);
    gateway.redis.needs_auth = true;
    Random random(seed);
    // Each transaction's SET tells whether a command in it was denied.
    std::size_t authorized = 5 + random.Below(20);
    for (std::size_t i = 0; i < 40; ++i) {
      if (i == authorized) gateway.requests += Wire({"AUTH", "right"});
      gateway.requests += Wire({"MULTI"});
      if (random.Below(6) == 0) gateway.requests += Wire({"AUTH", "right"}) + Wire({"MULTI"});
      const bool spoiled = random.Below(2) == 0;
      if (spoiled) gateway.requests += Wire({random.Below(2) == 0 ? "FLUSHALL" : "KEYS"});
      gateway.requests += Wire({"SET", "k", spoiled ? "spoiled" : "good"}) + Wire({"EXEC"});
    }
    for (std::size_t i = 0; i < 2000000 && !gateway.done(); ++i) gateway.Step();
    REQUIRE(gateway.done());
    REQUIRE(gateway.client->failure() == "");
    std::size_t good = 0;
    for (const auto& command : gateway.redis.executed) {
      REQUIRE(command[2] != "spoiled");
      ++good;
    }
    REQUIRE(good > 0);
  }
}

}  // namespace
}  // namespace redwall::proxy
