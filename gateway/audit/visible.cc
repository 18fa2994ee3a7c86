#include "gateway/audit/visible.h"

#include <cstdio>

#include "gateway/audit/json_text.h"

namespace redwall::audit {
namespace {

struct Decoded {
  unsigned code = 0;
  std::size_t length = 0;  // 0: not UTF-8 (RFC 3629)
};

Decoded Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return {};
  unsigned code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr unsigned kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, length};
}

// What a reader wouldn't see, or would see in another place than it stands.
bool Hidden(unsigned code) {
  struct Range {
    unsigned first, last;
  };
  constexpr Range kRanges[] = {
      {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},      {0x34f, 0x34f},   {0x61c, 0x61c},
      {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},  {0x200b, 0x200f}, {0x2028, 0x202e},
      {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},  {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
      {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff}};
  for (const Range& range : kRanges)
    if (code >= range.first && code <= range.last) return true;
  return false;
}

template <class... Args>
std::string Format(const char* form, Args... args) {
  char text[64];
  std::snprintf(text, sizeof text, form, args...);
  return text;
}

}  // namespace

std::string Visible(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded next = Decode(text.substr(i));
    const std::size_t length = next.length == 0 ? 1 : next.length;
    if (i + length > max_bytes) return out + "...";
    if (next.length == 0) {
      out += Format("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(text[i])));
    } else if (!Hidden(next.code)) {
      out.append(text, i, length);
    } else {
      out += Format(next.code > 0xffff ? "\\u{%x}" : "\\u%04x", next.code);
    }
    i += length;
  }
  return out;
}

std::string Thousands(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string ShowTime(std::int64_t us, int digits) {
  Timestamp timestamp;
  std::string text(timestamp.Format(us).substr(0, digits == 0 ? 19 : 20 + std::size_t(digits)));
  text[10] = ' ';
  return text;
}

std::string ShowDuration(std::int64_t us) {
  constexpr std::int64_t kMs = 1000, kSecond = 1000 * kMs, kMinute = 60 * kSecond,
                         kHour = 60 * kMinute, kDay = 24 * kHour;
  const auto in = [us](std::int64_t unit) {
    return static_cast<double>(us) / static_cast<double>(unit);
  };
  const auto whole = [us](std::int64_t unit) { return static_cast<long long>(us / unit); };
  if (us < kMs) return Format("%lld µs", whole(1));
  if (us < kSecond) return Format(us < 10 * kMs ? "%.2f ms" : "%.1f ms", in(kMs));
  if (us < 2 * kMinute) return Format(us < 10 * kSecond ? "%.2f s" : "%.1f s", in(kSecond));
  if (us < kHour) return Format("%lld min %02lld s", whole(kMinute), whole(kSecond) % 60);
  if (us < 2 * kDay) return Format("%lld h %02lld min", whole(kHour), whole(kMinute) % 60);
  return Format("%lld days %lld h", whole(kDay), whole(kHour) % 24);
}

std::string ShowBytes(std::uint64_t bytes) {
  if (bytes < 1024) return Format("%llu B", static_cast<unsigned long long>(bytes));
  const char* const units[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit < 3; ++unit) value /= 1024;
  return Format(value < 10 ? "%.2f %s" : "%.1f %s", value, units[unit]);
}

}  // namespace redwall::audit
