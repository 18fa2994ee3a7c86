// What Sentinels answer and publish, rewritten.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gateway/proxy/topology_rewriter.h"
#include "resp/writer.h"
#include "tests/gateway/proxy/fake_nodes.h"

namespace redwall::proxy {
namespace {

using Kind = TopologyKind;

std::string Array(char type, std::size_t count, const std::vector<std::string>& texts) {
  std::string bytes = type + std::to_string(count) + "\r\n";
  for (const std::string& text : texts) resp::WriteBulk(text, bytes);
  return bytes;
}

std::string Flat(const std::vector<std::string>& texts) { return Array('*', texts.size(), texts); }
std::string Map(const std::vector<std::string>& texts) {
  return Array('%', texts.size() / 2, texts);
}

std::string Message(const std::string& channel, const std::string& text) {
  return Flat({"message", channel, text});
}

struct Sentinel {
  explicit Sentinel(NodeKind kind = NodeKind::kSentinel)
      : rewriter(nodes, {"10.0.0.1", 26379}, kind) {}
  std::string Reply(Kind kind, std::string_view frame) {
    std::string out;
    return rewriter.Reply(kind, frame, out) == Rewrite::kDone ? out : "refused";
  }
  std::string Told(std::string_view frame) {
    std::string out;
    return rewriter.Message(frame, out) == Rewrite::kDone ? out : "refused";
  }
  // The text of a message on this channel.
  std::string Event(const std::string& channel, const std::string& text) {
    const std::string told = Told(Message(channel, text));
    const std::string head = "*3\r\n$7\r\nmessage\r\n";
    std::string name;
    resp::WriteBulk(channel, name);
    if (!told.starts_with(head + name)) return told;
    const std::string rest = told.substr(head.size() + name.size());
    const std::size_t start = rest.find("\r\n") + 2;
    return rest.substr(start, rest.size() - start - 2);
  }
  FakeNodes nodes;
  TopologyRewriter rewriter;
};

TEST_CASE("GET-MASTER-ADDR-BY-NAME") {
  Sentinel sentinel;
  CHECK(sentinel.Reply(Kind::kSentinelAddress, Flat({"10.0.0.2", "6379"})) ==
        Flat({"127.0.0.1", "17000"}));
  CHECK(sentinel.Reply(Kind::kSentinelAddress, Flat({"2001:db8::2", "6379"})) ==
        Flat({"127.0.0.1", "17001"}));
  CHECK(sentinel.Reply(Kind::kSentinelAddress, Flat({"10.0.0.2", "6379"})) ==
        Flat({"127.0.0.1", "17000"}));
  CHECK(sentinel.Reply(Kind::kSentinelAddress, Flat({"10.0.0.2", "99999"})) == "refused");
}

TEST_CASE("Instances: a replica's name is its address, a master's and a Sentinel's isn't") {
  for (auto* make : {&Flat, &Map}) {
    Sentinel sentinel;
    const auto all = [&](const std::vector<std::string>& fields) {
      return "*1\r\n" + make(fields);
    };
    CHECK(
        sentinel.Reply(Kind::kSentinelInstances, all({"name", "mymaster", "ip", "10.0.0.2", "port",
                                                      "6379", "flags", "master", "quorum", "2"})) ==
        all({"name", "mymaster", "ip", "127.0.0.1", "port", "17000", "flags", "master", "quorum",
             "2"}));
    CHECK(sentinel.Reply(Kind::kSentinelInstances,
                         all({"name", "10.0.0.3:6379", "ip", "10.0.0.3", "port", "6379", "flags",
                              "slave", "master-host", "10.0.0.2", "master-port", "6379"})) ==
          all({"name", "127.0.0.1:17001", "ip", "127.0.0.1", "port", "17001", "flags", "slave",
               "master-host", "127.0.0.1", "master-port", "17000"}));
    CHECK(sentinel.Reply(Kind::kSentinelInstances,
                         all({"name", "[2001:db8::3]:6379", "ip", "2001:db8::3", "port", "6379",
                              "flags", "slave,s_down", "master-host", "?", "master-port", "0"})) ==
          all({"name", "127.0.0.1:17002", "ip", "127.0.0.1", "port", "17002", "flags",
               "slave,s_down", "master-host", "?", "master-port", "0"}));
    CHECK(sentinel.nodes.sentinels.empty());
    CHECK(sentinel.Reply(Kind::kSentinelInstances, all({"name", "runid", "ip", "10.0.0.4", "port",
                                                        "26379", "flags", "sentinel"})) ==
          all({"name", "runid", "ip", "127.0.0.1", "port", "17003", "flags", "sentinel"}));
    CHECK(sentinel.nodes.sentinels.size() == 1);
    // SENTINEL MASTER: one of them
    CHECK(sentinel.Reply(Kind::kSentinelInstances,
                         make({"name", "m", "ip", "10.0.0.2", "port", "6379"})) ==
          make({"name", "m", "ip", "127.0.0.1", "port", "17000"}));
    CHECK(sentinel.Reply(Kind::kSentinelInstances,
                         make({"announce-ip", "10.0.0.1", "announce-port", "26379", "x", "y"})) ==
          make({"announce-ip", "127.0.0.1", "announce-port", "17004", "x", "y"}));
    CHECK(sentinel.Reply(Kind::kSentinelInstances, make({"announce-ip", "10.0.0.1"})) ==
          make({"announce-ip", ""}));
  }
}

TEST_CASE("Scripts that wait: what they are called with") {
  Sentinel sentinel;
  const auto script = [](const std::string& arguments) {
    return "*1\r\n%2\r\n$4\r\nargv\r\n" + arguments + "$5\r\nflags\r\n$9\r\nscheduled\r\n";
  };
  CHECK(sentinel.Reply(Kind::kSentinelScripts,
                       script(Flat({"/reconf", "m", "leader", "start", "10.0.0.2", "6379",
                                    "10.0.0.3", "6379"}))) ==
        script(
            Flat({"/reconf", "m", "leader", "start", "127.0.0.1", "17000", "127.0.0.1", "17001"})));
  CHECK(sentinel.Reply(Kind::kSentinelScripts,
                       script(Flat({"/notify", "+sdown", "master m 10.0.0.2 6379"}))) ==
        script(Flat({"/notify", "+sdown", "master m 127.0.0.1 17000"})));
  CHECK(sentinel.Reply(Kind::kSentinelScripts, script(Flat({"/notify"}))) ==
        script(Flat({"/notify"})));
  CHECK(sentinel.Reply(Kind::kSentinelScripts, script(":1\r\n")) == "refused");
}

TEST_CASE("Events") {
  Sentinel sentinel;
  const auto event = [&](const std::string& channel, const std::string& text) {
    return sentinel.Event(channel, text);
  };
  CHECK(event("+switch-master", "m 10.0.0.2 6379 10.0.0.3 6379") ==
        "m 127.0.0.1 17000 127.0.0.1 17001");
  CHECK(event("+sdown", "master m 10.0.0.2 6379") == "master m 127.0.0.1 17000");
  CHECK(event("+odown", "master m 10.0.0.2 6379 #quorum 2/2") ==
        "master m 127.0.0.1 17000 #quorum 2/2");
  CHECK(event("+slave", "slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379") ==
        "slave 127.0.0.1:17001 127.0.0.1 17001 @ m 127.0.0.1 17000");
  CHECK(event("+reboot", "slave [2001:db8::9]:6379 2001:db8::9 6379 @ m 10.0.0.2 6379") ==
        "slave 127.0.0.1:17002 127.0.0.1 17002 @ m 127.0.0.1 17000");
  CHECK(event("+role-change",
              "slave x 10.0.0.3 6379 @ m 10.0.0.2 6379 new reported role is master") ==
        "slave x 127.0.0.1 17001 @ m 127.0.0.1 17000 new reported role is master");
  CHECK(sentinel.nodes.sentinels.empty());
  CHECK(event("+sentinel", "sentinel runid 10.0.0.4 26379 @ m 10.0.0.2 6379") ==
        "sentinel runid 127.0.0.1 17003 @ m 127.0.0.1 17000");
  CHECK(sentinel.nodes.sentinels.size() == 1);
  CHECK(event("+sentinel-address-switch",
              "master m 10.0.0.2 6379 ip 10.0.0.5 port 26379 for runid") ==
        "master m 127.0.0.1 17000 ip 127.0.0.1 port 17004 for runid");
  CHECK(sentinel.nodes.sentinels.size() == 2);
  CHECK(event("+sentinel-invalid-addr", "sentinel runid 10.0.0.4 0 @ m 10.0.0.2 6379") ==
        "sentinel runid  0 @ m 127.0.0.1 17000");
}

TEST_CASE("Events without an address, and what isn't one, pass as they are") {
  Sentinel sentinel;
  for (const char* text :
       {"", " ", "1", "runid 5", "#tilt mode entered", "master", "master m", "master m 10.0.0.2",
        "master m 10.0.0.2 x", "master m 10.0.0.2 99999", "/script 99 0"})
    CHECK(sentinel.Event("+vote-for-leader", text) == text);
  for (const char* text : {"m 10.0.0.2 6379", "m a b c d e", "m a b c d"})
    CHECK(sentinel.Event("+switch-master", text) == text);
  CHECK(sentinel.nodes.asked.empty());
  for (const std::string& frame :
       {Flat({"subscribe", "+sdown"}), Flat({"pong", ""}), Flat({"message"}),
        Map({"message", "+sdown"}), std::string("*0\r\n"), std::string("_\r\n")})
    CHECK(sentinel.Told(frame) == frame);
}

TEST_CASE("Messages in all their forms") {
  Sentinel sentinel;
  const std::string text = "master m 10.0.0.2 6379", anew = "master m 127.0.0.1 17000";
  for (const char type : {'*', '>'}) {
    CHECK(sentinel.Told(Array(type, 3, {"message", "+sdown", text})) ==
          Array(type, 3, {"message", "+sdown", anew}));
    CHECK(sentinel.Told(Array(type, 4, {"pmessage", "*", "+sdown", text})) ==
          Array(type, 4, {"pmessage", "*", "+sdown", anew}));
  }
}

TEST_CASE("Of a Redis's messages only what Sentinels say to each other is looked at") {
  Sentinel redis(NodeKind::kRedis);
  const std::string user = Message("+sdown", "master m 10.0.0.2 6379");
  CHECK(redis.Told(user) == user);
  const std::string invalidate = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
  CHECK(redis.Told(invalidate) == invalidate);
  const std::string redirected =
      "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n";
  CHECK(redis.Told(redirected) == redirected);
  CHECK(redis.Event("__sentinel__:hello", "10.0.0.4,26379,runid,0,m,10.0.0.2,6379,0") ==
        "127.0.0.1,17000,runid,0,m,127.0.0.1,17001,0");
  CHECK(redis.nodes.sentinels.size() == 1);
  for (const char* text : {"", "hello", "10.0.0.4,26379,runid,0,m,10.0.0.2,6379",
                           "10.0.0.4,x,runid,0,m,10.0.0.2,6379,0"})
    CHECK(redis.Event("__sentinel__:hello", text) == text);
}

TEST_CASE("A message that names a node without a local address can't be told") {
  FakeNodes none(0);
  const TopologyRewriter rewriter(none, {}, NodeKind::kSentinel);
  std::string out;
  CHECK(rewriter.Message(Message("+switch-master", "m a 1 b 2"), out) == Rewrite::kNoAddress);
  CHECK(rewriter.Message(Message("+sdown", "master m a 1"), out) == Rewrite::kNoAddress);
}

}  // namespace
}  // namespace redwall::proxy
