#include "resp/reply_cursor.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resp/reply_scanner.h"

using namespace redwall::resp;
using namespace std::string_literals;

namespace {

// The elements, each as its type and what it says.
std::string Walk(std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());  // exact, for the sanitizers
  bytes.copy(copy.get(), bytes.size());
  ReplyCursor cursor({copy.get(), bytes.size()});
  std::string trace, all;
  for (Element e; cursor.Next(e);) {
    all.append(e.attributes).append(e.raw);
    trace += e.type;
    if (e.null) trace += "null";
    if (e.streamed) trace += "?";
    if (e.is_array() || e.is_map()) trace += std::to_string(e.count);
    if (e.type == ':') trace += std::to_string(e.number);
    if (e.type != ':') trace += e.text;
    if (!e.attributes.empty()) trace += "|";
    trace += ' ';
  }
  if (!cursor.ok()) {
    Element e;
    std::string_view raw;
    CHECK(!cursor.Next(e));
    CHECK(!cursor.Skip(raw));
    return trace + "error";
  }
  CHECK(cursor.at_end());
  CHECK(all == bytes);  // nothing is lost between the elements
  return trace;
}

// What Skip takes off the front; "error" where it can't.
std::string Skipped(std::string_view bytes) {
  ReplyCursor cursor(bytes);
  std::string_view raw;
  return cursor.Skip(raw) ? std::string(raw) : "error";
}

bool IsWholeFrame(std::string_view bytes) {
  ReplyScanner scanner;
  std::size_t used = 0;
  return !bytes.empty() && scanner.Scan(bytes, used) == ScanStatus::kFrame && used == bytes.size();
}

const std::vector<std::string> kFrames = {
    "+OK\r\n",
    "-ERR no\r\n",
    ":-42\r\n",
    ":+7\r\n",
    "$3\r\na\r\n\r\n",
    "$0\r\n\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "_\r\n",
    "#t\r\n",
    ",1.5\r\n",
    "(12345678901234567890\r\n",
    "!5\r\nERR x\r\n",
    "=5\r\ntxt:a\r\n",
    "*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n",
    "~1\r\n#f\r\n",
    ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
    "|1\r\n+ttl\r\n:3\r\n*1\r\n|1\r\n+x\r\n*1\r\n:1\r\n:9\r\n",
    "$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n",
    "*?\r\n:1\r\n*2\r\n+a\r\n*?\r\n.\r\n:3\r\n.\r\n",
    "%?\r\n+a\r\n*1\r\n:1\r\n.\r\n",
    "*2\r\n*?\r\n|1\r\n+q\r\n:0\r\n:1\r\n.\r\n:2\r\n",
};

TEST_CASE("Each element is given with its type, its text or count, and the bytes that it spans") {
  CHECK(Walk("*2\r\n$1\r\na\r\n:12\r\n") == "*2 $a :12 ");
  CHECK(Walk("%1\r\n+k\r\n=5\r\ntxt:v\r\n") == "%2 +k =txt:v ");
  CHECK(Walk("*3\r\n$-1\r\n*-1\r\n_\r\n") == "*3 $null *null _null ");
  CHECK(Walk("-MOVED 1 a:1\r\n") == "-MOVED 1 a:1 ");
  CHECK(Walk("$4\r\n\r\n\r\n\r\n") == "$\r\n\r\n ");
  CHECK(Walk("|1\r\n+a\r\n:1\r\n:5\r\n") == ":5| ");
  CHECK(Walk("*?\r\n:1\r\n.\r\n") == "*? :1 . ");
  CHECK(Walk("") == "");
}

TEST_CASE("All that the scanner finds whole can be walked and skipped, and nothing shorter") {
  for (const std::string& frame : kFrames) {
    CAPTURE(frame);
    REQUIRE(IsWholeFrame(frame));
    CHECK(Walk(frame).find("error") == std::string::npos);
    CHECK(Skipped(frame) == frame);
    CHECK(Skipped(frame + "+behind\r\n") == frame);
    for (std::size_t size = 1; size < frame.size(); ++size)
      CHECK(Skipped(frame.substr(0, size)) == "error");
  }
}

TEST_CASE("A byte that changes never leads outside of the frame") {
  for (const std::string& frame : kFrames) {
    for (std::size_t i = 0; i < frame.size(); ++i) {
      for (const char c : "$*?-9\n\0|.;"s) {
        std::string odd = frame;
        odd[i] = c;
        CAPTURE(odd);
        Walk(odd);
        const std::string skipped = Skipped(odd);
        if (IsWholeFrame(odd)) CHECK(skipped == odd);
      }
    }
  }
}

TEST_CASE("Counts and lengths that lie, and numbers that are none, are errors") {
  for (const std::string bad : {"*1000000\r\n:1\r\n",
                                "*9223372036854775807\r\n",
                                "%9223372036854775807\r\n:1\r\n:2\r\n",
                                "*18446744073709551616\r\n",
                                "*-2\r\n",
                                "*\r\n",
                                "*x\r\n",
                                "$5\r\nabc\r\n",
                                "$3\r\nabcde",
                                "$9223372036854775807\r\na\r\n",
                                "$18446744073709551615\r\na\r\n",
                                "$-2\r\n",
                                ":\r\n",
                                ":1x\r\n",
                                ":99999999999999999999\r\n",
                                "_x\r\n",
                                "x\r\n",
                                "\r\n",
                                "*1\r\n",
                                "$?\r\n",
                                "$?\r\n;1\r\nab\r\n",
                                "|1\r\n+a\r\n:1\r\n",
                                "|-1\r\n:1\r\n",
                                "|?\r\n.\r\n:1\r\n"}) {
    CAPTURE(bad);
    CHECK(Skipped(bad) == "error");
  }
  CHECK(Skipped(".\r\n") == "error");
  CHECK(Skipped("*1\r\n.\r\n") == "error");
  CHECK(Skipped("*?\r\n*1\r\n.\r\n.\r\n") == "error");
}

TEST_CASE("Nesting costs nothing; only streamed aggregates may not be nested without end") {
  constexpr int kDeep = 100000;
  std::string deep;
  for (int i = 0; i < kDeep; ++i) deep += "*1\r\n";
  deep += ":1\r\n";
  CHECK(Skipped(deep) == deep);

  const auto streamed = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "*?\r\n";
    for (int i = 0; i < depth; ++i) text += ".\r\n";
    return text;
  };
  CHECK(Skipped(streamed(32)) == streamed(32));
  CHECK(Skipped(streamed(33)) == "error");
}

TEST_CASE("A copy of a cursor is a place to come back to") {
  ReplyCursor cursor("*2\r\n:1\r\n:2\r\n");
  Element e;
  REQUIRE(cursor.Next(e));
  ReplyCursor ahead = cursor;
  REQUIRE(ahead.Next(e));
  REQUIRE(ahead.Next(e));
  CHECK(e.number == 2);
  REQUIRE(cursor.Next(e));
  CHECK(e.number == 1);
  CHECK(!cursor.at_end());
}

}  // namespace
