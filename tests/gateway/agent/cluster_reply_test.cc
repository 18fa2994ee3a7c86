#include "gateway/agent/cluster_reply.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/gateway/agent/reply_maker.h"

namespace redwall::agent {
namespace {

using net::Address;
using net::Reply;

// Of Redis 7.0.15: three masters, a replica of the first, a master without slots.
constexpr char kReplicaId[] = "c68227a3ae22efafd6d9fa6c544d6662cc72c982";
constexpr char kEmptyId[] = "54871576ce8e4e2043423b45f309275c98557bdd";
constexpr char kFirstId[] = "f7d342ca01e110d9db74c3d084fc93e48a2dec61";
constexpr char kSecondId[] = "97e3e0fc57df51a7afe18029d77e5a04216cfd5a";
constexpr char kThirdId[] = "62d6ad049698ff4ddfe80759e31b17d435c525fd";

constexpr char kNodes[] =
    "c68227a3ae22efafd6d9fa6c544d6662cc72c982 127.0.0.1:21403@31403 slave "
    "f7d342ca01e110d9db74c3d084fc93e48a2dec61 0 1795818391372 1 connected\n"
    "54871576ce8e4e2043423b45f309275c98557bdd 127.0.0.1:21404@31404 master - 0 1795818391579 0 "
    "connected\n"
    "f7d342ca01e110d9db74c3d084fc93e48a2dec61 127.0.0.1:21400@31400 myself,master - 0 "
    "1795818391000 1 connected 0-5460\n"
    "97e3e0fc57df51a7afe18029d77e5a04216cfd5a 127.0.0.1:21401@31401 master - 0 1795818391000 2 "
    "connected 5461-10922\n"
    "62d6ad049698ff4ddfe80759e31b17d435c525fd 127.0.0.1:21402@31402 master - 0 1795818390612 3 "
    "connected 10923-16383\n";

// Then the second has got a hostname, the third has failed, and slot 0 is on its way.
constexpr char kLaterNodes[] =
    "c68227a3ae22efafd6d9fa6c544d6662cc72c982 127.0.0.1:21403@31403 slave "
    "f7d342ca01e110d9db74c3d084fc93e48a2dec61 0 1795818426000 1 connected\n"
    "54871576ce8e4e2043423b45f309275c98557bdd 127.0.0.1:21404@31404 master - 0 1795818425465 0 "
    "connected\n"
    "f7d342ca01e110d9db74c3d084fc93e48a2dec61 127.0.0.1:21400@31400 myself,master - 0 "
    "1795818424000 1 connected 0-5460 [0->-97e3e0fc57df51a7afe18029d77e5a04216cfd5a]\n"
    "97e3e0fc57df51a7afe18029d77e5a04216cfd5a 127.0.0.1:21401@31401,node1.example master - 0 "
    "1795818425000 2 connected 5461-10922\n"
    "62d6ad049698ff4ddfe80759e31b17d435c525fd 127.0.0.1:21402@31402 master,fail - 1795818415545 "
    "1795818413954 3 disconnected 10923-16383\n";

// CLUSTER SLOTS under cluster-preferred-endpoint-type hostname, as it was recorded with them.
constexpr char kSlotsByHostname[] =
    "*3\n*4\n:0\n:5460\n*4\n$1\n?\n:21400\n$40\nf7d342ca01e110d9db74c3d084fc93e48a2dec61\n*2\n$2\n"
    "ip\n$9\n127.0.0.1\n*4\n$1\n?\n:21403\n$40\nc68227a3ae22efafd6d9fa6c544d6662cc72c982\n*2\n$2\n"
    "ip\n$9\n127.0.0.1\n*3\n:5461\n:10922\n*4\n$13\nnode1.example\n:21401\n$40\n"
    "97e3e0fc57df51a7afe18029d77e5a04216cfd5a\n*2\n$2\nip\n$9\n127.0.0.1\n*3\n:10923\n:16383\n*4\n"
    "$1\n?\n:21402\n$40\n62d6ad049698ff4ddfe80759e31b17d435c525fd\n*2\n$2\nip\n$9\n127.0.0.1\n";

const Address kAsked{"seed.example", 7000, {}};

Result<ClusterNodes, ClusterReplyError> TryRead(std::string_view nodes, const Reply& slots = {}) {
  return ReadClusterNodes(Text(nodes), slots, kAsked);
}
ClusterNodes Read(std::string_view nodes, const Reply& slots = {}) {
  auto read = TryRead(nodes, slots);
  if (!read) FAIL(read.error().sentence);
  return std::move(*read);
}
std::string Error(std::string_view nodes) {
  const auto read = TryRead(nodes);
  REQUIRE(!read.ok());
  return read.error().sentence;
}
const ClusterNode& Named(const ClusterNodes& cluster, std::string_view id) {
  const auto found = std::find_if(cluster.nodes.begin(), cluster.nodes.end(),
                                  [id](const ClusterNode& node) { return node.id == id; });
  REQUIRE(found != cluster.nodes.end());
  return *found;
}
// A line with all that must be there.
std::string Line(const std::string& id, const std::string& address, const std::string& flags,
                 const std::string& slots = "") {
  return id + " " + address + " " + flags + " - 0 0 1 connected" +
         (slots.empty() ? "" : " " + slots) + "\n";
}
ClusterNode ReadOne(const std::string& line) {
  const ClusterNodes cluster = Read(line);
  REQUIRE(cluster.nodes.size() == 1);
  return cluster.nodes.front();
}
// CLUSTER SLOTS with one range of one node.
Reply SlotsOf(Reply name, std::string_view id, Reply metadata = Array({})) {
  return Array({Array({Number(0), Number(16383),
                       Array({std::move(name), Number(7000), Text(id), std::move(metadata)})})});
}

TEST_CASE("A healthy cluster") {
  const ClusterNodes cluster = Read(kNodes);
  REQUIRE(cluster.nodes.size() == 5);
  CHECK(cluster.CountSlots() == kClusterSlots);
  CHECK(cluster.HasMajority());
  const ClusterNode& replica = Named(cluster, kReplicaId);
  CHECK_FALSE(replica.is_master());
  CHECK(replica.master_id == kFirstId);
  CHECK(replica.slots.empty());
  CHECK(replica.is_target());
  const ClusterNode& second = Named(cluster, kSecondId);
  CHECK(second.is_master());
  CHECK(second.address.ToString() == "127.0.0.1:21401");
  CHECK(second.ip == "127.0.0.1");
  CHECK(second.hostname.empty());
  CHECK(second.slots == std::vector<SlotRange>{{5461, 10922}});
  CHECK(second.IsAt({"127.0.0.1", 21401, {}}));
  CHECK_FALSE(second.IsAt({"127.0.0.1", 21402, {}}));
  CHECK_FALSE(second.IsAt({"", 21401, {}}));
  CHECK_FALSE(second.IsAt({"127.0.0.1", 21401, "/a/socket"}));
  const ClusterNode& empty = Named(cluster, kEmptyId);
  CHECK(empty.is_master());
  CHECK(empty.slots.empty());
  CHECK(empty.is_target());
}

TEST_CASE("A failed master, a slot on its way, a hostname") {
  const ClusterNodes cluster = Read(kLaterNodes);
  CHECK(Named(cluster, kFirstId).slots == std::vector<SlotRange>{{0, 5460}});
  const ClusterNode& second = Named(cluster, kSecondId);
  CHECK(second.hostname == "node1.example");
  CHECK(second.address.ToString() == "127.0.0.1:21401");
  CHECK(second.IsAt({"node1.example", 21401, {}}));
  const ClusterNode& third = Named(cluster, kThirdId);
  CHECK(third.failed);
  CHECK(third.is_target());  // it owns slots
  CHECK(cluster.HasMajority());
  CHECK_FALSE(cluster == Read(kNodes));
}

TEST_CASE("By hostname, where there is one") {
  const ClusterNodes cluster = Read(kLaterNodes, Recorded(kSlotsByHostname));
  const ClusterNode& second = Named(cluster, kSecondId);
  CHECK(second.address.ToString() == "node1.example:21401");
  CHECK(second.IsAt({"127.0.0.1", 21401, {}}));
  CHECK(second.IsAt({"node1.example", 21401, {}}));
  CHECK(Named(cluster, kFirstId).address.ToString() == "127.0.0.1:21400");
  // A node that CLUSTER SLOTS doesn't have is called as the others are.
  const ClusterNodes other =
      Read(std::string(kLaterNodes) + Line("ab", "127.0.0.1:7009@17009,spare.example", "master"),
           Recorded(kSlotsByHostname));
  CHECK(Named(other, "ab").address.ToString() == "spare.example:7009");
  // By number the hostname is only another name.
  const ClusterNodes by_ip =
      Read(std::string(kLaterNodes) + Line("ab", "127.0.0.1:7009@17009,spare.example", "master"),
           SlotsOf(Text("127.0.0.1"), kFirstId, Texts({"hostname", "first.example"})));
  CHECK(Named(by_ip, "ab").address.ToString() == "127.0.0.1:7009");
}

TEST_CASE("Nodes that don't know what they are called") {
  // A new node hasn't learned its own number yet.
  const ClusterNode fresh = ReadOne(
      "c8803b92c1d786b0578f7809c692947b7534d43b :21409@31409 myself,master - 0 0 0 "
      "connected\n");
  CHECK(fresh.address.ToString() == "seed.example:21409");
  CHECK_FALSE(fresh.no_address);
  CHECK(fresh.is_target());
  // Another's that isn't known is nobody's.
  const ClusterNode other = ReadOne(Line("ab", ":0@0", "master,noaddr", "0-5"));
  CHECK(other.no_address);
  CHECK_FALSE(other.is_target());
  CHECK_FALSE(other.IsAt({"", 0, {}}));
  // cluster-preferred-endpoint-type unknown-endpoint: all are where the one was asked.
  const ClusterNodes nameless = Read(kNodes, SlotsOf(Reply{}, kFirstId, Texts({"ip", "1.2.3.4"})));
  CHECK(Named(nameless, kFirstId).address.ToString() == "seed.example:21400");
  CHECK(Named(nameless, kEmptyId).address.ToString() == "seed.example:21404");
  CHECK(Named(nameless, kSecondId).IsAt({"127.0.0.1", 21401, {}}));
  // Neither "" nor "?" is a name.
  for (const char* name : {"", "?", "a b", "a\nb"}) {
    const ClusterNodes cluster = Read(kNodes, SlotsOf(Text(name), kFirstId));
    CHECK(Named(cluster, kFirstId).address.ToString() == "127.0.0.1:21400");
  }
}

TEST_CASE("Addresses of every version") {
  CHECK(ReadOne(Line("ab", "10.0.0.1:7000", "master")).address.ToString() == "10.0.0.1:7000");
  CHECK(ReadOne(Line("ab", "::1:7000@17000", "master")).address.ToString() == "[::1]:7000");
  const ClusterNode aux =
      ReadOne(Line("ab", "10.0.0.1:7000@17000,a.example,shard-id=cd,x=y", "master"));
  CHECK(aux.hostname == "a.example");
  const ClusterNode no_name = ReadOne(Line("ab", "10.0.0.1:7000@17000,,shard-id=cd", "master"));
  CHECK(no_name.hostname.empty());
  CHECK(ReadOne(Line("ab", "10.0.0.1:65535@1", "master")).address.port == 65535);
  // Without a port it can't be reached.
  for (const char* port : {"0", "65536", "", "-1", "70 0", "7x"})
    CHECK_FALSE(Read(Line("cd", "10.0.0.1:7000", "master") +
                     Line("ab", std::string("10.0.0.1:") + port, "master"))
                    .nodes.back()
                    .IsAt({"10.0.0.1", 0, {}}));
}

TEST_CASE("Flags") {
  const ClusterNode pfail = ReadOne(Line("ab", "10.0.0.1:7000", "slave,fail?"));
  CHECK(pfail.suspected);
  CHECK_FALSE(pfail.failed);
  CHECK(pfail.is_target());
  for (const char* flags : {"master,fail", "handshake", "slave,noaddr", "x,handshake,y"}) {
    CAPTURE(flags);
    CHECK_FALSE(ReadOne(Line("ab", "10.0.0.1:7000", flags)).is_target());
    CHECK(ReadOne(Line("ab", "10.0.0.1:7000", flags, "1")).is_target());
  }
  CHECK(ReadOne(Line("ab", "10.0.0.1:7000", "noflags")).is_target());
}

TEST_CASE("Slots") {
  const auto slots = [](const std::string& words) {
    return ReadOne(Line("ab", "10.0.0.1:7000", "master", words)).slots;
  };
  using Ranges = std::vector<SlotRange>;
  CHECK(slots("0") == Ranges{{0, 0}});
  CHECK(slots("16383 0-1") == Ranges{{16383, 16383}, {0, 1}});
  CHECK(slots("[93-<-ab] 5 [77->-cd]") == Ranges{{5, 5}});
  for (const char* bad : {"16384", "0-16384", "5-4", "-", "-5", "5-", "a", "1-2-3", "+1", "0x1"}) {
    CAPTURE(bad);
    CHECK(slots(bad).empty());
  }
  // Owned twice, they count once.
  CHECK(Read(Line("ab", "10.0.0.1:7000", "master", "0-9 5-14")).CountSlots() == 15);
}

TEST_CASE("Whose view counts") {
  const std::string up = Line("a1", "10.0.0.1:7000", "master", "0");
  const std::string down = Line("a2", "10.0.0.2:7000", "master,fail", "1");
  const std::string doubted = Line("a3", "10.0.0.3:7000", "master,fail?", "2");
  const std::string empty = Line("a4", "10.0.0.4:7000", "master");
  CHECK(Read(up).HasMajority());
  CHECK(Read(up + down + up).HasMajority());
  CHECK_FALSE(Read(up + down).HasMajority());
  CHECK_FALSE(Read(up + doubted).HasMajority());
  CHECK_FALSE(Read(up + down + doubted).HasMajority());
  CHECK_FALSE(Read(empty).HasMajority());
  CHECK_FALSE(Read(down).HasMajority());
}

TEST_CASE("What makes no sense is left out") {
  const std::string good = Line("ab", "10.0.0.1:7000", "master", "0-16383");
  for (const std::string& bad :
       {std::string("nonsense\n"), std::string(" \n"), std::string("\n"), std::string("\r\n"),
        std::string("ab 10.0.0.1:7000 master - 0 0 1\n"), Line("", "10.0.0.1:7000", "master"),
        Line("xyz", "10.0.0.1:7000", "master"),
        Line(std::string(65, 'a'), "10.0.0.1:7000", "master"), Line("ab", "10.0.0.1", "master"),
        Line("ab", "[::1]:7000", "master"), Line("ab", "a/b:7000", "master"),
        Line("ab", std::string(241, 'a') + ":7000", "master"),
        Line("ab", std::string("a\0b:7000", 8), "master")}) {
    CAPTURE(bad);
    CHECK(Read(bad + good).nodes.size() == 1);
    CHECK(Read(good + bad).nodes.size() == 1);
    CHECK_FALSE(TryRead(bad).ok());
  }
  // Every piece of an answer is one that can be read, or none; with CRLF as well.
  const std::string whole = kNodes;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto read = TryRead(whole.substr(0, size));
    if (read) CHECK(read->nodes.size() <= 5);
  }
  CHECK(Read("ab 10.0.0.1:7000 master - 0 0 1 connected 5\r\n").CountSlots() == 1);
}

TEST_CASE("No answer") {
  CHECK(Error("").find("no node") != std::string::npos);
  const Reply slots;
  const auto sentence = [&](const Reply& nodes) {
    const auto read = ReadClusterNodes(nodes, slots, kAsked);
    REQUIRE(!read.ok());
    return read.error().sentence;
  };
  CHECK(sentence(Failed("ERR This instance has cluster support disabled")) ==
        "answered CLUSTER NODES with an error: ERR This instance has cluster support disabled");
  CHECK(sentence(Failed(std::string(100000, 'x'))).size() < 400);
  CHECK(sentence(Reply{}) == "didn't answer CLUSTER NODES with a text");
  CHECK(sentence(Array({Text(kNodes)})) == "didn't answer CLUSTER NODES with a text");
  CHECK(sentence(Number(3)) == "didn't answer CLUSTER NODES with a text");
}

TEST_CASE("CLUSTER SLOTS that makes no sense changes nothing") {
  const ClusterNodes expected = Read(kNodes);
  const Reply bad_slots[] = {
      Failed("ERR unknown"),
      Text("x"),
      Array({}),
      Array({Number(1), Text("x"), Array({}), Array({Number(0), Number(1)})}),
      Array({Array({Number(0), Number(1), Array({Text("a")}), Text("b"), Reply{}})}),
      SlotsOf(Text("x.example"), "not an id"),
      SlotsOf(Number(5), kFirstId),
      SlotsOf(Array({}), kFirstId, Text("ip")),
  };
  for (const Reply& slots : bad_slots) CHECK(Read(kNodes, slots) == expected);
}

TEST_CASE("Limits") {
  const auto nodes = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += Line("ab", "10.0.0.1:" + std::to_string(i + 1), "master");
    return text;
  };
  CHECK(Read(nodes(kMaxClusterNodes - 1)).nodes.size() == kMaxClusterNodes - 1);
  CHECK(Read(nodes(kMaxClusterNodes)).nodes.size() == kMaxClusterNodes);
  CHECK(Error(nodes(kMaxClusterNodes + 1)) == "names more than 1000 nodes");
  const auto slots = [](std::size_t count) {
    std::string words;
    for (std::size_t i = 0; i < count; ++i)
      words += (i == 0 ? "" : " ") + std::to_string(i % 16384);
    return Line("ab", "10.0.0.1:7000", "master", words);
  };
  CHECK(Read(slots(kClusterSlots - 1)).CountSlots() == kClusterSlots - 1);
  CHECK(Read(slots(kClusterSlots)).CountSlots() == kClusterSlots);
  CHECK(Error(slots(kClusterSlots + 1)) == "tells of more than 16384 slots");
}

// Else few words would be work for seconds.
TEST_CASE("The slots of all lines count together") {
  const auto line = [](const std::string& slots) {
    return Line("ab", "10.0.0.1:7000", "master", slots);
  };
  constexpr char kTooMany[] = "tells of more than 16384 slots";
  CHECK(Read(line("0-8191") + line("8192-16382")).CountSlots() == kClusterSlots - 1);
  CHECK(Read(line("0-8191") + line("8192-16383")).CountSlots() == kClusterSlots);
  CHECK(Error(line("0-8191") + line("8192-16383 7")) == kTooMany);
  CHECK(Error(line("0-8191") + line("8191-16383")) == kTooMany);
  CHECK(Error(line("0-16383 0-16383")) == kTooMany);
  CHECK(Error(line("0-16383") + line("0")) == kTooMany);
  // What is no slot doesn't count, nor one on its way.
  std::string moving = "0-16383 16384 x";
  for (int slot = 0; slot < 16384; ++slot) moving += " [" + std::to_string(slot) + "-<-ab]";
  CHECK(Read(line(moving)).CountSlots() == kClusterSlots);
}

}  // namespace
}  // namespace redwall::agent
