#include "gateway/policy/pattern_set.h"

#include <doctest/doctest.h>

#include <random>

#include "resp/glob.h"

using redwall::policy::PatternSet;

TEST_CASE("an empty set matches nothing") {
  const PatternSet none;
  CHECK(!none.Matches(""));
  CHECK(!none.Matches("a"));
  CHECK(!none.Covers("a"));
  CHECK(!none.MayOverlap("*"));
}

TEST_CASE("literals, prefixes and globs each match what they say") {
  const PatternSet set({"config", "app:*", "user:?:name", "a[bc]d", "app:x:*"});
  CHECK(set.Matches("config"));
  CHECK(!set.Matches("config2"));
  CHECK(!set.Matches("confi"));
  CHECK(!set.Matches("Config"));
  CHECK(set.Matches("app:"));
  CHECK(set.Matches("app:x:1"));
  CHECK(!set.Matches("app"));
  CHECK(!set.Matches("bapp:"));
  CHECK(set.Matches("user:1:name"));
  CHECK(!set.Matches("user:12:name"));
  CHECK(set.Matches("abd"));
  CHECK(!set.Matches("add"));
  CHECK(!set.Matches(""));
}

TEST_CASE("bytes over 127 and NULs sort and match as bytes") {
  const PatternSet set({"\xff*", std::string("a\0b", 3), "\x80"});
  CHECK(set.Matches("\xff"));
  CHECK(set.Matches("\xff\x01"));
  CHECK(set.Matches(std::string_view("a\0b", 3)));
  CHECK(!set.Matches("a"));
  CHECK(set.Matches("\x80"));
  CHECK(!set.Matches("\x81"));
}

TEST_CASE("a star alone matches all, the empty key too") {
  const PatternSet set({"zz*", "*", "a"});
  CHECK(set.Matches(""));
  CHECK(set.Matches("anything"));
  CHECK(PatternSet({"**"}).Matches(""));
}

TEST_CASE("the fast paths give what matching one by one gives") {
  std::mt19937 random(7);
  const auto word = [&random](std::string_view letters, std::size_t longest) {
    std::string out;
    for (std::size_t n = random() % (longest + 1); n > 0; --n)
      out += letters[random() % letters.size()];
    return out;
  };
  int matched = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> patterns;
    for (std::size_t n = random() % 8; n > 0; --n) patterns.push_back(word("abab*?\\", 4));
    const PatternSet set(patterns);
    for (int i = 0; i < 10; ++i) {
      const std::string text = word("ab", 5);
      bool expected = false;
      for (const std::string& pattern : patterns) {
        const bool only_stars = !pattern.empty() && pattern.find_first_not_of('*') == pattern.npos;
        expected |= redwall::resp::GlobMatch(pattern, text) || (text.empty() && only_stars);
      }
      matched += expected;
      INFO("text ", text);
      CHECK(set.Matches(text) == expected);
    }
  }
  CHECK(matched > 1000);
}

TEST_CASE("a client's pattern is covered only by an equal or a wider one") {
  const PatternSet set({"app.*", "x[ab]"});
  CHECK(set.Covers("app.*"));
  CHECK(set.Covers("app.orders.*"));
  CHECK(set.Covers("app.?"));
  CHECK(set.Covers("x[ab]"));
  CHECK(!set.Covers("*"));
  CHECK(!set.Covers("app*"));
  CHECK(!set.Covers("ap?.*"));
  CHECK(!set.Covers("x?"));
}

TEST_CASE("patterns may overlap unless their literal beginnings part") {
  const PatternSet set({"secret.*", "exact"});
  CHECK(set.MayOverlap("*"));
  CHECK(set.MayOverlap("s*"));
  CHECK(set.MayOverlap("secret.a.*"));
  CHECK(set.MayOverlap("[x]*"));  // in doubt
  CHECK(!set.MayOverlap("app.*"));
  CHECK(!set.MayOverlap("secrets*x"));
  CHECK(set.MayOverlap("exac?"));
  CHECK(!set.MayOverlap("exa?"));
  CHECK(set.MayOverlap("exact"));
  CHECK(set.MayOverlap("secret.1"));
  CHECK(!set.MayOverlap("public"));
}

TEST_CASE("a client's pattern that is too long to look at may overlap anything") {
  const PatternSet set({"secret.*", "exact"});
  const auto of = [](std::size_t size) { return "app.*" + std::string(size - 5, 'x'); };
  CHECK(!set.MayOverlap(of(redwall::resp::kMaxCoverPattern - 1)));
  CHECK(!set.MayOverlap(of(redwall::resp::kMaxCoverPattern)));
  CHECK(set.MayOverlap(of(redwall::resp::kMaxCoverPattern + 1)));
}
