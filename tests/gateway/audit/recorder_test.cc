#include "gateway/audit/recorder.h"

#include <doctest/doctest.h>

#include "tests/gateway/audit/recorder_harness.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall::audit;
using redwall::policy::TestRequest;
using Words = std::vector<std::string>;

namespace {

Json LineOf(const std::vector<std::string>& words, const AuditSettings& settings = kFull) {
  Harness harness;
  harness.Command(TestRequest(words).get(), settings);
  return harness.Lines().at(0);
}
Json LineOf(std::string_view line, const AuditSettings& settings = kFull) {
  return LineOf(TestRequest::Split(line), settings);
}

}  // namespace

TEST_CASE("a command's line holds its facts in the documented order") {
  Harness harness;
  harness.Command(TestRequest("SET app:1 value").get(), kFull, kAllowed,
                  {CommandEnd::Result::kOk, "", 31, 5, 420});
  harness.recorder.Flush({});
  CHECK(
      ReadAll(harness.path) ==
      R"({"v":1,"seq":1,"ts":"2024-02-29T23:59:59.000001Z","side":"client","agent":"gw \"a\"",)"
      R"("session":"0123456789abcdef0123456789abcdef","stream":5,"n":7,"identity":"site-a","user":"app","db":2,)"
      R"("client":"10.0.0.1:5555","client_name":"my client","cmd":"set","keys":["app:1"],"args":["app:1","value"],)"
      R"("argc":3,"bytes_in":31,"bytes_out":5,"decision":"allow","rule":"default","result":"ok","us":420,"prev":"0000000000000000000000000000000000000000000000000000000000000000"})"
      "\n");
}

TEST_CASE("errors, denials and observation are in the line") {
  Harness harness;
  const TestRequest request("FLUSHALL");
  harness.Command(request.get(), kFull, {Action::kDeny, false, Action::kDeny, "no-wipes", "m"},
                  {CommandEnd::Result::kError, "NOPERM", 0, 40, 0});
  harness.Command(request.get(), kFull, {Action::kAllow, true, Action::kDisconnect, "r", ""}, {});
  const auto lines = harness.Lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["decision"] == "deny");
  CHECK(lines[0]["rule"] == "no-wipes");
  CHECK(!lines[0].contains("observed"));
  CHECK(!lines[0].contains("would"));
  CHECK(lines[0]["result"] == "error");
  CHECK(lines[0]["error"] == "NOPERM");
  CHECK(lines[0]["us"] == 0);
  CHECK(lines[1]["decision"] == "allow");
  CHECK(lines[1]["observed"] == true);
  CHECK(lines[1]["would"] == "disconnect");
  CHECK(lines[1]["result"] == "none");
  CHECK(!lines[1].contains("error"));
  CHECK(lines[1]["us"].is_null());
}

TEST_CASE("lines are numbered in the order in which they are finished") {
  Harness harness;
  const TestRequest get("GET a"), set("SET a b");
  std::string first, second;
  harness.recorder.BeginCommand(kFull, {harness.subject, 1, "", 0, "", get.get(), kAllowed, 0},
                                first);
  harness.recorder.BeginCommand(kFull, {harness.subject, 2, "", 0, "", set.get(), kAllowed, 0},
                                second);
  harness.recorder.FinishCommand(second, {});
  harness.recorder.FinishCommand(first, {});
  harness.recorder.Record({"stop", {}, 0});
  const auto lines = harness.Lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["cmd"] == "set");
  CHECK(lines[1]["cmd"] == "get");
  for (std::size_t i = 0; i < 3; ++i) CHECK(lines[i]["seq"] == i + 1);
}

TEST_CASE("the settings say how much of the arguments is recorded") {
  const AuditSettings none{AuditEvents::kAll, AuditArguments::kNone, 128};
  const AuditSettings keys{AuditEvents::kAll, AuditArguments::kKeys, 128};
  CHECK(!LineOf("SET k v", none).contains("keys"));
  CHECK(!LineOf("SUBSCRIBE c", none).contains("channels"));
  CHECK(!LineOf("SET k v", none).contains("args"));
  CHECK(LineOf("SET k v", none)["argc"] == 3);
  CHECK(LineOf("SET k v", keys)["keys"] == Json{"k"});
  CHECK(!LineOf("SET k v", keys).contains("args"));
  CHECK(LineOf("SET k v")["args"] == Json{"k", "v"});
  CHECK(LineOf("PING")["args"] == Json::array());
  CHECK(LineOf("PING")["keys"] == Json::array());
}

TEST_CASE("channels have a list of their own") {
  CHECK(LineOf("SUBSCRIBE a b")["channels"] == Json{"a", "b"});
  CHECK(LineOf("SUBSCRIBE a b")["keys"] == Json::array());
  CHECK(LineOf("PSUBSCRIBE a*")["channels"] == Json{"a*"});
  CHECK(!LineOf("GET a").contains("channels"));
}

TEST_CASE("names are full, folded and bounded") {
  CHECK(LineOf("Config SET a b")["cmd"] == "config|set");
  CHECK(LineOf("NOSUCH a")["cmd"] == "nosuch");
  CHECK(LineOf(Words{"A\r\n\xff\"B"})["cmd"] == "<redacted>");
  CHECK(LineOf(Words{std::string(100, 'X')})["cmd"] == "<redacted>");
  CHECK(LineOf(Words{})["cmd"] == "");
}

TEST_CASE("of an unknown command no argument is recorded") {
  const Json line = LineOf("XAUTH user secret");
  CHECK(line["argc"] == 3);
  CHECK(!line.contains("args"));
  CHECK(line["keys"] == Json::array());
  CHECK(line["keys_untold"] == true);
  CHECK(line.dump().find("secret") == std::string::npos);
  CHECK(LineOf("CONFIG nosuch secret").dump().find("secret") == std::string::npos);
}

TEST_CASE("keys that can't be told are said to be so") {
  CHECK(LineOf("SORT a BY w_*")["keys_untold"] == true);
  CHECK(!LineOf("SORT a").contains("keys_untold"));
}

TEST_CASE("arguments are cut at n and not at n-1") {
  const AuditSettings cut{AuditEvents::kAll, AuditArguments::kFull, 5};
  CHECK(LineOf("SET abcde abcdef", cut)["args"] == Json{"abcde", "abcde\\+1"});
  CHECK(LineOf("SET abcdef 1234", cut)["keys"] == Json{"abcde\\+1"});
  const AuditSettings zero{AuditEvents::kAll, AuditArguments::kFull, 0};
  CHECK(LineOf("SET a bc", zero)["args"] == Json{"\\+1", "\\+2"});
}

TEST_CASE("at most 64 keys and arguments are listed and the rest is counted") {
  for (const std::size_t count : {63u, 64u, 65u, 200u}) {
    std::vector<std::string> words{"MGET"}, channels{"SUBSCRIBE"};
    for (std::size_t i = 0; i < count; ++i) {
      words.push_back("k" + std::to_string(i));
      channels.push_back("c");
    }
    const Json line = LineOf(words), subscribe = LineOf(channels);
    const std::size_t listed = std::min<std::size_t>(count, 64);
    CHECK(line["keys"].size() == listed);
    CHECK(line["args"].size() == listed);
    CHECK(subscribe["channels"].size() == listed);
    CHECK(line.contains("keys_more") == (count > 64));
    CHECK(line.contains("args_more") == (count > 64));
    CHECK(subscribe.contains("channels_more") == (count > 64));
    if (count > 64) {
      CHECK(line["keys_more"] == count - 64);
      CHECK(line["args_more"] == count - 64);
      CHECK(subscribe["channels_more"] == count - 64);
    }
  }
}

TEST_CASE("of a head only the arguments that are here are recorded") {
  Harness harness;
  const TestRequest head(TestRequest::Head{"SET app:1"});
  REQUIRE(head.get().command.size() == 2);
  harness.Command(head.get());
  const Json line = harness.Lines().at(0);
  CHECK(line["keys"] == Json{"app:1"});
  CHECK(line["args"] == Json{"app:1"});
  CHECK(line["args_more"] == 1);
  CHECK(line["argc"] == 3);
}

TEST_CASE("secrets are in no line, whatever the settings") {
  const std::vector<std::vector<std::string>> commands{
      {"AUTH", "s3cr3t"},
      {"auth", "s3cr3t", "s3cr3t"},
      {"HELLO", "3", "AUTH", "u", "s3cr3t"},
      {"HELLO", "2", "SETNAME", "x", "auth", "u", "s3cr3t"},
      {"MIGRATE", "h", "1", "k", "0", "9", "AUTH", "s3cr3t"},
      {"MIGRATE", "h", "1", "", "0", "9", "AUTH2", "u", "s3cr3t", "KEYS", "a"},
      {"MIGRATE", "h", "1", "", "0", "9", "KEYS", "a", "AUTH", "s3cr3t"},
      {"ACL", "SETUSER", "bob", ">s3cr3t"},
      {"ACL", "SETUSER", "bob", "#s3cr3t", "<s3cr3t", "!s3cr3t"},
      {"CONFIG", "SET", "requirepass", "s3cr3t"},
      {"CONFIG", "set", "MasterAuth", "s3cr3t", "tls-key-file-pass", "s3cr3t"},
      {"COMMAND", "GETKEYS", "AUTH", "s3cr3t"},
      {"NOSUCH", "s3cr3t"}};
  for (const AuditArguments arguments :
       {AuditArguments::kNone, AuditArguments::kKeys, AuditArguments::kFull}) {
    for (const auto& words : commands) {
      INFO(words[0]);
      const std::string line = LineOf(words, {AuditEvents::kAll, arguments, 65536}).dump();
      CHECK(line.find("s3cr3t") == line.npos);
    }
  }
  CHECK(LineOf("AUTH u p")["args"] == Json{"<redacted>", "<redacted>"});
  CHECK(LineOf("AUTH p", {AuditEvents::kAll, AuditArguments::kFull, 2})["args"] ==
        Json{"<redacted>"});
}

TEST_CASE("what a client says of itself is bounded") {
  Harness harness;
  const TestRequest request("GET a");
  const std::string name(100000, 'n');
  std::string pending;
  harness.recorder.BeginCommand(
      kFull, {harness.subject, 1, name, 0, name, request.get(), kAllowed, 0}, pending);
  CHECK(pending.size() < 2000);
  const std::string code(100000, 'N');
  harness.recorder.FinishCommand(pending, {CommandEnd::Result::kError, code, 0, 0, 1});
  const Json line = harness.Lines().at(0);
  CHECK(line["user"] == std::string(256, 'n') + "\\+99744");
  CHECK(line["client_name"] == line["user"]);
  CHECK(line["error"] == std::string(64, 'N') + "\\+99936");
}

TEST_CASE("any bytes in any field leave each line JSON") {
  Harness harness;
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  harness.subject.client = bytes;
  harness.Command(TestRequest(std::vector<std::string>{"SET", bytes, bytes}).get(),
                  {AuditEvents::kAll, AuditArguments::kFull, 1000});
  harness.Command(TestRequest(std::vector<std::string>{bytes}).get());
  harness.recorder.Record({"x", {{"why", bytes}}, 0});
  CHECK(harness.Lines().size() == 3);
}

TEST_CASE("events besides commands have their fields in order") {
  Harness harness;
  harness.recorder.Record({"tunnel-up", {{"peer", "10.0.0.9:6479"}, {"why", "a \"b\""}}, 1000000});
  harness.recorder.Flush({});
  CHECK(
      ReadAll(harness.path) ==
      R"({"v":1,"seq":1,"ts":"1970-01-01T00:00:01.000000Z","side":"client","agent":"gw \"a\"",)"
      R"("event":"tunnel-up","peer":"10.0.0.9:6479","why":"a \"b\"","prev":"0000000000000000000000000000000000000000000000000000000000000000"})"
      "\n");
}

TEST_CASE("which decisions are recorded follows the settings") {
  Harness harness;
  const Decision denied{Action::kDeny, false, Action::kDeny, "r", ""};
  const Decision observed{Action::kAllow, true, Action::kDeny, "r", ""};
  const TestRequest get("GET a"), set("SET a b"), publish("PUBLISH c m"), unknown("NOPE"),
      eval("EVAL s 0"), eval_ro("EVAL_RO s 0");
  const auto wants = [&](AuditEvents events, const TestRequest& request, const Decision& decision) {
    return harness.recorder.Wants({events, AuditArguments::kKeys, 128}, request.get(), decision);
  };
  CHECK(wants(AuditEvents::kAll, get, kAllowed));
  CHECK(!wants(AuditEvents::kWrites, get, kAllowed));
  CHECK(wants(AuditEvents::kWrites, set, kAllowed));
  CHECK(wants(AuditEvents::kWrites, publish, kAllowed));
  CHECK(wants(AuditEvents::kWrites, eval, kAllowed));
  CHECK(!wants(AuditEvents::kWrites, eval_ro, kAllowed));
  CHECK(wants(AuditEvents::kWrites, unknown, kAllowed));
  CHECK(wants(AuditEvents::kWrites, get, denied));
  CHECK(wants(AuditEvents::kWrites, get, observed));
  CHECK(!wants(AuditEvents::kDenied, set, kAllowed));
  CHECK(wants(AuditEvents::kDenied, get, denied));
  CHECK(wants(AuditEvents::kDenied, get, observed));
  CHECK(!wants(AuditEvents::kNone, set, denied));
}

TEST_CASE("without a sink nothing is recorded and all is well") {
  Recorder recorder({"server", "x"}, nullptr);
  const TestRequest get("GET a");
  CHECK(!recorder.enabled());
  CHECK(!recorder.Wants(kFull, get.get(), kAllowed));
  recorder.Record({"start", {}, 0});
  recorder.FinishCommand("", {});
  recorder.Flush({});
  CHECK(recorder.Reopen({}));
  CHECK(recorder.healthy());
}
