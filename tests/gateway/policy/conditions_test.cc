// The conditions besides keys and channels: users, from, databases, arguments, sizes, hours, rates.
#include <doctest/doctest.h>

#include "gateway/policy/sample.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;

namespace {

std::shared_ptr<const Policy> One(const std::string& action, const std::string& conditions) {
  const std::string text = R"({"version": 1, "default": ")" +
                           std::string(action == "allow" ? "deny" : "allow") +
                           R"(", "rules": [{"id": "it", "commands": ["*"], "action": ")" + action +
                           "\", " + conditions + "}]}";
  const auto policy = Policy::Parse(text, "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return *policy;
}

bool Matched(const Policy& policy, const Request& request, const Sender& sender,
             Doubt doubt = Doubt::kRefuse) {
  const Request whole{request.command,    request.info, request.keys,
                      request.key_status, sender,       request.arriving_bytes};
  return policy.RulesFor("a", doubt)->Decide(whole).rule == "it";
}

bool Matched(const std::string& action, const std::string& conditions, std::string_view line,
             const Sender& sender = kUnknownSender, Doubt doubt = Doubt::kRefuse) {
  const TestRequest request(line);
  return Matched(*One(action, conditions), request.get(), sender, doubt);
}

Sender Users(const std::vector<std::string>& users, bool unknown = false) {
  Sender sender;
  sender.users = {users, unknown};
  return sender;
}

Sender Databases(const std::vector<std::int64_t>& databases, bool unknown = false) {
  Sender sender;
  sender.databases = {databases, unknown};
  return sender;
}

Sender From(std::string_view peer) {
  Sender sender;
  sender.address = peer;
  sender.ip = redwall::IpAddress::OfPeer(peer);
  return sender;
}

}  // namespace

TEST_CASE("users: a deny holds where one may be listed, an allow where all are sure to be") {
  const std::vector<std::string> app{"app"}, other{"other"}, both{"app", "other"};
  const std::string listed = R"("users": ["app", "ops"])";
  const struct {
    Sender sender;
    bool deny, allow;
  } cases[] = {{Users(app), true, true},          {Users(other), false, false},
               {Users(both), true, false},        {Users(app, true), true, false},
               {Users(other, true), true, false}, {kUnknownSender, true, false}};
  for (const auto& each : cases) {
    CHECK(Matched("deny", listed, "GET k", each.sender) == each.deny);
    CHECK(Matched("disconnect", listed, "GET k", each.sender) == each.deny);
    CHECK(Matched("allow", listed, "GET k", each.sender) == each.allow);
    // For somebody who asks again behind us it is the other way round.
    CHECK(Matched("deny", listed, "GET k", each.sender, Doubt::kForward) == each.allow);
    CHECK(Matched("allow", listed, "GET k", each.sender, Doubt::kForward) == each.deny);
  }
}

TEST_CASE("users are compared to the letter") {
  const std::vector<std::string> upper{"APP"};
  CHECK(!Matched("deny", R"("users": ["app"])", "GET k", Users(upper)));
}

TEST_CASE("from: networks, single addresses, unix sockets, and nobody knows where") {
  const std::string listed = R"("from": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])";
  for (const std::string action : {"deny", "allow"}) {
    for (const char* inside : {"10.0.0.0:1", "10.255.255.255:1", "192.0.2.7:1", "[2001:db8::1]:1",
                               "[::ffff:10.0.0.1]:1"})
      CHECK_MESSAGE(Matched(action, listed, "GET k", From(inside)), inside);
    for (const char* outside :
         {"9.255.255.255:1", "11.0.0.0:1", "192.0.2.6:1", "192.0.2.8:1", "[2001:db9::1]:1", "unix"})
      CHECK_MESSAGE(!Matched(action, listed, "GET k", From(outside)), outside);
    CHECK(Matched(action, R"("from": ["unix"])", "GET k", From("unix")));
    CHECK(!Matched(action, R"("from": ["unix"])", "GET k", From("10.0.0.1:1")));
  }
  CHECK(Matched("deny", listed, "GET k"));
  CHECK(!Matched("allow", listed, "GET k"));
}

TEST_CASE("databases: the connection's, and those that the command names") {
  const std::vector<std::int64_t> two{2}, three{3}, both{2, 3};
  const std::string listed = R"("databases": [2, 5])";
  CHECK(Matched("deny", listed, "GET k", Databases(two)));
  CHECK(Matched("allow", listed, "GET k", Databases(two)));
  CHECK(!Matched("deny", listed, "GET k", Databases(three)));
  CHECK(!Matched("allow", listed, "GET k", Databases(three)));
  CHECK(Matched("deny", listed, "GET k", Databases(both)));
  CHECK(!Matched("allow", listed, "GET k", Databases(both)));
  CHECK(Matched("deny", listed, "GET k"));
  CHECK(!Matched("allow", listed, "GET k"));
  // SELECT touches what it selects, wherever it is sent.
  CHECK(Matched("allow", listed, "SELECT 5", Databases(three)));
  CHECK(!Matched("allow", listed, "SELECT 3", Databases(two)));
  CHECK(Matched("deny", listed, "SELECT 5", Databases(three)));
  // COPY and MOVE touch two: one is enough for a deny, both must be listed for an allow.
  CHECK(Matched("deny", listed, "COPY a b DB 5", Databases(three)));
  CHECK(!Matched("allow", listed, "COPY a b DB 5", Databases(three)));
  CHECK(Matched("allow", listed, "COPY a b DB 5", Databases(two)));
  CHECK(!Matched("allow", listed, "MOVE a 3", Databases(two)));
  CHECK(!Matched("allow", listed, "SWAPDB 2 3", Databases(two)));
  CHECK(Matched("allow", listed, "SWAPDB 2 5", Databases(three)));
  // All of them.
  CHECK(Matched("deny", listed, "FLUSHALL", Databases(three)));
  CHECK(!Matched("allow", listed, "FLUSHALL", Databases(two)));
  // None: an allow has nothing against it, a deny has nothing to find.
  CHECK(Matched("allow", listed, "PING", Databases(three)));
  CHECK(!Matched("deny", listed, "PING", Databases(two)));
}

TEST_CASE("max_arguments: an allow up to it, a deny beyond it") {
  const std::string limit = R"("max_arguments": 3)";
  for (const char* within : {"PING", "GET a", "SET a b"}) {
    CHECK(Matched("allow", limit, within));
    CHECK(!Matched("deny", limit, within));
  }
  CHECK(!Matched("allow", limit, "MGET a b c"));
  CHECK(Matched("deny", limit, "MGET a b c"));
}

TEST_CASE("max_bytes: of all arguments together, the name too") {
  const std::string limit = R"("max_bytes": 10)";
  CHECK(Matched("allow", limit, "SET 123 456"));     // 9
  CHECK(Matched("allow", limit, "SET 123 4567"));    // 10
  CHECK(!Matched("allow", limit, "SET 123 45678"));  // 11
  CHECK(!Matched("deny", limit, "SET 123 4567"));
  CHECK(Matched("deny", limit, "SET 123 45678"));
  CHECK(Matched("deny", R"("max_bytes": 1000, "max_arguments": 2)", "SET a b"));
  CHECK(!Matched("allow", R"("max_bytes": 1000, "max_arguments": 2)", "SET a b"));
}

TEST_CASE("of a head the declared sizes count, and what isn't known is doubt") {
  const TestRequest last(TestRequest::Head{"SET k", 0}), more(TestRequest::Head{"SET k", 2});
  const auto with = [](const TestRequest& head, std::uint64_t arriving) {
    const Request& request = head.get();
    return Request{request.command,    request.info,   request.keys,
                   request.key_status, kUnknownSender, arriving};
  };
  const auto deny = One("deny", R"("max_bytes": 104)"), allow = One("allow", R"("max_bytes": 104)");
  // 4 bytes are here.
  CHECK(!Matched(*deny, with(last, 100), kUnknownSender));
  CHECK(Matched(*allow, with(last, 100), kUnknownSender));
  CHECK(Matched(*deny, with(last, 101), kUnknownSender));
  CHECK(!Matched(*allow, with(last, 101), kUnknownSender));
  // Further arguments follow, of which nothing is known.
  CHECK(Matched(*deny, with(more, 100), kUnknownSender));
  CHECK(!Matched(*allow, with(more, 100), kUnknownSender));
  CHECK(!Matched(*deny, with(more, 100), kUnknownSender, Doubt::kForward));
  CHECK(Matched(*allow, with(more, 100), kUnknownSender, Doubt::kForward));
  CHECK(deny->RulesFor("a")->NeedsMore(with(more, 100)));
  CHECK(!deny->RulesFor("a")->NeedsMore(with(more, 101)));
  CHECK(!deny->RulesFor("a")->NeedsMore(with(last, 100)));
}

TEST_CASE("arguments: a deny by any condition, an allow by all") {
  const std::string two =
      R"("arguments": [{"index": 1, "matches": "a"}, {"index": 2, "matches": "b"}])";
  CHECK(Matched("deny", two, "SET a x"));
  CHECK(Matched("deny", two, "SET x xbx"));
  CHECK(!Matched("deny", two, "SET x x"));
  CHECK(Matched("allow", two, "SET a b"));
  CHECK(!Matched("allow", two, "SET a x"));
  CHECK(!Matched("allow", two, "SET aa b"));  // the whole text
  CHECK(!Matched("allow", two, "GET a"));     // there is no second one
  const TestRequest head(TestRequest::Head{"SET k", 0});
  const auto value = One("deny", R"("arguments": {"index": 2, "matches": "x"})");
  CHECK(Matched(*value, head.get(), kUnknownSender));
  CHECK(!Matched(*value, head.get(), kUnknownSender, Doubt::kForward));
  CHECK(value->RulesFor("a")->NeedsMore(head.get()));
}

TEST_CASE("hours hold within them for both actions") {
  const std::string office = R"("hours": "Mon-Fri 08:00-18:00", "timezone": "Europe/Berlin")";
  Sender sender;
  for (const std::string action : {"deny", "allow"}) {
    sender.now.wall_us = *ParseTime("2026-11-23T07:00:00Z");
    CHECK(Matched(action, office, "GET k", sender));
    sender.now.wall_us = *ParseTime("2026-11-23T06:59:59Z");
    CHECK(!Matched(action, office, "GET k", sender));
  }
}

TEST_CASE("rate: a deny beyond it, an allow within it, and only what else matches takes a token") {
  const std::string rate =
      R"("rate": {"per_second": 1, "burst": 2, "per": "rule"}, "keys": ["a*"])";
  const TestRequest inside("GET a"), outside("GET b");
  for (const std::string action : {"deny", "allow"}) {
    const auto policy = One(action, rate);
    const auto rules = policy->RulesFor("x");
    for (int i = 0; i < 5; ++i) CHECK(rules->Decide(outside.get()).rule == "default");
    const bool first = action == "allow";
    CHECK((rules->Decide(inside.get()).rule == "it") == first);
    CHECK((rules->Decide(inside.get()).rule == "it") == first);
    CHECK((rules->Decide(inside.get()).rule == "it") == !first);
    CHECK(rules->Decide(inside.get()).by_rate == !first);
    // Other identities share the rule's bucket, and so does the same policy for another table.
    CHECK((policy->RulesFor("y")->Decide(inside.get()).rule == "it") == !first);
    const auto again = policy->WithTable(Policy::BuiltinTable());
    REQUIRE(static_cast<bool>(again));
    CHECK(((*again)->RulesFor("y")->Decide(inside.get()).rule == "it") == !first);
  }
}

TEST_CASE("access: a deny of what does it, an allow of what does nothing else") {
  CHECK(Matched("deny", R"("access": "write")", "SET a b"));
  CHECK(Matched("deny", R"("access": "write")", "GETSET a b"));
  CHECK(Matched("deny", R"("access": "read")", "GETSET a b"));
  CHECK(!Matched("deny", R"("access": "write")", "GET a"));
  CHECK(Matched("allow", R"("access": "read")", "GET a"));
  CHECK(!Matched("allow", R"("access": "read")", "GETSET a b"));
  CHECK(!Matched("allow", R"("access": "read")", "SET a b"));
  CHECK(Matched("allow", R"("access": "write")", "SET a b"));
  CHECK(!Matched("allow", R"("access": "write")", "SET a b GET"));
  CHECK(Matched("deny", R"("access": "write", "keys": ["b"])", "COPY a b"));
  CHECK(!Matched("deny", R"("access": "write", "keys": ["a"])", "COPY a b"));
  CHECK(Matched("deny", R"("access": "write")", "FLUSHALL"));
  CHECK(!Matched("deny", R"("access": "write")", "SCAN 0"));
  CHECK(Matched("allow", R"("access": "read")", "SCAN 0"));
}
