#include "resp/glob.h"

#include <bitset>
#include <utility>
#include <vector>

namespace redwall::resp {
namespace {

// An element of a pattern is a star, or something that matches exactly one byte.

// Moves `at`, at a byte of a set's inside, behind one item of the set; gives the item as a range.
void ReadSetItem(std::string_view pattern, std::size_t& at, signed char& low, signed char& high) {
  const auto byte = [&](std::size_t i) { return static_cast<signed char>(pattern[i]); };
  const std::size_t left = pattern.size() - at;
  if (pattern[at] == '\\' && left >= 2) {
    low = high = byte(at + 1);
    at += 2;
  } else if (left >= 3 && pattern[at + 1] == '-') {
    low = byte(at);
    high = byte(at + 2);
    if (low > high) std::swap(low, high);
    at += 3;
  } else {
    low = high = byte(at);
    at += 1;
  }
}

// Calls visit(low, high) for each item of the set whose '[' is at `at`, and moves `at` behind the
// set. Returns whether the set is negated.
template <class Visit>
bool ReadSet(std::string_view pattern, std::size_t& at, Visit visit) {
  ++at;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  while (at < pattern.size() && pattern[at] != ']') {
    signed char low = 0, high = 0;
    ReadSetItem(pattern, at, low, high);
    visit(low, high);
  }
  if (at < pattern.size()) ++at;
  return negated;
}

// Does the element at `at`, which isn't a star, match `c`? If so, `at` moves behind it.
bool MatchOne(std::string_view pattern, std::size_t& at, char c) {
  switch (pattern[at]) {
    case '?':
      ++at;
      return true;
    case '[': {
      bool found = false;
      const auto wanted = static_cast<signed char>(c);
      const bool negated = ReadSet(pattern, at, [&](signed char low, signed char high) {
        found |= low <= wanted && wanted <= high;
      });
      return found != negated;
    }
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default:
      return pattern[at++] == c;
  }
}

// A parsed element, for what compares patterns.
struct Element {
  bool star = false;
  std::bitset<256> bytes;  // those it matches, where it is no star
};

std::vector<Element> ReadElements(std::string_view pattern) {
  std::vector<Element> elements;
  for (std::size_t at = 0; at < pattern.size();) {
    Element element;
    if (pattern[at] == '*') {
      element.star = true;
      ++at;
    } else if (pattern[at] == '?') {
      element.bytes.set();
      ++at;
    } else if (pattern[at] == '[') {
      const bool negated = ReadSet(pattern, at, [&](signed char low, signed char high) {
        for (int c = low; c <= high; ++c) element.bytes.set(static_cast<unsigned char>(c));
      });
      if (negated) element.bytes.flip();
    } else {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      element.bytes.set(static_cast<unsigned char>(pattern[at++]));
    }
    elements.push_back(element);
  }
  return elements;
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view text) {
  if (text.empty()) return pattern.empty();
  // Only the last star met is ever retried: if it can't be made to fit by taking more of the text,
  // no earlier one can, since a longer match of that one leaves less text for the same rest.
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t at = 0, retry_at = kNone, retry_text = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      retry_at = ++at;
      retry_text = i;
    } else if (at < pattern.size() && MatchOne(pattern, at, text[i])) {
      ++i;
    } else if (retry_at != kNone) {
      at = retry_at;
      if (at == pattern.size()) return true;
      i = ++retry_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

bool GlobCovers(std::string_view outer, std::string_view inner) {
  if (inner.empty() || outer.empty()) return inner.empty() && outer.empty();
  if (outer.size() > kMaxCoverPattern || inner.size() > kMaxCoverPattern) return false;
  // The match of GlobMatch, with the elements of `inner` in the place of bytes: an element of
  // `outer` takes one of `inner` whose bytes it all matches, a star takes anything. Sound, as
  // whatever text `inner` matches falls into the same parts; not complete (`?*` isn't seen to cover
  // `*?`).
  const std::vector<Element> wide = ReadElements(outer), narrow = ReadElements(inner);
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t at = 0, retry_at = kNone, retry_from = 0;
  for (std::size_t i = 0; i < narrow.size();) {
    if (at < wide.size() && wide[at].star) {
      retry_at = ++at;
      retry_from = i;
    } else if (at < wide.size() && !narrow[i].star && (narrow[i].bytes & ~wide[at].bytes).none()) {
      ++at;
      ++i;
    } else if (retry_at != kNone) {
      at = retry_at;
      i = ++retry_from;
    } else {
      return false;
    }
  }
  while (at < wide.size() && wide[at].star) ++at;
  return at == wide.size();
}

std::string_view GlobLiteralPrefix(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?[\\"));
}

}  // namespace redwall::resp
