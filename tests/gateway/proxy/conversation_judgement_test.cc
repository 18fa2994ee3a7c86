// By which database and user a command is judged, what is held back until that is known, and what a
// new policy means for a connection that is open.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

// Database 5 is nobody's.
constexpr std::string_view kNotFive = R"({"version": 1, "default": "allow", "rules": [
    {"id": "five", "action": "deny", "commands": ["set"], "databases": [5]}]})";
constexpr std::string_view kAnnAlone = R"({"version": 1, "default": "deny", "rules": [
    {"id": "hello", "action": "allow", "commands": ["@handshake", "client", "multi", "exec"]},
    {"id": "ann", "action": "allow", "commands": ["set"], "users": ["ann"]}]})";

const std::string kSet = Wire({"SET", "a", "1"});
const std::string kRefusedFive = "-NOPERM redwall: 'set' is denied by rule 'five'\r\n";
const std::string kRefused = "-NOPERM redwall: 'set' is denied by the policy's default\r\n";

TEST_CASE("Behind a SELECT a command waits for the answer, and is judged by it") {
  for (const bool granted : {true, false}) {
    CAPTURE(granted);
    Site site({.policy = kNotFive});
    site.Request(Wire({"SELECT", "5"}) + kSet);
    CHECK(site.TakeRedis() == Wire({"SELECT", "5"}));
    CHECK_FALSE(site.conversation().takes_requests());
    site.Reply(granted ? "+OK\r\n" : "-ERR DB index is out of range\r\n");
    CHECK(site.conversation().takes_requests());
    CHECK(site.TakeRedis() == (granted ? std::string(kPlaceholder) : kSet));
    CHECK(site.TakeClient().ends_with(granted ? kRefusedFive : "range\r\n"));
  }
}

TEST_CASE("A failing SELECT in front doesn't hide the database that one is really in") {
  Site site({.policy = kNotFive});
  site.Run({"SELECT", "5"}, "+OK\r\n");
  site.TakeRedis();
  site.Request(Wire({"SELECT", "99"}) + kSet);
  site.Reply("-ERR DB index is out of range\r\n");
  CHECK(site.TakeRedis() == Wire({"SELECT", "99"}) + std::string(kPlaceholder));
  CHECK(site.TakeClient().ends_with(kRefusedFive));
}

TEST_CASE("Nor does one that nobody hears of") {
  Site site({.policy = kNotFive});
  site.Run({"SELECT", "5"}, "+OK\r\n");
  site.Request(Wire({"CLIENT", "REPLY", "OFF"}) + Wire({"SELECT", "99"}));
  site.TakeRedis();
  site.Request(kSet);
  CHECK(site.TakeRedis() == kPlaceholder);
}

TEST_CASE("In a transaction all that may be in force counts") {
  Site site({.policy = kNotFive});
  site.Run({"MULTI"}, "+OK\r\n");
  site.Run({"SELECT", "5"}, "+QUEUED\r\n");
  site.TakeRedis();
  site.Request(kSet);
  CHECK(site.TakeRedis() == kPlaceholder);
  CHECK(site.TakeClient() == kRefusedFive);
}

TEST_CASE("Where no rule asks for databases nothing waits") {
  Site site;
  site.Request(Wire({"SELECT", "5"}) + kSet);
  CHECK(site.TakeRedis() == Wire({"SELECT", "5"}) + kSet);
}

TEST_CASE("A user counts once Redis has said so, and a HELLO that fails may have logged in") {
  Site site({.policy = kAnnAlone, .user = "default"});
  CHECK(site.Run({"SET", "a", "1"}, "") == kRefused);
  site.Run({"AUTH", "ann", "pw"}, "+OK\r\n");
  CHECK(site.Run({"SET", "a", "1"}, "+OK\r\n") == "+OK\r\n");
  SUBCASE("a wrong password changes nothing") {
    site.Run({"HELLO", "3", "AUTH", "eve", "no"}, "-WRONGPASS invalid\r\n");
    CHECK(site.Run({"SET", "a", "1"}, "+OK\r\n") == "+OK\r\n");
  }
  SUBCASE("nor does a protocol that isn't there") {
    site.Run({"HELLO", "9", "AUTH", "eve", "pw"}, "-NOPROTO unsupported\r\n");
    CHECK(site.Run({"SET", "a", "1"}, "+OK\r\n") == "+OK\r\n");
  }
  SUBCASE("a bad option behind AUTH may") {
    site.Run({"HELLO", "3", "AUTH", "eve", "pw", "NOSUCH"}, "-ERR Syntax error\r\n");
    CHECK(site.Run({"SET", "a", "1"}, "") == kRefused);
    site.Run({"AUTH", "ann", "pw"}, "+OK\r\n");
    CHECK(site.Run({"SET", "a", "1"}, "+OK\r\n") == "+OK\r\n");
  }
  SUBCASE("a second login that fails behind one that didn't may, too") {
    site.Run({"HELLO", "3", "AUTH", "eve", "pw", "AUTH", "ann", "no"}, "-WRONGPASS invalid\r\n");
    CHECK(site.Run({"SET", "a", "1"}, "") == kRefused);
  }
  SUBCASE("at the end of the client's requests nothing is waited for, and all counts") {
    site.TakeRedis();
    site.Request(Wire({"HELLO", "3", "AUTH", "eve", "pw", "AUTH", "ann", "pw"}));
    site.conversation().OnRequestEnd(site.now);
    site.TakeRedis();
    site.Request(kSet);
    CHECK(site.TakeRedis() == kPlaceholder);
  }
}

TEST_CASE("AUTH behind a MULTI that Redis refuses takes effect at once") {
  Site site({.policy = kAnnAlone, .user = "default"});
  site.Run({"AUTH", "ann", "pw"}, "+OK\r\n");
  site.TakeRedis();
  site.Request(Wire({"MULTI"}) + Wire({"AUTH", "eve", "pw"}) + Wire({"EXEC"}) + kSet);
  site.Reply("-NOPERM no multi\r\n+OK\r\n-ERR EXEC without MULTI\r\n");
  CHECK(site.TakeRedis().find(kSet) == std::string::npos);
  CHECK(site.TakeClient().ends_with(kRefused));
}

TEST_CASE("A large value behind a SELECT waits likewise") {
  Site site({.policy = kNotFive});
  const std::string head = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000\r\n";
  site.Request(Wire({"SELECT", "1"}) + head + "begin");
  CHECK(site.TakeRedis() == Wire({"SELECT", "1"}));
  site.Reply("+OK\r\n");
  CHECK(site.TakeRedis() == head + "begin");
}

TEST_CASE("max_bytes holds of a value that is still arriving") {
  Site site({.policy = R"({"version": 1, "default": "allow", "rules": [
      {"id": "small", "action": "deny", "commands": ["set"], "max_bytes": 1000}]})"});
  site.Request("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000\r\nbegin");
  CHECK(site.TakeRedis() == kPlaceholder);
  CHECK(site.TakeClient() == "-NOPERM redwall: 'set' is denied by rule 'small'\r\n");
}

TEST_CASE("A new policy ends what it no longer allows") {
  constexpr std::string_view kNoMonitor = R"({"version": 1, "default": "allow", "rules": [
      {"id": "m", "action": "deny", "commands": ["monitor"]}]})";
  constexpr std::string_view kSomeChannels = R"({"version": 1, "default": "allow", "rules": [
      {"id": "c", "action": "deny", "commands": ["@pubsub"], "channels": ["secret.*"]}]})";
  Site site;
  SUBCASE("MONITOR") {
    site.Run({"MONITOR"}, "+OK\r\n");
    site.SetPolicy(kSomeChannels);
    site.conversation().OnPolicyChanged(site.now);
    CHECK_FALSE(site.finished());
    site.SetPolicy(kNoMonitor);
    site.conversation().OnPolicyChanged(site.now);
    CHECK(site.finished());
    CHECK(site.failure() == "the policy no longer allows what this connection does");
  }
  SUBCASE("subscriptions") {
    site.Run({"SUBSCRIBE", "secret.1"}, Confirmation("subscribe", "secret.1", 1));
    site.SetPolicy(kNoMonitor);
    site.conversation().OnPolicyChanged(site.now);
    CHECK_FALSE(site.finished());
    site.SetPolicy(kSomeChannels);
    site.conversation().OnPolicyChanged(site.now);
    CHECK(site.finished());
  }
  SUBCASE("nothing that goes on") {
    site.SetPolicy(kNoMonitor);
    site.conversation().OnPolicyChanged(site.now);
    CHECK_FALSE(site.finished());
  }
}

}  // namespace
}  // namespace redwall::proxy
