// Subscriptions: which of the frames that come from Redis is an answer, and to what.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kFlush = Wire({"FLUSHALL"});
const std::string kPing = Wire({"PING"});
const std::string kPong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
const std::string kNo(kDenied);

// One by one: gives `frames` in pieces, and expects the denial that waits behind them not before
// the last byte.
void ExpectDenialAfter(Site& site, const std::string& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    REQUIRE(site.to_client == frames.substr(0, i));
    site.Reply(frames.substr(i, 1));
  }
  CHECK(site.to_client == frames + kNo);
  CHECK_FALSE(site.finished());
}

TEST_CASE("SUBSCRIBE has one confirmation for each channel") {
  for (const char* verb : {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"}) {
    CAPTURE(verb);
    Site site({.policy = kNoWipes});
    std::string kind(verb);
    for (char& c : kind) c = static_cast<char>(c + 32);
    site.Request(Wire({verb, "a", "b", "c"}) + kFlush);
    ExpectDenialAfter(
        site, Confirmation(kind, "a", 1) + Confirmation(kind, "b", 2) + Confirmation(kind, "c", 3));
    CHECK_FALSE(site.conversation().idle());
  }
}

TEST_CASE("Messages come between replies and take no slot in RESP2") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"SUBSCRIBE", "a"}) + Wire({"PSUBSCRIBE", "p*"}) + kPing + kFlush);
  const std::string pattern = "*4\r\n" + Bulk("pmessage") + Bulk("p*") + Bulk("pa") + Bulk("hi");
  ExpectDenialAfter(site, Confirmation("subscribe", "a", 1) + Message("a", "1") +
                              Confirmation("psubscribe", "p*", 2) + pattern + Message("a", "2") +
                              kPong);
  site.TakeClient();
  site.Reply(Message("a", "3") + pattern);
  CHECK(site.to_client == Message("a", "3") + pattern);
  CHECK_FALSE(site.finished());
}

TEST_CASE("UNSUBSCRIBE without a channel is confirmed for each, or once where there is none") {
  const std::string null = Confirmation("unsubscribe", "", 0);
  SUBCASE("none") {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"UNSUBSCRIBE"}) + kFlush);
    ExpectDenialAfter(site, null);
  }
  SUBCASE("one") {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"SUBSCRIBE", "a"}) + Wire({"UNSUBSCRIBE"}) + kFlush);
    ExpectDenialAfter(site,
                      Confirmation("subscribe", "a", 1) + Confirmation("unsubscribe", "a", 0));
    CHECK(site.conversation().idle());
  }
  SUBCASE("three, and the pattern stays") {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"SUBSCRIBE", "a", "b", "c"}) + Wire({"PSUBSCRIBE", "p*"}) +
                 Wire({"UNSUBSCRIBE"}) + kFlush);
    ExpectDenialAfter(
        site, Confirmation("subscribe", "a", 1) + Confirmation("subscribe", "b", 2) +
                  Confirmation("subscribe", "c", 3) + Confirmation("psubscribe", "p*", 4) +
                  Confirmation("unsubscribe", "c", 3) + Confirmation("unsubscribe", "a", 2) +
                  Confirmation("unsubscribe", "b", 1));
    CHECK_FALSE(site.conversation().idle());
    site.TakeClient();
    site.Request(Wire({"PUNSUBSCRIBE"}) + Wire({"UNSUBSCRIBE"}) + Wire({"SUNSUBSCRIBE"}) + kFlush);
    ExpectDenialAfter(
        site, Confirmation("punsubscribe", "p*", 0) + null + Confirmation("sunsubscribe", "", 0));
    CHECK(site.conversation().idle());
  }
  SUBCASE("none, with a pattern") {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"PSUBSCRIBE", "p*"}) + Wire({"UNSUBSCRIBE"}) + kFlush);
    ExpectDenialAfter(site,
                      Confirmation("psubscribe", "p*", 1) + Confirmation("unsubscribe", "", 1));
  }
  SUBCASE("three shard channels, with a message between the confirmations") {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"SSUBSCRIBE", "a", "b", "c"}) + Wire({"SUNSUBSCRIBE"}) + kFlush);
    const std::string shard = "*3\r\n" + Bulk("smessage") + Bulk("a") + Bulk("hi");
    ExpectDenialAfter(
        site, Confirmation("ssubscribe", "a", 1) + Confirmation("ssubscribe", "b", 2) +
                  Confirmation("ssubscribe", "c", 3) + Confirmation("sunsubscribe", "b", 2) +
                  shard + Confirmation("sunsubscribe", "a", 1) +
                  Confirmation("sunsubscribe", "c", 0));
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("UNSUBSCRIBE with channels is confirmed for each of them, subscribed or not") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"UNSUBSCRIBE", "x", "y"}) + kFlush);
  ExpectDenialAfter(site,
                    Confirmation("unsubscribe", "x", 0) + Confirmation("unsubscribe", "y", 0));
}

TEST_CASE("An error answers the whole SUBSCRIBE") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"SUBSCRIBE", "a", "b", "c"}) + kFlush);
  ExpectDenialAfter(site, "-NOPERM this user has no permissions to access one of the channels\r\n");
  CHECK(site.conversation().idle());
}

TEST_CASE("In subscribe mode an error answers one command, and so does one of ours") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"SUBSCRIBE", "a"}) + Wire({"GET", "x"}) + kFlush);
  ExpectDenialAfter(site, Confirmation("subscribe", "a", 1) + "-ERR Can't execute 'get'\r\n");
}

TEST_CASE("SUBSCRIBE without a channel is an error of Redis's") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"SUBSCRIBE"}) + kFlush);
  ExpectDenialAfter(site, "-ERR wrong number of arguments for 'subscribe' command\r\n");
}

TEST_CASE(
    "A list that looks like a message or a confirmation is a reply where nothing is subscribed") {
  for (const char* kind :
       {"message", "pmessage", "smessage", "subscribe", "unsubscribe", "sunsubscribe"}) {
    CAPTURE(kind);
    const std::string list = Confirmation(kind, "a", 1);
    for (const bool resp3 : {false, true}) {
      Site site({.policy = kNoWipes});
      if (resp3) {
        site.Run({"HELLO", "3"}, "%0\r\n");
        site.Run({"SUBSCRIBE", "a"}, Confirmation("subscribe", "a", 1, '>'));
        site.TakeClient();
      }
      site.Request(Wire({"LRANGE", "l", "0", "-1"}) + kFlush);
      ExpectDenialAfter(site, list);
      CHECK(site.conversation().idle() == !resp3);
    }
  }
}

TEST_CASE("A list that looks like a confirmation doesn't answer a SUBSCRIBE that waits behind") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"LRANGE", "l", "0", "-1"}) + Wire({"SUBSCRIBE", "a"}) + kFlush);
  ExpectDenialAfter(site, Confirmation("subscribe", "a", 1) + Confirmation("subscribe", "a", 1));
}

TEST_CASE("In RESP3 confirmations are pushes, and commands of every kind go on") {
  Site site({.policy = kNoWipes});
  site.Run({"HELLO", "3"}, "%0\r\n");
  site.TakeClient();
  site.Request(Wire({"SUBSCRIBE", "a", "b"}) + Wire({"GET", "x"}) + Wire({"UNSUBSCRIBE"}) + kFlush);
  const std::string invalidate = ">2\r\n" + Bulk("invalidate") + "*1\r\n" + Bulk("x");
  ExpectDenialAfter(site, invalidate + Confirmation("subscribe", "a", 1, '>') +
                              Message("a", "1", '>') + Confirmation("subscribe", "b", 2, '>') +
                              invalidate + Bulk("v") + invalidate +
                              Confirmation("unsubscribe", "a", 1, '>') + Message("b", "2", '>') +
                              Confirmation("unsubscribe", "b", 0, '>'));
  CHECK(site.conversation().idle());
}

TEST_CASE("In RESP3 an error answers SUBSCRIBE in-band") {
  Site site({.policy = kNoWipes});
  site.Run({"HELLO", "3"}, "%0\r\n");
  site.TakeClient();
  site.Request(Wire({"SUBSCRIBE", "a", "b"}) + kFlush);
  ExpectDenialAfter(site, Message("z", "1", '>') + "-NOPERM no\r\n");
}

TEST_CASE("A push that names another channel's kind confirms nothing that waits") {
  Site site({.policy = kNoWipes});
  site.Run({"HELLO", "3"}, "%0\r\n");
  site.TakeClient();
  site.Request(Wire({"GET", "x"}) + Wire({"SUBSCRIBE", "a"}) + kFlush);
  // Redis moved a slot and took a shard channel away by itself.
  ExpectDenialAfter(site, Confirmation("sunsubscribe", "s", 0, '>') + Bulk("v") +
                              Confirmation("sunsubscribe", "s", 0, '>') +
                              Confirmation("subscribe", "a", 1, '>'));
}

TEST_CASE("A shard channel that Redis takes away while subscribed takes no slot in RESP2") {
  Site site({.policy = kNoWipes});
  site.Run({"SSUBSCRIBE", "a"}, Confirmation("ssubscribe", "a", 1));
  site.TakeClient();
  site.Request(kPing + kFlush);
  ExpectDenialAfter(site, Confirmation("sunsubscribe", "a", 0) + kPong);
  CHECK(site.conversation().idle());
}

TEST_CASE("RESET ends all subscriptions") {
  Site site({.policy = kNoWipes});
  site.Run({"SUBSCRIBE", "a"}, Confirmation("subscribe", "a", 1));
  site.Run({"RESET"}, "+RESET\r\n");
  CHECK(site.conversation().idle());
  site.TakeClient();
  site.Request(Wire({"LRANGE", "l", "0", "-1"}) + kFlush);
  ExpectDenialAfter(site, Message("a", "x"));
}

TEST_CASE("SUBSCRIBE is confirmed even where CLIENT REPLY silences it") {
  for (const char* mode : {"SKIP", "OFF"}) {
    CAPTURE(mode);
    Site site({.policy = kNoWipes});
    site.Request(Wire({"CLIENT", "REPLY", mode}) + Wire({"SUBSCRIBE", "a", "b"}));
    const std::string confirmed =
        Confirmation("subscribe", "a", 1) + Confirmation("subscribe", "b", 2);
    site.Reply(confirmed + Message("a", "1"));
    CHECK(site.TakeClient() == confirmed + Message("a", "1"));
    site.Request(Wire({"RESET"}) + kFlush);
    ExpectDenialAfter(site, Message("a", "2") + "+RESET\r\n");
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("A channel that the policy denies is refused whole") {
  Site site({.policy = R"({"version": 1, "default": "allow", "rules": [
      {"id": "no", "action": "deny", "commands": ["subscribe"], "channels": ["secret.*"]}]})"});
  site.Request(Wire({"SUBSCRIBE", "a", "secret.x"}) + Wire({"SUBSCRIBE", "a"}));
  CHECK(site.to_redis == "*0\r\n" + Wire({"SUBSCRIBE", "a"}));
  site.Reply(Confirmation("subscribe", "a", 1));
  CHECK(site.to_client == "-NOPERM redwall: 'subscribe' is denied by rule 'no'\r\n" +
                              Confirmation("subscribe", "a", 1));
}

}  // namespace
}  // namespace redwall::proxy
