// What a cluster and Sentinels answer, rewritten: replies that were recorded, and those that Redis
// gives in other circumstances.
#include "gateway/proxy/topology_rewriter.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "resp/reply_scanner.h"
#include "resp/writer.h"
#include "tests/gateway/proxy/fake_nodes.h"

namespace redwall::proxy {
namespace {

using Kind = TopologyKind;

std::string Bulk(std::string_view text) {
  std::string bytes;
  resp::WriteBulk(text, bytes);
  return bytes;
}

std::string Array(const std::vector<std::string>& elements, char type = '*') {
  const std::size_t count = type == '%' ? elements.size() / 2 : elements.size();
  std::string bytes = type + std::to_string(count) + "\r\n";
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

bool IsWholeFrame(std::string_view bytes) {
  resp::ReplyScanner scanner;
  std::size_t used = 0;
  return !bytes.empty() && scanner.Scan(bytes, used) == resp::ScanStatus::kFrame &&
         used == bytes.size();
}

// The frame lies in memory of its own, to the byte.
struct Outcome {
  Rewrite outcome;
  std::string bytes;
};
Outcome Run(const TopologyRewriter& rewriter, Kind kind, std::string_view frame,
            bool message = false) {
  const auto copy = std::make_unique<char[]>(frame.size());
  frame.copy(copy.get(), frame.size());
  const std::string_view exact(copy.get(), frame.size());
  Outcome result{Rewrite::kDone, {}};
  result.outcome =
      message ? rewriter.Message(exact, result.bytes) : rewriter.Reply(kind, exact, result.bytes);
  if (result.outcome == Rewrite::kDone) CHECK(IsWholeFrame(result.bytes));
  return result;
}

// What a client gets, told by a node that is 10.0.0.1:7000.
std::string Rewritten(Kind kind, std::string_view frame) {
  FakeNodes nodes;
  const TopologyRewriter rewriter(nodes, {"10.0.0.1", 7000}, NodeKind::kRedis);
  const Outcome result = Run(rewriter, kind, frame);
  if (result.outcome == Rewrite::kMalformed) return "malformed";
  return result.outcome == Rewrite::kNoAddress ? "no address" : result.bytes;
}

std::string Local(int number) {
  return Bulk("127.0.0.1") + ":" + std::to_string(17000 + number) + "\r\n";
}

std::string TextLocal(int number) {
  return Bulk("127.0.0.1") + Bulk(std::to_string(17000 + number));
}

struct Recording {
  std::string name;
  char kind;  // as tests/support/record_topology.py writes it
  std::string frame;
};

std::vector<Recording> Recordings() {
  std::vector<Recording> all;
  for (const auto& entry : std::filesystem::directory_iterator(
           REDWALL_SOURCE_DIR "/tests/fuzz/seeds/topology_rewriter")) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("recorded-")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    all.push_back({name, bytes.at(0), bytes.substr(1)});
  }
  return all;
}

// The other way around: what stands for a node becomes the node.
class Backwards final : public NodeAddresses {
 public:
  explicit Backwards(const std::vector<std::string>& asked) : asked_(asked) {}
  std::optional<LocalAddress> LocalOf(std::string_view, std::uint16_t port, NodeKind) override {
    const std::string& node = asked_.at(port - 17000u);
    const std::size_t colon = node.rfind(':');
    return LocalAddress{node.substr(0, colon),
                        static_cast<std::uint16_t>(std::stoi(node.substr(colon + 1)))};
  }
  void SameNode(std::string_view, std::string_view, std::uint16_t) override {}

 private:
  const std::vector<std::string>& asked_;
};

TEST_CASE(
    "Of what real nodes and Sentinels answered no address is left, and nothing else changes") {
  const std::vector<Recording> all = Recordings();
  REQUIRE(all.size() > 40);
  for (const Recording& recording : all) {
    CAPTURE(recording.name);
    const bool message = recording.kind == 'I' || recording.kind == 'Y';
    const NodeKind from =
        recording.name.find("sentinel") != std::string::npos || recording.kind == 'Y'
            ? NodeKind::kSentinel
            : NodeKind::kRedis;
    const Kind kind = message ? Kind::kNone : static_cast<Kind>(recording.kind - '@');
    REQUIRE(IsWholeFrame(recording.frame));
    FakeNodes nodes;
    const TopologyRewriter rewriter(nodes, {"127.0.7.1", 27500}, from);
    const Outcome result = Run(rewriter, kind, recording.frame, message);
    REQUIRE(result.outcome == Rewrite::kDone);
    for (const char* theirs : {"127.0.7.", "127.0.8.", "127.0.9.", "cluster.test"})
      CHECK(result.bytes.find(theirs) == std::string::npos);
    // Host names and hosts that are left to the client don't come back.
    const bool plain = recording.frame.find("cluster.test") == std::string::npos &&
                       recording.name.find("unknown") == std::string::npos;
    if (!plain) continue;
    Backwards back(nodes.asked);
    CHECK(Run(TopologyRewriter(back, {}, from), kind, result.bytes, message).bytes ==
          recording.frame);
  }
}

TEST_CASE("MOVED and ASK name the node's local address, whatever the command was") {
  for (const Kind kind : {Kind::kNone, Kind::kClusterSlots, Kind::kInfo}) {
    CHECK(Rewritten(kind, "-MOVED 3999 10.0.0.2:7001\r\n") == "-MOVED 3999 127.0.0.1:17000\r\n");
    CHECK(Rewritten(kind, "-ASK 0 node.example:7001\r\n") == "-ASK 0 127.0.0.1:17000\r\n");
    CHECK(Rewritten(kind, "-MOVED 1 2001:db8::2:7001\r\n") == "-MOVED 1 127.0.0.1:17000\r\n");
    CHECK(Rewritten(kind, "!23\r\nMOVED 1 10.0.0.2:7001  \r\n") ==
          "!23\r\nMOVED 1 10.0.0.2:7001  \r\n");
    CHECK(Rewritten(kind, "!21\r\nMOVED 1 10.0.0.2:7001\r\n") ==
          "!23\r\nMOVED 1 127.0.0.1:17000\r\n");
    CHECK(Rewritten(kind, "-REDIRECT 10.0.0.2:7001\r\n") == "-REDIRECT 127.0.0.1:17000\r\n");
  }
  FakeNodes nodes;
  const TopologyRewriter rewriter(nodes, {"10.0.0.1", 7000}, NodeKind::kRedis);
  Run(rewriter, Kind::kNone, "-MOVED 1 2001:db8::2:7001\r\n");
  Run(rewriter, Kind::kNone, "-MOVED 1 :7005\r\n");
  Run(rewriter, Kind::kNone, "-MOVED 1 ?:7006\r\n");
  CHECK(nodes.asked ==
        std::vector<std::string>{"2001:db8::2:7001", "10.0.0.1:7005", "10.0.0.1:7006"});
}

TEST_CASE("Errors that only look like a redirection pass as they are") {
  for (const std::string error :
       {"-ERR no\r\n", "-MOVED\r\n", "-MOVED 1\r\n", "-MOVED x 10.0.0.2:7001\r\n",
        "-MOVED 1 10.0.0.2\r\n", "-MOVED 1 10.0.0.2:0\r\n", "-MOVED 1 10.0.0.2:65536\r\n",
        "-MOVED 1 10.0.0.2:70 01\r\n", "-MOVED 1 10.0.0.2:-1\r\n", "-MOVED  10.0.0.2:7001\r\n",
        "-MOVEDX 1 10.0.0.2:7001\r\n", "-moved 1 10.0.0.2:7001\r\n", "-ASKING 1 a:1\r\n", "-\r\n"})
    CHECK(Rewritten(Kind::kNone, error) == error);
}

TEST_CASE("Replies to other commands, refusals and +QUEUED pass as they are") {
  for (const std::string frame :
       {"+OK\r\n", "$9\r\n10.0.0.2:\r\n\r\n", "*1\r\n$8\r\n10.0.0.2\r\n", ":1\r\n"})
    if (IsWholeFrame(frame)) CHECK(Rewritten(Kind::kNone, frame) == frame);
  for (int kind = 1; kind <= static_cast<int>(Kind::kSentinelScripts); ++kind) {
    for (const std::string frame :
         {"+QUEUED\r\n", "-ERR This instance has cluster support disabled\r\n", "$-1\r\n",
          "*-1\r\n", "_\r\n"})
      CHECK(Rewritten(static_cast<Kind>(kind), frame) == frame);
  }
}

TEST_CASE("CLUSTER SLOTS: the host, the port, and what else is told of the network") {
  const auto slots = [](const std::string& host, const std::string& metadata) {
    return Array({Array({":0\r\n", ":99\r\n", Array({host, ":7001\r\n", Bulk("id"), metadata})})});
  };
  const auto expected = [](const std::string& metadata) {
    return Array({Array(
        {":0\r\n", ":99\r\n", Array({Bulk("127.0.0.1"), ":17000\r\n", Bulk("id"), metadata})})});
  };
  const std::string local = Bulk("127.0.0.1");
  CHECK(Rewritten(Kind::kClusterSlots, slots(Bulk("10.0.0.2"), "*0\r\n")) == expected("*0\r\n"));
  CHECK(Rewritten(Kind::kClusterSlots,
                  slots(Bulk("10.0.0.2"), Array({Bulk("hostname"), Bulk("b.example")}))) ==
        expected(Array({Bulk("hostname"), local})));
  const std::string both = Array({Bulk("ip"), Bulk("10.0.0.2"), Bulk("hostname"), Bulk("")}, '%');
  const std::string neither = Array({Bulk("ip"), local, Bulk("hostname"), Bulk("")}, '%');
  CHECK(Rewritten(Kind::kClusterSlots, slots(Bulk("?"), both)) == expected(neither));
  CHECK(Rewritten(Kind::kClusterSlots, slots("$-1\r\n", both)) == expected(neither));
  CHECK(Rewritten(Kind::kClusterSlots, slots("_\r\n", both)) == expected(neither));
  const std::string more =
      Array({Bulk("zone"), Array({Bulk("a"), ":1\r\n"}), Bulk("ip"), Bulk("x")});
  CHECK(Rewritten(Kind::kClusterSlots, slots(Bulk("10.0.0.2"), more)) ==
        expected(Array({Bulk("zone"), Array({Bulk("a"), ":1\r\n"}), Bulk("ip"), local})));
  // Redis 3 and 4 tell less.
  CHECK(
      Rewritten(Kind::kClusterSlots, Array({Array({":0\r\n", ":1\r\n", Array({Bulk("a"), ":1\r\n"}),
                                                   Array({Bulk("b"), ":1\r\n", Bulk("id")})})})) ==
      Array({Array({":0\r\n", ":1\r\n", Array({Local(0)}).replace(1, 1, "2"),
                    Array({Local(1), Bulk("id")}).replace(1, 1, "3")})}));
}

TEST_CASE("CLUSTER SLOTS: which node a host that isn't told stands for") {
  const auto asked = [](const std::string& host, const std::string& metadata, OwnNode own) {
    FakeNodes nodes;
    const TopologyRewriter rewriter(nodes, std::move(own), NodeKind::kRedis);
    Run(rewriter, Kind::kClusterSlots,
        Array({Array({":0\r\n", ":99\r\n", Array({host, ":7001\r\n", Bulk("id"), metadata})})}));
    return nodes.asked.at(0);
  };
  const std::string ip = Array({Bulk("ip"), Bulk("10.0.0.2")});
  CHECK(asked("$-1\r\n", ip, {"10.0.0.1", 7000}) == "10.0.0.1:7001");
  CHECK(asked(Bulk(""), "*0\r\n", {"10.0.0.1", 7000}) == "10.0.0.1:7001");
  CHECK(asked(Bulk("?"), ip, {"10.0.0.1", 7000}) == "10.0.0.2:7001");
  CHECK(asked(Bulk("?"), "*0\r\n", {"10.0.0.1", 7000}) == "10.0.0.1:7001");
  CHECK(asked("$-1\r\n", ip, {}) == "10.0.0.2:7001");
  CHECK(asked(Bulk(""), "*0\r\n", {}) == ":7001");  // the directory may know
  CHECK(asked(Bulk("2001:db8::2"), "*0\r\n", {}) == "2001:db8::2:7001");
}

TEST_CASE("A node is one node by its host name and by its IP address") {
  FakeNodes nodes;
  const TopologyRewriter rewriter(nodes, {"10.0.0.1", 7000}, NodeKind::kRedis);
  const auto metadata = Array({Bulk("ip"), Bulk("10.0.0.2")});
  Run(rewriter, Kind::kClusterSlots,
      Array({Array(
          {":0\r\n", ":9\r\n", Array({Bulk("b.example"), ":7001\r\n", Bulk("id"), metadata})})}));
  Run(rewriter, Kind::kNone, "-MOVED 1 b.example:7001\r\n");
  Run(rewriter, Kind::kNone, "-MOVED 1 10.0.0.2:7001\r\n");
  Run(rewriter, Kind::kClusterNodes,
      Bulk("id 10.0.0.2:7001@17001,b.example master - 0 0 1 connected\n"));
  CHECK(nodes.asked == std::vector<std::string>{"b.example:7001"});
}

TEST_CASE("CLUSTER SHARDS: ports with and without TLS, and names that are none") {
  for (const char type : {'*', '%'}) {
    const auto shards = [type](const std::vector<std::string>& node) {
      return Array({Array(
          {Bulk("slots"), Array({":0\r\n", ":9\r\n"}), Bulk("nodes"), Array({Array(node, type)})},
          type)});
    };
    const std::string local = Bulk("127.0.0.1");
    CHECK(Rewritten(Kind::kClusterShards,
                    shards({Bulk("id"), Bulk("x"), Bulk("port"), ":7001\r\n", Bulk("tls-port"),
                            ":7101\r\n", Bulk("ip"), Bulk("10.0.0.2"), Bulk("endpoint"),
                            Bulk("b.example"), Bulk("hostname"), Bulk("b.example"), Bulk("health"),
                            Bulk("online")})) ==
          shards({Bulk("id"), Bulk("x"), Bulk("port"), ":17000\r\n", Bulk("tls-port"), ":17000\r\n",
                  Bulk("ip"), local, Bulk("endpoint"), local, Bulk("hostname"), local,
                  Bulk("health"), Bulk("online")}));
    CHECK(
        Rewritten(Kind::kClusterShards, shards({Bulk("tls-port"), ":7101\r\n", Bulk("ip"),
                                                Bulk("10.0.0.2"), Bulk("endpoint"), Bulk("?")})) ==
        shards({Bulk("tls-port"), ":17000\r\n", Bulk("ip"), local, Bulk("endpoint"), local}));
    CHECK(Rewritten(Kind::kClusterShards, shards({Bulk("ip"), Bulk("10.0.0.2")})) ==
          shards({Bulk("ip"), Bulk("")}));
  }
}

TEST_CASE("CLUSTER NODES: lines in a string, verbatim or not, and in an array") {
  const std::string text =
      "id1 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460 [7->-id2] [8-<-id3]\n"
      "id2 2001:db8::2:7001@17001,b.example slave id1 0 0 1 connected\n"
      "id3 :0@0 slave,noaddr id1 0 0 1 disconnected\n"
      "id4 :7003@17003 master - 0 0 1 connected\n"
      "id5 10.0.0.5:7004@17004,,shard-id=abc master - 0 0 1 connected\n"
      "id6 10.0.0.6:7005 master - 0 0 1 connected\n";
  const std::string expected =
      "id1 127.0.0.1:17000@0 myself,master - 0 0 1 connected 0-5460 [7->-id2] [8-<-id3]\n"
      "id2 127.0.0.1:17001@0,127.0.0.1 slave id1 0 0 1 connected\n"
      "id3 :0@0 slave,noaddr id1 0 0 1 disconnected\n"
      "id4 127.0.0.1:17002@0 master - 0 0 1 connected\n"
      "id5 127.0.0.1:17003@0,,shard-id=abc master - 0 0 1 connected\n"
      "id6 127.0.0.1:17004 master - 0 0 1 connected\n";
  const auto verbatim = [](const std::string& lines) {
    return "=" + std::to_string(lines.size() + 4) + "\r\ntxt:" + lines + "\r\n";
  };
  CHECK(Rewritten(Kind::kClusterNodes, Bulk(text)) == Bulk(expected));
  CHECK(Rewritten(Kind::kClusterNodes, verbatim(text)) == verbatim(expected));
  CHECK(Rewritten(Kind::kClusterNodes, Array({Bulk("a b:1@2 x"), Bulk("c b:1@2,d x")})) ==
        Array({Bulk("a 127.0.0.1:17000@0 x"), Bulk("c 127.0.0.1:17000@0,127.0.0.1 x")}));
  CHECK(Rewritten(Kind::kClusterNodes, "*0\r\n") == "*0\r\n");
  CHECK(Rewritten(Kind::kClusterNodes, Bulk("")) == Bulk(""));
}

TEST_CASE("ROLE: a master's replicas, and a replica's master") {
  const auto master = [](const std::string& replicas) {
    return Array({Bulk("master"), ":42\r\n", replicas});
  };
  CHECK(Rewritten(Kind::kRole,
                  master(Array({Array({Bulk("10.0.0.3"), Bulk("7003"), Bulk("42")})}))) ==
        master("*1\r\n*3\r\n" + TextLocal(0) + Bulk("42")));
  // redis-cli --rdb, which listens nowhere
  CHECK(Rewritten(Kind::kRole, master(Array({Array({Bulk("10.0.0.3"), Bulk("0"), Bulk("42")})}))) ==
        master(Array({Array({Bulk(""), Bulk("0"), Bulk("42")})})));
  CHECK(Rewritten(Kind::kRole, master("*0\r\n")) == master("*0\r\n"));
  CHECK(Rewritten(Kind::kRole, Array({Bulk("slave"), Bulk("10.0.0.1"), ":7000\r\n",
                                      Bulk("connected"), ":42\r\n"})) ==
        "*5\r\n" + Bulk("slave") + Local(0) + Bulk("connected") + ":42\r\n");
  const std::string sentinel = Array({Bulk("sentinel"), Array({Bulk("mymaster")})});
  CHECK(Rewritten(Kind::kRole, sentinel) == sentinel);
}

TEST_CASE("INFO: its own lines are rewritten, all else passes byte for byte") {
  const std::string text =
      "# Server\r\nredis_version:7.2.0\r\ntcp_port:7000\r\n"
      "listener0:name=tcp,bind=10.0.0.1,bind=::1,port=7000\r\nlistener1:name=unix,bind=/run/r\r\n"
      "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:7009\r\n"
      "master_link_status:up\r\nslaveof:x\r\nslave0:ip=10.0.0.3,port=7003,state=online,lag=0\r\n"
      "slave1:ip=10.0.0.4,port=0,state=online\r\nslave_priority:100\r\nodd line\r\n"
      "# Sentinel\r\nmaster0:name=mymaster,status=ok,address=2001:db8::1:6379,slaves=1\r\n";
  const std::string expected =
      "# Server\r\nredis_version:7.2.0\r\ntcp_port:7000\r\n"
      "listener0:name=tcp,bind=127.0.0.1,bind=127.0.0.1,port=17001\r\n"
      "listener1:name=unix,bind=/run/r\r\n"
      "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:17000\r\n"
      "master_link_status:up\r\nslaveof:x\r\nslave0:ip=127.0.0.1,port=17002,state=online,lag=0\r\n"
      "slave1:ip=,port=0,state=online\r\nslave_priority:100\r\nodd line\r\n"
      "# Sentinel\r\nmaster0:name=mymaster,status=ok,address=127.0.0.1:17003,slaves=1\r\n";
  CHECK(Rewritten(Kind::kInfo, Bulk(text)) == Bulk(expected));
  for (const std::string same :
       {"", "\r\n", "a", ":", "master_port:1\r\n", "slave:x=1,\r\n", "a:b=,,\n"})
    CHECK(Rewritten(Kind::kInfo, Bulk(same)) == Bulk(same));
  // SENTINEL INFO-CACHE
  const std::string cache = Array(
      {Bulk("mymaster"),
       Array({Array({":5\r\n", Bulk("slave0:ip=a,port=1\n")}), Array({":6\r\n", "$-1\r\n"})})});
  CHECK(Rewritten(Kind::kInfo, cache).find("ip=127.0.0.1,port=17000\n") != std::string::npos);
}

TEST_CASE("Where a node has no local address, nothing of the reply is let out") {
  const std::string slots = Array(
      {Array({":0\r\n", ":1\r\n", Array({Bulk("a"), ":1\r\n"}), Array({Bulk("b"), ":1\r\n"})})});
  FakeNodes nodes(1);
  const TopologyRewriter rewriter(nodes, {}, NodeKind::kSentinel);
  CHECK(Run(rewriter, Kind::kClusterSlots, slots).outcome == Rewrite::kNoAddress);
  CHECK(Run(rewriter, Kind::kNone, "-MOVED 1 c:1\r\n").outcome == Rewrite::kNoAddress);
  CHECK(Run(rewriter, Kind::kInfo, Bulk("slave0:ip=c,port=1\n")).outcome == Rewrite::kNoAddress);
  CHECK(Describe(Rewrite::kNoAddress).find("node_ports") != std::string::npos);
  CHECK(Run(rewriter, Kind::kNone, "-MOVED 1 a:1\r\n").outcome == Rewrite::kDone);
}

TEST_CASE("What Redis doesn't answer is malformed, and never more than that") {
  const auto node = [](const std::string& host, const std::string& port) {
    return Array({Array({":0\r\n", ":1\r\n", Array({host, port, Bulk("id"), "*0\r\n"})})});
  };
  const std::vector<std::pair<Kind, std::string>> bad = {
      {Kind::kClusterSlots, node(Bulk("a b"), ":1\r\n")},
      {Kind::kClusterSlots, node(Bulk("a\r\nb"), ":1\r\n")},
      {Kind::kClusterSlots, node(Bulk(std::string("a\0", 2)), ":1\r\n")},
      {Kind::kClusterSlots, node(Bulk("a"), ":65536\r\n")},
      {Kind::kClusterSlots, node(Bulk("a"), ":-1\r\n")},
      {Kind::kClusterSlots, node(Bulk("a"), "*0\r\n")},
      {Kind::kClusterSlots, node(":1\r\n", ":1\r\n")},
      {Kind::kClusterSlots, node("*0\r\n", ":1\r\n")},
      {Kind::kClusterSlots, ":1\r\n"},
      {Kind::kClusterSlots, Bulk("10.0.0.2")},
      {Kind::kClusterSlots, "*1\r\n:1\r\n"},
      {Kind::kClusterSlots, "*1\r\n*1\r\n:1\r\n"},
      {Kind::kClusterSlots, "*1\r\n*3\r\n:1\r\n:2\r\n*1\r\n$1\r\na\r\n"},
      {Kind::kClusterSlots, "*?\r\n.\r\n"},
      {Kind::kClusterShards, "*1\r\n*1\r\n:1\r\n"},
      {Kind::kClusterShards, Array({Array({Bulk("nodes"), ":1\r\n"})})},
      {Kind::kClusterShards,
       Array({Array({Bulk("nodes"), Array({Array({Bulk("ip"), "*0\r\n"})})})})},
      {Kind::kClusterNodes, Bulk("id\n")},
      {Kind::kClusterNodes, Bulk("id 10.0.0.2 x\n")},
      {Kind::kClusterNodes, Bulk("id 10.0.0.2:99999@1 x\n")},
      {Kind::kClusterNodes, "$?\r\n;1\r\na\r\n;0\r\n"},
      {Kind::kRole, "*0\r\n"},
      {Kind::kRole, Array({Bulk("slave"), Bulk("a"), Bulk("x")})},
      {Kind::kRole, Array({Bulk("primary"), Bulk("10.0.0.2")})},
      {Kind::kInfo, Bulk("master_host:a\r\n")},
      {Kind::kInfo, Bulk("slave0:ip=a\r\n")},
      {Kind::kInfo, Bulk("master0:address=a\r\n")},
      {Kind::kInfo, ":1\r\n"},
      {Kind::kSentinelAddress, "*1\r\n$1\r\na\r\n"},
      {Kind::kSentinelInstances, Array({Bulk("ip"), Bulk("a"), Bulk("port"), Bulk("x")})},
      {Kind::kSentinelInstances, Array({Bulk("ip")})},
  };
  for (const auto& one : bad) {
    const Kind kind = one.first;
    const std::string& frame = one.second;
    CAPTURE(frame);
    REQUIRE(IsWholeFrame(frame));
    CHECK(Rewritten(kind, frame) == "malformed");
  }
  // Not whole frames, which the scanner would never give.
  for (const std::string frame : {"", "*1000000\r\n", "*1\r\n", "$5\r\na\r\n", "x", "*2\r\n:1\r\n"})
    for (int kind = 1; kind <= static_cast<int>(Kind::kSentinelScripts); ++kind)
      CHECK(Rewritten(static_cast<Kind>(kind), frame) == "malformed");
}

}  // namespace
}  // namespace redwall::proxy
