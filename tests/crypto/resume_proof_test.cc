#include "crypto/resume_proof.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "crypto/primitives.h"
#include "tests/crypto/channel_pair.h"

namespace redwall::crypto {
namespace {

struct Sample {
  Secret key{kKeySize};
  std::array<std::byte, kHashSize> hash{};
  std::array<std::byte, 16> id{};
  ResumeClaim claim{hash, id, 7, 1000};
};

TEST_CASE("A proof holds for what it was made for and for nothing else") {
  Sample sample;
  const auto proof = MakeResumeProof(sample.key, sample.claim);
  REQUIRE(proof);
  CHECK(CheckResumeProof(sample.key, sample.claim, *proof));

  Sample other;
  SUBCASE("another key") { other.key.writable()[31] = std::byte{1}; }
  SUBCASE("another handshake") { other.hash[0] = std::byte{1}; }
  SUBCASE("another session") { other.id[15] = std::byte{1}; }
  SUBCASE("another attempt") { other.claim.epoch = 8; }
  SUBCASE("another count") { other.claim.handled = 1001; }
  CHECK_FALSE(CheckResumeProof(other.key, other.claim, *proof));

  for (std::size_t i = 0; i < proof->size(); ++i) {
    Proof bent = *proof;
    bent[i] ^= std::byte{1};
    CHECK_FALSE(CheckResumeProof(sample.key, sample.claim, bent));
  }
}

TEST_CASE("Nothing is proven with a missing key or by wrong sizes") {
  Sample sample;
  CHECK_FALSE(MakeResumeProof(Secret(), sample.claim));
  CHECK_FALSE(CheckResumeProof(Secret(), sample.claim, Proof{}));
  sample.claim.handshake_hash = sample.claim.handshake_hash.first(63);
  CHECK_FALSE(MakeResumeProof(sample.key, sample.claim));
  CHECK_FALSE(CheckResumeProof(sample.key, sample.claim, Proof{}));
}

TEST_CASE("Both ends of a handshake get the same resume key, once, and each handshake another") {
  for (const Kind kind : {Kind::kSharedKey, Kind::kIdentities, Kind::kBoth}) {
    Sites sites(kind);
    Pair first = Connect(sites), second = Connect(sites);
    const Secret a = first.initiator.TakeResumeKey(), b = first.responder.TakeResumeKey();
    CHECK(a.size() == kKeySize);
    CHECK(a.Equals(b.bytes()));
    CHECK(first.initiator.TakeResumeKey().empty());
    CHECK_FALSE(a.Equals(second.initiator.TakeResumeKey().bytes()));
  }
}

}  // namespace
}  // namespace redwall::crypto
