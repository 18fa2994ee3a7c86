#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "tests/gateway/audit/recorder_harness.h"
#include "tests/gateway/policy/test_request.h"

using namespace redwall::audit;

TEST_CASE("on a full disk the recorder is not healthy, keeps what fits and counts the rest") {
  Recorder recorder({"server", "x"}, Open("/dev/full", 300));
  recorder.Record({"start", {}, 0});
  CHECK(recorder.healthy());
  recorder.Flush({});
  CHECK(!recorder.healthy());
  CHECK(recorder.trouble().find("No space left on device") != std::string::npos);
  recorder.Flush({});
  CHECK(!recorder.healthy());
  CHECK(!recorder.Reopen({}));
}

TEST_CASE("a line that the sink took in pieces is whole, and nothing is written twice") {
  SmallPipe pipe;
  Recorder recorder({"server", "x"}, Open(pipe.path, 1 << 20));
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
  std::string text;
  int rounds = 0;
  do {
    recorder.Flush({});
    text += pipe.Drain();
  } while (!recorder.healthy() && ++rounds < 1000);
  CHECK(rounds > 2);
  CHECK(recorder.trouble() == "");
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
  Recorder recorder({"server", "x"}, Open(pipe.path, 2000));
  int recorded = 0;
  while (recorder.healthy()) {  // fill the pipe
    recorder.Record({"e", {{"text", std::string(300, 'x')}}, 5000000});
    ++recorded;
    recorder.Flush({6000000, 6000000});
  }
  for (int i = 0; i < 50; ++i, ++recorded) recorder.Record({"late", {}, 6000000});
  std::string text;
  for (int i = 0; i < 100 && !recorder.healthy(); ++i) {
    text += pipe.Drain();
    recorder.Flush({6000000, 6000000});
  }
  CHECK(recorder.healthy());
  recorder.Record({"after", {}, 7000000});
  recorder.Flush({6000000, 6000000});
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

TEST_CASE("a single line beyond the bound is written, and so is what comes behind it") {
  Harness harness(400);
  harness.recorder.Record({"small", {}, 0});
  harness.recorder.Record({"large", {{"text", std::string(500, 'x')}}, 0});
  CHECK(harness.recorder.healthy());
  harness.recorder.Record({"behind", {}, 0});
  const auto lines = harness.Lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["event"] == "small");
  CHECK(lines[1]["event"] == "large");
  CHECK(lines[2]["event"] == "behind");
}

TEST_CASE("a line beyond the bound that can't be written ends the serving at once, and is kept") {
  SmallPipe pipe;
  Recorder recorder({"server", "x"}, Open(pipe.path, 400));
  const Subject subject{"0123456789abcdef0123456789abcdef", 5, "site-a", "10.0.0.1:5555"};
  const redwall::policy::TestRequest request("PING");
  const Decision refused{Action::kDeny, false, Action::kDeny, "audit", ""};
  std::uint64_t n = 0;
  const auto record = [&](const std::string& user, const Decision& decision) {
    std::string pending;
    recorder.BeginCommand(
        kFull, CommandStart{subject, ++n, user, 0, "", request.get(), decision, 0}, pending);
    recorder.FinishCommand(pending, {});
  };
  while (recorder.healthy()) {  // each line is beyond the bound: none waits for the turn's end
    record(std::string(300, 'u'), kAllowed);
    REQUIRE(n < 10000);
  }
  const std::uint64_t served = n + 20;
  while (n < served) record("under way", kAllowed);
  for (int i = 0; i < 20; ++i) record("refused", refused);
  record("under way", kAllowed);  // though lines of refused commands are lost already
  std::string text;
  for (int i = 0; i < 1000 && !recorder.healthy(); ++i) {
    text += pipe.Drain();
    recorder.Flush({});
  }
  CHECK(recorder.healthy());
  text += pipe.Drain();
  const auto lines = SplitLines(text);
  CheckChain(lines);
  std::uint64_t allowed = 0, denied = 0, lost = 0;
  for (const std::string& line : lines) {
    const Json json = Json::parse(line);
    if (json.contains("lost")) lost += json["lost"].get<std::uint64_t>();
    if (json.contains("n")) ++(json["decision"] == "allow" ? allowed : denied);
  }
  CHECK(allowed == served + 1);
  CHECK(lost > 0);
  CHECK(denied + lost == 20);
}

TEST_CASE("the end counts lines that were lost before, where their gap can't be written either") {
  Recorder recorder({"server", "x"}, Open("/dev/full", 300));
  recorder.Record({"e", {}, 0});
  recorder.Flush({});
  REQUIRE(!recorder.healthy());
  for (int i = 0; i < 50; ++i) recorder.Record({"e", {}, 0});
  CHECK(recorder.Close({}) == 51);
}

TEST_CASE("after a rename, reopening loses no line") {
  Harness harness;
  harness.recorder.Record({"one", {}, 0});
  REQUIRE(rename(harness.path.c_str(), harness.folder.File("old").c_str()) == 0);
  harness.recorder.Record({"two", {}, 0});
  CHECK(harness.recorder.Reopen({}));
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
  Recorder recorder({"server", "x"}, Open(pipe.path, 1 << 20));
  for (int i = 0; i < 100; ++i) recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
  recorder.Flush({});
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
  CHECK(recorder.Reopen({}));
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
  CHECK(!recorder.Reopen({}));
  CHECK(!recorder.healthy());
  CHECK(recorder.trouble().ends_with("make its folder first"));
  recorder.Record({"later", {}, 0});
  recorder.Flush({});
  CHECK(recorder.healthy());  // the old file still takes lines
  CHECK(ReadAll(folder.File("e/a")).find("\"later\"") != std::string::npos);
}

TEST_CASE("what wasn't flushed is written when the recorder goes") {
  TempFolder folder;
  { Recorder({"server", "x"}, Open(folder.File("a"))).Record({"stop", {}, 0}); }
  CHECK(ReadAll(folder.File("a")).find("\"stop\"") != std::string::npos);
}

TEST_CASE("while there is trouble, lines of refused commands wait behind those of served ones") {
  SmallPipe pipe;
  int asked = 0;
  Recorder recorder({.side = "server", .agent = "x", .on_lines = [&asked] { ++asked; }},
                    Open(pipe.path, 1 << 20));
  while (recorder.healthy()) {
    recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
    recorder.Flush({});
  }
  const Decision refused{Action::kDeny, false, Action::kDeny, "audit", ""};
  const Subject subject{"0123456789abcdef0123456789abcdef", 5, "site-a", "10.0.0.1:5555"};
  const redwall::policy::TestRequest request("PING");
  const auto record = [&](std::uint64_t n, const Decision& decision) {
    std::string pending;
    recorder.BeginCommand(kFull, CommandStart{subject, n, "", 0, "", request.get(), decision, 0},
                          pending);
    recorder.FinishCommand(pending, {});
  };
  record(1, refused);
  asked = 0;
  record(2, kAllowed);
  CHECK(asked == 1);  // its reply may go once it is flushed, and no later chance may be waited for
  record(3, refused);
  std::string text;
  for (int i = 0; i < 100 && (!recorder.healthy() || i < 3); ++i) {
    text += pipe.Drain();
    recorder.Flush({});
  }
  text += pipe.Drain();
  std::vector<int> order;
  const auto lines = SplitLines(text);
  CheckChain(lines);
  for (const std::string& line : lines)
    if (const Json json = Json::parse(line); json.contains("n")) order.push_back(json["n"]);
  CHECK(order == std::vector<int>{2, 1, 3});
}
