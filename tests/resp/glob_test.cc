#include "resp/glob.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace redwall::resp;
using namespace std::string_literals;

namespace {

// One element that isn't a star against one byte, written from the description of Redis's sets and
// with plain indexing. -1: doesn't match; else the size of the element.
int SlowOne(const std::string& pattern, char c) {
  if (pattern[0] == '?') return 1;
  if (pattern[0] == '\\' && pattern.size() > 1) return pattern[1] == c ? 2 : -1;
  if (pattern[0] != '[') return pattern[0] == c ? 1 : -1;
  std::size_t i = 1;
  bool negated = false, found = false;
  if (i < pattern.size() && pattern[i] == '^') negated = true, ++i;
  for (; i < pattern.size() && pattern[i] != ']';) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      found = found || pattern[i + 1] == c;
      i += 2;
    } else if (i + 2 < pattern.size() && pattern[i + 1] == '-') {
      const int a = static_cast<signed char>(pattern[i]);
      const int b = static_cast<signed char>(pattern[i + 2]);
      const int wanted = static_cast<signed char>(c);
      found = found || (a <= wanted && wanted <= b) || (b <= wanted && wanted <= a);
      i += 3;
    } else {
      found = found || pattern[i] == c;
      ++i;
    }
  }
  if (i < pattern.size()) ++i;
  return found != negated ? static_cast<int>(i) : -1;
}

bool SlowRest(const std::string& pattern, const std::string& text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return SlowRest(pattern.substr(1), text) ||
           (!text.empty() && SlowRest(pattern, text.substr(1)));
  if (text.empty()) return false;
  const int size = SlowOne(pattern, text[0]);
  return size > 0 && SlowRest(pattern.substr(static_cast<std::size_t>(size)), text.substr(1));
}

bool SlowMatch(const std::string& pattern, const std::string& text) {
  return text.empty() ? pattern.empty() : SlowRest(pattern, text);
}

class Random {
 public:
  std::string Text(std::string_view alphabet, std::size_t longest) {
    std::string text(Below(longest + 1), ' ');
    for (char& c : text) c = alphabet[Below(alphabet.size())];
    return text;
  }
  std::size_t Below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_);
  }

 private:
  std::mt19937 engine_{42};
};

constexpr std::string_view kPatternBytes = "**??ab[]^-\\c\xff";
constexpr std::string_view kTextBytes = "abc-]^[\\*\xff";

}  // namespace

TEST_CASE("Patterns match as in Redis") {
  struct Case {
    std::string pattern, text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", false},
      {"*", "a", true},
      {"**", "abc", true},
      {"a*", "a", true},
      {"a**", "a", true},
      {"*a", "a", true},
      {"a", "", false},
      {"a?c", "abc", true},
      {"a?", "a", false},
      {"*a*b", "xaxxb", true},
      {"*a*b", "xaxxbc", false},
      {"app:*", "app:1", true},
      {"app:*", "App:1", false},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[^abc]", "d", true},
      {"[a-c]x", "bx", true},
      {"[c-a]x", "bx", true},
      {"[^a-c]", "b", false},
      {"[]", "a", false},
      {"[]a]", "a]", false},
      {"[^]", "a", true},
      {"[", "[", false},
      {"[", "a", false},
      {"[^", "a", true},
      {"[ab", "b", true},
      {"[ab", "c", false},
      {"[a-", "-", true},
      {"[a-]", "-", false},
      {"[a-]", "^", true},
      {"[\\]]", "]", true},
      {"[\\", "\\", true},
      {"[a\\-c]", "-", true},
      {"[a\\-c]", "b", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\", "\\", true},
      {"a\\", "a\\", true},
      {"\\a", "a", true},
      {"\\\\", "\\", true},
      {"[^^]", "^", false},
      {"[a^]", "^", true},
      {"a\0*"s, "a\0b"s, true},
      {"[a-\xff]", "0", true},
      {"[a-\xff]", "z", false},
      {"[\x80-\xff]", "\xc3", true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    CAPTURE(c.text);
    CHECK(GlobMatch(c.pattern, c.text) == c.matches);
    CHECK(SlowMatch(c.pattern, c.text) == c.matches);
  }
}

TEST_CASE("Random patterns match as the slow way says") {
  Random random;
  int matches = 0;
  for (int i = 0; i < 60000; ++i) {
    const std::string pattern = random.Text(kPatternBytes, 8), text = random.Text(kTextBytes, 6);
    CAPTURE(pattern);
    CAPTURE(text);
    const bool expected = SlowMatch(pattern, text);
    matches += expected;
    REQUIRE(GlobMatch(pattern, text) == expected);
  }
  CHECK(matches > 3000);
}

TEST_CASE("No pattern takes exponential time") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  const std::string text(2000, 'a');
  CHECK(GlobMatch(pattern, text));
  CHECK_FALSE(GlobMatch(pattern + "b", text));
  CHECK_FALSE(GlobMatch(pattern + "[^a]", text));
}

TEST_CASE("A pattern covers what it is sure to") {
  CHECK(GlobCovers("*", "*"));
  CHECK(GlobCovers("*", "a?[x]*"));
  CHECK(GlobCovers("app.*", "app.*"));
  CHECK(GlobCovers("app.*", "app.news.*"));
  CHECK(GlobCovers("app.*", "app.[a-c]"));
  CHECK(GlobCovers("app.*", "\\app.x"));
  CHECK(GlobCovers("[a-f]?", "[b-d]z"));
  CHECK(GlobCovers("*x*", "a*x?"));
  CHECK(GlobCovers("", ""));
}

TEST_CASE("A pattern doesn't cover more than it matches") {
  CHECK_FALSE(GlobCovers("app.*", "*"));
  CHECK_FALSE(GlobCovers("app.*", "ap*"));
  CHECK_FALSE(GlobCovers("app.*", "app?x"));
  CHECK_FALSE(GlobCovers("app.*", "[ab]pp.x"));
  CHECK_FALSE(GlobCovers("app.?", "app.*"));
  CHECK_FALSE(GlobCovers("*", ""));
  CHECK_FALSE(GlobCovers("", "*"));
  CHECK_FALSE(GlobCovers("?*", ""));
  const std::string longest(kMaxCoverPattern, 'a');
  CHECK(GlobCovers(longest, longest));
  CHECK(GlobCovers("*", longest));
  CHECK_FALSE(GlobCovers("*", longest + "a"));
  CHECK_FALSE(GlobCovers(longest + "*", longest));
}

TEST_CASE("Whatever the covered pattern matches, the covering one matches") {
  Random random;
  int covered = 0, witnesses = 0;
  for (int i = 0; i < 60000; ++i) {
    const std::string outer = random.Text(kPatternBytes, 5), inner = random.Text(kPatternBytes, 5);
    if (!GlobCovers(outer, inner)) continue;
    ++covered;
    CAPTURE(outer);
    CAPTURE(inner);
    for (int j = 0; j < 30; ++j) {
      const std::string text = random.Text(kTextBytes, 5);
      CAPTURE(text);
      if (!GlobMatch(inner, text)) continue;
      ++witnesses;
      REQUIRE(GlobMatch(outer, text));
    }
  }
  CHECK(covered > 1000);
  CHECK(witnesses > 1000);
}

TEST_CASE("The literal prefix ends at the first special byte") {
  CHECK(GlobLiteralPrefix("app:*") == "app:");
  CHECK(GlobLiteralPrefix("a?b") == "a");
  CHECK(GlobLiteralPrefix("ab[c]") == "ab");
  CHECK(GlobLiteralPrefix("ab\\*") == "ab");
  CHECK(GlobLiteralPrefix("plain]^-") == "plain]^-");
  CHECK(GlobLiteralPrefix("*") == "");
  CHECK(GlobLiteralPrefix("") == "");
}
