#include "gateway/policy/rate_limits.h"

#include <doctest/doctest.h>

#include "gateway/policy/sample.h"

using namespace redwall::policy;

namespace {

Sender From(std::string_view address, std::int64_t mono_us) {
  Sender sender;
  sender.address = address;
  sender.ip = redwall::IpAddress::OfPeer(address);
  sender.now.mono_us = mono_us;
  return sender;
}

Rate Of(double per_second, double burst, Rate::Per per = Rate::Per::kRule, std::size_t number = 0) {
  return {per_second, burst, per, number};
}

// How many of `tries` have a token at this time.
int Taken(RateLimits& limits, const Rate& rate, std::int64_t mono_us, int tries,
          std::string_view identity = "a", std::string_view address = "10.0.0.1:1") {
  int taken = 0;
  for (int i = 0; i < tries; ++i) taken += limits.Take(rate, identity, From(address, mono_us));
  return taken;
}

}  // namespace

TEST_CASE("a bucket gives its burst, and no more") {
  for (const int burst : {1, 2, 7}) {
    RateLimits limits;
    const Rate rate = Of(1, burst);
    CHECK(Taken(limits, rate, 0, burst - 1) == burst - 1);
    CHECK(Taken(limits, rate, 0, 1) == 1);
    CHECK(Taken(limits, rate, 0, 1) == 0);
  }
}

TEST_CASE("tokens come back at their rate, up to the burst") {
  RateLimits limits;
  const Rate rate = Of(10, 5);
  CHECK(Taken(limits, rate, 0, 100) == 5);
  CHECK(Taken(limits, rate, 99'999, 1) == 0);
  CHECK(Taken(limits, rate, 100'000, 2) == 1);
  CHECK(Taken(limits, rate, 400'000, 100) == 3);
  CHECK(Taken(limits, rate, 1'000'000'000, 100) == 5);
}

TEST_CASE("a refused try takes nothing, and in the long run the rate is held") {
  RateLimits limits;
  const Rate rate = Of(100, 10);
  int taken = 0;
  for (std::int64_t us = 0; us <= 10'000'000; us += 1'000) taken += Taken(limits, rate, us, 1);
  CHECK(taken >= 1009);
  CHECK(taken <= 1010);
}

TEST_CASE("a clock that stands or goes back gives nothing") {
  RateLimits limits;
  const Rate rate = Of(1'000, 1);
  CHECK(Taken(limits, rate, 5'000'000, 2) == 1);
  CHECK(Taken(limits, rate, 4'000'000, 1) == 0);
  CHECK(Taken(limits, rate, 5'000'000, 1) == 0);
  CHECK(Taken(limits, rate, 5'001'000, 1) == 1);
}

TEST_CASE("who shares a bucket") {
  RateLimits limits;
  const Rate rule = Of(1, 1, Rate::Per::kRule, 0);
  CHECK(Taken(limits, rule, 0, 1, "a", "10.0.0.1:1") == 1);
  CHECK(Taken(limits, rule, 0, 1, "b", "10.0.0.2:1") == 0);

  const Rate identity = Of(1, 1, Rate::Per::kIdentity, 1);
  CHECK(Taken(limits, identity, 0, 1, "a", "10.0.0.1:1") == 1);
  CHECK(Taken(limits, identity, 0, 1, "a", "10.0.0.2:1") == 0);
  CHECK(Taken(limits, identity, 0, 1, "b", "10.0.0.2:1") == 1);

  const Rate client = Of(1, 1, Rate::Per::kClient, 2);
  CHECK(Taken(limits, client, 0, 1, "a", "10.0.0.1:1") == 1);
  CHECK(Taken(limits, client, 0, 1, "a", "10.0.0.1:2") ==
        0);  // another connection, no other client
  CHECK(Taken(limits, client, 0, 1, "a", "10.0.0.2:1") == 1);
  CHECK(Taken(limits, client, 0, 1, "b", "10.0.0.1:1") == 1);
  CHECK(Taken(limits, client, 0, 1, "a", "unix") == 1);
  CHECK(Taken(limits, client, 0, 1, "a", "unix") == 0);
}

TEST_CASE("rules have buckets of their own") {
  RateLimits limits;
  CHECK(Taken(limits, Of(1, 1, Rate::Per::kRule, 3), 0, 1) == 1);
  CHECK(Taken(limits, Of(1, 1, Rate::Per::kRule, 0), 0, 1) == 1);
  CHECK(Taken(limits, Of(1, 1, Rate::Per::kRule, 3), 0, 1) == 0);
}

TEST_CASE("beyond so many clients newcomers share a bucket, until old ones are full again") {
  RateLimits limits;
  const Rate rate = Of(1, 2, Rate::Per::kClient);
  for (std::size_t i = 0; i < RateLimits::kMaxBuckets; ++i)
    REQUIRE(limits.Take(rate, "a", From("client-" + std::to_string(i), 0)));
  CHECK(Taken(limits, rate, 0, 1, "a", "new-1") == 1);
  CHECK(Taken(limits, rate, 0, 1, "a", "new-2") == 1);
  CHECK(Taken(limits, rate, 0, 1, "a", "new-3") == 0);     // the shared one is empty
  CHECK(Taken(limits, rate, 0, 2, "a", "client-7") == 1);  // those that were there keep theirs
  CHECK(Taken(limits, rate, 0, 3, "b", "new-1") == 2);     // what "a" does is no matter of "b"
  // A second later the others' buckets are full and forgotten: newcomers have their own.
  CHECK(Taken(limits, rate, 2'000'000, 2, "a", "new-4") == 2);
  CHECK(Taken(limits, rate, 2'000'000, 2, "a", "new-5") == 2);
}
