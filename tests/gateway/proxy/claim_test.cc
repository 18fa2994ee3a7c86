#include "gateway/proxy/claim.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace redwall::proxy {
namespace {

using Values = std::vector<std::int64_t>;

// What it may be, sorted; -1 stands for "something else, too".
Values MayBe(const Claim<std::int64_t>& claim) {
  const auto candidates = claim.MayBe();
  Values values(candidates.values.begin(), candidates.values.end());
  if (candidates.unknown) values.push_back(-1);
  std::sort(values.begin(), values.end());
  return values;
}

TEST_CASE("Without a question there is one value") {
  Claim<std::int64_t> claim(3);
  CHECK(claim.value() == 3);
  CHECK(claim.granted() == 3);
  CHECK(!claim.pending());
  CHECK(MayBe(claim) == Values{3});
}

TEST_CASE("What isn't known at first is known once it is granted") {
  Claim<std::string> user("", false);
  CHECK(user.MayBe().unknown);
  user.Ask("ann");
  CHECK(user.MayBe().unknown);
  user.Answer("ann", false);
  CHECK(user.MayBe().unknown);
  user.Ask("ann");
  user.Answer("ann", true);
  CHECK(!user.MayBe().unknown);
  CHECK(user.MayBe().values.size() == 1);
}

TEST_CASE("Until they are answered all of them may be in force; then one is") {
  Claim<std::int64_t> claim(0);
  claim.Ask(5);
  claim.Ask(9);
  CHECK(claim.pending());
  CHECK(claim.value() == 9);
  CHECK(claim.granted() == 0);
  CHECK(MayBe(claim) == Values{0, 5, 9});
  claim.Answer(5, true);
  CHECK(claim.pending());
  claim.Answer(9, false);
  CHECK(!claim.pending());
  CHECK(claim.value() == 5);
  CHECK(MayBe(claim) == Values{5});
}

TEST_CASE("What nobody heard of may be in force until a later one is granted") {
  Claim<std::int64_t> claim(0);
  claim.Ask(5);
  claim.Answer(5, true, false);
  CHECK(claim.value() == 5);
  CHECK(MayBe(claim) == Values{0, 5});
  SUBCASE("a later refusal says nothing") {
    claim.Ask(7);
    claim.Answer(7, false);
    CHECK(MayBe(claim) == Values{0, 5, 7});
  }
  SUBCASE("one that was asked for before says nothing either") {
    Claim<std::int64_t> other(0);
    other.Ask(1);
    other.Ask(2);
    other.Answer(2, true, false);  // silent, and so done at once
    other.Answer(1, true);
    CHECK(MayBe(other) == Values{0, 1, 2});
  }
  SUBCASE("a later one that is granted settles it") {
    claim.Ask(7);
    claim.Answer(7, true);
    CHECK(MayBe(claim) == Values{7});
  }
}

TEST_CASE("A refusal that may have changed it all the same leaves it unknown") {
  Claim<std::int64_t> claim(0);
  claim.AskLoosely(5);
  CHECK(MayBe(claim) == Values{-1, 0, 5});
  claim.AnswerVaguely();
  CHECK(claim.MayBe().unknown);
  CHECK(claim.value() == 0);
  claim.Ask(2);
  claim.Answer(2, true);
  CHECK(MayBe(claim) == Values{2});
  claim.AskLoosely(4);
  claim.Answer(4, true);
  CHECK(MayBe(claim) == Values{4});
}

TEST_CASE(
    "What a transaction plans may be in force while it is open, and afterwards if it wasn't") {
  Claim<std::int64_t> claim(0);
  claim.Plan(5);
  CHECK(MayBe(claim) == Values{0, 5});
  SUBCASE("it was a transaction, and is discarded") {
    claim.EndPlan(true);
    CHECK(MayBe(claim) == Values{0});
  }
  SUBCASE("nobody knows whether MULTI was granted") {
    claim.EndPlan(false);
    CHECK(MayBe(claim) == Values{0, 5});
    claim.Ask(5);  // EXEC
    claim.Answer(5, true);
    CHECK(MayBe(claim) == Values{5});
  }
  SUBCASE("it took effect at once") {
    claim.Grant(5);
    CHECK(claim.value() == 5);
    claim.EndPlan(false);
    CHECK(MayBe(claim) == Values{0, 5});
  }
  SUBCASE("loosely") {
    claim.PlanLoosely();
    CHECK(claim.MayBe().unknown);
    claim.EndPlan(true);
    CHECK(MayBe(claim) == Values{0});
  }
}

TEST_CASE("Of more than sixteen it is said that it may be anything") {
  Claim<std::int64_t> claim(0);
  for (std::int64_t i = 1; i <= 15; ++i) claim.Ask(i);
  CHECK(MayBe(claim).size() == 16);
  CHECK(!claim.MayBe().unknown);
  claim.Ask(16);
  CHECK(claim.MayBe().unknown);
  CHECK(claim.MayBe().values.size() == 16);
  for (std::int64_t i = 1; i <= 16; ++i) claim.Answer(i, true);
  CHECK(MayBe(claim) == Values{16});
}

}  // namespace
}  // namespace redwall::proxy
