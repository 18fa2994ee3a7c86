#include "gateway/agent/sentinel_reply.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/gateway/agent/reply_maker.h"

namespace redwall::agent {
namespace {

using net::Reply;

// An entry as a Sentinel of Redis 7.0.15 gives it, without what isn't looked at.
Reply Entry(const std::string& ip, const std::string& port, const std::string& flags = "slave",
            const std::string& link = "ok") {
  return Texts({"name", ip + ":" + port, "ip", ip, "port", port, "runid", "d4c881f0", "flags",
                flags, "master-link-down-time", "0", "master-link-status", link, "master-host",
                "127.0.0.1", "master-port", "21420"});
}

TEST_CASE("The master's address") {
  const auto read = ReadMasterAddress(Recorded("*2\n$9\n127.0.0.1\n$5\n21420\n"), "mymaster");
  REQUIRE(read.ok());
  CHECK(read->ToString() == "127.0.0.1:21420");
  CHECK(ReadMasterAddress(Texts({"::1", "1"}), "m")->ToString() == "[::1]:1");
  CHECK(ReadMasterAddress(Texts({"db.example", "65535"}), "m")->ToString() == "db.example:65535");
}

TEST_CASE("No address of a master") {
  const auto sentence = [](const Reply& reply) {
    const auto read = ReadMasterAddress(reply, "mymaster");
    REQUIRE(!read.ok());
    return read.error().sentence;
  };
  CHECK(sentence(Recorded("*-1\n")) == "doesn't know a master 'mymaster'");
  CHECK(sentence(Failed("IDONTKNOW")) == "answered with an error: IDONTKNOW");
  CHECK(sentence(Failed(std::string(100000, 'x'))).size() < 400);
  const std::string other = "didn't answer with an address; is it a Sentinel?";
  for (const Reply& reply :
       {Text("127.0.0.1"), Array({}), Texts({"127.0.0.1"}), Texts({"127.0.0.1", "1", "2"}),
        Texts({"127.0.0.1", "0"}), Texts({"127.0.0.1", "65536"}), Texts({"127.0.0.1", "-1"}),
        Texts({"127.0.0.1", "1 "}), Texts({"127.0.0.1", ""}), Texts({"", "1"}), Texts({"a b", "1"}),
        Texts({"a\nb", "1"}), Texts({"[::1]", "1"}), Texts({"/a", "1"}),
        Texts({std::string(241, 'a'), "1"}), Array({Text("a"), Number(1)}),
        Array({Number(1), Text("1")}), Array({Reply{}, Reply{}})})
    CHECK(sentence(reply) == other);
}

TEST_CASE("Replicas") {
  const Reply recorded = Recorded(
      "*2\n*10\n$4\nname\n$15\n127.0.0.1:21420\n$2\nip\n$9\n127.0.0.1\n$4\nport\n$5\n21420\n$5\n"
      "flags\n$25\ns_down,slave,disconnected\n$18\nmaster-link-status\n$3\nerr\n*10\n$4\nname\n"
      "$15\n127.0.0.1:21422\n$2\nip\n$9\n127.0.0.1\n$4\nport\n$5\n21422\n$5\nflags\n$5\nslave\n"
      "$18\nmaster-link-status\n$2\nok\n");
  CHECK(ReadReplicas(recorded) == std::vector<SentinelReplica>{{{"127.0.0.1", 21420, {}}, false},
                                                               {{"127.0.0.1", 21422, {}}, true}});
  const auto usable = [](const std::string& flags, const std::string& link) {
    const auto read = ReadReplicas(Array({Entry("10.0.0.1", "6379", flags, link)}));
    REQUIRE(read.size() == 1);
    return read.front().usable;
  };
  CHECK(usable("slave", "ok"));
  CHECK(usable("", "ok"));
  CHECK(usable("slave,not_s_down,s_downs", "ok"));
  CHECK_FALSE(usable("slave", "err"));
  CHECK_FALSE(usable("slave", ""));
  CHECK_FALSE(usable("slave,s_down", "ok"));
  CHECK_FALSE(usable("o_down", "ok"));
  CHECK_FALSE(usable("slave,disconnected", "ok"));
  CHECK(ReadReplicas(Recorded("-ERR No such master with that name\n")).empty());
}

TEST_CASE("Entries that make no sense are left out") {
  const Reply good = Entry("10.0.0.1", "6379");
  Reply odd = good;
  odd.elements.pop_back();
  Reply not_text = good;
  not_text.elements[5] = Number(6379);
  for (const Reply& bad :
       {Reply{}, Text("x"), Array({}), Array({Text("ip")}), Texts({"ip", "10.0.0.1"}),
        Texts({"port", "1"}), Entry("", "1"), Entry("a b", "1"), Entry("10.0.0.1", "0"),
        Entry("10.0.0.1", "x"), Array({good}), not_text, Failed("ERR")}) {
    CHECK(ReadReplicas(Array({bad, good, bad})).size() == 1);
    CHECK(ReadSentinels(Array({bad, good, bad})).size() == 1);
  }
  // Without the last value, which isn't needed.
  CHECK(ReadReplicas(Array({odd})).size() == 1);
  for (const Reply& none : {Reply{}, Text("x"), Number(1), Failed("ERR x"), Array({})}) {
    CHECK(ReadReplicas(none).empty());
    CHECK(ReadSentinels(none).empty());
  }
}

TEST_CASE("Limits") {
  const auto entries = [](std::size_t count) {
    Reply list = Array({});
    for (std::size_t i = 0; i < count; ++i)
      list.elements.push_back(Entry("10.0.0.1", std::to_string(i + 1)));
    return list;
  };
  CHECK(ReadReplicas(entries(kMaxReplicas - 1)).size() == kMaxReplicas - 1);
  CHECK(ReadReplicas(entries(kMaxReplicas)).size() == kMaxReplicas);
  CHECK(ReadReplicas(entries(kMaxReplicas + 1)).size() == kMaxReplicas);
  CHECK(ReadSentinels(entries(kMaxSentinels - 1)).size() == kMaxSentinels - 1);
  CHECK(ReadSentinels(entries(kMaxSentinels)).size() == kMaxSentinels);
  CHECK(ReadSentinels(entries(kMaxSentinels + 1)).size() == kMaxSentinels);
}

TEST_CASE("Roles") {
  CHECK(ReadRole(Recorded("*3\n$6\nmaster\n:6668\n*1\n*3\n$9\n127.0.0.1\n$5\n21422\n$4\n6654\n")) ==
        Role::kMaster);
  CHECK(ReadRole(Recorded("*5\n$5\nslave\n$9\n127.0.0.1\n:21420\n$9\nconnected\n:7204\n")) ==
        Role::kReplica);
  CHECK(ReadRole(Texts({"replica"})) == Role::kReplica);
  CHECK(ReadRole(Recorded("*2\n$8\nsentinel\n*1\n$8\nmymaster\n")) == Role::kNotReady);
  for (const char* refusal :
       {"NOAUTH Authentication required.", "NOPERM this user has no permissions",
        "ERR unknown command 'ROLE', with args beginning with: "})
    CHECK(ReadRole(Failed(refusal)) == Role::kUntold);
  for (const char* error :
       {"LOADING Redis is loading the dataset in memory", "MASTERDOWN x", "BUSY x", "", "NOAUTHX"})
    CHECK(ReadRole(Failed(error)) == Role::kNotReady);
  for (const Reply& other : {Reply{}, Text("master"), Number(1), Array({}), Array({Number(1)}),
                             Array({Array({Text("master")})}), Texts({"MASTER"}), Texts({""})})
    CHECK(ReadRole(other) == Role::kNotReady);
}

TEST_CASE("Whose fail-over it is") {
  const std::string message = "mymaster 127.0.0.1 21420 127.0.0.1 21421";
  CHECK(IsSwitchOf(message, "mymaster"));
  CHECK_FALSE(IsSwitchOf(message, "mymaste"));
  CHECK_FALSE(IsSwitchOf(message, "mymasterx"));
  CHECK_FALSE(IsSwitchOf(message, "other"));
  CHECK_FALSE(IsSwitchOf("mymaster", "mymaster"));
  CHECK_FALSE(IsSwitchOf("", "mymaster"));
}

}  // namespace
}  // namespace redwall::agent
