#include "gateway/audit/report.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway/audit/html.h"
#include "gateway/audit/report_data.h"
#include "gateway/audit/tally.h"
#include "tests/gateway/audit/audit_lines.h"
#include "tests/gateway/audit/temp_folder.h"

namespace redwall::audit {
namespace {

constexpr std::int64_t kSecond = 1000000;

struct Given {
  TempFolder folder;
  std::vector<std::string> paths;

  void File(const AuditText& text) {
    paths.push_back(folder.File("f" + std::to_string(paths.size())));
    WriteAll(paths.back(), text.text());
  }
  ReportData Data() {
    auto data = CollectReport(paths);
    if (!data) FAIL(data.error().sentence);
    return *std::move(data);
  }
  std::string Page() {
    auto page = MakeReport(paths, {"Title <b>", kNoon});
    if (!page) FAIL(page.error().sentence);
    return *std::move(page);
  }
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("durations are known to an eighth of their value") {
  Histogram histogram;
  CHECK(histogram.Quantile(0.5) == 0);
  for (std::int64_t us = 1; us <= 100000; ++us) histogram.Add(us);
  for (const double part : {0.01, 0.5, 0.99, 1.0}) {
    const double exact = part * 100000;
    CHECK(static_cast<double>(histogram.Quantile(part)) >= exact);
    CHECK(static_cast<double>(histogram.Quantile(part)) <= exact * 1.125 + 1);
  }
  CHECK(histogram.Quantile(1) == 100000);
  Histogram large;
  large.Add(INT64_MAX);
  large.Add(-5);
  CHECK(large.Quantile(1) == INT64_MAX);
  CHECK(large.Quantile(0.5) == 0);
}

TEST_CASE("more names than can be kept: the frequent ones stay, and the error is told") {
  TopTally tally;
  for (std::size_t i = 0; i < 3 * TopTally::kMost; ++i) {
    ++tally.at(std::to_string(i)).count;
    if (i % 10 == 0) ++tally.at("often").count;
  }
  CHECK(tally.size() <= TopTally::kMost);
  CHECK(tally.missed() > 0);
  const auto top = tally.Top(1);
  REQUIRE(top.size() == 1);
  CHECK(top[0].first == "often");
  CHECK(top[0].second.count == 3 * TopTally::kMost / 10);
}

TEST_CASE("a series has few slots, however long it is, and loses nothing") {
  TimeSeries series;
  std::uint64_t added = 0;
  for (std::int64_t time = -5 * kSecond; time < 1000000 * kSecond; time += time / 3 + kSecond / 7) {
    ++series.at(time < 0 ? time : kNoon + time).ok;
    ++added;
    if (time < 0) time = 0;
  }
  CHECK(series.slots().size() <= 201);
  std::uint64_t found = 0;
  for (const auto& [number, slot] : series.slots()) found += slot.ok;
  CHECK(found == added);
}

TEST_CASE("HTML is text") {
  CHECK(HtmlText("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  CHECK(HtmlText("\u202e\x1b") == "\\u202e\\u001b");
  CHECK(HtmlKey("<") == "<bdi class=\"k\">&lt;</bdi>");
  CHECK(HtmlText("abcdef", 3) == "abc...");
}

TEST_CASE("a command at both sites counts once, one that the client denied too") {
  AuditText client("client"), server("server");
  client.Command({.n = 1, .at_us = kSecond})
      .Command({.n = 2, .decision = "deny", .result = "error"});
  server.Command({.n = 1, .at_us = kSecond});
  client.Command({.n = 3, .result = "error"});
  server.Command({.n = 3, .decision = "deny", .result = "error"});
  Given given;
  given.File(client);
  given.File(server);
  const ReportData data = given.Data();
  CHECK(data.total.count == 3);
  CHECK(data.total.denied == 2);
  CHECK(data.total.errors == 0);
  CHECK(data.rules.size() == 2);
  CHECK(data.denials.size() == 2);
  CHECK(data.files.size() == 2);
  CHECK(data.gap_count == 0);
  Given alone;
  alone.File(client);
  CHECK(alone.Data().total.count == 3);
  CHECK(alone.Data().total.errors == 1);
}

TEST_CASE("the slowest and the latest are kept, in order") {
  AuditText server("server");
  for (std::uint64_t n = 1; n <= 100; ++n) {
    const auto i = static_cast<std::int64_t>(n * 37 % 101);
    server.Command({.n = n, .at_us = i * kSecond, .us = i});
    server.Command({.n = 100 + n, .at_us = i * kSecond, .decision = "deny", .result = "error"});
  }
  Given given;
  given.File(server);
  const ReportData data = given.Data();
  REQUIRE(data.slowest.size() == 20);
  CHECK(data.slowest.front().us == 100);
  CHECK(data.slowest.back().us == 81);
  REQUIRE(data.denials.size() == 25);
  CHECK(data.denials.back().ts_us == kNoon + 100 * kSecond);
  CHECK(data.denials.front().ts_us == kNoon + 76 * kSecond);
}

TEST_CASE("gaps of each kind stand at the top of the page") {
  AuditText server("server");
  server.Event("start", 0).Command({.n = 1, .at_us = kSecond});
  server.Event("gap", 2 * kSecond, R"(,"lost":1234,"why":"disk <full>")");
  server.Skip(5).Command({.n = 2, .at_us = 3 * kSecond});
  server.Raw("half a line\n").Event("start", 5 * kSecond).Event("stop", 6 * kSecond);
  Given given;
  given.File(server);
  const ReportData data = given.Data();
  CHECK(data.gap_count == 4);  // the gap, the jump, the torn line, the restart
  CHECK(data.lost == 1234);
  const std::string page = given.Page();
  CHECK(Has(page, "not complete: 4 gaps, 1,234 lines are known to be lost"));
  CHECK(page.find("not complete") < page.find("<svg"));
  CHECK(Has(page, "disk &lt;full&gt;"));
  CHECK(!Has(page, "<full>"));
}

TEST_CASE("the page holds whatever a key is, as text") {
  AuditText server("server", "<agent>");
  const std::string keys[] = {
      "<script>alert(1)</script>", "\"", "a&b", "\u202eevil", "\x01", "</title>", "-->"};
  std::uint64_t n = 0;
  for (const std::string& key : keys)
    server.Command({.n = ++n, .at_us = kSecond, .cmd = key, .key = key, .identity = key});
  Given given;
  given.File(server);
  const std::string page = given.Page();
  CHECK(Has(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  CHECK(Has(page, "<title>Title &lt;b&gt;</title>"));
  CHECK(Has(page, "\\u202eevil"));
  CHECK(Has(page, "a&amp;b"));
  CHECK(!Has(page, "<script"));
  CHECK(!Has(page, "a&b"));
  CHECK(!Has(page, "\u202e"));
  CHECK(!Has(page, "\x01"));
  CHECK(!Has(page, "<agent>"));
}

TEST_CASE("no file has anything") {
  Given given;
  given.File(AuditText("server"));
  CHECK(Has(given.Page(), "No gap."));
  CHECK(!Has(given.Page(), "<svg"));
}

}  // namespace redwall::audit
