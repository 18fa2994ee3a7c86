// Conversations of which the replies that name nodes are rewritten.
#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "tests/gateway/proxy/conversation_fixture.h"
#include "tests/gateway/proxy/fake_nodes.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kOk = "+OK\r\n", kQueued = "+QUEUED\r\n";
const std::string kSlots = Wire({"CLUSTER", "SLOTS"});
const std::string kRole = Wire({"role"});
const std::string kGet = Wire({"GET", "a"});

std::string SlotsReply(std::string_view host, int port) {
  return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + Bulk(host) + ":" + std::to_string(port) + "\r\n" +
         Bulk("id");
}
const std::string kTheirs = SlotsReply("10.0.0.2", 7001), kOurs = SlotsReply("127.0.0.1", 17000);
const std::string kMoved = "-MOVED 1 10.0.0.2:7001\r\n",
                  kMovedHere = "-MOVED 1 127.0.0.1:17000\r\n";
const std::string kNone =
    "-ERR redwall: a node that this reply names has no local port; give the listener more "
    "node_ports\r\n";

// A client of a listener that stands for the node 10.0.0.1:7000.
struct Near {
  explicit Near(SiteOptions options = {}, std::size_t ports = 64, NodeKind kind = NodeKind::kRedis)
      : nodes(ports), rewriter(nodes, {"10.0.0.1", 7000}, kind), site(With(options)) {}
  FakeNodes nodes;
  TopologyRewriter rewriter;
  Site site;

 private:
  SiteOptions With(SiteOptions options) {
    options.topology = &rewriter;
    return options;
  }
};

// What the client gets is the same however the replies are cut.
void CheckEverySplit(const std::string& requests, const std::string& replies,
                     const std::string& expected, NodeKind kind = NodeKind::kRedis,
                     std::string_view policy = kAllowAll) {
  for (std::size_t cut = 0; cut <= replies.size(); ++cut) {
    CAPTURE(cut);
    Near near({.policy = policy}, 64, kind);
    near.site.Request(requests);
    near.site.Reply(std::string_view(replies).substr(0, cut));
    // Never more than what is right.
    REQUIRE(expected.starts_with(near.site.to_client));
    near.site.Reply(std::string_view(replies).substr(cut));
    REQUIRE(near.site.to_client == expected);
    CHECK(!near.site.finished());
  }
  Near near({.policy = policy}, 64, kind);
  near.site.Request(requests);
  near.site.Reply(replies, 1);
  CHECK(near.site.to_client == expected);
}

TEST_CASE("Replies that name nodes, and redirections, among others that pass") {
  CheckEverySplit(
      kGet + kSlots + kGet + kRole + kGet,
      Bulk("10.0.0.2") + kTheirs + kMoved + "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" + "-ERR x\r\n",
      Bulk("10.0.0.2") + kOurs + kMovedHere + "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" + "-ERR x\r\n");
}

TEST_CASE("In RESP3, with pushes and attributes between") {
  const std::string hello = Wire({"HELLO", "3"});
  const std::string push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$8\r\n10.0.0.2\r\n";
  const std::string proto = "%1\r\n+proto\r\n:3\r\n";
  const std::string attribute = "|1\r\n+ttl\r\n:1\r\n";
  CheckEverySplit(hello + kSlots + kGet + kGet,
                  proto + push + attribute + kTheirs + push + kMoved + attribute + kMoved,
                  proto + push + attribute + kOurs + push + kMovedHere + attribute + kMovedHere);
}

TEST_CASE("Sub-commands are found in any case; a denied one is answered in its turn") {
  const std::string denied = "-NOPERM redwall: 'flushall' is denied by rule 'no-wipes'\r\n";
  CheckEverySplit(Wire({"cluster", "SLots"}) + Wire({"FLUSHALL"}) + kSlots + Wire({"FLUSHALL"}),
                  kTheirs + kTheirs, kOurs + denied + kOurs + denied, NodeKind::kRedis, kNoWipes);
}

TEST_CASE("Inside a transaction each command's reply is its own") {
  const std::string multi = Wire({"MULTI"}), exec = Wire({"EXEC"});
  const std::string queued = std::string(kOk) + std::string(kQueued) + std::string(kQueued) +
                             std::string(kQueued) + std::string(kQueued);
  CheckEverySplit(multi + kGet + kSlots + kGet + kSlots + exec + kGet,
                  queued + "*4\r\n" + kTheirs + kTheirs + kMoved + "-ERR x\r\n" + kTheirs,
                  queued + "*4\r\n" + kTheirs + kOurs + kMovedHere + "-ERR x\r\n" + kTheirs);
  // EXEC itself is redirected; and where MULTI was refused the reply comes at once.
  CheckEverySplit(multi + kGet + exec, std::string(kOk) + std::string(kQueued) + kMoved,
                  std::string(kOk) + std::string(kQueued) + kMovedHere);
  CheckEverySplit(multi + kSlots + exec, "-NOPERM x\r\n" + kTheirs + "-ERR EXEC without MULTI\r\n",
                  "-NOPERM x\r\n" + kOurs + "-ERR EXEC without MULTI\r\n");
}

TEST_CASE("A transaction with other commands that have effects") {
  const std::string queued =
      std::string(kOk) + std::string(kQueued) + std::string(kQueued) + std::string(kQueued);
  CheckEverySplit(
      Wire({"MULTI"}) + Wire({"SELECT", "1"}) + kSlots + Wire({"SELECT", "2"}) + Wire({"EXEC"}),
      queued + "*3\r\n+OK\r\n" + kTheirs + "+OK\r\n", queued + "*3\r\n+OK\r\n" + kOurs + "+OK\r\n");
}

TEST_CASE("CLIENT REPLY OFF and SKIP") {
  const auto mode = [](std::string_view word) { return Wire({"CLIENT", "REPLY", word}); };
  CheckEverySplit(mode("SKIP") + kGet + kSlots, kTheirs, kOurs);
  CheckEverySplit(mode("OFF") + kSlots + mode("ON") + kSlots + kGet,
                  std::string(kOk) + kTheirs + kMoved, std::string(kOk) + kOurs + kMovedHere);
  // The CLIENT REPLY was refused.
  const std::string refused =
      "-NOPERM this user has no permissions to run the 'client|reply' command\r\n";
  CheckEverySplit(mode("OFF") + kGet + kSlots, refused + kMoved + kTheirs,
                  refused + kMovedHere + kOurs);
}

TEST_CASE("Messages of a Sentinel, and replies between them") {
  const std::string theirs = Message("+switch-master", "m 10.0.0.2 7001 10.0.0.3 7001");
  const std::string ours = Message("+switch-master", "m 127.0.0.1 17000 127.0.0.1 17001");
  const std::string subscribed = Confirmation("subscribe", "+switch-master", 1);
  const std::string pong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
  CheckEverySplit(Wire({"SUBSCRIBE", "+switch-master"}) + Wire({"PING"}),
                  subscribed + theirs + pong + theirs, subscribed + ours + pong + ours,
                  NodeKind::kSentinel);
  // A Redis's own channel of that name is nobody's business.
  CheckEverySplit(Wire({"SUBSCRIBE", "+switch-master"}), subscribed + theirs, subscribed + theirs);
  const std::string hello3 = "%1\r\n+proto\r\n:3\r\n";
  const std::string push = ">" + theirs.substr(1), push_here = ">" + ours.substr(1);
  CheckEverySplit(Wire({"HELLO", "3"}) + kGet, hello3 + push + "_\r\n" + push,
                  hello3 + push_here + "_\r\n" + push_here, NodeKind::kSentinel);
}

TEST_CASE("A message of any length passes") {
  Near near;
  near.site.Request(Wire({"SUBSCRIBE", "c"}));
  const std::string confirmed = Confirmation("subscribe", "c", 1);
  const std::string message = Message("c", std::string(1 << 20, 'x'));
  near.site.Reply(confirmed + message + message, 1000);
  CHECK(near.site.to_client == confirmed + message + message);
  near.site.TakeClient();
  const std::string error = "-" + std::string(100000, 'x') + "\r\n";
  near.site.Request(Wire({"PING"}));
  near.site.Reply(error, 1000);
  CHECK(near.site.to_client == error);
  CHECK(!near.site.finished());
}

TEST_CASE("Where no local port is left, the client learns why, and goes on") {
  Near near({}, 0);
  CHECK(near.site.Run({"CLUSTER", "SLOTS"}, kTheirs) == kNone);
  CHECK(near.site.Run({"GET", "a"}, kMoved) == kNone);
  CHECK(near.site.Run({"GET", "a"}, "$1\r\nx\r\n") == "$1\r\nx\r\n");
  near.site.Request(Wire({"MULTI"}) + kSlots + Wire({"EXEC"}));
  near.site.Reply("+OK\r\n+QUEUED\r\n*1\r\n" + kTheirs);
  CHECK(near.site.TakeClient() == "+OK\r\n+QUEUED\r\n*1\r\n" + kNone);
  CHECK(near.site.conversation().idle());
}

TEST_CASE("A message that can't be told ends the connection: the client is to ask anew") {
  Near near({}, 0, NodeKind::kSentinel);
  near.site.Request(Wire({"SUBSCRIBE", "+switch-master"}));
  const std::string confirmed = Confirmation("subscribe", "+switch-master", 1);
  near.site.Reply(confirmed + Message("+switch-master", "m 10.0.0.2 1 10.0.0.3 2"));
  CHECK(near.site.to_client == confirmed);
  CHECK(near.site.finished());
  CHECK(near.site.failure() == "a message names a node that has no local address");
}

TEST_CASE("A reply that is too long to be kept ends the connection with an error") {
  for (const int more : {-1, 0, 1}) {
    for (const std::size_t piece : {0, 1, 7}) {
      ConversationLimits limits;
      limits.max_topology_reply = kTheirs.size() - static_cast<std::size_t>(more);
      Near near({.limits = limits});
      near.site.Request(kGet + kSlots + kGet);
      near.site.Reply(":1\r\n" + kTheirs, piece);
      CHECK(near.site.finished() == (more > 0));
      if (more <= 0) {
        CHECK(near.site.to_client == ":1\r\n" + kOurs);
        continue;
      }
      CHECK(near.site.to_client ==
            ":1\r\n-ERR redwall: this reply names nodes, and is longer than what may be kept of it "
            "to rewrite it (max_topology_reply)\r\n");
      CHECK(near.site.failure().find("max_topology_reply") != std::string::npos);
    }
  }
}

TEST_CASE("What is kept of a reply is charged to the budget") {
  Budget budget{.limit = 1 << 20};
  Near near({.budget = &budget});
  near.site.Request(kSlots);
  const std::size_t before = budget.used;
  near.site.Reply("*1\r\n*2\r\n:0\r\n$300000\r\n" + std::string(300000, 'x'));
  CHECK(budget.used > before + 300000);
  near.site.Reply("\r\n");
  CHECK(budget.used < before);
  near.site.Request(kSlots);
  near.site.Reply("*1\r\n*2\r\n:0\r\n$3000000\r\n" + std::string(2000000, 'x'));
  CHECK(near.site.finished());
  near.site.conversation().OnClosed();
  CHECK(budget.used == 0);
}

TEST_CASE("Without a rewriter everything passes byte for byte") {
  Site site;
  const std::string replies = kTheirs + kMoved;
  site.Request(kSlots + kGet);
  site.Reply(kTheirs.substr(0, 20));
  CHECK(site.to_client == kTheirs.substr(0, 20));
  site.Reply(kTheirs.substr(20) + kMoved);
  CHECK(site.to_client == replies);
}

}  // namespace
}  // namespace redwall::proxy
