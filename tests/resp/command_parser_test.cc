#include "resp/command_parser.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/resp/command_driver.h"

using namespace redwall::resp;
using namespace std::string_literals;
using Arguments = std::vector<std::string>;

namespace {

const std::string kError = "ERR Protocol error: ";

CommandDriver Run(const std::vector<std::string_view>& pieces, const RequestLimits& limits = {},
                  bool stream = false) {
  CommandDriver driver(limits, stream);
  for (const auto piece : pieces) driver.Receive(piece);
  CHECK(driver.broken == "");
  return driver;
}

void CheckSame(const CommandDriver& one, const CommandDriver& other, bool same_commands) {
  CHECK(one.error == other.error);
  CHECK(one.forwarded == other.forwarded);
  if (same_commands) CHECK(one.commands == other.commands);
}

// The same for every split in two, for single bytes, and for a caller that streams all that it can.
CommandDriver RunEverySplit(const std::string& bytes, const RequestLimits& limits = {},
                            bool stream = false) {
  CAPTURE(bytes.substr(0, 200));
  const std::string_view all = bytes;
  const CommandDriver whole = Run({all}, limits, stream);
  for (std::size_t i = 1; i < all.size(); ++i) {
    CAPTURE(i);
    CheckSame(whole, Run({all.substr(0, i), all.substr(i)}, limits, stream), !stream);
  }
  CommandDriver single(limits, stream);
  for (const char c : all) single.Receive({&c, 1});
  CHECK(single.broken == "");
  CheckSame(whole, single, !stream);
  return whole;
}

std::string Wire(std::initializer_list<std::string_view> arguments) {
  std::string out;
  WriteCommand(arguments, out);
  return out;
}

}  // namespace

TEST_CASE("Well-formed commands come out as they are, however they are cut") {
  struct Case {
    std::string wire;
    std::vector<Arguments> commands;
  };
  const std::vector<Case> cases = {
      {"*1\r\n$4\r\nPING\r\n", {{"PING"}}},
      {"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", {{"GET", ""}}},
      {"*3\r\n$3\r\nSET\r\n$5\r\na\0\r\n\xff\r\n$10\r\n0123456789\r\n"s,
       {{"SET", "a\0\r\n\xff"s, "0123456789"}}},
      {"*1\r\n$0\r\n\r\n*0\r\n*1\r\n$1\r\na\r\n", {{""}, {}, {"a"}}},
      {"*-1\r\n*-9223372036854775808\r\n*1\r\n$1\r\nb\r\n", {{}, {}, {"b"}}},
  };
  for (const Case& c : cases) {
    const CommandDriver driver = RunEverySplit(c.wire);
    CHECK(driver.commands == c.commands);
    CHECK(driver.error == "");
    CHECK(driver.pending() == 0);
    CHECK(driver.parser().between_commands());
  }
}

TEST_CASE("canonical() tells what has to be written anew") {
  const auto canonical = [](std::string_view wire) {
    CommandParser parser;
    REQUIRE(parser.Parse(wire) == ParseStatus::kCommand);
    REQUIRE(parser.consumed() == wire.size());
    return parser.command().canonical();
  };
  CHECK(canonical("*1\r\n$4\r\nPING\r\n"));
  CHECK(canonical("*0\r\n"));
  CHECK_FALSE(canonical("*-1\r\n"));
  CHECK_FALSE(canonical("*1\rX$4\r\nPING\r\n"));
  CHECK_FALSE(canonical("*1\r\n$4\rXPING\r\n"));
  CHECK_FALSE(canonical("*1\r\n$4\r\nPINGX\n"));
  CHECK_FALSE(canonical("*1\r\n$4\r\nPING\rX"));
  CHECK_FALSE(canonical("PING\r\n"));
  CHECK_FALSE(canonical("\n"));
}

TEST_CASE("What Redis tolerates in line ends is tolerated, however it is cut") {
  const CommandDriver driver = RunEverySplit("*2\rX$3\r\0GET..$1\r\rk\0\0*1\r\n$4\r\nPING\r\n"s);
  CHECK(driver.commands == std::vector<Arguments>{{"GET", "k"}, {"PING"}});
  CHECK(driver.forwarded == Wire({"GET", "k"}) + Wire({"PING"}));
}

TEST_CASE("What isn't the protocol gets Redis's own words, however it is cut") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"*+1\r\n", "invalid multibulk length"},
      {"*01\r\n", "invalid multibulk length"},
      {"* 1\r\n", "invalid multibulk length"},
      {"*1 \r\n", "invalid multibulk length"},
      {"*\r\n", "invalid multibulk length"},
      {"*-\r\n", "invalid multibulk length"},
      {"*-0\r\n", "invalid multibulk length"},
      {"*00\r\n", "invalid multibulk length"},
      {"*1\n$4\r\n", "invalid multibulk length"},
      {"*2147483648\r\n", "invalid multibulk length"},
      {"*9223372036854775808\r\n", "invalid multibulk length"},
      {"*-9223372036854775809\r\n", "invalid multibulk length"},
      {"*18446744073709551617\r\n", "invalid multibulk length"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$\r\n", "invalid bulk length"},
      {"*1\r\n$+4\r\n", "invalid bulk length"},
      {"*1\r\n$04\r\n", "invalid bulk length"},
      {"*1\r\n$4x\r\n", "invalid bulk length"},
      {"*1\r\n$536870913\r\n", "invalid bulk length"},
      {"*1\r\n$18446744073709551615\r\n", "invalid bulk length"},
      {"*1\r\n:4\r\n", "expected '$', got ':'"},
      {"*1\r\n\r\n", "expected '$', got '\r'"},
      {"*2\r\n$1\r\na\r\n\xff\r\n", "expected '$', got '\xff'"},
      {"set \"k\n", "unbalanced quotes in request"},
      {"set 'k'x\r\n", "unbalanced quotes in request"},
  };
  for (const auto& [wire, text] : cases) {
    const CommandDriver driver = RunEverySplit(wire);
    CHECK(driver.error == kError + text);
    CHECK_FALSE(driver.parser().between_commands());
  }
}

TEST_CASE("An error comes after the commands before it") {
  const CommandDriver driver = RunEverySplit("*1\r\n$4\r\nPING\r\n*x\r\n");
  CHECK(driver.commands.size() == 1);
  CHECK(driver.error == kError + "invalid multibulk length");
}

TEST_CASE("A NUL hides the end of its line") {
  for (const std::string& start : {"*1\0\r\n$4\r\nPING\r\n"s, "*1\r\n$\0004\r\n"s, "PI\0NG\r\n"s}) {
    const CommandDriver driver = RunEverySplit(start);
    CHECK(driver.error == "");
    CHECK(driver.commands.empty());
    CHECK(driver.pending() == start.size());
  }
  RequestLimits limits;
  limits.max_line = 32;
  const std::string rest(30, '\n');
  CHECK(RunEverySplit("*1\0\r\n"s + rest, limits).error == kError + "too big mbulk count string");
  CHECK(RunEverySplit("*1\r\n$\0\r\n"s + rest, limits).error ==
        kError + "too big bulk count string");
  CHECK(RunEverySplit("PI\0NG\r\n"s + rest, limits).error == kError + "too big inline request");
}

TEST_CASE("A line may have max_line bytes and its end") {
  RequestLimits limits;
  limits.max_line = 40;
  const auto line = [&](const std::string& before, const std::string& start, std::size_t size,
                        const std::string& end) {
    return RunEverySplit(before + start + std::string(size - start.size(), '1') + end, limits);
  };
  for (const std::size_t size : {39u, 40u}) {
    CHECK(line("", "x", size, "\n").error == "");
    CHECK(line("", "x", size, "\n").commands.size() == 1);
    CHECK(line("", "x", size, "").error == "");
    CHECK(line("", "*a", size, "\r\n").error == kError + "invalid multibulk length");
    CHECK(line("*1\r\n", "$a", size, "\r\n").error == kError + "invalid bulk length");
  }
  for (const char* end : {"", "\r\n"}) {
    CHECK(line("", "x", 41, end).error == kError + "too big inline request");
    CHECK(line("", "*1", 41, end).error == kError + "too big mbulk count string");
    CHECK(line("*1\r\n", "$1", 41, end).error == kError + "too big bulk count string");
  }
}

TEST_CASE("Arguments may be as many and as long as the limits say") {
  RequestLimits limits;
  limits.max_arguments = 2;
  limits.max_bulk = 5;
  CHECK(RunEverySplit(Wire({"a"}), limits).commands.size() == 1);
  CHECK(RunEverySplit(Wire({"a", "b"}), limits).commands.size() == 1);
  CHECK(RunEverySplit("*3\r\n", limits).error == kError + "invalid multibulk length");
  CHECK(RunEverySplit(Wire({"a", "1234"}), limits).commands.size() == 1);
  CHECK(RunEverySplit(Wire({"a", "12345"}), limits).commands.size() == 1);
  CHECK(RunEverySplit(Wire({"a", "123456"}), limits).error == kError + "invalid bulk length");
}

TEST_CASE("Redis's largest declared numbers are taken and cost nothing") {
  CommandParser parser;
  CHECK(parser.Parse("*2147483647\r\n") == ParseStatus::kNeedMore);
  CHECK(parser.Parse("*2147483647\r\n$1\r\na\r\n$536870912\r\n") == ParseStatus::kHead);
  CHECK(parser.command().argc() == 2147483647);
  CHECK(parser.command().size() == 1);
}

TEST_CASE("Inline commands are split as Redis splits them") {
  struct Case {
    std::string line;
    Arguments arguments;
  };
  const std::vector<Case> cases = {
      {"\r\n", {}},
      {"\n", {}},
      {" \t\v\f \r\n", {}},
      {"PING\n", {"PING"}},
      {"PING\r\r\n", {"PING"}},
      {"  set\tk \rv  \r\n", {"set", "k", "v"}},
      {"a\vb \vc\f\n", {"a\vb", "c\f"}},
      {"\"\" ''\n", {"", ""}},
      {"a\"b c\"\n", {"ab c"}},
      {"a'b c' d\n", {"ab c", "d"}},
      {R"("\n\r\t\b\a\q\"\\")"
       "\n",
       {"\n\r\t\b\aq\"\\"}},
      {R"("\x00\xfF\xg0\x1")"
       "\n",
       {"\0\xffxg0x1"s}},
      {R"('\n\'\\x')"
       "\n",
       {"\\n'\\\\x"}},
      {"\"a\"\vb\n", {"a", "b"}},
      {"$4 \\x41 é\n", {"$4", "\\x41", "é"}},
  };
  for (const Case& c : cases) {
    const CommandDriver driver = RunEverySplit(c.line);
    REQUIRE(driver.commands.size() == 1);
    CHECK(driver.commands[0] == c.arguments);
    CHECK(driver.error == "");
  }
  for (const char* bad : {"\"a\n", "'a\n", "\"a\\\n", "'a\\'\n", "\"a\"b\n", "'a'\"b\"\n"})
    CHECK(RunEverySplit(bad).error == kError + "unbalanced quotes in request");
}

TEST_CASE("What is held of a command is limited to max_inspected bytes") {
  const std::string many = Wire({"mset", "k", "v", "k", "v"});
  const std::string name = Wire({"0123456789"});
  for (const int less : {-1, 0, 1}) {
    CAPTURE(less);
    RequestLimits limits;
    limits.max_inspected = many.size() - static_cast<std::size_t>(less);
    CHECK(RunEverySplit(many, limits).error ==
          (less > 0 ? kError + "invalid multibulk length" : ""));
    limits.stream_threshold = 5;
    limits.max_inspected = name.size() - static_cast<std::size_t>(less);
    CHECK(RunEverySplit(name, limits).error == (less > 0 ? kError + "invalid bulk length" : ""));
  }
  // Every limit below: the same error however the bytes come, and a declared length is enough.
  for (std::size_t limit = 0; limit < many.size(); ++limit) {
    RequestLimits limits;
    limits.max_inspected = limit;
    CHECK(RunEverySplit(many, limits).error.starts_with(kError));
  }
  CHECK(RunEverySplit("*1\r\n$100000000\r\n").error == kError + "invalid bulk length");
}

TEST_CASE("A caller that waits for a long argument waits up to max_inspected") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  const std::string wire = Wire({"set", "k", "123456", "x"});
  const std::size_t end = wire.size() - 7;  // of the long argument
  for (const std::size_t limit : {end - 1, end, wire.size() - 1, wire.size()}) {
    limits.max_inspected = limit;
    const CommandDriver driver = RunEverySplit(wire, limits);
    CHECK(driver.error == (limit < end           ? kError + "invalid bulk length"
                           : limit < wire.size() ? kError + "invalid multibulk length"
                                                 : ""));
  }
}

TEST_CASE("The head of a command with a long argument can be looked at") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  const std::string wire = Wire({"set", "key", "12345"});
  for (std::size_t size = 0; size <= wire.size(); ++size) {
    CAPTURE(size);
    CommandParser parser(limits);
    const ParseStatus status = parser.Parse(std::string_view(wire).substr(0, size));
    const std::size_t head = wire.size() - 7;
    CHECK(status == (size < head          ? ParseStatus::kNeedMore
                     : size < wire.size() ? ParseStatus::kHead
                                          : ParseStatus::kCommand));
    if (status != ParseStatus::kHead) continue;
    CHECK(parser.consumed() == 0);
    CHECK(parser.command().argc() == 3);
    REQUIRE(parser.command().size() == 2);
    CHECK(parser.command().name() == "set");
    CHECK(parser.command().arg(1) == "key");
    parser.StreamRest();
    CHECK(parser.consumed() == head);
  }
  // At the threshold, an argument isn't long.
  CommandParser parser(limits);
  CHECK(parser.Parse("*2\r\n$1\r\na\r\n$4\r\n") == ParseStatus::kNeedMore);
}

TEST_CASE("A name is never streamed") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  CHECK(Run({"*1\r\n$10\r\n01234", "56789\r\n"}, limits, true).heads == 0);
  CommandParser parser(limits);
  CHECK(parser.Parse("*2\r\n$10\r\n01234") == ParseStatus::kNeedMore);
}

TEST_CASE("Long arguments in any place are streamed, and what follows them, however they are cut") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  limits.max_inspected = 40;  // less than the commands below
  const std::string big(50, 'b'), wire_after = Wire({"PING"});
  const std::vector<std::string> wires = {
      Wire({"set", "k", big}),
      Wire({"set", big, "v"}),
      Wire({"mset", "a", big, "b", big, "c", ""}),
      Wire({"x", big, "", "", "y"}),
      Wire({"set", "k", big}) + Wire({"set", "j", big}),
  };
  for (const std::string& wire : wires) {
    const CommandDriver driver = RunEverySplit(wire + wire_after, limits, true);
    CHECK(driver.forwarded == wire + wire_after);
    CHECK(driver.error == "");
    CHECK(driver.heads > 0);
    CHECK(driver.parser().between_commands());
  }
}

TEST_CASE("Bodies in canonical form are passed as views of the input") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  CommandParser parser(limits);
  REQUIRE(parser.Parse("*3\r\n$1\r\na\r\n$6\r\n") == ParseStatus::kHead);
  parser.StreamRest();
  const std::string_view rest = "123456\r\n$2\r\nxy\r\n";
  CHECK(parser.Parse(rest.substr(0, 10)) == ParseStatus::kBody);
  CHECK(parser.body().data() == rest.data());
  CHECK(parser.consumed() == 8);  // a header is consumed when it is whole
  CHECK(parser.Parse("") == ParseStatus::kBody);
  CHECK(parser.consumed() == 0);
  CHECK(parser.Parse(rest.substr(8)) ==
        ParseStatus::kBody);  // it had been begun: a piece by itself
  CHECK(parser.body().data() == rest.data() + 8);
  CHECK(parser.Parse(rest.substr(8 + parser.consumed())) == ParseStatus::kBodyEnd);
  CHECK(parser.between_commands());
}

TEST_CASE("A streamed command that isn't canonical is passed on in canonical form") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  const std::string wire =
      "*5\rX$3\r\nset..$6\r.123456XY$1\r\nk\nZ$1\r$j\r\r$10\r\n0123456789\n\n*1\r\n$1\r\nz\r\n";
  const CommandDriver driver = RunEverySplit(wire, limits, true);
  CHECK(driver.forwarded == Wire({"set", "123456", "k", "j", "0123456789"}) + Wire({"z"}));
  CHECK(driver.error == "");
}

TEST_CASE("Errors in the body of a streamed command are Redis's") {
  RequestLimits limits;
  limits.stream_threshold = 4;
  limits.max_bulk = 20;
  limits.max_line = 32;
  const std::string head = "*3\r\n$3\r\nset\r\n$6\r\n123456\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {":1\r\n", "expected '$', got ':'"},
      {"$-1\r\n", "invalid bulk length"},
      {"$01\r\n", "invalid bulk length"},
      {"$21\r\n", "invalid bulk length"},
      {"$111111111111111111111111111111111", "too big bulk count string"},
  };
  for (const auto& [rest, text] : cases) {
    const CommandDriver driver = RunEverySplit(head + rest, limits);
    CHECK(driver.error == kError + text);
    CommandDriver streamed(limits, true);
    for (const char c : head + rest) streamed.Receive({&c, 1});
    CHECK(streamed.heads == 1);
    CHECK(streamed.broken == "");
    CHECK(streamed.error == kError + text);
    CHECK(streamed.forwarded == head);
  }
  CHECK(Run({head.substr(0, 20), head.substr(20) + "$20\r\n"}, limits, true).error == "");
}

TEST_CASE("A very large argument passes in pieces of any size") {
  const std::string value(3'000'000, 'v');
  const std::string wire = Wire({"set", "k", value, "ex", "10"});
  for (const std::size_t piece : {1000u, 16384u, 100000u, 4000000u}) {
    CommandDriver driver({}, true);
    for (std::size_t i = 0; i < wire.size(); i += piece)
      driver.Receive(std::string_view(wire).substr(i, piece));
    CHECK(driver.broken == "");
    CHECK((driver.forwarded == wire));
    CHECK(driver.heads == (piece < wire.size() ? 1 : 0));
  }
}

TEST_CASE("An empty input says that there must be more") {
  CommandParser parser;
  CHECK(parser.Parse("") == ParseStatus::kNeedMore);
  CHECK(parser.between_commands());
  CHECK(parser.Parse("*") == ParseStatus::kNeedMore);
  CHECK_FALSE(parser.between_commands());
}

TEST_CASE("Parsing what was written gives the same commands") {
  const std::string mixed =
      "set k \"\\x00 v\"\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n*-1\r\n*1\rx$4\rxPINGxx'q' r\n";
  const CommandDriver first = RunEverySplit(mixed);
  const CommandDriver second = Run({first.forwarded});
  std::vector<Arguments> not_empty;
  for (const Arguments& command : first.commands)
    if (!command.empty()) not_empty.push_back(command);
  CHECK(not_empty.size() == 4);
  CHECK(second.commands == not_empty);
  CHECK(second.forwarded == first.forwarded);
}
