#include "gateway/json/names.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace redwall::json {
namespace {

constexpr std::size_t kMaxQuoted = 64;
constexpr std::size_t kMaxCompared = 64;  // bounds the work on a hostile name

char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Damerau-Levenshtein, restricted: a letter inserted, left out, changed, or two neighbours swapped.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = Fold(a[i - 1]) == Fold(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0u : 1u)});
      const bool swapped =
          i > 1 && j > 1 && Fold(a[i - 1]) == Fold(b[j - 2]) && Fold(a[i - 2]) == Fold(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxQuoted)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  if (text.size() > kMaxQuoted) out += "...";
  out += '"';
  return out;
}

std::string_view NearestName(std::string_view typed, const std::vector<std::string_view>& names) {
  if (typed.size() > kMaxCompared) return {};
  std::string_view nearest;
  std::size_t least = typed.size() <= 4 ? 2 : 3;  // what is nearer than this
  for (const std::string_view name : names) {
    if (name.size() > kMaxCompared) continue;
    const std::size_t longer = std::max(name.size(), typed.size());
    if (longer - std::min(name.size(), typed.size()) >= least) continue;
    const std::size_t distance = Distance(typed, name);
    if (distance >= least || distance >= name.size()) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

}  // namespace redwall::json
