// What is recorded of a conversation, and what happens when it can't be.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/gateway/audit/temp_folder.h"
#include "tests/gateway/proxy/conversation_fixture.h"
#include "tests/gateway/proxy/fake_nodes.h"

namespace redwall::proxy {
namespace {

const std::string kGet = Wire({"GET", "a"});
const std::string kFlush = Wire({"FLUSHALL"});

class AuditedSite {
 public:
  explicit AuditedSite(SiteOptions options = {.policy = kNoWipes})
      : site_(WithFile(std::move(options))) {}
  Site* operator->() { return &site_; }
  std::vector<nlohmann::json> Lines() {
    site_.recorder().Flush({});
    std::vector<nlohmann::json> lines;
    std::istringstream in(audit::ReadAll(folder_.File("audit.jsonl")));
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

 private:
  SiteOptions WithFile(SiteOptions options) const {
    options.audit = folder_.File("audit.jsonl");
    return options;
  }
  const audit::TempFolder folder_;
  Site site_;
};

TEST_CASE("A command is recorded in one line when its reply has passed") {
  AuditedSite site;
  site->Request(kGet);
  CHECK(site.Lines().empty());
  site->now.mono_us += 250;
  site->Reply("$1\r\n");
  site->now.mono_us += 1000;
  site->Reply("x\r\n");
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["cmd"] == "get");
  CHECK(lines[0]["keys"] == nlohmann::json::array({"a"}));
  CHECK(lines[0]["n"] == 1);
  CHECK(lines[0]["result"] == "ok");
  CHECK(lines[0]["us"] == 250);
  CHECK(lines[0]["bytes_in"] == kGet.size());
  CHECK(lines[0]["bytes_out"] == 7);
  CHECK(lines[0]["decision"] == "allow");
}

TEST_CASE("An error is recorded by its first word, a denial with its rule") {
  AuditedSite site;
  site->Run({"GET", "a"}, "-WRONGTYPE Operation against a key\r\n");
  site->Run({"GET", "a"}, "!10\r\nMOVED 1 :2\r\n");
  site->Request(kFlush);
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["error"] == "WRONGTYPE");
  CHECK(lines[1]["error"] == "MOVED");
  CHECK(lines[2]["error"] == "NOPERM");
  CHECK(lines[2]["rule"] == "no-wipes");
  CHECK(lines[2]["decision"] == "deny");
  CHECK(lines[2]["bytes_out"] == kDenied.size());
}

TEST_CASE("Of a reply that was rewritten the length is recorded that the client got") {
  FakeNodes nodes(1);
  const TopologyRewriter rewriter(nodes, {}, NodeKind::kRedis);
  AuditedSite site({.topology = &rewriter});
  const auto address = [](std::string_view host, std::string_view port) {
    return "*2\r\n" + Bulk(host) + Bulk(port);
  };
  const std::string ours = address("127.0.0.1", "17000");
  const std::string get = "GET-MASTER-ADDR-BY-NAME";
  site->Run({"SENTINEL", get, "m"}, address("10.10.10.10", "6379"));
  site->Run({"GET", "a"}, "-MOVED 1 10.10.10.10:6379\r\n");
  site->Request(Wire({"MULTI"}) + Wire({"SENTINEL", get, "m"}) + Wire({"EXEC"}));
  site->Reply("+OK\r\n+QUEUED\r\n*1\r\n" + address("10.10.10.10", "6379"));
  const std::string none = site->Run({"SENTINEL", get, "m"}, address("a", "1"));
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 6);
  CHECK(lines[0]["result"] == "ok");
  CHECK(lines[0]["bytes_out"] == ours.size());
  CHECK(lines[1]["error"] == "MOVED");
  CHECK(lines[1]["bytes_out"] == std::string("-MOVED 1 127.0.0.1:17000\r\n").size());
  CHECK(lines[4]["bytes_out"] == 4 + ours.size());
  CHECK(none.starts_with("-ERR redwall: "));
  CHECK(lines[5]["error"] == "ERR");
  CHECK(lines[5]["bytes_out"] == none.size());
  CHECK(lines[5]["own"] == true);
  for (std::size_t i = 0; i < 5; ++i) CHECK(!lines[i].contains("own"));
}

TEST_CASE("An error that takes the place of Redis's answer is marked, a denial isn't") {
  FakeNodes nodes(1);
  const TopologyRewriter rewriter(nodes, {}, NodeKind::kRedis);
  ConversationLimits limits;
  limits.max_topology_reply = 100;
  AuditedSite too_long({.policy = kNoWipes, .limits = limits, .topology = &rewriter});
  too_long->Request(kFlush + Wire({"CLUSTER", "NODES"}));
  too_long->Reply(Bulk(std::string(200, 'x')));
  const auto lines = too_long.Lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["error"] == "NOPERM");
  CHECK(!lines[0].contains("own"));
  CHECK(lines[1]["error"] == "ERR");
  CHECK(lines[1]["own"] == true);

  AuditedSite broken;
  broken->Request(kGet + "*5\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n" + std::string(100000, 'v') +
                      "\r\n$" + std::string(66000, '1'),
                  1000);
  broken->Reply("$-1\r\n");
  const auto halves = broken.Lines();
  REQUIRE(halves.size() == 2);
  CHECK(!halves[0].contains("own"));
  CHECK(halves[1]["cmd"] == "set");
  CHECK(halves[1]["error"] == "ERR");
  CHECK(halves[1]["own"] == true);
}

TEST_CASE("What is unanswered when the connection ends is recorded as such") {
  AuditedSite site;
  site->Request(kGet + kFlush);
  site->conversation().OnClosed();
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["result"] == "none");
  CHECK(lines[0]["us"].is_null());
}

TEST_CASE("The line of a command that has no reply is written at once") {
  AuditedSite site;
  site->Request(Wire({"CLIENT", "REPLY", "SKIP"}) + kFlush + Wire({"REPLCONF", "ACK", "1"}));
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 3);
  for (const auto& line : lines) CHECK(line["result"] == "none");
  CHECK(lines[1]["decision"] == "deny");
}

TEST_CASE("A long command's bytes are all counted") {
  const std::string set = Wire({"SET", "a", std::string(100000, 'v')});
  AuditedSite site;
  site->Request(set, 1000);
  site->Reply("+OK\r\n");
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["bytes_in"] == set.size());
}

TEST_CASE("An aborted transaction's EXEC is recorded as the error that the client got") {
  AuditedSite site;
  site->Request(Wire({"MULTI"}) + kFlush + Wire({"EXEC"}));
  site->Reply("+OK\r\n+OK\r\n");
  const auto lines = site.Lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[2]["cmd"] == "exec");
  CHECK(lines[2]["error"] == "EXECABORT");
  CHECK(lines[2]["bytes_out"] == kAborted.size());
}

TEST_CASE("The user, the database and the client's name are the ones in force") {
  AuditedSite site({.policy = kAllowAll, .user = "app"});
  const auto last = [&](const char* field) { return site.Lines().back()[field]; };
  site->Run({"GET", "a"}, "$-1\r\n");
  CHECK(last("user") == "app");
  CHECK(last("db") == 0);
  site->Run({"AUTH", "bob", "pw"}, "+OK\r\n");
  site->Run({"SELECT", "3"}, "+OK\r\n");
  site->Run({"CLIENT", "SETNAME", "worker"}, "+OK\r\n");
  site->Run({"GET", "a"}, "$-1\r\n");
  CHECK(last("user") == "bob");
  CHECK(last("db") == 3);
  CHECK(last("client_name") == "worker");
  SUBCASE("a refusal changes none of them") {
    site->Run({"AUTH", "eve", "pw"}, "-WRONGPASS no\r\n");
    site->Run({"SELECT", "99"}, "-ERR DB index is out of range\r\n");
    site->Run({"SELECT", "x"}, "-ERR value is not an integer\r\n");
    site->Run({"CLIENT", "SETNAME", "a b"}, "-ERR Client names cannot contain spaces\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("user") == "bob");
    CHECK(last("db") == 3);
    CHECK(last("client_name") == "worker");
  }
  SUBCASE("a refusal that comes when a later one was sent already") {
    site->Request(Wire({"AUTH", "eve", "pw"}) + Wire({"AUTH", "ann", "pw"}) +
                  Wire({"SELECT", "99"}) + Wire({"SELECT", "5"}));
    site->Reply("-WRONGPASS no\r\n");  // only now does the next AUTH go
    site->Reply("+OK\r\n-ERR no\r\n+OK\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("user") == "ann");
    CHECK(last("db") == 5);
  }
  SUBCASE("in a transaction they change with EXEC, one by one") {
    site->Run({"MULTI"}, "+OK\r\n");
    site->Run({"SELECT", "5"}, "+QUEUED\r\n");
    site->Run({"GET", "a"}, "+QUEUED\r\n");
    CHECK(last("db") == 3);
    site->Run({"SELECT", "99"}, "+QUEUED\r\n");
    site->Run({"AUTH", "ann", "pw"}, "+QUEUED\r\n");
    site->Run({"AUTH", "eve", "no"}, "+QUEUED\r\n");
    site->Run({"CLIENT", "SETNAME", "later"}, "+QUEUED\r\n");
    SUBCASE("executed") {
      site->Run({"EXEC"},
                "*6\r\n+OK\r\n$-1\r\n-ERR DB index is out of range\r\n+OK\r\n"
                "-WRONGPASS no\r\n+OK\r\n");
      site->Run({"GET", "a"}, "$-1\r\n");
      CHECK(last("user") == "ann");
      CHECK(last("db") == 5);
      CHECK(last("client_name") == "later");
    }
    SUBCASE("what is sent behind EXEC is recorded as if it had been granted") {
      site->Request(Wire({"EXEC"}) + kGet);
      site->Reply("*6\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n$-1\r\n");
      CHECK(last("user") == "bob");  // a user only once Redis has said so
      CHECK(last("db") == 99);
    }
    SUBCASE("not executed: WATCH, EXECABORT, DISCARD, RESET") {
      SUBCASE("") { site->Run({"EXEC"}, "*-1\r\n"); }
      SUBCASE("") { site->Run({"EXEC"}, "_\r\n"); }
      SUBCASE("") { site->Run({"EXEC"}, "-EXECABORT no\r\n"); }
      SUBCASE("") { site->Run({"DISCARD"}, "+OK\r\n"); }
      site->Run({"GET", "a"}, "$-1\r\n");
      CHECK(last("user") == "bob");
      CHECK(last("db") == 3);
      CHECK(last("client_name") == "worker");
    }
  }
  SUBCASE("behind replies that a subscription adds to EXEC's") {
    site->Run({"MULTI"}, "+OK\r\n");
    site->Run({"SUBSCRIBE", "x", "y"}, "+QUEUED\r\n");
    site->Run({"SELECT", "5"}, "+QUEUED\r\n");
    site->Run({"SELECT", "99"}, "+QUEUED\r\n");
    site->Run({"EXEC"}, "*3\r\n" + Confirmation("subscribe", "x", 1) +
                            Confirmation("subscribe", "y", 2) + "+OK\r\n-ERR no\r\n");
    site->Run({"PING"}, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    CHECK(last("db") == 5);
  }
  SUBCASE("a MULTI that was refused: they change at once") {
    site->Request(Wire({"MULTI"}) + Wire({"SELECT", "7"}));
    site->Reply("-NOPERM no\r\n+OK\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("db") == 7);
  }
  SUBCASE("two refusals in a row") {
    site->Request(Wire({"AUTH", "eve", "pw"}) + Wire({"AUTH", "ann", "pw"}));
    site->Reply("-WRONGPASS no\r\n");
    site->Reply("-WRONGPASS no\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("user") == "bob");
  }
  SUBCASE("a refusal inside of a transaction, which would only have been queued") {
    site->Run({"MULTI"}, "+OK\r\n");
    site->Run({"SELECT", "x"}, "-ERR no\r\n");
    site->Run({"AUTH", "eve", "pw"}, "-ERR no\r\n");
    site->Run({"DISCARD"}, "+OK\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("user") == "bob");
    CHECK(last("db") == 3);
  }
  SUBCASE("RESET takes all of it back, and what is sent behind it counts") {
    site->Request(Wire({"RESET"}) + Wire({"SELECT", "2"}) + Wire({"CLIENT", "SETNAME", "new"}));
    site->Reply("+RESET\r\n+OK\r\n+OK\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("user") == "app");
    CHECK(last("db") == 2);
    CHECK(last("client_name") == "new");
  }
  SUBCASE("HELLO with AUTH and SETNAME") {
    site->Run({"HELLO", "3", "AUTH", "ann", "pw", "SETNAME", "web"}, "%0\r\n");
    site->Run({"GET", "a"}, "_\r\n");
    CHECK(last("user") == "ann");
    CHECK(last("client_name") == "web");
    site->Run({"HELLO", "3", "AUTH", "eve", "pw", "setname", "bad"}, "-WRONGPASS no\r\n");
    site->Run({"GET", "a"}, "_\r\n");
    CHECK(last("user") == "ann");
    CHECK(last("client_name") == "web");
  }
  SUBCASE("AUTH with a password alone is the default user's") {
    site->Run({"AUTH", "pw"}, "+OK\r\n");
    site->Run({"GET", "a"}, "$-1\r\n");
    CHECK(last("user") == "default");
  }
}

TEST_CASE("When the audit can't be written nothing is served") {
  const std::string refused =
      "-ERR redwall: the audit log can't be written, so nothing is served until it can\r\n";
  Site site({.policy = kNoWipes, .audit = "/dev/full"});
  site.Request(kGet);
  site.Reply(Bulk("x"));
  CHECK(site.TakeClient() == Bulk("x"));
  site.recorder().Flush({});
  REQUIRE_FALSE(site.recorder().healthy());
  site.TakeRedis();
  site.Request(kGet + kFlush + kGet);
  CHECK(site.to_redis == "*0\r\n*0\r\n*0\r\n");
  CHECK(site.to_client == refused + std::string(kDenied) + refused);
  CHECK_FALSE(site.finished());
}

TEST_CASE("In a transaction that is refused for the audit nothing is executed") {
  Site site({.policy = kAllowAll, .audit = "/dev/full"});
  site.Run({"MULTI"}, "+OK\r\n");
  site.Run({"SET", "a", "1"}, "+QUEUED\r\n");
  site.recorder().Flush({});
  site.TakeRedis();
  site.Request(Wire({"SET", "b", "1"}) + Wire({"EXEC"}));
  CHECK(site.to_redis.find("EXEC") == std::string::npos);
}

}  // namespace
}  // namespace redwall::proxy
