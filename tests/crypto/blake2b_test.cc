#include "crypto/blake2b.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/primitives.h"
#include "tests/crypto/hex.h"

namespace redwall::crypto {
namespace {

constexpr std::size_t kBlock = Blake2b256::kBlock;

// Bytes in which no block is like another.
Bytes Message(std::size_t size, unsigned seed = 1) {
  Bytes message(size);
  std::uint32_t state = seed;
  for (std::byte& byte : message) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return message;
}

Blake2b256::Digest BySodium(ByteView message) {
  Blake2b256::Digest digest{};
  REQUIRE(Blake2b(digest, {message}));
  return digest;
}

Blake2b256::Digest Whole(ByteView message) { return Blake2b256().Finish(message); }

std::vector<Blake2bLanes> AllLanes() {
  std::vector<Blake2bLanes> all;
  for (const auto lanes : {Blake2bLanes::kOne, Blake2bLanes::kFour, Blake2bLanes::kEight})
    if (lanes <= MostLanes()) all.push_back(lanes);
  return all;
}

// Messages whose fronts have so many blocks, each with something behind.
void CheckFronts(const std::vector<std::size_t>& blocks, std::size_t done_before = 0) {
  std::vector<Bytes> messages;
  for (const std::size_t count : blocks)
    messages.push_back(Message((done_before + count) * kBlock + 1 + messages.size(),
                               static_cast<unsigned>(messages.size())));
  for (const Blake2bLanes lanes : AllLanes()) {
    CAPTURE(static_cast<int>(lanes));
    std::vector<Blake2bFront> fronts(blocks.size());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      fronts[i].hash.Absorb(ByteView(messages[i]).first(done_before * kBlock));
      fronts[i].blocks = ByteView(messages[i]).subspan(done_before * kBlock, blocks[i] * kBlock);
    }
    AbsorbFronts(fronts, lanes);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      CAPTURE(i);
      const ByteView rest = ByteView(messages[i]).subspan((done_before + blocks[i]) * kBlock);
      CHECK(fronts[i].hash.Finish(rest) == BySodium(messages[i]));
    }
  }
}

}  // namespace

TEST_CASE("BLAKE2b-256 is what b2sum says") {
  CHECK(ToHex(Whole({})) == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  CHECK(ToHex(Whole(AsBytes("abc"))) ==
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST_CASE("BLAKE2b-256 is libsodium's, for messages of any size") {
  const Bytes message = Message(5 * kBlock + 1);
  for (std::size_t size = 0; size <= message.size(); ++size) {
    CAPTURE(size);
    REQUIRE(Whole(ByteView(message).first(size)) == BySodium(ByteView(message).first(size)));
  }
}

TEST_CASE("a message may be absorbed in pieces, up to its last block") {
  const Bytes message = Message(4 * kBlock);
  const Blake2b256::Digest expected = BySodium(message);
  for (std::size_t first = 0; first < 4; ++first) {
    for (std::size_t second = 0; first + second < 4; ++second) {
      CAPTURE(first);
      CAPTURE(second);
      Blake2b256 hash;
      hash.Absorb(ByteView(message).first(first * kBlock));
      hash.Absorb(ByteView(message).subspan(first * kBlock, second * kBlock));
      CHECK(hash.Finish(ByteView(message).subspan((first + second) * kBlock)) == expected);
    }
  }
}

TEST_CASE("messages side by side don't mix, however many they are") {
  for (std::size_t count = 0; count <= 19; ++count) {
    CAPTURE(count);
    CheckFronts(std::vector<std::size_t>(count, 3));
    CheckFronts(std::vector<std::size_t>(count, 2), 2);
  }
}

TEST_CASE("messages of different sizes stand side by side") {
  std::vector<std::size_t> blocks{0, 1, 2, 3, 4, 5, 6, 40};
  do {
    CheckFronts(blocks);
    std::rotate(blocks.begin(), blocks.begin() + 1, blocks.end());
  } while (blocks.front() != 0);
  CheckFronts({0, 0, 0, 0, 0, 0, 0, 0});
  CheckFronts({0, 7, 0, 0, 1, 0, 0, 7, 0});
}

}  // namespace redwall::crypto
