// What changes a connection: HELLO, RESET, MONITOR, CLIENT REPLY, and the agent's own login.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});
const std::string kOff = Wire({"CLIENT", "REPLY", "OFF"});
const std::string kOn = Wire({"CLIENT", "REPLY", "ON"});
const std::string kSkip = Wire({"CLIENT", "REPLY", "SKIP"});
const std::string kReset = Wire({"RESET"});
const std::string kNo(kDenied);
constexpr std::string_view kLine = "+1339518083.107412 [0 127.0.0.1:60866] \"get\" \"a\"\r\n";

TEST_CASE("A HELLO that Redis refuses leaves the protocol as it was") {
  Site site({.policy = kNoWipes});
  const std::string refused = "-NOPROTO unsupported protocol version\r\n";
  CHECK(site.Run({"HELLO", "4"}, refused) == refused);
  CHECK(site.Run({"HELLO", "3", "AUTH", "u", "wrong"}, "-WRONGPASS no\r\n") == "-WRONGPASS no\r\n");
  // Still RESP2: messages come as arrays.
  site.Run({"SUBSCRIBE", "a"}, Confirmation("subscribe", "a", 1));
  site.TakeClient();
  site.Request(Wire({"PING"}) + kFlush);
  site.Reply(Message("a", "x"));
  CHECK(site.TakeClient() == Message("a", "x"));
  site.Reply("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  CHECK(site.TakeClient().ends_with(kNo));
}

TEST_CASE("HELLO without a version and HELLO 2 after 3") {
  Site site({.policy = kNoWipes});
  site.Run({"HELLO", "3"}, "%0\r\n");
  site.Run({"HELLO"}, "%0\r\n");
  site.Run({"SUBSCRIBE", "a"}, Confirmation("subscribe", "a", 1, '>'));
  CHECK(site.Run({"LRANGE", "l", "0", "1"}, Message("a", "x")) == Message("a", "x"));
  site.Request(kFlush);
  CHECK(site.TakeClient() == kNo);  // the list was the reply
  site.Run({"HELLO", "2"}, "*0\r\n");
  site.Request(Wire({"PING"}) + kFlush);
  site.Reply(Message("a", "x"));
  CHECK(site.TakeClient() == Message("a", "x"));  // and now it is a message
}

TEST_CASE("MONITOR's lines come between replies, and look like nothing else") {
  for (std::size_t piece : {0, 1, 3}) {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"MONITOR"}));
    site.Reply("+OK\r\n" + std::string(kLine), piece);
    CHECK(site.TakeClient() == "+OK\r\n" + std::string(kLine));
    CHECK_FALSE(site.conversation().idle());
    site.Request(Wire({"PING"}) + kFlush);
    site.Reply(std::string(kLine) + std::string(kLine), piece);
    CHECK(site.TakeClient() == std::string(kLine) + std::string(kLine));
    site.Reply("+PONG\r\n" + std::string(kLine), piece);
    CHECK(site.TakeClient() == "+PONG\r\n" + kNo + std::string(kLine));
    site.Request(kReset);
    site.Reply(std::string(kLine) + "+RESET\r\n", piece);
    CHECK(site.conversation().idle());
    CHECK_FALSE(site.finished());
  }
}

TEST_CASE("A MONITOR that was refused monitors nothing") {
  Site site({.policy = kNoWipes});
  site.Run({"MONITOR"}, "-NOPERM no\r\n");
  CHECK(site.conversation().idle());
  site.Reply(kLine);
  CHECK(site.finished());
  CHECK(site.failure() == "Redis sent a reply that nobody asked for");
}

TEST_CASE("CLIENT REPLY OFF: no reply to anything, denied commands included, until ON") {
  Site site({.policy = kNoWipes});
  site.Request(kGet + kOff + kGet + kFlush + kGet + kOn + kFlush + kGet);
  CHECK(site.to_redis == kGet + kOff + kGet + "*0\r\n" + kGet + kOn + "*0\r\n" + kGet);
  site.Reply(Bulk("1") + "+OK\r\n" + Bulk("2"));
  CHECK(site.to_client == Bulk("1") + "+OK\r\n" + kNo + Bulk("2"));
  CHECK(site.conversation().idle());
}

TEST_CASE("CLIENT REPLY SKIP silences one command, a denied one too") {
  SUBCASE("an allowed one") {
    Site site({.policy = kNoWipes});
    site.Request(kSkip + kGet + kFlush + kGet);
    site.Reply(Bulk("2"));
    CHECK(site.to_client == kNo + Bulk("2"));
    CHECK(site.conversation().idle());
  }
  SUBCASE("a denied one: Redis's own skip is used up by the empty request") {
    Site site({.policy = kNoWipes});
    site.Request(kSkip + kFlush + kGet + kFlush);
    CHECK(site.to_redis == kSkip + "*0\r\n" + kGet + "*0\r\n");
    site.Reply(Bulk("1"));
    CHECK(site.to_client == Bulk("1") + kNo);
  }
  SUBCASE("an empty request uses it up, as in Redis") {
    Site site({.policy = kNoWipes});
    site.Request(kSkip + "*0\r\n" + kFlush);
    CHECK(site.to_client == kNo);
  }
  SUBCASE("a RESET is silenced too, as in Redis") {
    Site site({.policy = kNoWipes});
    site.Request(kSkip + kReset + kGet + kFlush);
    site.Reply(Bulk("1"));
    CHECK(site.to_client == Bulk("1") + kNo);
  }
  SUBCASE("CLIENT REPLY ON answers all the same") {
    Site site({.policy = kNoWipes});
    site.Request(kSkip + kOn + kFlush);
    site.Reply("+OK\r\n");
    CHECK(site.to_client == "+OK\r\n" + kNo);
  }
  SUBCASE("skip upon skip") {
    Site site({.policy = kNoWipes});
    site.Request(kSkip + kSkip + kFlush + kFlush);
    CHECK(site.to_client == kNo);
  }
  SUBCASE("skip while off does nothing") {
    Site site({.policy = kNoWipes});
    site.Request(kOff + kSkip + kOn + kFlush);
    site.Reply("+OK\r\n");
    CHECK(site.to_client == "+OK\r\n" + kNo);
  }
}

TEST_CASE("A CLIENT REPLY that Redis doesn't understand is answered") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"CLIENT", "REPLY", "MAYBE"}) + Wire({"client", "reply"}) + kFlush);
  site.Reply("-ERR syntax error\r\n-ERR wrong number of arguments\r\n");
  CHECK(site.to_client == "-ERR syntax error\r\n-ERR wrong number of arguments\r\n" + kNo);
}

TEST_CASE("While subscribed in RESP2, CLIENT REPLY is refused with an error and silences nothing") {
  Site site({.policy = kNoWipes});
  site.Run({"SUBSCRIBE", "a"}, Confirmation("subscribe", "a", 1));
  site.TakeClient();
  site.Request(kOff + kFlush);
  site.Reply("-ERR Can't execute 'client|reply'\r\n");
  CHECK(site.to_client == "-ERR Can't execute 'client|reply'\r\n" + kNo);
}

TEST_CASE("A transaction in silence is still not executed when a command in it was denied") {
  Site site({.policy = kNoWipes});
  site.Request(kOff + Wire({"MULTI"}) + kFlush + Wire({"SET", "a", "1"}) + Wire({"EXEC"}));
  CHECK(site.to_redis ==
        kOff + Wire({"MULTI"}) + "*0\r\n" + Wire({"SET", "a", "1"}) + Wire({"DISCARD"}));
  CHECK(site.to_client.empty());
}

TEST_CASE("RESET ends CLIENT REPLY OFF") {
  Site site({.policy = kNoWipes});
  site.Request(kOff + kFlush + kReset + kFlush);
  CHECK(site.to_client.empty());
  site.Reply("+RESET\r\n");
  CHECK(site.to_client == "+RESET\r\n" + kNo);
}

TEST_CASE("RESET goes back to RESP2") {
  Site site({.policy = kNoWipes});
  site.Run({"HELLO", "3"}, "%0\r\n");
  site.Run({"RESET"}, "+RESET\r\n");
  site.Run({"SUBSCRIBE", "a"}, Confirmation("subscribe", "a", 1));
  site.Request(Wire({"PING"}));
  site.Reply(Message("a", "x"));
  CHECK_FALSE(site.conversation().idle());
  CHECK(site.TakeClient().ends_with(Message("a", "x")));
  site.Request(kFlush);
  CHECK(site.TakeClient().empty());  // PING's turn is still before it
}

TEST_CASE("After RESET the server agent logs in again, and nobody sees its reply") {
  const std::string login = Wire({"AUTH", "app", "secret"});
  for (std::size_t piece : {0, 1, 2}) {
    Site site({.policy = kNoWipes, .login = login, .user = "app"});
    site.Request(kGet + kReset + kGet + kFlush, piece);
    CHECK(site.to_redis == kGet + kReset + login + kGet + "*0\r\n");
    site.Reply(Bulk("1") + "+RESET\r\n+OK\r\n" + Bulk("2"), piece);
    CHECK(site.to_client == Bulk("1") + "+RESET\r\n" + Bulk("2") + kNo);
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("A push while the login is under way passes") {
  const std::string login = Wire({"AUTH", "secret"});
  const std::string push = Message("a", "x", '>');
  Site site({.policy = kNoWipes, .login = login});
  site.Request(kReset + kFlush);
  site.Reply("+RESET\r\n" + push + "+OK\r\n", 1);
  CHECK(site.to_client == "+RESET\r\n" + push + kNo);
}

TEST_CASE("A login that Redis refuses after RESET ends the connection and shows nothing") {
  for (const char* answer :
       {"-WRONGPASS invalid username-password pair\r\n", ":1\r\n", "$2\r\nOK\r\n"}) {
    CAPTURE(answer);
    Site site({.login = Wire({"AUTH", "app", "secret"})});
    site.Request(kReset + kGet);
    site.Reply("+RESET\r\n");
    site.Reply(answer);
    CHECK(site.to_client == "+RESET\r\n");
    CHECK(site.finished());
    CHECK(site.failure() == "Redis refused the server agent's credentials after RESET");
  }
}

TEST_CASE("A login under CLIENT REPLY SKIP is answered, for only RESET itself is silent") {
  const std::string login = Wire({"AUTH", "app", "secret"});
  Site site({.policy = kNoWipes, .login = login});
  site.Request(kSkip + kReset + kGet);
  CHECK(site.to_redis == kSkip + kReset + login + kGet);
  site.Reply("+OK\r\n" + Bulk("1"));
  CHECK(site.to_client == Bulk("1"));
  CHECK(site.conversation().idle());
}

TEST_CASE("An answer to DISCARD or to a login that never ends is not gathered without bound") {
  Site site({.policy = kNoWipes});
  site.Request(Wire({"MULTI"}) + kFlush + Wire({"EXEC"}));
  site.Reply("+OK\r\n+" + std::string(64 * 1024 - 1, 'x'));
  CHECK_FALSE(site.finished());
  site.Reply("x");
  CHECK(site.finished());
}

}  // namespace
}  // namespace redwall::proxy
