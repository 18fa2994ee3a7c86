// Long values: forwarded in pieces as soon as the policy has seen what it needs to.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});
const std::string kNoSecret = "-NOPERM redwall: 'set' is denied by rule 'secrets'\r\n";

std::string Value(std::size_t size) {
  std::string value(size, 'v');
  for (std::size_t i = 0; i < size; i += 7) value[i] = "\r\n*$0"[i % 5];
  return value;
}

TEST_CASE("A SET of any length passes byte for byte, in pieces of any size") {
  for (const std::size_t size : {32767u, 32768u, 32769u, 100000u, 1000000u}) {
    const std::string set = Wire({"SET", "key", Value(size), "EX", "10"});
    for (const std::size_t piece : {0u, 1000u, 16384u, 65537u}) {
      CAPTURE(size);
      CAPTURE(piece);
      Site site({.policy = kNoWipes});
      site.Request(set + kFlush + set, piece);
      REQUIRE(site.to_redis == set + "*0\r\n" + set);
      site.Reply("+OK\r\n+OK\r\n");
      CHECK(site.to_client == "+OK\r\n" + std::string(kDenied) + "+OK\r\n");
      CHECK(site.conversation().idle());
    }
  }
}

TEST_CASE(
    "Only the head of a long SET is held: what has come has gone, at each byte of the front") {
  const std::string set = Wire({"SET", "key", Value(100000)});
  const std::size_t head = set.find("$100000\r\n") + 9;
  for (std::size_t cut = 1; cut < head + 40; ++cut) {
    Site site({.policy = kNoWipes});
    site.Request(set.substr(0, cut), 1);
    REQUIRE(site.to_redis == (cut < head ? "" : set.substr(0, cut)));
    site.Request(set.substr(cut));
    REQUIRE(site.to_redis == set);
  }
}

TEST_CASE("Every split of the end of a long SET, later arguments included") {
  const std::string set = Wire({"SET", "key", Value(40000), "EX", "1"});
  for (std::size_t cut = set.size() - 40; cut < set.size(); ++cut) {
    Site site({.policy = kNoWipes});
    site.Request(set.substr(0, cut));
    site.Request(set.substr(cut) + kGet);
    REQUIRE(site.to_redis == set + kGet);
  }
}

TEST_CASE("A denied long command is thrown away, answered once, and what follows is served") {
  const std::string set = Wire({"SET", "secret:1", Value(200000)});
  for (const std::size_t piece : {0u, 1u, 5000u}) {
    Site site({.policy = kNoWipes});
    site.Request(kGet + set + kGet, piece);
    CHECK(site.to_redis == kGet + "*0\r\n" + kGet);
    site.Reply(Bulk("1") + Bulk("2"));
    CHECK(site.to_client == Bulk("1") + kNoSecret + Bulk("2"));
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("A long command that disconnects: nothing behind it is served") {
  const std::string policy =
      R"({"version": 1, "default": "allow", "rules": [{"id": "out", "action": "disconnect", "commands": ["set"]}]})";
  Site site({.policy = policy});
  site.Request(kGet + Wire({"SET", "a", Value(100000)}) + kGet + kGet, 4096);
  CHECK(site.to_redis == kGet + "*0\r\n");
  site.Reply(Bulk("1"));
  CHECK(site.to_client == Bulk("1") + "-NOPERM redwall: 'set' is denied by rule 'out'\r\n");
  CHECK(site.finished());
}

TEST_CASE("A long command in a transaction that is denied spoils it") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"MULTI"}) + Wire({"SET", "secret:1", Value(100000)}) + Wire({"EXEC"}), 4096);
  CHECK(site.to_redis == Wire({"MULTI"}) + "*0\r\n" + Wire({"DISCARD"}));
}

TEST_CASE("MSET with long values waits until its last key is there") {
  const std::string mset = Wire({"MSET", "a", Value(40000), "b", Value(40000)});
  Site site({.policy = kNoWipes});
  const std::size_t last_key = mset.find("$1\r\nb\r\n");
  site.Request(mset.substr(0, last_key), 1000);
  CHECK(site.to_redis.empty());
  site.Request(mset.substr(last_key), 1000);
  CHECK(site.to_redis == mset);
  site.TakeRedis();
  site.Request(Wire({"MSET", "a", Value(40000), "secret:1", Value(40000)}), 1000);
  CHECK(site.to_redis == "*0\r\n");
}

TEST_CASE("Stray bytes in a long command are mended on its way") {
  std::string set = "*4\r\n$3\r\nSETxx$3\r\nkey\r\n$40000\r\n" + Value(40000) + "yy$2\rzEX\r\n";
  for (const std::size_t piece : {0u, 1u, 777u}) {
    Site site({.policy = kNoWipes});
    site.Request(set, piece);
    CHECK(site.to_redis == Wire({"SET", "key", Value(40000), "EX"}));
  }
}

TEST_CASE("What must be looked at is bounded, at n - 1, n and n + 1 bytes") {
  ConversationLimits limits;
  limits.request.max_inspected = 4096;
  limits.request.stream_threshold = 1024;
  for (const int more : {-1, 0, 1}) {
    CAPTURE(more);
    std::string request;
    for (std::size_t rest = 0; request.size() < 4096 + static_cast<std::size_t>(more); ++rest)
      request =
          Wire({"MSET", "a", Value(1000), "b", Value(1000), "c", Value(1000), "d", Value(rest)});
    REQUIRE(request.size() == 4096 + static_cast<std::size_t>(more));
    for (const std::size_t piece : {0u, 1u}) {
      Site site({.policy = kNoWipes, .limits = limits});
      site.Request(request, piece);
      if (more <= 0) {
        CHECK(site.to_redis == request);
      } else {
        // What makes Redis answer in its own words; nothing of the command.
        CHECK((site.to_redis == "*x\r\n" || site.to_redis == "*1\r\n$x\r\n"));
        CHECK(site.conversation().leaving());
      }
    }
  }
}

TEST_CASE("A command that can't be judged within the limit is refused, be it all here at once") {
  ConversationLimits limits;
  limits.request.max_inspected = 4096;
  limits.request.stream_threshold = 1024;
  for (const std::size_t piece : {0u, 1u, 5000u}) {
    Site site({.policy = kNoWipes, .limits = limits});
    site.Request(kGet + Wire({"MSET", "a", Value(5000), "b", Value(10)}), piece);
    CHECK(site.to_redis == kGet + "*1\r\n$x\r\n");
    CHECK(site.conversation().leaving());
  }
}

TEST_CASE(
    "A protocol error inside of a long command is answered though the command never will be") {
  const std::string set =
      "*4\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n" + Value(100000) + "\r\nx5\r\n";
  for (const std::size_t piece : {0u, 1u, 10000u}) {
    Site site({.policy = kNoWipes});
    site.Request(kGet + set + kGet, piece);
    // Seen at once, or when Redis had the first arguments already.
    CHECK(site.to_redis.ends_with(piece == 0 ? "*1\r\nx\r\n" : "v\r\nx\r\n"));
    const std::string error = "-ERR Protocol error: expected '$', got 'x'\r\n";
    site.Reply(Bulk("1") + error, piece);
    CHECK(site.to_client == Bulk("1") + error);
    CHECK(site.conversation().idle());
  }
  Site denied({.policy = kNoWipes});
  denied.Request("*4\r\n$3\r\nSET\r\n$8\r\nsecret:1\r\n$100000\r\n" + Value(100000) + "\r\nx5\r\n",
                 1000);
  CHECK(denied.to_client == kNoSecret);
  CHECK(denied.to_redis == "*0\r\n*1\r\nx\r\n");
}

TEST_CASE("A Redis that answers a command before it is whole confuses nobody") {
  const std::string set = Wire({"SET", "a", Value(100000)});
  Site site({.policy = kNoWipes});
  site.Request(set.substr(0, 50000));
  site.Reply("-OOM command not allowed\r\n");
  site.Request(set.substr(50000) + kFlush);
  CHECK(site.to_redis == set + "*0\r\n");
  CHECK(site.to_client == "-OOM command not allowed\r\n" + std::string(kDenied));
}

TEST_CASE("A long command whose reply is silenced takes no slot") {
  const std::string set = Wire({"SET", "a", Value(100000)});
  Site site({.policy = kNoWipes});
  site.Request(Wire({"CLIENT", "REPLY", "SKIP"}) + set + kFlush, 10000);
  CHECK(site.to_client == kDenied);
}

TEST_CASE("A long reply passes piece by piece as it comes") {
  const std::string reply = Bulk(Value(300000));
  Site site({.policy = kNoWipes});
  site.Request(kGet + kFlush);
  for (std::size_t at = 0; at < reply.size(); at += 10000) {
    site.Reply(std::string_view(reply).substr(at, 10000));
    const std::size_t end = std::min(at + 10000, reply.size());
    REQUIRE(std::string_view(site.to_client).substr(0, end) ==
            std::string_view(reply).substr(0, end));
  }
  CHECK(site.to_client == reply + std::string(kDenied));
}

}  // namespace
}  // namespace redwall::proxy
