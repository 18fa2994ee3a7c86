#include "resp/reply_scanner.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace redwall::resp;
using namespace std::string_literals;

namespace {

struct Seen {
  std::string bytes;
  char type;
  std::string text;
  std::int64_t last_integer;
  std::uint64_t elements;
  bool operator==(const Seen&) const = default;
};

struct Outcome {
  std::vector<Seen> frames;
  bool error = false;
  bool between = true;
  bool operator==(const Outcome&) const = default;
};

Outcome Scan(const std::vector<std::string_view>& pieces, const ReplyLimits& limits = {}) {
  Outcome outcome;
  ReplyScanner scanner(limits);
  std::string bytes;
  for (const auto piece : pieces) {
    const auto copy = std::make_unique<char[]>(piece.size());  // exact, for the sanitizers
    piece.copy(copy.get(), piece.size());
    std::string_view in(copy.get(), piece.size());
    for (std::size_t used; !in.empty() && !outcome.error; in.remove_prefix(used)) {
      const ScanStatus status = scanner.Scan(in, used);
      REQUIRE(used <= in.size());
      bytes += in.substr(0, used);
      outcome.error = status == ScanStatus::kError;
      if (status == ScanStatus::kNeedMore) CHECK(used == in.size());
      if (status != ScanStatus::kFrame) continue;
      CHECK(used > 0);
      CHECK(scanner.between_frames());
      const ReplyScanner::Frame& frame = scanner.frame();
      outcome.frames.push_back(
          {bytes, frame.type, std::string(frame.text), frame.last_integer, frame.elements});
      bytes.clear();
    }
  }
  outcome.between = scanner.between_frames();
  return outcome;
}

Outcome ScanEverySplit(const std::string& bytes, const ReplyLimits& limits = {}) {
  CAPTURE(bytes);
  const std::string_view all = bytes;
  const Outcome whole = Scan({all}, limits);
  for (std::size_t i = 1; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(Scan({all.substr(0, i), all.substr(i)}, limits) == whole);
  }
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < all.size(); ++i) single.push_back(all.substr(i, 1));
  CHECK(Scan(single, limits) == whole);
  return whole;
}

bool IsError(const std::string& bytes, const ReplyLimits& limits = {}) {
  const Outcome outcome = ScanEverySplit(bytes, limits);
  return outcome.error && !outcome.between;
}

bool IsOneFrame(const std::string& bytes, const ReplyLimits& limits = {}) {
  const Outcome outcome = ScanEverySplit(bytes, limits);
  return !outcome.error && outcome.between && outcome.frames.size() == 1 &&
         outcome.frames[0].bytes == bytes;
}

bool IsUnderWay(const std::string& bytes, const ReplyLimits& limits = {}) {
  const Outcome outcome = ScanEverySplit(bytes, limits);
  return !outcome.error && !outcome.between && outcome.frames.empty();
}

}  // namespace

TEST_CASE("Frames of every type end where they end, however they are cut") {
  const std::string long_text(70, 'x'), cut(64, 'x');
  const std::vector<Seen> cases = {
      {"+OK\r\n", '+', "OK", 0, 0},
      {"+\r\n", '+', "", 0, 0},
      {"+a\rb\nc\r\r\n", '+', "a\rb\nc\r", 0, 0},
      {"-ERR no\r\n", '-', "ERR no", 0, 0},
      {"-" + long_text + "\r\n", '-', cut, 0, 0},
      {":42\r\n", ':', "", 0, 0},
      {":-9223372036854775808\r\n", ':', "", 0, 0},
      {":+9223372036854775807\r\n", ':', "", 0, 0},
      {"$5\r\na\r\nb\0\r\n"s, '$', "", 0, 0},
      {"$0\r\n\r\n", '$', "", 0, 0},
      {"$-1\r\n", '$', "", 0, 0},
      {"*-1\r\n", '*', "", 0, 0},
      {"*0\r\n", '*', "", 0, 0},
      {"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:7\r\n", '*', "subscribe", 7, 3},
      {"*2\r\n:-5\r\n*1\r\n:9\r\n", '*', "", -5, 2},
      {"*2\r\n*1\r\n$1\r\nx\r\n$1\r\ny\r\n", '*', "", 0, 2},
      {"*2\r\n:1\r\n$1\r\ny\r\n", '*', "", 1, 2},
      {"*1\r\n$70\r\n" + long_text + "\r\n", '*', cut, 0, 1},
      {"*1\r\n$-1\r\n", '*', "", 0, 1},
      {"_\r\n", '_', "", 0, 0},
      {",1.5e+10\r\n", ',', "", 0, 0},
      {",-inf\r\n", ',', "", 0, 0},
      {"#t\r\n", '#', "", 0, 0},
      {"#f\r\n", '#', "", 0, 0},
      {"!9\r\nERR b\r\nad\r\n", '!', "ERR b\r\nad", 0, 0},
      {"=7\r\ntxt:a\r\n\r\n", '=', "", 0, 0},
      {"(-123456789012345678901234567890\r\n", '(', "", 0, 0},
      {"(123  123\r\n", '(', "", 0, 0},  // what a script made of a number with a CRLF in it
      {",1.5x\r\n", ',', "", 0, 0},
      {"%0\r\n", '%', "", 0, 0},
      {"%1\r\n+k\r\n:1\r\n", '%', "k", 1, 1},
      {"~2\r\n#t\r\n_\r\n", '~', "", 0, 2},
      {">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", '>', "message", 0, 3},
      {"|1\r\n+k\r\n:3\r\n+v\r\n", '+', "v", 0, 0},
      {"|0\r\n|1\r\n+k\r\n*1\r\n:3\r\n*2\r\n|1\r\n+k\r\n:4\r\n+first\r\n:5\r\n", '*', "first", 5,
       2},
      {"|1\r\n|1\r\n:1\r\n:2\r\n:3\r\n:4\r\n$1\r\nx\r\n", '$', "", 0, 0},
      {"$?\r\n;4\r\nab\r\n\r\n;1\r\nc\r\n;0\r\n", '$', "", 0, 0},
      {"*1\r\n$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n", '*', "abc", 0, 1},
      {"*?\r\n.\r\n", '*', "", 0, 0},
      {"*?\r\n:1\r\n*?\r\n:2\r\n.\r\n:3\r\n.\r\n", '*', "", 3, 0},
      {"%?\r\n+k\r\n:1\r\n.\r\n", '%', "k", 1, 0},
      {"~?\r\n*0\r\n.\r\n", '~', "", 0, 0},
      {"*2\r\n*0\r\n%0\r\n", '*', "", 0, 2},
  };
  std::string all;
  for (const Seen& seen : cases) {
    const Outcome outcome = ScanEverySplit(seen.bytes);
    CHECK_FALSE(outcome.error);
    CHECK(outcome.between);
    REQUIRE(outcome.frames.size() == 1);
    CHECK(outcome.frames[0].text == seen.text);
    CHECK(outcome.frames[0] == seen);
    all += seen.bytes;
  }
  CHECK(ScanEverySplit(all).frames == cases);
}

TEST_CASE("What isn't RESP is an error, however it is cut") {
  const std::vector<std::string> cases = {"x",
                                          "\r\n",
                                          ".\r\n",
                                          ";1\r\n",
                                          "$-2\r\n",
                                          "*-2\r\n",
                                          "$-0\r\n",
                                          "$01\r\n",
                                          "$+1\r\n",
                                          "$\r\n",
                                          "$ 1\r\n",
                                          "$1x\r\n",
                                          "$-\r\n",
                                          "$--1\r\n",
                                          "%-1\r\n",
                                          "~-1\r\n",
                                          ">-1\r\n",
                                          "|-1\r\n",
                                          "=-1\r\n",
                                          "!-1\r\n",
                                          ">?\r\n",
                                          "|?\r\n",
                                          "=?\r\n",
                                          "$?1\r\n",
                                          "$1?\r\n",
                                          ":\r\n",
                                          ":-\r\n",
                                          ":-0\r\n",
                                          ":01\r\n",
                                          ":1.5\r\n",
                                          ":?\r\n",
                                          "_x\r\n",
                                          "#\r\n",
                                          "#x\r\n",
                                          "#tt\r\n",
                                          ":1\n",
                                          ":1\r:",
                                          "$1\nx",
                                          "_\rx",
                                          "$1\r\nxy",
                                          "$1\r\nx\ry",
                                          "$0\r\nx",
                                          "*1\r\n.\r\n",
                                          "*?\r\n|0\r\n.\r\n",
                                          "%?\r\n:1\r\n.\r\n",
                                          "*?\r\n.x\r\n",
                                          "$?\r\n$1\r\n",
                                          "$?\r\n;-1\r\n",
                                          "$?\r\n;?\r\n",
                                          "$?\r\n.\r\n",
                                          ":9223372036854775808\r\n",
                                          ":-9223372036854775809\r\n",
                                          "$9223372036854775808\r\n",
                                          "*18446744073709551617\r\n",
                                          "*?\r\n%1\r\n:1\r\n.\r\n"};
  for (const std::string& bytes : cases) {
    CAPTURE(bytes);
    CHECK(IsError(bytes));
    const Outcome after = ScanEverySplit("+OK\r\n" + bytes);
    CHECK(after.error);
    CHECK(after.frames.size() == 1);
  }
}

TEST_CASE("An error is final") {
  ReplyScanner scanner;
  std::size_t used = 0;
  CHECK(scanner.Scan("?", used) == ScanStatus::kError);
  CHECK(scanner.Scan("+OK\r\n", used) == ScanStatus::kError);
  CHECK(used == 5);
}

TEST_CASE("The largest declared sizes are counted right") {
  for (const std::string header : {"*", "%", "~", ">", "|", "$", "=", "!"}) {
    CHECK(IsUnderWay(header + "9223372036854775807\r\n"));
    CHECK(IsUnderWay(header + "9223372036854775807\r\n:1\r\n:2\r\n"));
    CHECK(IsError(header + "9223372036854775808\r\n"));
  }
}

TEST_CASE("Nesting is limited to max_depth") {
  ReplyLimits limits;
  limits.max_depth = 3;
  CHECK(IsOneFrame("*1\r\n*1\r\n:1\r\n", limits));
  CHECK(IsOneFrame("*1\r\n%1\r\n:1\r\n~1\r\n:1\r\n", limits));
  CHECK(IsError("*1\r\n*1\r\n*1\r\n*0\r\n", limits));
  CHECK(IsError("*?\r\n*?\r\n*?\r\n*?\r\n", limits));
  CHECK(IsError("|1\r\n|1\r\n|1\r\n|1\r\n", limits));
  std::string deep;
  for (std::size_t i = 0; i < ReplyLimits().max_depth; ++i) deep += "*1\r\n";
  // Not at every split point: that would take minutes, and is done above.
  const std::string whole = deep + ":1\r\n", beyond = deep + "*1\r\n";
  CHECK(Scan({whole}).frames.size() == 1);
  CHECK(Scan({beyond}).error);
}

TEST_CASE("The line of a number is limited to max_line, other lines aren't") {
  ReplyLimits limits;
  limits.max_line = 4;
  for (const std::string type : {":", "*?\r\n:"}) {
    CHECK_FALSE(Scan({type + "123\r\n"}, limits).error);
    CHECK_FALSE(Scan({type + "1234\r\n"}, limits).error);
    CHECK(IsError(type + "12345\r\n", limits));
    CHECK(IsError(type + "12345", limits));
  }
  CHECK(IsUnderWay("$1234\r\n", limits));
  CHECK(IsError("$12345\r\n", limits));
  CHECK(IsOneFrame("+123456\r\n", limits));
  CHECK(IsOneFrame("-123456\r\n", limits));
  CHECK(IsOneFrame("(123456\r\n", limits));
  CHECK(IsOneFrame(",123456\r\n", limits));
}

TEST_CASE("Attributes don't count as elements or as the frame's type") {
  CHECK(IsUnderWay("|1\r\n+k\r\n+v\r\n"));
  CHECK(IsUnderWay("|0\r\n"));
  CHECK(IsUnderWay("*1\r\n|1\r\n+k\r\n+v\r\n"));
  ReplyScanner scanner;
  std::size_t used = 0;
  CHECK(scanner.Scan("|1\r\n+k\r\n+v\r\n", used) == ScanStatus::kNeedMore);
  CHECK(scanner.frame().type == 0);
  CHECK(scanner.Scan("%", used) == ScanStatus::kNeedMore);
  CHECK(scanner.frame().type == '%');
}

TEST_CASE("What is known of a frame can be asked for while it is under way") {
  ReplyScanner scanner;
  std::size_t used = 0;
  CHECK(scanner.between_frames());
  CHECK(scanner.Scan("*3\r\n$7\r\nmess", used) == ScanStatus::kNeedMore);
  CHECK(scanner.frame().elements == 3);
  CHECK(scanner.frame().text == "mess");
  const ReplyScanner copy = scanner;
  CHECK(scanner.Scan("age\r\n:4\r\n", used) == ScanStatus::kNeedMore);
  CHECK(scanner.frame().text == "message");
  CHECK(copy.frame().text == "mess");
  CHECK(scanner.Scan(":5\r\n+OK\r\n", used) == ScanStatus::kFrame);
  CHECK(used == 4);
  CHECK(scanner.frame().last_integer == 5);
  CHECK(scanner.Scan("", used) == ScanStatus::kNeedMore);
  CHECK(scanner.frame().type == '*');
  CHECK(scanner.Scan("+OK\r\n", used) == ScanStatus::kFrame);
  CHECK(scanner.frame().text == "OK");
  CHECK(scanner.frame().last_integer == 0);
  CHECK(scanner.frame().elements == 0);
}

TEST_CASE("A very large bulk passes in pieces") {
  const std::string piece(1 << 20, 'x');
  ReplyScanner scanner;
  std::size_t used = 0;
  CHECK(scanner.Scan("$536870912\r\n", used) == ScanStatus::kNeedMore);
  for (int i = 0; i < 512; ++i) REQUIRE(scanner.Scan(piece, used) == ScanStatus::kNeedMore);
  CHECK(scanner.Scan("\r\n+", used) == ScanStatus::kFrame);
  CHECK(used == 2);
}

TEST_CASE("An array whose header is a frame of its own") {
  const std::string reply = "*2\r\n*1\r\n:1\r\n-ERR x\r\n*-1\r\n";
  for (std::size_t piece : {1u, 2u, 3u, 100u}) {
    ReplyScanner scanner;
    scanner.TakeHeaderAlone();
    std::vector<std::uint64_t> elements;
    std::string types;
    std::string_view rest = reply;
    for (std::size_t used = 0; !rest.empty(); rest.remove_prefix(used)) {
      const ScanStatus status = scanner.Scan(rest.substr(0, piece), used);
      REQUIRE(status != ScanStatus::kError);
      if (status != ScanStatus::kFrame) continue;
      types += scanner.frame().type;
      elements.push_back(scanner.frame().elements);
    }
    CHECK(types == "**-*");
    CHECK(elements == std::vector<std::uint64_t>{2, 1, 0, 0});
  }
  for (const char* other : {"*-1\r\n", "*0\r\n", "-ERR no\r\n", "_\r\n", "+OK\r\n"}) {
    ReplyScanner scanner;
    scanner.TakeHeaderAlone();
    std::size_t used = 0;
    CHECK(scanner.Scan(other, used) == ScanStatus::kFrame);
    CHECK(scanner.frame().elements == 0);
    CHECK(scanner.Scan("*1\r\n:1\r\n", used) == ScanStatus::kFrame);  // whole again
    CHECK(used == 8);
  }
}
