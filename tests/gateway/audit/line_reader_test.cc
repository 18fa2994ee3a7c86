#include "gateway/audit/line_reader.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway/audit/json_text.h"
#include "gateway/audit/line_file.h"
#include "gateway/audit/visible.h"
#include "tests/gateway/audit/audit_lines.h"
#include "tests/gateway/audit/temp_folder.h"

namespace redwall::audit {
namespace {

const std::string kCommand =
    R"({"v":1,"seq":5,"ts":"2026-11-22T20:07:56.472841Z","side":"server","agent":"vm",)"
    R"("session":"fa83","stream":5,"n":7,"identity":"spiped","user":"u","db":3,"client":"c:1",)"
    R"("client_name":"n","cmd":"config|set","keys":["a","b\"\\\\x\u001b"],"keys_more":2,)"
    R"("keys_untold":true,"channels":["ch"],"args":[],"argc":4,"bytes_in":18,"bytes_out":81,)"
    R"("decision":"deny","observed":true,"would":"allow","rule":"r","result":"error",)"
    R"("error":"NOPERM","us":12,"prev":"00ff"})";

// The text has to live as long as the line.
const AuditLine& Read(LineReader& reader, std::string_view text) {
  if (!reader.Read(text)) FAIL(text << ": " << reader.error());
  return reader.line();
}

std::string ErrorOf(const std::string& text) {
  LineReader reader;
  CHECK(!reader.Read(text));
  return reader.error();
}

}  // namespace

TEST_CASE("a command's line has all its fields") {
  LineReader reader;
  const AuditLine& line = Read(reader, kCommand);
  CHECK(line.is_command());
  CHECK(line.denied());
  CHECK(line.seq == 5);
  CHECK(line.ts_us == 1795378076472841);
  CHECK(line.end_us() == line.ts_us + 12);
  CHECK(line.side == "server");
  CHECK(line.session == "fa83");
  CHECK(line.stream == 5);
  CHECK(line.n == 7);
  CHECK(line.db == 3);
  CHECK(line.cmd == "config|set");
  REQUIRE(line.keys.size() == 2);
  CHECK(line.keys[1] == "b\"\\\\x\x1b");
  CHECK(line.keys_more == 2);
  CHECK(line.keys_untold);
  CHECK(line.channels.size() == 1);
  CHECK(line.has_args);
  CHECK(line.args.empty());
  CHECK(line.observed);
  CHECK(line.would == "allow");
  CHECK(line.error == "NOPERM");
  CHECK(line.us == 12);
  CHECK(line.prev == "00ff");
}

TEST_CASE("nothing of the line before stays") {
  LineReader reader;
  Read(reader, kCommand);
  const AuditLine& line = Read(
      reader,
      R"({"v":1,"seq":6,"ts":"2026-11-22T20:07:57Z","side":"client","event":"gap","lost":3,"why":"x"})");
  CHECK(!line.is_command());
  CHECK(line.event == "gap");
  CHECK(line.More("lost") == "3");
  CHECK(line.More("why") == "x");
  CHECK(line.More("session").empty());
  CHECK(line.keys.empty());
  CHECK(!line.has_keys);
  CHECK(!line.observed);
  CHECK(line.us == -1);
  CHECK(line.session.empty());
}

TEST_CASE("order, white space and unknown members don't matter") {
  LineReader reader;
  const AuditLine& line = Read(
      reader,
      " { \"cmd\" : \"get\" ,\t\"new\":{\"a\":[1,{\"b\":null}],\"c\":\"}\"}, \"us\": null,"
      "\"keys\" : [ \"\\u00e4\\ud83d\\ude00\\/\\n\" , \"b\" ], \"ts\":\"2026-11-22T20:07:56Z\","
      "\"side\":\"client\",\"v\":1, \"also\":-1.5e3 } ");
  CHECK(line.cmd == "get");
  CHECK(line.us == -1);
  REQUIRE(line.keys.size() == 2);
  CHECK(line.keys[0] == "ä😀/\n");
  CHECK(line.More("also") == "-1.5e3");
}

TEST_CASE("what is no audit line is refused with a reason") {
  CHECK(ErrorOf("") == "it is not a JSON object");
  CHECK(ErrorOf("[1]") == "it is not a JSON object");
  CHECK(ErrorOf("{}").find("no \"v\":1") != std::string::npos);
  CHECK(ErrorOf(R"({"v":2,"ts":"2026-11-22T20:07:56Z"})").find("version 2") != std::string::npos);
  CHECK(ErrorOf(R"({"v":1,"seq":"5"})") == "'seq' should be a number from 0");
  CHECK(ErrorOf(R"({"v":1,"seq":-5})") == "'seq' should be a number from 0");
  CHECK(ErrorOf(R"({"v":1,"seq":99999999999999999999})") == "'seq' should be a number from 0");
  CHECK(ErrorOf(R"({"keys":"a"})") == "'keys' should be a list of strings");
  CHECK(ErrorOf(R"({"keys":["a",1]})") == "'keys' should be a list of strings");
  CHECK(ErrorOf(R"({"observed":1})") == "'observed' should be true or false");
  CHECK(ErrorOf(R"({"v":1,"ts":"yesterday"})").find("'ts'") == 0);
  CHECK(ErrorOf(R"({"v":1,"ts":"2026-11-22T20:07:56Z","side":"x"})").find("'side'") == 0);
  CHECK(ErrorOf(R"({"v":1,"ts":"2026-11-22T20:07:56Z","side":"client"})").find("'cmd'") !=
        std::string::npos);
  CHECK(ErrorOf(kCommand + "x") == "something stands behind the JSON object");
  CHECK(ErrorOf(std::string(100000, '[')) == "it is not a JSON object");
  CHECK(!ErrorOf("{\"x\":" + std::string(100000, '[')).empty());
}

TEST_CASE("a line that is cut anywhere, or has a byte of another, is never read beyond its end") {
  LineReader reader;
  for (std::size_t i = 0; i < kCommand.size(); ++i) {
    const std::string cut = kCommand.substr(0, i);
    CHECK(!reader.Read(cut));
    for (const char c : {'"', '\\', '{', ']', '\0', '\xff'}) {
      std::string changed = kCommand;
      changed[i] = c;
      const bool read = reader.Read(changed);
      CHECK(read == reader.error().empty());
    }
  }
}

TEST_CASE("what redwall writes of any bytes is read as it was written") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  std::string text = R"({"v":1,"ts":"2026-11-22T20:07:56.000001Z","side":"client","cmd":"set")";
  AppendField("identity", bytes, 1000, text);
  text += "}";
  LineReader reader;
  const AuditLine& line = Read(reader, text);
  CHECK(line.identity.starts_with(bytes.substr(0, '\\')));
  CHECK(line.identity.find("\\\\]") != std::string::npos);
  CHECK(line.identity.ends_with("\\xfe\\xff"));
}

TEST_CASE("times") {
  std::int64_t us = 0;
  CHECK(ParseTimestamp("1970-01-01T00:00:00Z", us));
  CHECK(us == 0);
  Timestamp timestamp;
  for (const std::int64_t time : {std::int64_t{-62135596800000000}, std::int64_t{951782399999999},
                                  std::int64_t{1795378076472841}, std::int64_t{253402300799999999}})
    if (ParseTimestamp(timestamp.Format(time), us))
      CHECK(us == time);
    else
      FAIL(timestamp.Format(time));
  for (const char* text : {"", "Z", "2026-11-22T20:07:56", "2026-13-22T20:07:56Z",
                           "2026-11-22 20:07:56Z", "2026-11-22T20:07:56.Z", "2026-11-22T20:07:5xZ",
                           "2026-11-22T25:07:56Z", "2026-11-22T20:07:56.0x1Z"})
    CHECK(!ParseTimestamp(text, us));
}

TEST_CASE("a file is read line by line, and again") {
  const TempFolder folder;
  const std::string path = folder.File("lines");
  const std::string large(3 << 20, 'x');
  WriteAll(path, "one\n\n" + large + "\nhalf");
  auto file = LineFile::Open(path);
  REQUIRE(file);
  std::string_view line;
  REQUIRE((*file)->Next(line));
  CHECK(line == "one");
  REQUIRE((*file)->Next(line));
  CHECK(line.empty());
  REQUIRE((*file)->Next(line));
  CHECK(line == large);
  CHECK((*file)->offset() == 5);
  CHECK((*file)->number() == 3);
  CHECK(!(*file)->Next(line));
  CHECK(!(*file)->Next(line));
  CHECK((*file)->error().empty());
  REQUIRE((*file)->Again(0, 3, line));
  CHECK(line == "one");
  CHECK(!(*file)->Again(5, 4 << 20, line));
  CHECK(!(*file)->error().empty());
  CHECK(!LineFile::Open("/dev/null"));
  CHECK(!LineFile::Open(folder.File("none")));
}

TEST_CASE("what can't be seen is shown") {
  CHECK(Visible("a\"ä<") == "a\"ä<");
  CHECK(Visible(std::string("\0\n\x7f", 3)) == "\\u0000\\u000a\\u007f");
  CHECK(Visible("x\u202egnp") == "x\\u202egnp");
  CHECK(Visible("\u0085\u200b\ufeff") == "\\u0085\\u200b\\ufeff");
  CHECK(Visible("\U000e0041") == "\\u{e0041}");
  CHECK(Visible("\xff\xc3(\xed\xa0\x80") == "\\xff\\xc3(\\xed\\xa0\\x80");
  CHECK(Visible("\xc3") == "\\xc3");
  CHECK(Visible("aää", 4) == "aä...");
  CHECK(Thousands(0) == "0");
  CHECK(Thousands(999) == "999");
  CHECK(Thousands(1234567) == "1,234,567");
  CHECK(ShowTime(1795378076472841, 6) == "2026-11-22 20:07:56.472841");
  CHECK(ShowTime(1795378076472841) == "2026-11-22 20:07:56");
  CHECK(ShowDuration(850) == "850 µs");
  CHECK(ShowDuration(1500) == "1.50 ms");
  CHECK(ShowDuration(3200000) == "3.20 s");
  CHECK(ShowDuration(7500000000) == "2 h 05 min");
  CHECK(ShowBytes(512) == "512 B");
  CHECK(ShowBytes(1536) == "1.50 KiB");
}

}  // namespace redwall::audit
