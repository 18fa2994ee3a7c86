// What has to wait, and what is only known later: AUTH behind other commands, QUIT that is refused,
// CLIENT REPLY that is refused, and what commands do that take effect in EXEC.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});
const std::string kAuth = Wire({"AUTH", "ann", "pw"});
const std::string kQuit = Wire({"QUIT"});
const std::string kOff = Wire({"CLIENT", "REPLY", "OFF"});
const std::string kOn = Wire({"CLIENT", "REPLY", "ON"});
const std::string kSkip = Wire({"CLIENT", "REPLY", "SKIP"});
const std::string kNoAuth = "-NOAUTH Authentication required.\r\n";
const std::string kNoPerm =
    "-NOPERM User ann has no permissions to run the 'client|reply' command\r\n";
const std::string kNo(kDenied);

TEST_CASE("AUTH is forwarded only when everything before it is answered, at every cut") {
  const std::string hello = Wire({"HELLO", "3", "AUTH", "ann", "pw"});
  for (const std::string& login : {kAuth, hello}) {
    for (std::size_t piece : {0, 1, 7}) {
      CAPTURE(piece);
      Site site;
      site.Request(kGet + kGet + login + kGet, piece);
      CHECK(site.TakeRedis() == kGet + kGet);
      CHECK_FALSE(site.conversation().takes_requests());
      site.Reply(Bulk("1"), piece);
      CHECK(site.TakeRedis().empty());
      site.Reply(Bulk("2"), piece);
      CHECK(site.TakeRedis() == login + kGet);
      CHECK(site.conversation().takes_requests());
      site.Reply("+OK\r\n" + Bulk("3"), piece);
      CHECK(site.to_client == Bulk("1") + Bulk("2") + "+OK\r\n" + Bulk("3"));
      CHECK(site.conversation().idle());
    }
  }
}

TEST_CASE("AUTH waits for nothing that doesn't come") {
  Site site({.policy = kNoWipes});
  SUBCASE("a denial") {
    site.Request(kFlush + kAuth);
    CHECK(site.to_redis == "*0\r\n" + kAuth);
  }
  SUBCASE("silenced commands") {
    site.Request(kOff + kGet + kAuth);
    CHECK(site.to_redis == kOff + kGet + kAuth);
  }
  SUBCASE("HELLO without a login") {
    site.Request(kGet + Wire({"HELLO", "3"}));
    CHECK(site.to_redis == kGet + Wire({"HELLO", "3"}));
  }
  SUBCASE("inside MULTI, where it is only queued") {
    site.Request(Wire({"MULTI"}) + kAuth);
    CHECK(site.to_redis == Wire({"MULTI"}) + kAuth);
  }
  SUBCASE("a client that has said all it had to say") {
    site.Request(kGet + kAuth + kGet);
    CHECK(site.to_redis == kGet);
    site.conversation().OnRequestEnd(site.now);
    CHECK(site.to_redis == kGet + kAuth + kGet);
    CHECK(site.conversation().takes_requests());
    site.Reply(Bulk("1") + "+OK\r\n" + Bulk("2"));
    CHECK(site.to_client == Bulk("1") + "+OK\r\n" + Bulk("2"));
  }
  SUBCASE("the end came first") {
    site.conversation().OnRequestEnd(site.now);
    site.Request(kGet + kAuth);
    CHECK(site.to_redis == kGet + kAuth);
  }
}

TEST_CASE("What stands behind QUIT waits for its answer, and is dropped when that is OK") {
  Site site({.policy = kNoWipes});
  site.Request(kQuit + kGet + kFlush);
  CHECK(site.TakeRedis() == kQuit);
  SUBCASE("granted") {
    site.Reply("+OK\r\n");
    site.Request(kGet);
    CHECK(site.to_client == "+OK\r\n");
    CHECK(site.TakeRedis().empty());
    CHECK(site.conversation().idle());
  }
  SUBCASE("refused by an ACL: the connection goes on") {
    site.Reply("-NOPERM no\r\n");
    CHECK(site.TakeRedis() == kGet + "*0\r\n");
    site.Reply(Bulk("1"));
    CHECK(site.to_client == "-NOPERM no\r\n" + Bulk("1") + kNo);
    CHECK(site.conversation().idle());
  }
  SUBCASE("the client is gone: nothing waits any longer") {
    site.conversation().OnRequestEnd(site.now);
    CHECK(site.conversation().takes_requests());
    CHECK(site.TakeRedis().empty());
  }
}

TEST_CASE("A CLIENT REPLY OFF that Redis refuses silences nothing") {
  for (const std::string& refusal : {kNoAuth, kNoPerm}) {
    for (std::size_t piece : {0, 1, 5}) {
      CAPTURE(piece);
      Site site({.policy = kNoWipes});
      site.Request(kGet + kOff + kGet + kGet, piece);
      site.Reply(Bulk("1") + refusal + Bulk("2"), piece);
      CHECK(site.to_client == Bulk("1") + refusal + Bulk("2"));
      CHECK_FALSE(site.conversation().idle());
      site.Request(kFlush, piece);  // waits for the second GET
      site.Reply(Bulk("3"), piece);
      CHECK(site.to_client == Bulk("1") + refusal + Bulk("2") + Bulk("3") + kNo);
      CHECK(site.conversation().idle());
    }
  }
}

TEST_CASE("A refused CLIENT REPLY SKIP, and a granted one whose next reply is an error") {
  Site site({.policy = kNoWipes});
  SUBCASE("refused") {
    site.Request(kSkip + kGet + kGet);
    site.Reply(kNoAuth + kNoAuth + kNoAuth);
    CHECK(site.to_client == kNoAuth + kNoAuth + kNoAuth);
  }
  SUBCASE("refused, with nothing behind it yet") {
    site.Request(kSkip);
    site.Reply(kNoAuth);
    site.Request(kFlush);
    CHECK(site.to_client == kNoAuth + kNo);
  }
  SUBCASE("granted") {
    site.Request(kSkip + kGet + kGet);
    site.Reply("-WRONGTYPE no\r\n");
    CHECK(site.to_client == "-WRONGTYPE no\r\n");
  }
  SUBCASE("granted, before an EXEC that is replaced") {
    site.Request(Wire({"MULTI"}) + kFlush);
    site.Reply("+OK\r\n");
    site.TakeClient();
    site.Request(Wire({"DISCARD"}));
    site.Reply("+OK\r\n");
    site.TakeClient();
    site.Request(kSkip + Wire({"MULTI"}) + kFlush + Wire({"EXEC"}));
    site.Reply("-ERR DISCARD without MULTI\r\n");
    CHECK(site.to_client == kNo + "-ERR EXEC without MULTI\r\n");
  }
  CHECK(site.conversation().idle());
  CHECK_FALSE(site.finished());
}

TEST_CASE("Refused twice, and granted behind a login") {
  Site site({.policy = kNoWipes});
  site.Request(kOff + kGet + kSkip + kGet + kGet);
  site.Reply(kNoAuth + kNoAuth + kNoAuth + kNoAuth + kNoAuth);
  CHECK(site.TakeClient() == kNoAuth + kNoAuth + kNoAuth + kNoAuth + kNoAuth);
  CHECK(site.conversation().idle());
  site.Run({"AUTH", "pw"}, "+OK\r\n");
  site.TakeClient();
  site.Request(kOff + kGet + kOn + kFlush);
  site.Reply("+OK\r\n");
  CHECK(site.to_client == "+OK\r\n" + kNo);
}

TEST_CASE("What is silenced for long is not gathered without bound") {
  std::string many = kOff;
  for (int i = 0; i < 5000; ++i) many += kGet;
  Site site({.policy = kNoWipes});
  site.Request(many);
  CHECK(site.conversation().idle());
  site.Request(kOn + kFlush);
  site.Reply("+OK\r\n");
  CHECK(site.to_client == "+OK\r\n" + kNo);
}

TEST_CASE("REPLCONF ACK has no answer, wherever among the options it stands") {
  const auto silent = [](std::initializer_list<std::string_view> arguments) {
    Site site({.policy = kNoWipes});
    site.Request(Wire(arguments) + kFlush);
    return site.to_client == kNo;
  };
  CHECK(silent({"REPLCONF", "ACK", "1"}));
  CHECK(silent({"replconf", "getack", "*"}));
  CHECK(silent({"REPLCONF", "capa", "eof", "ack", "1"}));
  CHECK(silent({"REPLCONF", "listening-port", "6379", "capa", "eof", "getack", "*"}));
  CHECK_FALSE(silent({"REPLCONF", "listening-port", "x", "ack", "1"}));  // an error comes first
  CHECK_FALSE(silent({"REPLCONF", "nonsense", "1", "ack", "1"}));
  CHECK_FALSE(silent({"REPLCONF", "ack", "1", "capa"}));  // a syntax error
  CHECK_FALSE(silent({"REPLCONF", "capa", "ack"}));
  CHECK_FALSE(silent({"REPLCONF"}));
}

}  // namespace
}  // namespace redwall::proxy
