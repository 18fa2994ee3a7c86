// Nodes that say anything at all, and limits.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gateway/proxy/cluster_router.h"
#include "tests/gateway/proxy/cluster_fixture.h"

namespace redwall::proxy {
namespace {

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ClusterSite::Encode(arguments);
}

// A router with two masters, of which the test is both: slots 0-8191 are node 10.0.0.1's.
class Scripted final : public ClusterOutlet {
 public:
  explicit Scripted(ClusterLimits its = {}) : limits(its) {
    const ClusterMap map({{"10.0.0.1", 7000}, {"10.0.0.2", 7000}},
                         {{0, 8191, 0, {}}, {8192, 16383, 1, {}}});
    std::shared_ptr<const resp::CommandTable> table(&resp::CommandTable::Builtin(), [](auto*) {});
    router = std::make_unique<ClusterRouter>(limits, *this, table,
                                             std::make_shared<const ClusterMap>(map), "", 0);
  }

  const ClusterLimits limits;
  std::unique_ptr<ClusterRouter> router;
  std::vector<ClusterNode> dialed;  // by NodeId, each once
  std::vector<std::string> sent = std::vector<std::string>(8);
  std::vector<NodeId> closed;

  void Request(std::string_view bytes) {
    const std::size_t before = dialed.size();
    router->OnRequest(bytes);
    for (std::size_t i = before; i < dialed.size(); ++i) router->OnNodeOpen(ids[i]);
  }
  std::string Reply(NodeId node, std::string_view bytes) {
    router->OnNodeReply(node, bytes);
    return router->TakeReplies();
  }

 private:
  void Connect(NodeId node, const ClusterNode& address) override {
    dialed.push_back(address);
    ids.push_back(node);
  }
  void ToNode(NodeId node, std::string_view bytes) override { sent[node] += bytes; }
  void CloseNode(NodeId node) override { closed.push_back(node); }
  void WantMap() override {}
  void OnNodeRefused(NodeId, std::string_view) override {}
  std::vector<NodeId> ids;
};

// b's slot is node 0's, a's is node 1's.
TEST_CASE("A redirect that a script made up isn't followed to where it likes") {
  Scripted site;
  site.Request(Encode({"GET", "a"}));
  CHECK(site.Reply(0, "-MOVED 3300 10.0.0.1:7000\r\n") == "-MOVED 3300 10.0.0.1:7000\r\n");
  site.Request(Encode({"GET", "a"}));
  CHECK(site.Reply(0, "-MOVED 15495 evil.example:6379\r\n").empty());
  CHECK(site.dialed.size() == 1);
  for (const char* odd :
       {"-MOVED\r\n", "-MOVED 1\r\n", "-MOVED x 10.0.0.1:7000\r\n", "-MOVED 15495 10.0.0.1:x\r\n",
        "-MOVED 99999 10.0.0.1:1\r\n", "-ASK 15495 10.0.0.1\r\n", "-ASK  :\r\n"}) {
    Scripted other;
    other.Request(Encode({"GET", "a"}));
    CHECK(other.Reply(0, odd) == odd);
  }
}

TEST_CASE("What isn't RESP, and what nobody asked for, ends it") {
  for (const char* bad : {"?", "$x\r\n", "+OK\r\n+more\r\n", "$1\r\na\r\n:1\r\n", "*-2\r\n"}) {
    Scripted site;
    site.Request(Encode({"GET", "a"}));
    site.Reply(0, bad);
    CHECK(site.router->finished());
    CHECK(!site.router->failure().empty());
  }
}

TEST_CASE("Confirmations and messages that make no sense crash nothing") {
  for (const char* push : {">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:5\r\n", ">0\r\n", ">1\r\n_\r\n",
                           ">3\r\n$12\r\nsunsubscribe\r\n$1\r\nx\r\n:-7\r\n",
                           ">3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:9223372036854775807\r\n"}) {
    Scripted site;
    site.Request(Encode({"GET", "a"}));
    CHECK(site.Reply(0, push) == push);
    CHECK(site.Reply(0, "*0\r\n") == "*0\r\n");
    site.Request(Encode({"GET", "b"}) + Encode({"UNSUBSCRIBE"}) + Encode({"SUNSUBSCRIBE"}));
    site.Reply(0, push);
    site.Reply(1, push);
  }
  Scripted site;
  site.Request(Encode({"MULTI"}) + Encode({"SET", "a", "1"}));
  site.Reply(0, ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:5\r\n");
  site.Reply(0, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:5\r\n*0\r\n");
  site.Reply(0, "+OK\r\n");
}

TEST_CASE("Messages stay whole, whatever becomes of the reply that they stand behind") {
  const std::string part = "*1\r\n$1\r\nx\r\n", push = ">1\r\n$4\r\nnews\r\n";
  for (std::size_t cut = 1; cut < push.size(); ++cut) {
    // Both nodes have a message behind their part, and one of them a reply that has begun.
    Scripted site;
    site.Request(Encode({"MGET", "a", "b"}) + Encode({"GET", "b"}) + Encode({"GET", "a"}));
    std::string got = site.Reply(0, part + push.substr(0, cut));
    got += site.Reply(1, part + push.substr(0, cut));
    got += site.Reply(1, push.substr(cut) + "$5\r\nab");
    got += site.Reply(0, push.substr(cut) + "$1\r\ny\r\n");
    got += site.Reply(1, "cde\r\n");
    const std::string joined = "*2\r\n$1\r\nx\r\n$1\r\nx\r\n";
    CHECK(got == joined + push + "$5\r\nabcde\r\n" + push + "$1\r\ny\r\n");
  }
}

TEST_CASE("A node that answers before the command is whole ends it") {
  Scripted site;
  site.Request(Encode({"SET", "a", std::string(100000, 'v')}).substr(0, 50000));
  site.Reply(0, "+OK\r\n");
  CHECK(site.router->finished());
}

TEST_CASE("MULTI that is refused, and answers that aren't QUEUED") {
  Scripted site;
  site.Request(Encode({"MULTI"}) + Encode({"SET", "a", "1"}));
  CHECK(site.Reply(0, "-NOPERM no MULTI\r\n") == "+OK\r\n-NOPERM no MULTI\r\n");
  CHECK(site.sent[0].find("SET") == std::string::npos);
  site.Request(Encode({"EXEC"}));
  CHECK(site.router->TakeReplies().starts_with("-EXECABORT "));
}

TEST_CASE("Errors of any length pass") {
  for (const std::size_t size : {10u, 99u, 100u, 101u, 5000u}) {
    Scripted site({.max_error = 100});
    site.Request(Encode({"GET", "a"}) + Encode({"GET", "a"}));
    const std::string error = "-ERR " + std::string(size, 'e') + "\r\n";
    std::string got;
    for (const char c : error + error) got += site.Reply(0, {&c, 1});
    CHECK(got == error + error);
  }
}

TEST_CASE("Replies that are too large to be joined") {
  for (const std::size_t size : {20u, 89u, 90u, 91u, 5000u}) {
    Scripted site({.max_gathered = 200});
    site.Request(Encode({"MGET", "a", "b"}) + Encode({"PING"}));
    const std::string reply = "*1\r\n$4\r\n" + std::string(4, 'v') + "\r\n";
    const std::string large =
        "*1\r\n$" + std::to_string(size) + "\r\n" + std::string(size, 'v') + "\r\n";
    std::string got = site.Reply(0, large);
    got += site.Reply(1, large);
    got += site.Reply(1, "+PONG\r\n") + site.Reply(0, "");
    CHECK(got.starts_with(2 * large.size() <= 200 ? "*2\r\n" : "-ERR redwall: "));
    CHECK(got.ends_with("+PONG\r\n"));
    CHECK(!site.router->finished());
  }
}

TEST_CASE("What may be kept bounds what is taken") {
  for (const std::size_t kept : {1u, 26u, 27u, 1000u}) {
    Scripted site({.max_kept = kept});
    const std::string get = Encode({"GET", "a"});
    REQUIRE(get.size() == 20);
    std::string all;
    for (int i = 0; i < 10; ++i) all += get;
    site.Request(all);
    std::string got;
    for (int i = 0; i < 10; ++i) {
      CHECK(!site.router->finished());
      got += site.Reply(0, "$-1\r\n");
    }
    CHECK(got.size() == 50);
    CHECK(site.sent[0] == all);
  }
  Scripted site({.max_requests = 3});
  site.Request(Encode({"GET", "a"}) + Encode({"GET", "a"}));
  CHECK(site.router->takes_requests());
  site.Request(Encode({"GET", "a"}));
  CHECK(!site.router->takes_requests());
}

TEST_CASE("A command that is too long to be kept isn't sent again") {
  Scripted site({.max_kept = 100});
  site.Request(Encode({"SET", "a", std::string(101, 'v')}));
  CHECK(site.Reply(0, "-MOVED 15495 10.0.0.1:7000\r\n").starts_with("-TRYAGAIN "));
  site.router->OnMap(nullptr);
  site.Request(Encode({"SET", "a", "v"}));
  CHECK(site.Reply(0, "-MOVED 15495 10.0.0.1:7000\r\n").empty());
}

}  // namespace
}  // namespace redwall::proxy
