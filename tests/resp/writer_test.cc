#include "resp/writer.h"

#include <doctest/doctest.h>

#include "resp/command_parser.h"

using namespace redwall::resp;
using namespace std::string_literals;

TEST_CASE("A command is an array of bulk strings") {
  std::string out = "before";
  WriteCommand({"SET", "k\0\r\n"s, ""}, out);
  CHECK(out == "before*3\r\n$3\r\nSET\r\n$4\r\nk\0\r\n\r\n$0\r\n\r\n"s);
}

TEST_CASE("A parsed command is written as it was") {
  const std::string wire = "*2\r\n$3\r\nGET\r\n$12\r\nabcdefghijkl\r\n";
  CommandParser parser;
  REQUIRE(parser.Parse(wire) == ParseStatus::kCommand);
  std::string out;
  WriteCommand(parser.command(), out);
  CHECK(out == wire);
}

TEST_CASE("An inline command is written as an array") {
  CommandParser parser;
  REQUIRE(parser.Parse("set k \"a b\"\r\n") == ParseStatus::kCommand);
  std::string out;
  WriteCommand(parser.command(), out);
  CHECK(out == "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\na b\r\n");
}

TEST_CASE("Headers take the largest numbers") {
  std::string out;
  WriteArrayHeader(0, out);
  WriteArrayHeader(SIZE_MAX, out);
  WriteBulkHeader(UINT64_MAX, out);
  CHECK(out == "*0\r\n*18446744073709551615\r\n$18446744073709551615\r\n");
}

TEST_CASE("An error stays on its line") {
  std::string out;
  WriteError("ERR got '\r' and\nmore", out);
  CHECK(out == "-ERR got ' ' and more\r\n");
  out.clear();
  WriteError("", out);
  CHECK(out == "-\r\n");
}

TEST_CASE("A line with quotes and escapes is read as exactly these arguments, every byte") {
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  std::string wire;
  WriteCommand({"ECHO", every, "", "'a b' \"c\" \\x41"}, wire);
  CommandParser parser, again;
  REQUIRE(parser.Parse(wire) == ParseStatus::kCommand);
  std::string line;
  WriteInline(parser.command(), line);
  CHECK(line.find('\0') == line.npos);
  REQUIRE(again.Parse(line) == ParseStatus::kCommand);
  CHECK(again.consumed() == line.size());
  CHECK(again.command().is_inline());
  CHECK_FALSE(parser.command().is_inline());
  REQUIRE(again.command().size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(again.command().arg(i) == parser.command().arg(i));
}
