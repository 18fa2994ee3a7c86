// What ends a connection, and what makes it wait.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});
const std::string kNo(kDenied);

std::string Times(std::size_t n, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) all += text;
  return all;
}

TEST_CASE("A protocol error is Redis's to answer, and nothing follows it") {
  struct Case {
    std::string bytes, forwarded, text;
  };
  const Case cases[] = {
      {"*x\r\n", "*x\r\n", "invalid multibulk length"},
      {"*2147483648\r\n", "*x\r\n", "invalid multibulk length"},
      {"*1\r\n:1\r\n", "*1\r\n:\r\n", "expected '$', got ':'"},
      {"*3\r\n$1\r\na\r\nzzz\r\n", "*1\r\nz\r\n", "expected '$', got 'z'"},
      {"*1\r\n\r\n", "*1\r\n \r\n", "expected '$', got ' '"},
      {"*1\r\n\x01\r\n", "*1\r\n\x01\r\n", "expected '$', got '\x01'"},
      {"*1\r\n$-1\r\n", "*1\r\n$x\r\n", "invalid bulk length"},
      {"*1\r\n$x\r\n", "*1\r\n$x\r\n", "invalid bulk length"},
      {"*1\r\n$536870913\r\n", "*1\r\n$x\r\n", "invalid bulk length"},
      {"GET \"a\r\n", "\"\r\n", "unbalanced quotes in request"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    for (const std::size_t piece : {0u, 1u}) {
      Site site({.policy = kNoWipes});
      site.Request(kGet + kFlush + each.bytes + (piece == 0 ? kGet : std::string()), piece);
      CHECK(site.to_redis == kGet + "*0\r\n" + each.forwarded);
      site.Request(kGet, piece);
      site.Reply(Bulk("x") + "-ERR Protocol error: " + each.text + "\r\n", piece);
      CHECK(site.to_client == Bulk("x") + kNo + "-ERR Protocol error: " + each.text + "\r\n");
      CHECK(site.to_redis == kGet + "*0\r\n" + each.forwarded);
      CHECK(site.conversation().leaving());
      CHECK(site.conversation().idle());
      resp::CommandParser redis;  // which sees what it is told to refuse
      REQUIRE(redis.Parse(each.forwarded) == resp::ParseStatus::kError);
      CHECK(redis.error() == "ERR Protocol error: " + each.text);
    }
  }
}

TEST_CASE("What only a limit of ours refuses is answered here, after the replies that are due") {
  struct Case {
    std::string bytes, text;
  };
  const Case cases[] = {
      {"*1\r\n$" + std::string(66000, '1'), "too big bulk count string"},
      {"*" + std::string(66000, '1'), "too big mbulk count string"},
      {std::string(66000, 'x'), "too big inline request"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    for (const std::size_t piece : {0u, 1u}) {
      Site site({.policy = kNoWipes});
      site.Request(kGet + kFlush + each.bytes + (piece == 0 ? kGet : std::string()), piece);
      CHECK(site.to_redis == kGet + "*0\r\n");
      CHECK(site.to_client.empty());
      CHECK_FALSE(site.finished());
      site.Reply(Bulk("x"));
      CHECK(site.to_client == Bulk("x") + kNo + "-ERR Protocol error: " + each.text + "\r\n");
      CHECK(site.finished());
    }
  }
}

TEST_CASE("A browser's request ends the connection without an answer") {
  for (const std::string& request :
       {std::string("POST / HTTP/1.1\r\n"), std::string("Host: localhost:6379\r\n"),
        std::string("host:\r\n"), Wire({"pOsT", "x"}), std::string("post\r\n"),
        Wire({"POST", "x", std::string(40000, 'y')})}) {
    CAPTURE(request);
    for (const std::size_t piece : {0u, 1u}) {
      Site site({.policy = R"({"version": 1, "default": "allow", "unknown": "allow"})"});
      site.Request(kGet + request + kGet, piece);
      CHECK(site.to_redis == kGet);
      CHECK(site.to_client.empty());
      CHECK(site.finished());
    }
  }
}

TEST_CASE(
    "With max_pending requests unanswered no more are taken, and half of them later they are") {
  ConversationLimits limits;
  limits.max_pending = 16;
  Site site({.policy = kNoWipes, .limits = limits});
  site.Request(Times(15, kGet));
  CHECK(site.conversation().takes_requests());
  site.Request(kGet);
  CHECK_FALSE(site.conversation().takes_requests());
  site.Request(Times(3, kGet) + kFlush);  // was under way
  CHECK(site.TakeRedis() == Times(16, kGet));
  site.Reply(Times(7, Bulk("x")));
  CHECK_FALSE(site.conversation().takes_requests());
  CHECK(site.TakeRedis().empty());
  site.Reply(Bulk("x"));
  CHECK(site.conversation().takes_requests());
  CHECK(site.TakeRedis() == Times(3, kGet) + "*0\r\n");
  site.Reply(Times(11, Bulk("x")));
  CHECK(site.to_client == Times(19, Bulk("x")) + kNo);
  CHECK(site.conversation().idle());
}

TEST_CASE("A pipeline far longer than max_pending passes whole, however it is cut") {
  ConversationLimits limits;
  limits.max_pending = 16;
  std::string requests, expected;
  std::size_t allowed = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    const bool denied = i % 7 == 3 || (i > 100 && i < 160);
    requests += denied ? kFlush : kGet;
    expected += denied ? kNo : Bulk("x");
    allowed += denied ? 0 : 1;
  }
  for (const std::size_t piece : {0u, 1u, 100u}) {
    Site site({.policy = kNoWipes, .limits = limits});
    site.Request(requests, piece);
    for (std::size_t i = 0; i < allowed; ++i) site.Reply(Bulk("x"));
    REQUIRE(site.to_client == expected);
    CHECK(site.conversation().takes_requests());
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("Denied commands alone never leave a connection waiting for a reply that won't come") {
  ConversationLimits limits;
  limits.max_pending = 16;
  for (const std::size_t count : {15u, 16u, 17u, 100u}) {
    CAPTURE(count);
    Site site({.policy = kNoWipes, .limits = limits});
    site.Request(Times(count, kFlush));
    CHECK(site.to_client == Times(count, kNo));
    CHECK(site.conversation().takes_requests());
    CHECK(site.conversation().idle());
    site.TakeClient();
    // Behind one reply that is waited for.
    site.Request(kGet + Times(count, kFlush));
    site.Reply(Bulk("x"));
    CHECK(site.to_client == Bulk("x") + Times(count, kNo));
    CHECK(site.conversation().takes_requests());
  }
}

TEST_CASE("A long command that is the last to be taken can still be finished") {
  ConversationLimits limits;
  limits.max_pending = 16;
  const std::string set = Wire({"SET", "a", std::string(100000, 'v')});
  Site site({.limits = limits});
  site.Request(Times(15, kGet) + set);
  CHECK_FALSE(site.conversation().takes_requests());
  site.Reply(Times(8, Bulk("x")));
  CHECK(site.to_redis == Times(15, kGet) + set);
}

TEST_CASE("An error that nobody asked for passes: maxclients, protected mode") {
  const std::string error = "-ERR max number of clients reached\r\n";
  for (const std::size_t piece : {0u, 1u}) {
    Site site;
    site.Reply(error, piece);
    CHECK(site.to_client == error);
    CHECK_FALSE(site.finished());
  }
}

TEST_CASE(
    "Any other reply that nobody asked for ends the connection, and what came before it is "
    "delivered") {
  for (const std::string reply :
       {"+OK\r\n", "$1\r\nx\r\n", ":1\r\n", "*0\r\n", "_\r\n", "%0\r\n"}) {
    CAPTURE(reply);
    for (const std::size_t piece : {0u, 1u}) {
      Site site;
      site.Request(kGet);
      site.Reply(Bulk("good") + reply + Bulk("more"), piece);
      CHECK(site.to_client == Bulk("good"));
      CHECK(site.finished());
      CHECK(site.failure() == "Redis sent a reply that nobody asked for");
    }
  }
}

TEST_CASE(
    "What isn't the Redis protocol ends the connection, and what came before it is delivered") {
  for (const std::string reply : {"HTTP/1.1 400\r\n", "*-2\r\n", "$x\r\n", "+OK\r\n$1\r\nxyz"}) {
    CAPTURE(reply);
    Site site;
    site.Request(kGet + kGet + kGet);
    site.Reply(Bulk("good"));
    site.Reply(reply);
    CHECK(site.to_client.starts_with(Bulk("good")));
    CHECK(site.finished());
    CHECK(site.failure() == "what came from Redis isn't the Redis protocol");
    const std::string before = site.to_client;
    site.Reply(Bulk("more"));
    site.Request(kGet);
    CHECK(site.to_client == before);
  }
}

TEST_CASE("Replies nest as deep as the limit says and no deeper") {
  ConversationLimits limits;
  limits.reply.max_depth = 8;
  for (const std::size_t depth : {7u, 8u, 9u}) {
    Site site({.limits = limits});
    site.Request(kGet);
    site.Reply(Times(depth, "*1\r\n") + ":1\r\n");
    CHECK(site.finished() == (depth > 8));
  }
}

TEST_CASE("After OnClosed a conversation takes and gives nothing") {
  Site site({.policy = kNoWipes});
  site.Request(kGet);
  site.conversation().OnClosed();
  CHECK(site.finished());
  site.TakeRedis();
  site.Request(kGet + kFlush);
  site.Reply(Bulk("x"));
  CHECK(site.to_redis.empty());
  CHECK(site.to_client.empty());
}

TEST_CASE("A connection is idle only when nothing would be lost") {
  Site site;
  CHECK(site.conversation().idle());
  site.Request("*1\r\n");
  CHECK_FALSE(site.conversation().idle());
  site.Request("$4\r\nPING\r\n");
  CHECK_FALSE(site.conversation().idle());
  site.Reply("+PO");
  CHECK_FALSE(site.conversation().idle());
  site.Reply("NG\r\n");
  CHECK(site.conversation().idle());
  site.Reply(">1\r\n");
  CHECK_FALSE(site.conversation().idle());
  site.Reply(":1\r\n");
  CHECK(site.conversation().idle());
}

}  // namespace
}  // namespace redwall::proxy
