// MULTI: half a transaction is never executed, and the client sees what Redis itself would have
// said.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kMulti = Wire({"MULTI"});
const std::string kExec = Wire({"EXEC"});
const std::string kDiscard = Wire({"DISCARD"});
const std::string kSet = Wire({"SET", "a", "1"});
const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});
const std::string kOk = "+OK\r\n", kQueued = "+QUEUED\r\n";
const std::string kNo(kDenied);

TEST_CASE("A transaction that is allowed passes as it is") {
  Site site;
  const std::string requests = kMulti + kSet + kGet + kExec + kGet;
  const std::string replies = kOk + kQueued + kQueued + "*2\r\n+OK\r\n$1\r\n1\r\n" + Bulk("1");
  site.Request(requests);
  site.Reply(replies);
  CHECK(site.to_redis == requests);
  CHECK(site.to_client == replies);
  CHECK(site.conversation().idle());
}

TEST_CASE(
    "A denied command in a transaction answers in place, and EXEC becomes DISCARD and EXECABORT") {
  const std::string requests = kMulti + kSet + kFlush + kSet + kExec + kGet;
  const std::string upstream = kMulti + kSet + "*0\r\n" + kSet + kDiscard + kGet;
  const std::string replies = kOk + kQueued + kQueued + kOk + Bulk("x");
  const std::string expected = kOk + kQueued + kNo + kQueued + std::string(kAborted) + Bulk("x");
  for (std::size_t in : {0, 1, 3, 10}) {
    for (std::size_t out : {0, 1, 2, 3, 10}) {
      Site site({.policy = kNoWipes});
      site.Request(requests, in);
      CHECK(site.to_redis == upstream);
      site.Reply(replies, out);
      CHECK(site.to_client == expected);
      CHECK(site.conversation().idle());
    }
  }
}

TEST_CASE("The same holds for a client that waits for each reply") {
  Site site({.policy = kNoWipes});
  CHECK(site.Run({"MULTI"}, kOk) == kOk);
  CHECK_FALSE(site.conversation().idle());
  CHECK(site.Run({"SET", "a", "1"}, kQueued) == kQueued);
  CHECK(site.Run({"FLUSHALL"}, "") == kNo);
  CHECK(site.Run({"EXEC"}, kOk) == kAborted);
  CHECK(site.conversation().idle());
  CHECK(site.TakeRedis() == kMulti + kSet + "*0\r\n" + kDiscard);
  // The next transaction has nothing of it.
  CHECK(site.Run({"MULTI"}, kOk) == kOk);
  CHECK(site.Run({"EXEC"}, "*0\r\n") == "*0\r\n");
  CHECK(site.TakeRedis() == kMulti + kExec);
}

TEST_CASE("A denial before MULTI or after EXEC leaves the transaction alone") {
  Site site({.policy = kNoWipes});
  site.Request(kFlush + kMulti + kSet + kExec + kFlush);
  CHECK(site.to_redis == "*0\r\n" + kMulti + kSet + kExec + "*0\r\n");
}

TEST_CASE("DISCARD ends a transaction with a denied command") {
  Site site({.policy = kNoWipes});
  site.Request(kMulti + kFlush + kDiscard + kMulti + kSet + kExec);
  CHECK(site.to_redis == kMulti + "*0\r\n" + kDiscard + kMulti + kSet + kExec);
  site.Reply(kOk + kOk + kOk + kQueued + "*1\r\n+OK\r\n");
  CHECK(site.to_client == kOk + kNo + kOk + kOk + kQueued + "*1\r\n+OK\r\n");
}

TEST_CASE("EXEC and DISCARD without MULTI are Redis's to refuse") {
  Site site({.policy = kNoWipes});
  CHECK(site.Run({"EXEC"}, "-ERR EXEC without MULTI\r\n") == "-ERR EXEC without MULTI\r\n");
  CHECK(site.Run({"DISCARD"}, "-ERR DISCARD without MULTI\r\n") ==
        "-ERR DISCARD without MULTI\r\n");
  CHECK(site.Run({"FLUSHALL"}, "") == kNo);
  CHECK(site.Run({"EXEC"}, "-ERR EXEC without MULTI\r\n") == "-ERR EXEC without MULTI\r\n");
  CHECK(site.TakeRedis() == kExec + kDiscard + "*0\r\n" + kExec);
}

TEST_CASE("A MULTI that Redis refused opens nothing") {
  const std::string refused = "-NOAUTH Authentication required.\r\n";
  SUBCASE("the client waited") {
    Site site({.policy = kNoWipes});
    site.Run({"MULTI"}, refused);
    CHECK(site.conversation().idle());
    site.Run({"FLUSHALL"}, "");
    site.TakeRedis();
    site.Run({"EXEC"}, refused);
    CHECK(site.TakeRedis() == kExec);
  }
  SUBCASE("all in one pipeline") {
    Site site({.policy = kNoWipes});
    site.Request(kMulti + kFlush + kExec);
    site.Reply(refused + refused);
    CHECK(site.to_client == refused + kNo + refused);
  }
  SUBCASE("in one pipeline, and DISCARD was refused for that") {
    Site site({.policy = kNoWipes});
    site.Request(kMulti + kFlush + kExec);
    site.Reply(refused + "-ERR DISCARD without MULTI\r\n");
    CHECK(site.to_client == refused + kNo + "-ERR EXEC without MULTI\r\n");
  }
  SUBCASE("its error comes when another transaction is open already") {
    Site site({.policy = kNoWipes});
    site.Request(kMulti + kExec + kMulti + kFlush);
    site.Reply(refused + "-ERR EXEC without MULTI\r\n" + kOk);
    site.Request(kExec);
    CHECK(site.to_redis == kMulti + kExec + kMulti + "*0\r\n" + kDiscard);
  }
}

TEST_CASE("A nested MULTI is an error of Redis's and changes nothing") {
  Site site({.policy = kNoWipes});
  const std::string nested = "-ERR MULTI calls can not be nested\r\n";
  CHECK(site.Run({"MULTI"}, kOk) == kOk);
  CHECK(site.Run({"FLUSHALL"}, "") == kNo);
  CHECK(site.Run({"MULTI"}, nested) == nested);
  site.TakeRedis();
  CHECK(site.Run({"EXEC"}, kOk) == kAborted);
  CHECK(site.TakeRedis() == kDiscard);
}

TEST_CASE("Of two MULTIs in a pipeline the first may be refused and the second not") {
  // AUTH between them. A transaction with a denied command isn't executed whatever the replies say.
  Site site({.policy = kNoWipes});
  site.Request(kMulti + Wire({"AUTH", "right"}) + kMulti + kFlush + kSet);
  site.Reply("-NOAUTH Authentication required.\r\n" + kOk + kOk + kQueued);
  site.TakeRedis();
  site.Request(kExec);
  CHECK(site.to_redis == kDiscard);
  site.Reply(kOk);
  CHECK(site.to_client.ends_with(kAborted));
}

TEST_CASE("A nested MULTI whose error comes late doesn't close the transaction") {
  Site site({.policy = kNoWipes});
  site.Request(kMulti + kMulti + kFlush);
  site.Reply(kOk + "-ERR MULTI calls can not be nested\r\n");
  site.TakeRedis();
  site.Request(kExec);
  CHECK(site.to_redis == kDiscard);
}

TEST_CASE(
    "A denied EXEC executes nothing and ends the transaction, as an EXEC that Redis's ACL "
    "refuses") {
  const std::string denied = "-NOPERM redwall: 'exec' is denied by rule 'no'\r\n";
  Site site(
      {.policy =
           R"({"version": 1, "default": "allow", "rules": [{"id": "no", "action": "deny", "commands": ["exec"]}]})"});
  site.Request(kMulti + kSet + kExec + kGet);
  CHECK(site.to_redis == kMulti + kSet + kDiscard + kGet);
  site.Reply(kOk + kQueued + kOk + Bulk("x"));
  CHECK(site.to_client == kOk + kQueued + denied + Bulk("x"));
  CHECK(site.conversation().idle());
  SUBCASE("without MULTI it is denied like any command") {
    site.TakeRedis(), site.TakeClient();
    site.Request(kExec);
    CHECK(site.to_redis == "*0\r\n");
    CHECK(site.to_client == denied);
  }
}

TEST_CASE("A denied MULTI opens nothing") {
  Site site(
      {.policy =
           R"({"version": 1, "default": "allow", "rules": [{"id": "no", "action": "deny", "commands": ["multi"]}]})"});
  site.Request(kMulti + kSet + kExec);
  CHECK(site.to_redis == "*0\r\n" + kSet + kExec);
  CHECK(site.conversation().idle() == false);
  site.Reply(kOk + "-ERR EXEC without MULTI\r\n");
  CHECK(site.conversation().idle());
}

TEST_CASE("An EXEC with arguments ends the transaction, as in Redis") {
  Site site({.policy = kNoWipes});
  const std::string wrong =
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
      "command\r\n";
  CHECK(site.Run({"MULTI"}, kOk) == kOk);
  CHECK(site.Run({"EXEC", "now"}, wrong) == wrong);
  CHECK(site.conversation().idle());
  CHECK(site.Run({"FLUSHALL"}, "") == kNo);
  site.TakeRedis();
  site.Run({"EXEC"}, "-ERR EXEC without MULTI\r\n");
  CHECK(site.TakeRedis() == kExec);
  SUBCASE("and executes nothing where a command was denied") {
    site.Request(kMulti + kFlush + Wire({"EXEC", "now"}));
    CHECK(site.TakeRedis() == kMulti + "*0\r\n" + kDiscard);
  }
}

TEST_CASE("WATCH keeps its meaning: an EXEC that fails for it answers null, in both protocols") {
  for (const char* null : {"*-1\r\n", "_\r\n"}) {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"WATCH", "a"}) + kMulti + kSet + kExec + kFlush + kGet);
    site.Reply(kOk + kOk + kQueued + null + Bulk("x"), 1);
    CHECK(site.to_client == kOk + kOk + kQueued + null + kNo + Bulk("x"));
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("WATCH inside MULTI is an error that doesn't end the transaction") {
  Site site({.policy = kNoWipes});
  const std::string error = "-ERR WATCH inside MULTI is not allowed\r\n";
  site.Run({"MULTI"}, kOk);
  CHECK(site.Run({"WATCH", "a"}, error) == error);
  site.Run({"FLUSHALL"}, "");
  CHECK(site.Run({"EXEC"}, kOk) == kAborted);
}

TEST_CASE("RESET and QUIT end a transaction") {
  Site site({.policy = kNoWipes});
  site.Request(kMulti + kFlush + Wire({"RESET"}) + kExec);
  CHECK(site.to_redis == kMulti + "*0\r\n" + Wire({"RESET"}) + kExec);
  site.Reply(kOk + "+RESET\r\n-ERR EXEC without MULTI\r\n");
  CHECK(site.to_client == kOk + kNo + "+RESET\r\n-ERR EXEC without MULTI\r\n");
  CHECK(site.conversation().idle());
  site.TakeRedis();
  site.Request(kMulti + kSet + Wire({"QUIT"}) + kExec);
  CHECK(site.to_redis == kMulti + kSet + Wire({"QUIT"}));
}

TEST_CASE("HELLO in a transaction takes effect when EXEC has run it") {
  Site site({.policy = kNoWipes});
  site.Request(kMulti + Wire({"HELLO", "3"}) + kExec);
  site.Reply(kOk + kQueued + "*1\r\n%0\r\n");
  site.TakeClient();
  // RESP3 now: an array is a reply, never a message, even while subscribed.
  site.Request(Wire({"SUBSCRIBE", "a"}) + Wire({"LRANGE", "l", "0", "2"}) + kFlush);
  site.Reply(Confirmation("subscribe", "a", 1, '>') + Message("a", "x"));
  CHECK(site.to_client == Confirmation("subscribe", "a", 1, '>') + Message("a", "x") + kNo);
}

TEST_CASE("SUBSCRIBE in a transaction: EXEC's array holds one confirmation, the others follow") {
  for (std::size_t piece : {0, 1, 4}) {
    Site site({.policy = kNoWipes});
    site.Request(kMulti + Wire({"SUBSCRIBE", "a", "b"}) + kExec + Wire({"PING"}) + kFlush);
    const std::string replies = kOk + kQueued + "*1\r\n" + Confirmation("subscribe", "a", 1) +
                                Confirmation("subscribe", "b", 2) + Message("a", "hi") +
                                "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
    site.Reply(replies, piece);
    CHECK(site.to_client == replies + kNo);
    CHECK_FALSE(site.finished());
  }
}

TEST_CASE("Inside a transaction SELECT, AUTH, MONITOR and their like are only queued") {
  Site site({.policy = kNoWipes, .user = "app"});
  site.Run({"MULTI"}, kOk);
  CHECK(site.Run({"MONITOR"}, kQueued) == kQueued);
  site.Run({"DISCARD"}, kOk);
  CHECK(site.conversation().idle());  // not a monitor
  // Nor does a status line that looks like one of MONITOR's pass as one.
  CHECK(site.Run({"EVAL", "x", "0"}, "+1.1 [x\r\n") == "+1.1 [x\r\n");
  CHECK(site.conversation().idle());
}

TEST_CASE("REPLCONF ACK is answered inside a transaction, for it is queued") {
  Site site({.policy = kNoWipes});
  site.Request(kMulti + Wire({"REPLCONF", "ACK", "1"}) + kFlush + kGet);
  site.Reply(kOk + kQueued + kQueued);
  CHECK(site.to_client == kOk + kQueued + kNo + kQueued);
  CHECK_FALSE(site.finished());
}

TEST_CASE("A transaction is policed with the rules of the moment each command comes") {
  Site site;
  site.Run({"MULTI"}, kOk);
  site.Run({"FLUSHALL"}, kQueued);
  site.SetPolicy(kNoWipes);
  site.Run({"FLUSHALL"}, "");
  CHECK(site.Run({"EXEC"}, kOk) == kAborted);
}

}  // namespace
}  // namespace redwall::proxy
