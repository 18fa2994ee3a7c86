#include "crypto/record_aead.h"

#include <doctest/doctest.h>

#include <utility>

#include "crypto/primitives.h"
#include "tests/crypto/hex.h"
#include "tests/crypto/rfc7539.h"

namespace redwall::crypto {
namespace {

using Direction = RecordAead::Direction;

const Bytes kKey = FromHex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");

Bytes Text(std::size_t size) {
  Bytes text(size);
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<std::byte>(i * 31 + i / 256);
  return text;
}

// With room for the tag, and sealed by libsodium.
Bytes Sealed(ByteView key, std::uint64_t nonce, std::size_t size) {
  Bytes buffer = Text(size);
  buffer.resize(size + kTagSize);
  REQUIRE(AeadSeal(key, nonce, {}, buffer, size));
  return buffer;
}

bool Opens(RecordAead& aead, std::uint64_t nonce, Bytes sealed) {
  const std::size_t size = sealed.size() - kTagSize;
  if (!aead.Open(nonce, sealed)) {
    CHECK(Bytes(sealed.begin(), sealed.end() - kTagSize) == Bytes(size));
    return false;
  }
  return Bytes(sealed.begin(), sealed.end() - kTagSize) == Text(size);
}

}  // namespace

TEST_CASE("records sealed by libcrypto are those of libsodium, for every size around the blocks") {
  RecordAead sealer(Direction::kSeal, kKey);
  RecordAead opener(Direction::kOpen, kKey);
  REQUIRE(sealer.direction() == Direction::kSeal);
  REQUIRE(opener.direction() == Direction::kOpen);
  const auto check = [&](std::size_t size, std::uint64_t nonce) {
    CAPTURE(size);
    const Bytes expected = Sealed(kKey, nonce, size);
    Bytes buffer = Text(size);
    buffer.resize(size + kTagSize);
    REQUIRE(sealer.Seal(nonce, buffer, size));
    REQUIRE(buffer == expected);
    REQUIRE(Opens(opener, nonce, expected));
  };
  std::uint64_t nonce = 0;
  for (std::size_t size = 0; size <= 1100; ++size) check(size, nonce++);
  for (const std::size_t block : {2048U, 4096U, 8192U, 16384U})
    for (std::size_t size = block - 66; size <= block + 66; ++size) check(size, nonce++);
  check(65535 - kTagSize, nonce);
  for (const std::uint64_t far : {0xffULL, 0x100ULL, 0x0807060504030201ULL, ~0ULL - 1, ~0ULL})
    check(300, far);
}

TEST_CASE("libcrypto makes the ciphertext of RFC 7539, appendix A.5") {
  // Its tag covers associated data, too, which a record hasn't got; the ciphertext doesn't depend
  // on that.
  const Bytes ciphertext = FromHex(kAppendixA5Ciphertext);
  Bytes buffer = ciphertext;
  buffer.resize(ciphertext.size() + kTagSize);
  RecordAead sealer(Direction::kSeal, kKey);
  REQUIRE(sealer.Seal(0x0807060504030201, buffer, ciphertext.size()));  // enciphers: XOR
  CHECK(AsText(buffer).starts_with(
      "Internet-Drafts are draft documents valid for a maximum of six months"));
}

TEST_CASE("a record that was altered anywhere, or is another, opens to zeros; the next one opens") {
  RecordAead opener(Direction::kOpen, kKey);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{300}}) {
    const Bytes sealed = Sealed(kKey, 5, size);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      Bytes altered = sealed;
      altered[i] ^= static_cast<std::byte>(1 << i % 8);
      CHECK_FALSE(Opens(opener, 5, altered));
    }
    CHECK_FALSE(Opens(opener, 6, sealed));
    CHECK_FALSE(Opens(opener, 5, Sealed(Bytes(kKeySize), 5, size)));
    CHECK(Opens(opener, 5, sealed));
  }
  Bytes cut = Sealed(kKey, 5, 300);
  cut.pop_back();
  CHECK_FALSE(Opens(opener, 5, cut));
}

TEST_CASE("sizes that are none, and the other direction, are refused") {
  RecordAead sealer(Direction::kSeal, kKey);
  RecordAead opener(Direction::kOpen, kKey);
  Bytes buffer(300 + kTagSize);
  CHECK_FALSE(sealer.Seal(1, buffer, 301));
  CHECK_FALSE(sealer.Seal(1, MutableBytes(buffer).first(15), 0));
  CHECK_FALSE(opener.Open(1, MutableBytes(buffer).first(15)));
  CHECK_FALSE(opener.Open(1, {}));
  CHECK_FALSE(opener.Seal(1, buffer, 300));
  CHECK_FALSE(sealer.Open(1, buffer));
  CHECK(sealer.Seal(1, buffer, 300));
  CHECK(opener.Open(1, buffer));
}

TEST_CASE("another key takes the place of the first; without one nothing can be done") {
  const Bytes other(kKeySize, std::byte{8});
  RecordAead opener(Direction::kOpen, kKey);
  REQUIRE(Opens(opener, 1, Sealed(kKey, 1, 300)));
  opener.SetKey(other);
  CHECK_FALSE(Opens(opener, 2, Sealed(kKey, 2, 300)));
  CHECK(Opens(opener, 2, Sealed(other, 2, 300)));

  RecordAead moved = std::move(opener);
  CHECK(moved.direction() == Direction::kOpen);
  CHECK(opener.direction() == Direction::kNone);  // NOLINT: what is left
  CHECK(Opens(moved, 3, Sealed(other, 3, 300)));
  moved.SetKey(ByteView(other).first(31));
  RecordAead none;
  RecordAead short_key(Direction::kSeal, ByteView(kKey).first(31));
  RecordAead no_direction(Direction::kNone, kKey);
  Bytes buffer(300 + kTagSize);
  for (RecordAead* const aead : {&opener, &moved, &none, &short_key, &no_direction}) {
    CHECK(aead->direction() == Direction::kNone);
    CHECK_FALSE(aead->Seal(4, buffer, 300));
    CHECK_FALSE(aead->Open(4, buffer));
  }
}

}  // namespace redwall::crypto
