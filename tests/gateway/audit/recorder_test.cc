#include "gateway/audit/recorder.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/gateway/audit/temp_folder.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall;
using namespace redwall::audit;
using policy::Action;
using policy::AuditArguments;
using policy::AuditEvents;
using policy::AuditSettings;
using policy::Decision;
using policy::TestRequest;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

namespace {

constexpr AuditSettings kFull{AuditEvents::kAll, AuditArguments::kFull, 128};
const Decision kAllowed{Action::kAllow, false, Action::kAllow, "default", ""};

std::unique_ptr<FileSink> Open(const std::string& path) {
  auto sink = FileSink::Open(path);
  if (!sink) FAIL(sink.error().sentence);
  return *std::move(sink);
}

struct Harness {
  explicit Harness(std::size_t max_pending = 1 << 20)
      : path(folder.File("audit.jsonl")),
        recorder({"client", "gw \"a\"", max_pending}, Open(path)) {}

  void Command(const policy::Request& request, const AuditSettings& settings = kFull,
               const Decision& decision = kAllowed, const CommandEnd& end = {}) {
    std::string pending = "what an earlier command left here";
    recorder.BeginCommand(
        settings,
        CommandStart{subject, 7, "app", 2, "my client", request, decision, 1709251199000001},
        pending);
    recorder.FinishCommand(pending, end);
  }
  // Each line must be JSON of its own.
  std::vector<Json> Lines() {
    recorder.Flush();
    std::vector<Json> lines;
    const std::string text = ReadAll(path);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      REQUIRE(end != text.npos);
      lines.push_back(Json::parse(text.substr(at, end - at)));
      at = end + 1;
    }
    return lines;
  }

  TempFolder folder;
  std::string path;
  Subject subject{"0123456789abcdef0123456789abcdef", 5, "site-a", "10.0.0.1:5555"};
  Recorder recorder;
};

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
  harness.recorder.Flush();
  CHECK(
      ReadAll(harness.path) ==
      R"({"v":1,"seq":1,"ts":"2024-02-29T23:59:59.000001Z","side":"client","agent":"gw \"a\"",)"
      R"("session":"0123456789abcdef0123456789abcdef","stream":5,"n":7,"identity":"site-a","user":"app","db":2,)"
      R"("client":"10.0.0.1:5555","client_name":"my client","cmd":"set","keys":["app:1"],"args":["app:1","value"],)"
      R"("argc":3,"bytes_in":31,"bytes_out":5,"decision":"allow","rule":"default","result":"ok","us":420})"
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
  CHECK(LineOf("NoSuch a")["cmd"] == "nosuch");
  CHECK(LineOf(Words{"A\r\n\xff\"B"})["cmd"] == "a\r\n\\xff\"b");
  CHECK(LineOf(Words{std::string(100, 'X')})["cmd"] == std::string(64, 'x') + "\\+36");
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
  harness.recorder.FinishCommand(pending, {CommandEnd::Result::kError, name, 0, 0, 1});
  const Json line = harness.Lines().at(0);
  CHECK(line["user"] == std::string(256, 'n') + "\\+99744");
  CHECK(line["client_name"] == line["user"]);
  CHECK(line["error"] == std::string(64, 'n') + "\\+99936");
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
  harness.recorder.Flush();
  CHECK(ReadAll(harness.path) ==
        R"({"v":1,"seq":1,"ts":"1970-01-01T00:00:01.000000Z","side":"client","agent":"gw \"a\"",)"
        R"("event":"tunnel-up","peer":"10.0.0.9:6479","why":"a \"b\""})"
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
  recorder.Flush();
  CHECK(recorder.Reopen());
  CHECK(recorder.healthy());
}

TEST_CASE("on a full disk the recorder is not healthy, keeps what fits and counts the rest") {
  Recorder recorder({"server", "x", 300}, Open("/dev/full"));
  recorder.Record({"start", {}, 0});
  CHECK(recorder.healthy());
  recorder.Flush();
  CHECK(!recorder.healthy());
  CHECK(recorder.last_error().find("No space left on device") != std::string::npos);
  recorder.Flush();
  CHECK(!recorder.healthy());
  CHECK(!recorder.Reopen());
}

namespace {

// A pipe that holds little, so that the sink takes lines in pieces.
struct SmallPipe {
  SmallPipe() {
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reader >= 0);
    fcntl(reader, F_SETPIPE_SZ, 4096);
  }
  ~SmallPipe() { close(reader); }
  std::string Drain() {
    std::string out;
    char piece[4096];
    for (ssize_t n; (n = read(reader, piece, sizeof piece)) > 0;)
      out.append(piece, static_cast<std::size_t>(n));
    return out;
  }

  TempFolder folder;
  std::string path = folder.File("pipe");
  int reader = -1;
};

}  // namespace

TEST_CASE("a line that the sink took in pieces is whole, and nothing is written twice") {
  SmallPipe pipe;
  Recorder recorder({"server", "x", 1 << 20}, Open(pipe.path));
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
  std::string text;
  int rounds = 0;
  do {
    recorder.Flush();
    text += pipe.Drain();
  } while (!recorder.healthy() && ++rounds < 1000);
  CHECK(rounds > 2);
  CHECK(recorder.last_error() == "");
  std::size_t at = 0;
  for (int i = 0; i < kCount; ++i) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != text.npos);
    CHECK(Json::parse(text.substr(at, end - at))["seq"] == i + 1);
    at = end + 1;
  }
  CHECK(at == text.size());
}

TEST_CASE("lines that are lost become one gap record with their number and the cause") {
  SmallPipe pipe;
  Recorder recorder({"server", "x", 2000}, Open(pipe.path));
  int recorded = 0;
  while (recorder.healthy()) {  // fill the pipe
    recorder.Record({"e", {{"text", std::string(300, 'x')}}, 5000000});
    ++recorded;
    recorder.Flush();
  }
  for (int i = 0; i < 50; ++i, ++recorded) recorder.Record({"late", {}, 6000000});
  std::string text;
  for (int i = 0; i < 100 && !recorder.healthy(); ++i) {
    text += pipe.Drain();
    recorder.Flush();
  }
  CHECK(recorder.healthy());
  recorder.Record({"after", {}, 7000000});
  recorder.Flush();
  text += pipe.Drain();

  int lines = 0, lost = 0, seq = 0;
  std::string last;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != text.npos);
    const Json line = Json::parse(text.substr(at, end - at));
    CHECK(line["seq"] == ++seq);
    if (line["event"] == "gap") {
      CHECK(lost == 0);
      lost = line["lost"];
      CHECK(line["ts"] == "1970-01-01T00:00:06.000000Z");
      CHECK(line["why"].get<std::string>().find("doesn't keep up") != std::string::npos);
    }
    if (lost > 0) CHECK(line["event"] != "late");
    last = line["event"];
    at = end + 1;
  }
  CHECK(lost > 0);
  CHECK(lost < 51);
  CHECK(lines == recorded - lost + 2);  // the gap and "after"
  CHECK(last == "after");
}

TEST_CASE("a burst beyond the bound is no loss while the sink takes it") {
  Harness harness(1000);
  for (int i = 0; i < 100; ++i)
    harness.recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
  CHECK(harness.Lines().size() == 100);
}

TEST_CASE("a single line beyond the bound is counted and not kept") {
  Harness harness(400);
  harness.recorder.Record({"e", {{"text", std::string(500, 'x')}}, 0});
  const auto lines = harness.Lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["event"] == "gap");
  CHECK(lines[0]["lost"] == 1);
}

TEST_CASE("after a rename, reopening loses no line") {
  Harness harness;
  harness.recorder.Record({"one", {}, 0});
  REQUIRE(rename(harness.path.c_str(), harness.folder.File("old").c_str()) == 0);
  harness.recorder.Record({"two", {}, 0});
  CHECK(harness.recorder.Reopen());
  harness.recorder.Record({"three", {}, 0});
  const auto lines = harness.Lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["event"] == "three");
  CHECK(lines[0]["seq"] == 3);
  const std::string old = ReadAll(harness.folder.File("old"));
  CHECK(old.find("\"two\"") != old.npos);
}

TEST_CASE("a line that was half written is written whole after reopening elsewhere") {
  SmallPipe pipe;
  Recorder recorder({"server", "x", 1 << 20}, Open(pipe.path));
  for (int i = 0; i < 100; ++i) recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
  recorder.Flush();
  REQUIRE(!recorder.healthy());
  const std::string taken = pipe.Drain();
  REQUIRE(!taken.ends_with('\n'));
  // Fill the pipe again, so that the flush before reopening can't take anything.
  const int filler = open(pipe.path.c_str(), O_WRONLY | O_NONBLOCK);
  const std::string filling(1 << 16, '-');
  while (write(filler, filling.data(), filling.size()) > 0) {
  }
  close(filler);
  REQUIRE(rename(pipe.path.c_str(), pipe.folder.File("old").c_str()) == 0);
  CHECK(recorder.Reopen());
  CHECK(recorder.healthy());
  const std::string fresh = ReadAll(pipe.path);
  const auto whole = std::count(taken.begin(), taken.end(), '\n');
  CHECK(Json::parse(fresh.substr(0, fresh.find('\n')))["seq"] == whole + 1);
  CHECK(std::count(fresh.begin(), fresh.end(), '\n') == 100 - whole);
}

TEST_CASE("a reopening that fails is not healthy and says why") {
  TempFolder folder;
  REQUIRE(mkdir(folder.File("d").c_str(), 0700) == 0);
  Recorder recorder({"server", "x"}, Open(folder.File("d/a")));
  REQUIRE(rename(folder.File("d").c_str(), folder.File("e").c_str()) == 0);
  CHECK(!recorder.Reopen());
  CHECK(!recorder.healthy());
  CHECK(recorder.last_error().ends_with("make its folder first"));
  recorder.Record({"later", {}, 0});
  recorder.Flush();
  CHECK(recorder.healthy());  // the old file still takes lines
  CHECK(ReadAll(folder.File("e/a")).find("\"later\"") != std::string::npos);
}

TEST_CASE("what wasn't flushed is written when the recorder goes") {
  TempFolder folder;
  { Recorder({"server", "x"}, Open(folder.File("a"))).Record({"stop", {}, 0}); }
  CHECK(ReadAll(folder.File("a")).find("\"stop\"") != std::string::npos);
}
