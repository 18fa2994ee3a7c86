// The writer of "drop": the queue's bound, and what the thread does with the journal.
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/gateway/audit/recorder_harness.h"

using namespace redwall;
using namespace redwall::audit;

namespace {

constexpr std::size_t kMax = 20000;

Now Clock() {
  const auto us = [](auto time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  };
  return {us(std::chrono::steady_clock::now()), us(std::chrono::system_clock::now())};
}

template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Recorder MakeRecorder(const std::string& path, std::size_t max_bytes = kMax) {
  return Recorder({"server", "x"}, MakeThreadWriter(OpenJournal(path), max_bytes, Clock));
}

std::vector<Json> Parse(const std::vector<std::string>& lines) {
  std::vector<Json> records;
  for (const std::string& line : lines) records.push_back(Json::parse(line));
  return records;
}

}  // namespace

TEST_CASE("the thread writes what it is given, in order, and closes the journal at the end") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    Recorder recorder = MakeRecorder(path, 1 << 20);
    for (int i = 0; i < 1000; ++i) {
      recorder.Record({"e", {{"i", std::to_string(i)}}, 0});
      if (i % 7 == 0) recorder.Flush(Clock());
    }
    CHECK(recorder.healthy());
    CHECK(recorder.Close(Clock()) == 0);
  }
  const auto lines = SplitLines(ReadAll(path));
  REQUIRE(CheckChain(lines).seq == 1000);
  for (std::size_t i = 0; i < lines.size(); ++i)
    CHECK(Json::parse(lines[i])["i"] == std::to_string(i));
  CHECK(ParseHead(ReadAll(path + ".head"))->closed);
}

TEST_CASE("lines are written though nobody says anything more") {
  const TempFolder folder;
  Recorder recorder = MakeRecorder(folder.File("a"));
  recorder.Record({"e", {}, 0});
  recorder.Flush(Clock());
  CHECK(Eventually([&] { return !ReadAll(folder.File("a")).empty(); }));
  // The head follows by itself.
  CHECK(Eventually([&] {
    const auto head = ParseHead(ReadAll(folder.File("a.head")));
    return head && head->end.seq == 1;
  }));
}

TEST_CASE("a full queue: the recorder stays healthy, counts, and a gap takes the lines' place") {
  const SmallPipe pipe;
  Recorder recorder = MakeRecorder(pipe.path);
  int recorded = 0;
  for (; recorded < 300; ++recorded) {
    recorder.Record({"e", {{"text", std::string(300, 'x')}}, 5});
    recorder.Flush(Clock());
    CHECK(recorder.healthy());
  }
  CHECK(Eventually([&] { return !recorder.trouble().empty(); }));
  CHECK(recorder.trouble().find("doesn't keep up") != std::string::npos);
  std::string text;
  // The reader comes back: what waited is written, then the gap, then what comes behind.
  CHECK(Eventually([&] {
    text += pipe.Drain();
    recorder.Flush(Clock());
    return text.find("\"gap\"") != text.npos && text.back() == '\n';
  }));
  recorder.Record({"after", {}, 6});
  recorder.Flush(Clock());
  CHECK(Eventually([&] {
    text += pipe.Drain();
    return text.find("\"after\"") != text.npos && text.back() == '\n';
  }));
  const auto lines = SplitLines(text);
  CheckChain(lines);
  const auto records = Parse(lines);
  const Json& gap = records[records.size() - 2];
  CHECK(gap["event"] == "gap");
  const int lost = gap["lost"];
  CHECK(lost > 0);
  CHECK(static_cast<int>(lines.size()) == recorded - lost + 2);
  CHECK(records.back()["event"] == "after");
  CHECK(Eventually([&] { return recorder.trouble().empty(); }));
}

TEST_CASE("what is lost at the end is counted, and a gap is written where there is room again") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  Recorder recorder = MakeRecorder(path, 1000);
  constexpr std::size_t kCount = 20000;
  for (std::size_t i = 0; i < kCount; ++i)
    recorder.Record({"e", {{"text", std::string(300, 'x')}}, 0});
  CHECK(recorder.Close(Clock()) == 0);
  const auto records = Parse(SplitLines(ReadAll(path)));
  REQUIRE(records.size() > 1);
  CHECK(records.back()["event"] == "gap");
  CHECK(records.back()["lost"].get<std::size_t>() + records.size() - 1 == kCount);
}

TEST_CASE("a line that is larger than the queue is written, and what comes behind it, too") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  Recorder recorder = MakeRecorder(path);
  recorder.Record({"before", {}, 0});
  Event large{"large", {}, 0};
  for (int i = 0; i < 100; ++i) large.fields.emplace_back("text", std::string(1000, 'x'));
  recorder.Record(large);
  for (int i = 0; i < 20; ++i) recorder.Record({"behind", {}, 0});
  CHECK(recorder.Close(Clock()) == 0);
  const auto lines = SplitLines(ReadAll(path));
  CheckChain(lines);
  REQUIRE(lines.size() == 22);
  CHECK(lines[1].size() > 5 * kMax);
  for (std::size_t i = 2; i < lines.size(); ++i) CHECK(Json::parse(lines[i])["event"] == "behind");
}

TEST_CASE("large lines are bounded too: beyond one, they are counted") {
  const SmallPipe pipe;  // nobody reads
  Recorder recorder = MakeRecorder(pipe.path);
  Event large{"large", {}, 0};
  for (int i = 0; i < 200; ++i) large.fields.emplace_back("text", std::string(1000, 'x'));
  for (int i = 0; i < 20; ++i) recorder.Record(large);
  std::string text;
  CHECK(Eventually([&] {
    text += pipe.Drain();
    recorder.Flush(Clock());
    return text.find("\"gap\"") != text.npos && text.back() == '\n';
  }));
  const auto records = Parse(SplitLines(text));
  const int lost = records.back()["lost"];
  CHECK(lost > 10);
  CHECK(lost + static_cast<int>(records.size()) - 1 == 20);
}

TEST_CASE("a disk that stays full: the end says how many lines are lost") {
  Recorder recorder = MakeRecorder("/dev/full");
  for (int i = 0; i < 5; ++i) recorder.Record({"e", {}, 0});
  recorder.Flush(Clock());
  CHECK(Eventually([&] { return !recorder.trouble().empty(); }));
  CHECK(recorder.healthy());
  recorder.Record({"e", {}, 0});
  CHECK(recorder.Close(Clock()) == 6);
}

TEST_CASE("reopening happens in the thread, between lines") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  Recorder recorder = MakeRecorder(path);
  recorder.Record({"one", {}, 0});
  recorder.Flush(Clock());
  CHECK(Eventually([&] { return !ReadAll(path).empty(); }));
  REQUIRE(rename(path.c_str(), folder.File("old").c_str()) == 0);
  CHECK(recorder.Reopen(Clock()));
  CHECK(Eventually([&] { return access(path.c_str(), F_OK) == 0; }));
  recorder.Record({"two", {}, 0});
  recorder.Close(Clock());
  CHECK(CheckChain(SplitLines(ReadAll(path)), CheckChain(SplitLines(ReadAll(folder.File("old")))))
            .seq == 2);
}
