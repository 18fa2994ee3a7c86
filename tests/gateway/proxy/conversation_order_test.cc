// Order and bytes: one slot a request, whatever is answered by whom, however the bytes are cut.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});

TEST_CASE("What is allowed passes both ways byte for byte") {
  Site site;
  const std::string requests =
      Wire({"SET", "a", std::string_view("x\0\r\ny", 5)}) + Wire({"", ""}) + "*0\r\n";
  site.SetPolicy(R"({"version": 1, "default": "allow", "unknown": "allow"})");
  site.Request(requests);
  CHECK(site.to_redis == requests);
  const std::string replies = "+OK\r\n-ERR unknown command ''\r\n";
  site.Reply(replies);
  CHECK(site.to_client == replies);
  CHECK(site.conversation().idle());
}

TEST_CASE("In a pipeline of a thousand the denial in the middle waits for its turn") {
  for (const std::size_t denied : {0, 1, 499, 998, 999}) {
    CAPTURE(denied);
    Site site({.policy = kNoWipes});
    std::string requests, upstream, expected;
    for (std::size_t i = 0; i < 1000; ++i) {
      requests += i == denied ? kFlush : kGet;
      upstream += i == denied ? std::string(kPlaceholder) : kGet;
      expected += i == denied ? std::string(kDenied) : Bulk(std::to_string(i));
    }
    site.Request(requests);
    CHECK(site.to_redis == upstream);
    CHECK(site.to_client == (denied == 0 ? kDenied : ""));
    for (std::size_t i = 0; i < 1000; ++i) {
      if (i == denied) continue;
      site.Reply(Bulk(std::to_string(i)));
    }
    REQUIRE(site.to_client == expected);
    CHECK(site.conversation().idle());
    CHECK_FALSE(site.finished());
  }
}

TEST_CASE("Every split of the requests and every split of the replies gives the same bytes") {
  const std::string requests =
      kGet + kFlush + "PING\r\n" + kFlush + kFlush + Wire({"GET", "b"}) + "\r\n" + kFlush;
  const std::string upstream =
      kGet + "*0\r\n" + Wire({"PING"}) + "*0\r\n*0\r\n" + Wire({"GET", "b"}) + "*0\r\n*0\r\n";
  const std::string replies = Bulk("one") + "+PONG\r\n" + "$-1\r\n";
  const std::string d(kDenied);
  const std::string expected = Bulk("one") + d + "+PONG\r\n" + d + d + "$-1\r\n" + d;
  for (std::size_t i = 0; i <= requests.size(); ++i) {
    Site site({.policy = kNoWipes});
    site.Request(requests.substr(0, i));
    site.Request(requests.substr(i));
    REQUIRE(site.to_redis == upstream);
    site.Reply(replies);
    REQUIRE(site.to_client == expected);
  }
  for (std::size_t i = 0; i <= replies.size(); ++i) {
    Site site({.policy = kNoWipes});
    site.Request(requests);
    site.Reply(replies.substr(0, i));
    site.Reply(replies.substr(i));
    REQUIRE(site.to_client == expected);
  }
  for (std::size_t in : {1, 2, 3, 7}) {
    for (std::size_t out : {1, 2, 3, 7}) {
      Site site({.policy = kNoWipes});
      site.Request(requests, in);
      REQUIRE(site.to_redis == upstream);
      site.Reply(replies, out);
      REQUIRE(site.to_client == expected);
    }
  }
}

TEST_CASE("An answer made here never stands inside of a frame of Redis's") {
  const std::string push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n";
  for (std::size_t i = 1; i < push.size(); ++i) {
    Site site({.policy = kNoWipes});
    site.Reply(push.substr(0, i));
    site.Request(kFlush);
    REQUIRE(site.to_client == push.substr(0, i));
    site.Reply(push.substr(i));
    REQUIRE(site.to_client == push + std::string(kDenied));
  }
  const std::string value = Bulk("twelve bytes");
  for (std::size_t i = 0; i < value.size(); ++i) {
    Site site({.policy = kNoWipes});
    site.Request(kGet);
    site.Reply(value.substr(0, i));
    site.Request(kFlush);
    REQUIRE(site.to_client == value.substr(0, i));
    site.Reply(value.substr(i));
    REQUIRE(site.to_client == value + std::string(kDenied));
  }
}

TEST_CASE("A denial with nothing before it is answered at once and Redis gets an empty request") {
  Site site({.policy = kNoWipes});
  site.Request(kFlush);
  CHECK(site.to_client == kDenied);
  CHECK(site.to_redis == kPlaceholder);
  CHECK(site.conversation().idle());
}

TEST_CASE("A command that isn't in the usual form is forwarded as it was understood") {
  struct Case {
    std::string request, upstream;
  };
  const Case cases[] = {
      {"PING\r\n", Wire({"PING"})},
      {"ping\n", Wire({"ping"})},
      {"  set  a  \"x\\r\\n\\x00y\"  \r\n", Wire({"set", "a", std::string_view("x\r\n\0y", 5)})},
      {"*2\r\n$4\r\nECHO\r\n$2\r\nhixx", Wire({"ECHO", "hi"})},
      {"*-1\r\n", "*0\r\n"},
      {"\r\n", "*0\r\n"},
      {"*0\r\n", "*0\r\n"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.request);
    for (std::size_t piece : {0, 1, 2}) {
      Site site;
      site.Request(each.request, piece);
      CHECK(site.to_redis == each.upstream);
    }
  }
}

TEST_CASE("A line that is too much for an array before the login stays a line") {
  const std::string words = "exists 1 2 3 4 5 6 7 8 9 10";
  Site many, few, large, too_long;
  few.Request(words.substr(0, words.size() - 3) + "\r\n");
  CHECK(few.to_redis.starts_with("*10\r\n"));
  many.Request(words + "\r\n");
  CHECK(many.to_redis.starts_with("\"exists\" \"1\" "));
  CHECK(many.to_redis.ends_with("\"10\"\r\n"));
  large.Request("echo " + std::string(16385, 'x') + "\n");
  CHECK(large.to_redis == "\"echo\" \"" + std::string(16385, 'x') + "\"\r\n");
  too_long.Request("echo \"" + std::string(20000, '\x01') + "\"\n");  // each byte would be four
  CHECK(too_long.to_redis.starts_with("*2\r\n$4\r\necho\r\n$20000\r\n"));
}

TEST_CASE("An empty request takes no slot") {
  Site site({.policy = kNoWipes});
  site.Request("*0\r\n\r\n*-1\r\n" + kFlush);
  CHECK(site.to_client == kDenied);
  site.Reply("");
  CHECK(site.conversation().idle());
}

TEST_CASE("Replies of every type are counted as one each") {
  const std::string replies[] = {"+OK\r\n",
                                 "-ERR no\r\n",
                                 ":12\r\n",
                                 "$-1\r\n",
                                 "*-1\r\n",
                                 "*0\r\n",
                                 "_\r\n",
                                 "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
                                 "%1\r\n+a\r\n:1\r\n",
                                 "~1\r\n:1\r\n",
                                 "#t\r\n",
                                 ",1.5\r\n",
                                 "(123\r\n",
                                 "!3\r\nERR\r\n",
                                 "=5\r\ntxt:x\r\n",
                                 "*?\r\n:1\r\n.\r\n",
                                 "$?\r\n;2\r\nab\r\n;0\r\n",
                                 "|1\r\n+k\r\n+v\r\n*1\r\n:1\r\n"};
  for (const std::string& reply : replies) {
    CAPTURE(reply);
    for (std::size_t piece : {0, 1, 3}) {
      Site site({.policy = kNoWipes});
      site.Request(kGet + kFlush + kGet + kFlush);
      site.Reply(reply + reply, piece);
      CHECK(site.to_client == reply + std::string(kDenied) + reply + std::string(kDenied));
      CHECK_FALSE(site.finished());
    }
  }
}

TEST_CASE("Pushes take no slot and pass wherever they come") {
  const std::string push = Message("ch", "hi", '>');
  for (std::size_t piece : {0, 1, 5}) {
    Site site({.policy = kNoWipes});
    site.Request(Wire({"HELLO", "3"}) + kFlush + kGet);
    site.Reply("%0\r\n" + push + push + Bulk("x") + push, piece);
    CHECK(site.to_client == "%0\r\n" + std::string(kDenied) + push + push + Bulk("x") + push);
    CHECK(site.conversation().idle());
  }
}

TEST_CASE("Observe mode forwards what it would have denied") {
  Site site({.policy = R"({"version": 1, "mode": "observe", "default": "deny"})"});
  site.Request(kFlush);
  CHECK(site.to_redis == kFlush);
  site.Reply("+OK\r\n");
  CHECK(site.to_client == "+OK\r\n");
}

TEST_CASE("New rules hold from the next command on") {
  Site site;
  site.Request(kFlush);
  site.SetPolicy(kNoWipes);
  site.Request(kFlush);
  CHECK(site.to_redis == kFlush + "*0\r\n");
  site.Reply("+OK\r\n");
  CHECK(site.to_client == "+OK\r\n" + std::string(kDenied));
}

TEST_CASE("The action disconnect answers, after all that is due, and ends the connection") {
  for (std::size_t piece : {0, 1}) {
    Site site({.policy = kNoWipes});
    site.Request(kGet + Wire({"DEBUG", "SLEEP", "0"}) + kGet + kFlush, piece);
    CHECK(site.to_redis == kGet + "*0\r\n");
    CHECK_FALSE(site.finished());
    site.Reply(Bulk("x"), piece);
    CHECK(site.to_client == Bulk("x") + "-NOPERM redwall: 'debug' is denied by rule 'out'\r\n");
    CHECK(site.finished());
    CHECK_FALSE(site.failure().empty());
  }
}

TEST_CASE("QUIT is answered by Redis and what comes behind it is ignored") {
  Site site({.policy = kNoWipes});
  site.Request(kGet + Wire({"QUIT"}) + kGet + kFlush + "*garbage\r\n");
  site.Request(kGet);
  CHECK(site.to_redis == kGet + Wire({"QUIT"}));
  site.Reply(Bulk("x") + "+OK\r\n");
  CHECK(site.to_client == Bulk("x") + "+OK\r\n");
  CHECK(site.conversation().idle());
  CHECK(site.failure().empty());
}

}  // namespace
}  // namespace redwall::proxy
