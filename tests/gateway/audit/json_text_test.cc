#include "gateway/audit/json_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

using namespace redwall::audit;

namespace {

std::string Written(std::string_view bytes, std::size_t most = 1000) {
  std::string out;
  AppendString(bytes, most, out);
  return out;
}

// The string's value, as a reader of the line gets it.
std::string Value(std::string_view bytes, std::size_t most = 1000) {
  return nlohmann::json::parse(Written(bytes, most)).get<std::string>();
}

int HexDigit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// The inverse of the layer of escapes inside the JSON string.
std::string Decode(const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\') {
      out += value[i];
    } else if (value.at(i + 1) == '\\') {
      out += '\\';
      ++i;
    } else {
      REQUIRE(value.at(i + 1) == 'x');
      out += static_cast<char>(HexDigit(value.at(i + 2)) * 16 + HexDigit(value.at(i + 3)));
      i += 3;
    }
  }
  return out;
}

std::string Time(std::int64_t wall_us) { return std::string(Timestamp().Format(wall_us)); }

constexpr std::int64_t kSecond = 1000000;

}  // namespace

TEST_CASE("plain text and UTF-8 stand for themselves") {
  CHECK(Written("") == "\"\"");
  CHECK(Written("app:1 x/y") == "\"app:1 x/y\"");
  CHECK(Written("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST_CASE("quotes, backslashes and control characters are escaped") {
  CHECK(Written("a\"b") == R"("a\"b")");
  CHECK(Written("a\\b") == R"("a\\\\b")");
  CHECK(Value("a\\b") == "a\\\\b");
  CHECK(Written(std::string_view("\0\n\x1b\x7f", 4)) == R"("\u0000\u000a\u001b\u007f")");
  CHECK(Written("\xc2\x9b"
                "2J") == R"("\u009b2J")");
  CHECK(Written("\xc2\xa0") == "\"\xc2\xa0\"");
}

TEST_CASE("bytes that are not UTF-8 are written as hex") {
  CHECK(Value("\xff") == "\\xff");
  CHECK(Value("a\x80z") == "a\\x80z");
  CHECK(Value("\xc3") == "\\xc3");                             // cut short
  CHECK(Value("\xc3(") == "\\xc3(");                           // no continuation
  CHECK(Value("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(Value("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");           // overlong
  CHECK(Value("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(Value("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  CHECK(Value("\xf0\x9f\x98") == "\\xf0\\x9f\\x98");
  CHECK(Value("\xf4\x8f\xbf\xbf") == "\xf4\x8f\xbf\xbf");
  CHECK(Value("\\xff") == "\\\\xff");  // the text, not the byte
}

TEST_CASE("what is cut says how much is missing and can't be taken for text") {
  CHECK(Value("abcdef", 7) == "abcdef");
  CHECK(Value("abcdef", 6) == "abcdef");
  CHECK(Value("abcdef", 5) == "abcde\\+1");
  CHECK(Value("abcdef", 0) == "\\+6");
  CHECK(Value("", 0) == "");
  CHECK(Value("abcd\\+1", 7) == "abcd\\\\+1");
  CHECK(Value("\xc3\xa9", 1) == "\\xc3\\+1");
}

TEST_CASE("any bytes can be read back through a JSON parser") {
  std::mt19937 random(5);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes;
    for (std::size_t n = random() % 12; n > 0; --n)
      bytes += static_cast<char>(
          random() % 3 ? random() % 256 : static_cast<unsigned>("\\\"\xc2\x9b x+"[random() % 7]));
    CHECK(Decode(Value(bytes)) == bytes);
    CHECK(Written(bytes).find('\n') == std::string::npos);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    CHECK(Decode(Value(one)) == one);
  }
}

TEST_CASE("numbers at the edges of 64 bits") {
  std::string out;
  AppendNumber(std::uint64_t{0}, out);
  out += ' ';
  AppendNumber(UINT64_MAX, out);
  out += ' ';
  AppendNumber(INT64_MIN, out);
  CHECK(out == "0 18446744073709551615 -9223372036854775808");
}

TEST_CASE("times are RFC 3339 with microseconds") {
  CHECK(Time(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(Time(1) == "1970-01-01T00:00:00.000001Z");
  CHECK(Time(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(Time(kSecond - 1) == "1970-01-01T00:00:00.999999Z");
  CHECK(Time(951782399 * kSecond) == "2000-02-28T23:59:59.000000Z");
  CHECK(Time(951782400 * kSecond) == "2000-02-29T00:00:00.000000Z");  // 2000 is a leap year
  CHECK(Time(951868800 * kSecond) == "2000-03-01T00:00:00.000000Z");
  CHECK(Time(1709251199 * kSecond + 123456) == "2024-02-29T23:59:59.123456Z");
  CHECK(Time(1709251200 * kSecond) == "2024-03-01T00:00:00.000000Z");
  CHECK(Time(1677628800 * kSecond) == "2023-03-01T00:00:00.000000Z");
  CHECK(Time(4107542399 * kSecond) == "2100-02-28T23:59:59.000000Z");
  CHECK(Time(4107542400 * kSecond) == "2100-03-01T00:00:00.000000Z");  // 2100 is none
  CHECK(Time(2147483648 * kSecond) == "2038-01-19T03:14:08.000000Z");
  CHECK(Time(-2203891200 * kSecond) == "1900-03-01T00:00:00.000000Z");
  CHECK(Time(-2203891201 * kSecond) == "1900-02-28T23:59:59.000000Z");
}

TEST_CASE("times beyond four digits of years are held at the edge") {
  CHECK(Time(INT64_MAX) == "9999-12-31T23:59:59.999999Z");
  CHECK(Time(INT64_MIN) == "0001-01-01T00:00:00.000000Z");
}

TEST_CASE("every day from 1970 to 2110 follows the one before") {
  int year = 1970, month = 1, day = 1;
  Timestamp timestamp;
  for (std::int64_t n = 0; year < 2110; ++n) {
    char expected[64];
    std::snprintf(expected, sizeof expected, "%04d-%02d-%02dT12:34:56.000000Z", year, month, day);
    REQUIRE(timestamp.Format((n * 86400 + 45296) * kSecond) == expected);
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (++day > lengths[month - 1]) {
      day = 1;
      if (++month > 12) month = 1, ++year;
    }
  }
}

TEST_CASE("the kept second is not used for another one") {
  Timestamp timestamp;
  CHECK(timestamp.Format(5 * kSecond + 7) == "1970-01-01T00:00:05.000007Z");
  CHECK(timestamp.Format(5 * kSecond + 8) == "1970-01-01T00:00:05.000008Z");
  CHECK(timestamp.Format(6 * kSecond) == "1970-01-01T00:00:06.000000Z");
  CHECK(timestamp.Format(5 * kSecond) == "1970-01-01T00:00:05.000000Z");
}

TEST_CASE("every byte in every place of a long string is written as it is alone") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    std::string alone;
    AppendString(std::string_view(&c, 1), 100, alone);
    const std::string inner = alone.substr(1, alone.size() - 2);
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, 'x'), out;
      text[at] = c;
      AppendString(text, 100, out);
      CHECK(out == "\"" + std::string(at, 'x') + inner + std::string(19 - at, 'x') + "\"");
    }
  }
}
