// Replication: SYNC and PSYNC make a connection raw, REPLCONF ACK is answered by nobody.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kPsync = Wire({"PSYNC", "?", "-1"});
const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});
const std::string kAck = Wire({"REPLCONF", "ACK", "123"});

TEST_CASE("After SYNC or PSYNC all that Redis sends passes as it comes") {
  const std::string streams[] = {
      "+FULLRESYNC abc 0\r\n$5\r\nREDIS*1\r\n$4\r\nPING\r\n",
      "+CONTINUE\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
      "\n\n$EOF:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nREDIS0010",
      "$4\r\nRDB!and no line end",
  };
  for (const std::string& stream : streams) {
    for (std::size_t piece : {0, 1, 7}) {
      Site site({.policy = kNoWipes});
      site.Request(kGet + kPsync);
      site.Reply(Bulk("x") + stream, piece);
      CHECK(site.to_client == Bulk("x") + stream);
      CHECK_FALSE(site.finished());
      CHECK_FALSE(site.conversation().idle());
      site.TakeRedis();
      site.Request(kAck + kAck);
      CHECK(site.to_redis == kAck + kAck);
    }
  }
}

TEST_CASE("A PSYNC that is refused leaves an ordinary connection") {
  for (const char* name : {"PSYNC", "SYNC"}) {
    Site site({.policy = kNoWipes});
    site.Request(name[0] == 'P' ? kPsync : Wire({name}));
    site.Reply("-NOPERM no\r\n", 1);
    site.TakeClient();
    site.Request(kGet + kFlush);
    site.Reply(Bulk("x"));
    CHECK(site.TakeClient() == Bulk("x") + std::string(kDenied));
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("A denied command on a raw connection ends it, for there is no place for an answer") {
  Site site({.policy = kNoWipes});
  site.Run({"PSYNC", "?", "-1"}, "+CONTINUE\r\n");
  site.TakeRedis();
  site.Request(kAck + kFlush + kAck);
  CHECK(site.finished());
  CHECK(site.to_redis.find("FLUSHALL") == std::string::npos);
  CHECK_FALSE(site.failure().empty());
}

TEST_CASE("A command that was denied while PSYNC waited for its answer ends the connection too") {
  for (const std::string& denied : {kFlush, Wire({"DEBUG", "SLEEP", "0"})}) {
    Site site({.policy = kNoWipes});
    site.Request(kPsync + denied);
    CHECK_FALSE(site.finished());
    site.Reply("+CONTINUE\r\n");
    CHECK(site.finished());
    CHECK_FALSE(site.failure().empty());
  }
}

TEST_CASE("What isn't the protocol ends a raw connection without a word") {
  Site site;
  site.Run({"PSYNC", "?", "-1"}, "+CONTINUE\r\n");
  site.Request("*x\r\n");
  CHECK(site.finished());
  CHECK(site.TakeClient().empty());
}

TEST_CASE("REPLCONF is answered, REPLCONF ACK and GETACK are not") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"REPLCONF", "listening-port", "6380"}) + kAck +
               Wire({"replconf", "getack", "*"}) + kFlush);
  site.Reply("+OK\r\n");
  CHECK(site.to_client == "+OK\r\n" + std::string(kDenied));
  CHECK(site.conversation().idle());
}

TEST_CASE("In a transaction PSYNC is refused or queued, and nothing becomes raw") {
  for (const char* reply : {"-ERR Command not allowed inside a transaction\r\n", "+QUEUED\r\n"}) {
    Site site({.policy = kNoWipes});
    site.Run({"MULTI"}, "+OK\r\n");
    site.Run({"PSYNC", "?", "-1"}, reply);
    site.TakeClient();
    site.Request(kFlush);
    CHECK(site.TakeClient() == kDenied);
    CHECK_FALSE(site.finished());
  }
}

}  // namespace
}  // namespace redwall::proxy
