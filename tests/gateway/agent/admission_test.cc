#include "gateway/agent/admission.h"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>

namespace redwall::agent {
namespace {

using Verdict = Admission::Verdict;
constexpr std::uint32_t kLucky = Admission::kDice - 1;  // taken wherever there is any chance
constexpr std::uint32_t kUnlucky = 0;

std::string Peer(int number) {
  return "10." + std::to_string(number / 65536) + "." + std::to_string(number / 256 % 256) + "." +
         std::to_string(number % 256) + ":1000";
}

// The chance of being refused with so many present, by trying dice.
double ChanceAt(std::size_t present, const AdmissionLimits& limits) {
  int refused = 0;
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    Admission admission(limits);
    for (std::size_t n = 0; n < present; ++n)
      REQUIRE(admission.Admit(Peer(static_cast<int>(n)), kLucky) == Verdict::kTaken);
    const auto random = static_cast<std::uint32_t>(i) * (Admission::kDice / kTries);
    if (admission.Admit("192.0.2.1:1", random) == Verdict::kCrowded) ++refused;
  }
  return static_cast<double>(refused) / kTries;
}

TEST_CASE("The chance of a refusal grows linearly from start to full") {
  const AdmissionLimits limits;  // 10:30:100
  CHECK(ChanceAt(0, limits) == 0);
  CHECK(ChanceAt(9, limits) == 0);
  CHECK(ChanceAt(10, limits) == doctest::Approx(0.30));
  CHECK(ChanceAt(55, limits) == doctest::Approx(0.65));
  CHECK(ChanceAt(99, limits) == doctest::Approx(0.992).epsilon(0.002));
  CHECK(ChanceAt(100, limits) == 1);
  const AdmissionLimits always = {.start = 0, .rate = 100, .full = 5};
  CHECK(ChanceAt(0, always) == 1);
  const AdmissionLimits from_none = {.start = 0, .rate = 0, .full = 10};
  CHECK(ChanceAt(0, from_none) == 0);
  CHECK(ChanceAt(5, from_none) == doctest::Approx(0.5));
}

TEST_CASE("Where start isn't below full, all are taken until it is full") {
  Admission admission({.start = 10, .rate = 30, .full = 3});
  for (int n = 0; n < 3; ++n) CHECK(admission.Admit(Peer(n), kUnlucky) == Verdict::kTaken);
  CHECK(admission.Admit(Peer(3), kLucky) == Verdict::kCrowded);
  admission.Release(Peer(1));
  CHECK(admission.Admit(Peer(3), kUnlucky) == Verdict::kTaken);
}

TEST_CASE("One source has a few places, whatever ports it calls from, and others are not touched") {
  Admission admission({});
  for (int n = 0; n < 4; ++n)
    CHECK(admission.Admit("192.0.2.7:" + std::to_string(1000 + n), kUnlucky) == Verdict::kTaken);
  CHECK(admission.Admit("192.0.2.7:2000", kLucky) == Verdict::kTooManyOfSource);
  CHECK(admission.Admit("[::ffff:192.0.2.7]:2000", kLucky) == Verdict::kTooManyOfSource);
  CHECK(admission.Admit("192.0.2.8:2000", kUnlucky) == Verdict::kTaken);
  admission.Release("192.0.2.7:1001");
  CHECK(admission.Admit("192.0.2.7:2000", kUnlucky) == Verdict::kTaken);
  CHECK(admission.Admit("192.0.2.7:2001", kLucky) == Verdict::kTooManyOfSource);
}

TEST_CASE("An IPv6 source is its /64") {
  Admission admission({});
  for (int n = 1; n <= 4; ++n)
    CHECK(admission.Admit("[2001:db8:1:2::" + std::to_string(n) + "]:1", 0) == Verdict::kTaken);
  CHECK(admission.Admit("[2001:db8:1:2:ffff::1]:1", kLucky) == Verdict::kTooManyOfSource);
  CHECK(admission.Admit("[2001:db8:1:3::1]:1", kUnlucky) == Verdict::kTaken);
}

TEST_CASE("Unix sockets are no source, but count among all") {
  Admission admission({});
  for (int n = 0; n < 10; ++n) CHECK(admission.Admit("unix", kUnlucky) == Verdict::kTaken);
  CHECK(admission.Admit("unix", kUnlucky) == Verdict::kCrowded);
  for (int n = 10; n < 100; ++n) CHECK(admission.Admit("unix", kLucky) == Verdict::kTaken);
  CHECK(admission.Admit("unix", kLucky) == Verdict::kCrowded);
  for (int n = 0; n < 100; ++n) admission.Release("unix");
  CHECK(admission.present() == 0);
}

TEST_CASE("Peers that the kernel doesn't name count as one source") {
  Admission admission({});
  for (int n = 0; n < 4; ++n) CHECK(admission.Admit("unknown", kUnlucky) == Verdict::kTaken);
  CHECK(admission.Admit("unknown", kLucky) == Verdict::kTooManyOfSource);
}

TEST_CASE("Counters tell what was done, and a refusal takes no place") {
  Admission admission({.start = 2, .rate = 100, .full = 2, .per_source = 1});
  admission.Admit(Peer(1), 0);
  admission.Admit(Peer(1), 0);
  admission.Admit(Peer(2), 0);
  for (int n = 3; n < 10; ++n) admission.Admit(Peer(n), kLucky);
  CHECK(admission.counters().taken == 2);
  CHECK(admission.counters().too_many_of_source == 1);
  CHECK(admission.counters().crowded == 7);
  CHECK(admission.present() == 2);
  admission.Release(Peer(1));
  admission.Release(Peer(2));
  CHECK(admission.present() == 0);
  CHECK(admission.Admit(Peer(1), 0) == Verdict::kTaken);
}

// Time is counted in arrivals: a stranger keeps its place for `kHeld` of them.
TEST_CASE("An agent that tries again gets in while a flood goes on") {
  constexpr std::size_t kHeld = 5000;  // 1000 strangers a second, 5 s each
  std::mt19937 dice(7);
  const auto roll = [&] { return static_cast<std::uint32_t>(dice() % Admission::kDice); };
  for (int round = 0; round < 20; ++round) {
    Admission admission({});
    std::deque<std::pair<std::size_t, std::string>> held;  // until when, who
    std::size_t now = 0, next_try = kHeld, tries = 0;      // the flood is there first
    bool in = false;
    for (; !in && now < 20'000'000; ++now) {
      while (!held.empty() && held.front().first <= now) {
        admission.Release(held.front().second);
        held.pop_front();
      }
      const std::string stranger = Peer(static_cast<int>(dice() % 65536));
      if (admission.Admit(stranger, roll()) == Verdict::kTaken)
        held.emplace_back(now + kHeld, stranger);
      if (now == next_try) {
        ++tries;
        next_try += kHeld + dice() % kHeld;  // back-off with jitter
        in = admission.Admit("192.0.2.1:1", roll()) == Verdict::kTaken;
      }
    }
    CAPTURE(tries);
    CHECK(in);
  }
}

}  // namespace
}  // namespace redwall::agent
