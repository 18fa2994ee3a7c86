#include <doctest/doctest.h>

#include "gateway/policy/policy.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;
using redwall::resp::CommandTable;

namespace {

std::shared_ptr<const Policy> Load(const std::string& rules, const std::string& top) {
  const std::string text = R"({"version": 1, )" + top + R"(, "rules": [)" + rules + "]}";
  const auto policy = Policy::Parse(text, "p.json");
  if (!policy) FAIL(policy.error().sentence);
  return *policy;
}

constexpr char kDenyAll[] = R"("default": "deny")";
constexpr char kAllowAll[] = R"("default": "allow")";

// Decides for one identity; "allow app-a", "deny default".
class Judge {
 public:
  explicit Judge(const std::string& rules, const std::string& top = kDenyAll,
                 std::string_view identity = "site-a")
      : rules_(Load(rules, top)->RulesFor(identity)) {}  // the Policy lives on in the Rules

  template <class Words>
  std::string operator()(const Words& words) const {
    const TestRequest request(words);
    return Say(rules_->Decide(request.get()));
  }
  std::string Head(std::string_view line, std::size_t more_after = 0) const {
    const TestRequest request(TestRequest::Head{line, more_after});
    return Say(rules_->Decide(request.get()));
  }

 private:
  static std::string Say(const Decision& decision) {
    constexpr const char* kActions[] = {"allow ", "deny ", "disconnect "};
    CHECK(decision.action == decision.would);
    CHECK(!decision.observed);
    return kActions[static_cast<int>(decision.action)] + std::string(decision.rule);
  }

  std::shared_ptr<const Rules> rules_;
};

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("what no rule matches follows the default") {
  CHECK(Judge("", kAllowAll)("GET a") == "allow default");
  CHECK(Judge("", kDenyAll)("GET a") == "deny default");
  CHECK(Judge(R"({"id": "r", "action": "deny", "commands": ["set"]})", kAllowAll)("GET a") ==
        "allow default");
}

TEST_CASE("what an unknown command is matters only where a known one may be refused") {
  const auto matters = [](const std::string& rules, const std::string& top) {
    return Load(rules, top)->RulesFor("site-a")->admits_unknown();
  };
  const std::string allows = R"("default": "allow", "unknown": "allow")";
  const std::string replicas = R"({"id": "r", "action": "allow", "commands": ["sync", "psync"]})";
  CHECK_FALSE(matters(replicas, allows));
  CHECK(matters("", allows));  // SYNC and PSYNC are refused
  CHECK(matters(replicas + R"(, {"id": "d", "action": "deny", "commands": ["flushall"]})", allows));
  CHECK(
      matters(R"({"id": "c", "action": "disconnect", "commands": ["keys"]}, )" + replicas, allows));
  CHECK(matters(R"({"id": "k", "action": "allow", "commands": ["sync", "psync"], "from": ["::1"]})",
                allows));
  CHECK(matters(replicas, R"("default": "deny", "unknown": "allow")"));
  CHECK_FALSE(matters(replicas + R"(, {"id": "all", "action": "allow", "commands": ["*"]})",
                      R"("default": "deny", "unknown": "allow")"));
  CHECK_FALSE(matters(replicas, R"("default": "allow", "unknown": "deny")"));
  // A rule for others is none for these.
  CHECK_FALSE(matters(replicas + R"(, {"id": "o", "action": "deny", "identities": ["site-b"],
                                       "commands": ["flushall"]})",
                      allows));
}

TEST_CASE("unknown commands follow unknown, which denies where it isn't said") {
  CHECK(Judge("", kAllowAll)("FT.SEARCH idx") == "deny unknown");
  CHECK(Judge("", R"("default": "allow", "unknown": "deny")")("FT.SEARCH idx") == "deny unknown");
  CHECK(Judge("", R"("default": "deny", "unknown": "allow")")("FT.SEARCH idx") == "allow unknown");
  CHECK(Judge("", R"("default": "allow")")("CONFIG nosuch") == "deny unknown");
}

TEST_CASE("the first rule that matches decides") {
  const Judge judge(R"({"id": "one", "action": "allow", "commands": ["get"]},
                       {"id": "two", "action": "deny", "commands": ["@read"]},
                       {"id": "three", "action": "allow", "commands": ["*"]})");
  CHECK(judge("get a") == "allow one");
  CHECK(judge("MGET a") == "deny two");
  CHECK(judge("set a b") == "allow three");
}

TEST_CASE("disconnect is an action of its own") {
  CHECK(Judge(R"({"id": "r", "action": "disconnect", "commands": ["shutdown"]})",
              kAllowAll)("SHUTDOWN") == "disconnect r");
}

TEST_CASE("a rule concerns the identities that it names, exactly") {
  const std::string rule =
      R"({"id": "r", "action": "allow", "commands": ["*"], "identities": ["site-a", "b"]})";
  CHECK(Judge(rule, kDenyAll, "site-a")("GET a") == "allow r");
  CHECK(Judge(rule, kDenyAll, "b")("GET a") == "allow r");
  for (const char* other : {"site-A", "site-ab", "site-", "", "*"})
    CHECK(Judge(rule, kDenyAll, other)("GET a") == "deny default");
  CHECK(Judge(rule, kDenyAll, "other")("FT.SEARCH a") == "deny unknown");
  const std::string all =
      R"({"id": "r", "action": "allow", "commands": ["*"], "identities": ["*"]})";
  CHECK(Judge(all, kDenyAll, "anyone")("GET a") == "allow r");
  const std::string none = R"({"id": "r", "action": "allow", "commands": ["*"], "identities": []})";
  CHECK(Judge(none, kDenyAll, "")("GET a") == "deny default");
}

TEST_CASE("names of commands and sub-commands are folded") {
  const Judge judge(R"({"id": "r", "action": "deny", "commands": ["Config|SET", "FlushAll"]})",
                    kAllowAll);
  CHECK(judge("cOnFiG sEt a b") == "deny r");
  CHECK(judge("CONFIG GET a") == "allow default");
  CHECK(judge("fLUSHALL async") == "deny r");
}

TEST_CASE("an allow passes only when all keys match") {
  const Judge judge(
      R"({"id": "r", "action": "allow", "commands": ["*"], "keys": ["app:*", "shared"]})");
  CHECK(judge("GET app:1") == "allow r");
  CHECK(judge("GET shared") == "allow r");
  CHECK(judge("GET other") == "deny default");
  CHECK(judge("MGET app:1 shared app:2") == "allow r");
  CHECK(judge("MGET app:1 other") == "deny default");
  CHECK(judge("MGET other app:1") == "deny default");
  CHECK(judge("MSET app:1 other app:2 other") == "allow r");
  CHECK(judge("RENAME app:1 other") == "deny default");
  CHECK(judge("COPY app:1 app:2") == "allow r");
  CHECK(judge("EVAL s 1 app:1 other") == "allow r");
  CHECK(judge("EVAL s 2 app:1 other") == "deny default");
  CHECK(judge("GET APP:1") == "deny default");
}

TEST_CASE("a deny matches when any key matches") {
  const Judge judge(R"({"id": "r", "action": "deny", "commands": ["*"], "keys": ["secret:*"]})",
                    kAllowAll);
  CHECK(judge("GET secret:1") == "deny r");
  CHECK(judge("GET open:1") == "allow default");
  CHECK(judge("MGET open:1 secret:1") == "deny r");
  CHECK(judge("MGET secret:1 open:1") == "deny r");
  CHECK(judge("MSET open:1 secret:1") == "allow default");
  CHECK(judge("RENAME open:1 secret:1") == "deny r");
}

TEST_CASE("a command without keys passes an allow's keys only if it can't touch the key space") {
  const Judge judge(R"({"id": "r", "action": "allow", "commands": ["*"], "keys": ["app:*"]})");
  for (const char* harmless :
       {"PING", "MULTI", "EXEC", "CLIENT ID", "HELLO 3", "SELECT 1", "SUBSCRIBE c"})
    CHECK(judge(harmless) == "allow r");
  for (const char* touching : {"FLUSHALL", "FLUSHDB", "SCAN 0", "KEYS *", "RANDOMKEY", "DBSIZE",
                               "SWAPDB 0 1", "SHUTDOWN", "EVAL s 0", "DEBUG RELOAD"})
    CHECK(judge(touching) == "deny default");
}

TEST_CASE("a command without keys matches a deny's keys only if it can touch the key space") {
  const Judge judge(R"({"id": "r", "action": "deny", "commands": ["*"], "keys": ["secret:*"]})",
                    kAllowAll);
  for (const char* touching :
       {"FLUSHALL", "SCAN 0", "KEYS *", "RANDOMKEY", "DBSIZE", "SWAPDB 0 1", "EVAL s 0"})
    CHECK(judge(touching) == "deny r");
  for (const char* harmless : {"PING", "MULTI", "CLIENT ID", "SUBSCRIBE c", "PUBLISH c m"})
    CHECK(judge(harmless) == "allow default");
}

TEST_CASE("keys that can't be told match a deny and fail an allow") {
  const Judge deny(R"({"id": "r", "action": "deny", "commands": ["*"], "keys": ["secret:*"]})",
                   kAllowAll);
  const Judge allow(R"({"id": "r", "action": "allow", "commands": ["*"], "keys": ["*"]})");
  CHECK(deny("SORT open BY w_*") == "deny r");
  CHECK(allow("SORT open BY w_*") == "deny default");
  CHECK(allow("SORT open") == "allow r");
  CHECK(deny("FT.SEARCH idx") == "deny r");
  CHECK(allow("FT.SEARCH idx") == "deny unknown");
  // The head of an MSET: more keys are to come.
  CHECK(deny.Head("MSET open:1", 2) == "deny r");
  CHECK(allow.Head("MSET app:1", 2) == "deny default");
  CHECK(deny.Head("SET open:1") == "allow default");
  CHECK(allow.Head("SET app:1") == "allow r");
}

TEST_CASE("channels: an allow wants all of them inside") {
  const Judge judge(R"({"id": "r", "action": "allow", "commands": ["*"], "channels": ["app.*"]})");
  CHECK(judge("SUBSCRIBE app.a app.b") == "allow r");
  CHECK(judge("SUBSCRIBE app.a other") == "deny default");
  CHECK(judge("PUBLISH app.a m") == "allow r");
  CHECK(judge("PUBLISH other m") == "deny default");
  CHECK(judge("SPUBLISH other m") == "deny default");
  CHECK(judge("SSUBSCRIBE app.a") == "allow r");
  CHECK(judge("UNSUBSCRIBE") == "allow r");
  CHECK(judge("GET any") == "allow r");
  CHECK(judge("SORT any BY w_*") == "allow r");  // its keys can't be told, but it has no channel
  CHECK(judge("PSUBSCRIBE app.*") == "allow r");
  CHECK(judge("PSUBSCRIBE app.orders.*") == "allow r");
  CHECK(judge("PSUBSCRIBE *") == "deny default");
  CHECK(judge("PSUBSCRIBE app.* a*") == "deny default");
}

TEST_CASE("channels: a deny matches when any may be inside, and leaves the rest alone") {
  const Judge judge(R"({"id": "r", "action": "deny", "commands": ["*"], "channels": ["secret.*"]})",
                    kAllowAll);
  CHECK(judge("SUBSCRIBE open secret.a") == "deny r");
  CHECK(judge("SUBSCRIBE open") == "allow default");
  CHECK(judge("PUBLISH secret.a m") == "deny r");
  CHECK(judge("PSUBSCRIBE *") == "deny r");
  CHECK(judge("PSUBSCRIBE s?cret.*") == "deny r");
  CHECK(judge("PSUBSCRIBE open.*") == "allow default");
  CHECK(judge("GET secret.a") == "allow default");
  CHECK(judge("FLUSHALL") == "allow default");
  CHECK(judge("UNSUBSCRIBE") == "allow default");
  CHECK(judge("SORT k BY w_*") == "allow default");
  CHECK(judge("FT.SEARCH idx") == "deny r");
}

TEST_CASE("keys and channels together: an allow wants both, a deny either") {
  const Judge allow(
      R"({"id": "r", "action": "allow", "commands": ["@read", "@pubsub", "@connection"],
                        "keys": ["app:*"], "channels": ["app.*"]})");
  CHECK(allow("GET app:1") == "allow r");
  CHECK(allow("GET other") == "deny default");
  CHECK(allow("SUBSCRIBE app.x") == "allow r");
  CHECK(allow("SUBSCRIBE other") == "deny default");
  CHECK(allow("UNSUBSCRIBE") == "allow r");
  CHECK(allow("PING") == "allow r");
  CHECK(allow("SET app:1 v") == "deny default");
  const Judge deny(R"({"id": "r", "action": "deny", "commands": ["*"], "keys": ["secret:*"],
                       "channels": ["secret.*"]})",
                   kAllowAll);
  CHECK(deny("GET secret:1") == "deny r");
  CHECK(deny("SUBSCRIBE secret.1") == "deny r");
  CHECK(deny("GET secret.1") == "allow default");
  CHECK(deny("SUBSCRIBE secret:1") == "allow default");
  CHECK(deny("PING") == "allow default");
}

TEST_CASE("a star in an allow means unknown commands only where the policy lets them pass") {
  const std::string allow = R"({"id": "r", "action": "allow", "commands": ["*"]})";
  CHECK(Judge(allow)("FT.SEARCH idx") == "deny unknown");
  CHECK(Judge(allow, R"("default": "deny", "unknown": "allow")")("FT.SEARCH idx") == "allow r");
  const std::string less = R"({"id": "r", "action": "allow", "commands": ["*", "-@dangerous"]},
                              {"id": "s", "action": "deny", "commands": ["*"]})";
  CHECK(Judge(less, R"("default": "deny", "unknown": "allow")")("FT.SEARCH idx") == "deny s");
  const std::string deny = R"({"id": "r", "action": "deny", "commands": ["*"]})";
  CHECK(Judge(deny, R"("default": "allow", "unknown": "allow")")("FT.SEARCH idx") == "deny r");
  const std::string deny_less = R"({"id": "r", "action": "deny", "commands": ["*", "-@read"]})";
  CHECK(Judge(deny_less, R"("default": "allow", "unknown": "allow")")("FT.SEARCH idx") == "deny r");
}

TEST_CASE("a rule may name a command that the table doesn't know") {
  const std::string allow =
      R"({"id": "r", "action": "allow", "commands": ["ft.search", "json.get"]})";
  CHECK(Judge(allow)("FT.SEARCH idx") == "allow r");
  CHECK(Judge(allow)("FT.DROP idx") == "deny unknown");
  const std::string keyed =
      R"({"id": "r", "action": "allow", "commands": ["json.get"], "keys": ["*"]})";
  CHECK(Judge(keyed)("JSON.GET app:1") == "deny unknown");
  const std::string deny = R"({"id": "r", "action": "deny", "commands": ["ft.drop"]})";
  CHECK(Judge(deny, R"("default": "allow", "unknown": "allow")")("ft.DROP idx") == "deny r");
  CHECK(Judge(deny, R"("default": "allow", "unknown": "allow")")("ft.search idx") ==
        "allow unknown");
}

TEST_CASE("a container's rule covers sub-commands that only a newer server has") {
  const std::string deny = R"({"id": "r", "action": "deny", "commands": ["config"]})";
  CHECK(Judge(deny, R"("default": "allow", "unknown": "allow")")("CONFIG NEWTHING a") == "deny r");
  const std::string sub = R"({"id": "r", "action": "deny", "commands": ["config|newthing"]})";
  CHECK(Judge(sub, R"("default": "allow", "unknown": "allow")")("CONFIG NEWTHING a") == "deny r");
  CHECK(Judge(sub, R"("default": "allow", "unknown": "allow")")("CONFIG OTHER a") ==
        "allow unknown");
}

TEST_CASE("a bar in the name that a client sends is no way to a sub-command's rule") {
  const std::string allow = R"({"id": "r", "action": "allow", "commands": ["config|get"]})";
  CHECK(Judge(allow)("CONFIG|GET a") == "deny unknown");
  CHECK(Judge(allow)("CONFIG GET a") == "allow r");
}

TEST_CASE("a command without any argument is unknown and harms nobody") {
  CHECK(Judge("", kAllowAll)(Words{}) == "deny unknown");
  CHECK(Judge(R"({"id": "r", "action": "deny", "commands": ["x", "*"], "keys": ["a"]})",
              kAllowAll)(Words{}) == "deny r");
}

TEST_CASE("observe mode lets all pass and says what would have been") {
  const auto rules =
      Load(R"({"id": "r", "action": "disconnect", "commands": ["flushall"], "message": "m"})",
           R"("mode": "observe", "default": "deny")")
          ->RulesFor("x");
  const TestRequest flushall("FLUSHALL"), get("GET a"), unknown("NOPE");
  const Decision decision = rules->Decide(flushall.get());
  CHECK(decision.action == Action::kAllow);
  CHECK(decision.observed);
  CHECK(decision.would == Action::kDisconnect);
  CHECK(decision.rule == "r");
  CHECK(decision.message == "m");
  CHECK(rules->Decide(get.get()).action == Action::kAllow);
  CHECK(rules->Decide(get.get()).would == Action::kDeny);
  CHECK(rules->Decide(get.get()).rule == "default");
  CHECK(rules->Decide(unknown.get()).would == Action::kDeny);
  CHECK(rules->Decide(unknown.get()).rule == "unknown");
}

TEST_CASE("without a policy everything passes and is recorded with its keys") {
  const auto policy = Policy::AllowAll();
  CHECK(policy->rule_count() == 0);
  const auto rules = policy->RulesFor("x");
  const TestRequest flushall("FLUSHALL"), unknown("NOPE");
  CHECK(rules->Decide(flushall.get()).action == Action::kAllow);
  CHECK(rules->Decide(unknown.get()).action == Action::kAllow);
  CHECK(!rules->Decide(unknown.get()).observed);
  CHECK(rules->audit().events == AuditEvents::kAll);
  CHECK(rules->audit().arguments == AuditArguments::kKeys);
}

TEST_CASE("compiled rules decide as reading all of them would, for every command") {
  const std::string text =
      R"({"id": "a", "action": "deny", "commands": ["@dangerous"], "identities": ["j"]},
      {"id": "b", "action": "allow", "commands": ["@read"], "keys": ["app:*"]},
      {"id": "c", "action": "deny", "commands": ["@string", "-get"]},
      {"id": "d", "action": "allow", "commands": ["@hash", "config"]})";
  const CommandTable& table = CommandTable::Builtin();
  const Judge i(text, kDenyAll, "i"), j(text, kDenyAll, "j");
  CHECK(i("GET app:1") == "allow b");
  CHECK(i("GET other") == "deny default");
  CHECK(i("GETRANGE other 0 1") == "deny c");
  CHECK(i("HSET h f v") == "allow d");
  CHECK(i("CONFIG SET a b") == "allow d");
  CHECK(j("CONFIG SET a b") == "deny a");
  for (std::size_t id = 0; id < table.size(); ++id) {
    const auto& info = table.at(static_cast<std::uint16_t>(id));
    std::string line = info.name;
    if (const auto bar = line.find('|'); bar != line.npos) line[bar] = ' ';
    const TestRequest request(line);
    REQUIRE(request.get().info == &info);
    if (info.categories & redwall::resp::CategoryBit("dangerous")) CHECK(j(line) == "deny a");
  }
}
