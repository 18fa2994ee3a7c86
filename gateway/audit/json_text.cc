#include "gateway/audit/json_text.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace redwall::audit {
namespace {

constexpr char kHex[] = "0123456789abcdef";

unsigned Byte(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

// The length of the UTF-8 sequence that starts at `i`; 0 where there is none (RFC 3629, section 4).
std::size_t Utf8Length(std::string_view bytes, std::size_t i) {
  const unsigned first = Byte(bytes, i);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned least = 0x80, most = 0xbf;  // of the second byte
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) least = 0xa0;  // shorter forms exist
    if (first == 0xed) most = 0x9f;   // surrogates
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) least = 0x90;
    if (first == 0xf4) most = 0x8f;  // beyond U+10FFFF
  }
  if (length == 0 || bytes.size() - i < length) return 0;
  if (Byte(bytes, i + 1) < least || Byte(bytes, i + 1) > most) return 0;
  for (std::size_t k = 2; k < length; ++k)
    if ((Byte(bytes, i + k) & 0xc0) != 0x80) return 0;
  return length;
}

void AppendControl(unsigned code, std::string& out) {
  out += "\\u00";
  out += kHex[code >> 4];
  out += kHex[code & 15];
}

// Writes what starts at `i` and needs an escape; returns how many bytes that was.
std::size_t AppendEscaped(std::string_view bytes, std::size_t i, std::string& out) {
  const unsigned first = Byte(bytes, i);
  const std::size_t length = Utf8Length(bytes, i);
  if (length == 0) {
    out += "\\\\x";
    out += kHex[first >> 4];
    out += kHex[first & 15];
    return 1;
  }
  if (first == '"') {
    out += "\\\"";
  } else if (first == '\\') {
    out += "\\\\\\\\";
  } else if (first < 0x20 || first == 0x7f) {
    AppendControl(first, out);
  } else if (first == 0xc2 && Byte(bytes, i + 1) < 0xa0) {  // U+0080..U+009F
    AppendControl(Byte(bytes, i + 1), out);
  } else {
    out.append(bytes, i, length);
  }
  return length;
}

bool Plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Whether all eight bytes are plain. May say no where they are: the byte loop decides then.
bool AllPlain(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  // A high bit where a byte has one, or where taking away from it borrows: below ' ', or equal.
  const std::uint64_t odd = bytes | (bytes - ' ' * kOnes) | ((bytes ^ ('"' * kOnes)) - kOnes) |
                            ((bytes ^ ('\\' * kOnes)) - kOnes) | ((bytes ^ (0x7f * kOnes)) - kOnes);
  return (odd & kHigh) == 0;
}

// The length of the plain bytes from `i` on.
std::size_t PlainRun(std::string_view bytes, std::size_t i) {
  const std::size_t from = i;
  for (std::uint64_t word; i + sizeof word <= bytes.size(); i += sizeof word) {
    std::memcpy(&word, bytes.data() + i, sizeof word);
    if (!AllPlain(word)) break;
  }
  while (i < bytes.size() && Plain(bytes[i])) ++i;
  return i - from;
}

template <class T>
void AppendDigits(T number, std::string& out) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// `value` in `count` digits, zeros in front.
void PutDigits(char* at, std::int64_t value, int count) {
  for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

struct Date {
  std::int64_t year, month, day;
};

// Of the proleptic Gregorian calendar. Years are counted from March, so that a leap day comes last,
// and in cycles of 400 years, 146097 days each.
Date DateOfDay(std::int64_t days_since_1970) {
  const std::int64_t days = days_since_1970 + 719468;  // since 0000-03-01
  const std::int64_t cycle = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day_of_cycle = days - cycle * 146097;
  const std::int64_t year_of_cycle =
      (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {year_of_cycle + cycle * 400 + (month <= 2 ? 1 : 0), month, day};
}

}  // namespace

void AppendString(std::string_view bytes, std::size_t max_bytes, std::string& out) {
  const std::string_view kept = bytes.substr(0, max_bytes);
  out += '"';
  for (std::size_t i = 0; i < kept.size();) {
    const std::size_t plain = PlainRun(kept, i);
    out.append(kept, i, plain);
    i += plain;
    if (i < kept.size()) i += AppendEscaped(kept, i, out);
  }
  if (kept.size() < bytes.size()) {
    out += "\\\\+";
    AppendNumber(static_cast<std::uint64_t>(bytes.size() - kept.size()), out);
  }
  out += '"';
}

void AppendNumber(std::uint64_t number, std::string& out) { AppendDigits(number, out); }
void AppendNumber(std::int64_t number, std::string& out) { AppendDigits(number, out); }

void AppendName(std::string_view name, std::string& out) {
  out.append(",\"").append(name).append("\":");
}

void AppendField(std::string_view name, std::string_view bytes, std::size_t max_bytes,
                 std::string& out) {
  AppendName(name, out);
  AppendString(bytes, max_bytes, out);
}

std::string_view Timestamp::Format(std::int64_t wall_us) {
  constexpr std::int64_t kFirst = -62135596800, kLast = 253402300799;  // of the years 1 and 9999
  constexpr std::int64_t kMillion = 1000000, kDay = 86400;
  wall_us = std::clamp(wall_us, kFirst * kMillion, kLast * kMillion + kMillion - 1);
  if (wall_us == wall_us_) return {text_, sizeof text_};
  wall_us_ = wall_us;
  const std::int64_t second = (wall_us >= 0 ? wall_us : wall_us - (kMillion - 1)) / kMillion;
  if (second != second_) {
    second_ = second;
    const std::int64_t day = (second >= 0 ? second : second - (kDay - 1)) / kDay;
    const std::int64_t of_day = second - day * kDay;
    const Date date = DateOfDay(day);
    constexpr std::string_view kForm = "0000-00-00T00:00:00.000000Z";
    std::copy(kForm.begin(), kForm.end(), text_);
    PutDigits(text_, date.year, 4);
    PutDigits(text_ + 5, date.month, 2);
    PutDigits(text_ + 8, date.day, 2);
    PutDigits(text_ + 11, of_day / 3600, 2);
    PutDigits(text_ + 14, of_day / 60 % 60, 2);
    PutDigits(text_ + 17, of_day % 60, 2);
  }
  PutDigits(text_ + 20, wall_us - second * kMillion, 6);
  return {text_, sizeof text_};
}

}  // namespace redwall::audit
