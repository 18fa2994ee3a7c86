#include "crypto/cipher_state.h"

#include <doctest/doctest.h>

#include <limits>

#include "crypto/primitives.h"
#include "tests/crypto/hex.h"

namespace redwall::crypto {
namespace {

CipherState CountingKey() {
  Secret key(kKeySize);
  for (std::size_t i = 0; i < kKeySize; ++i) key.writable()[i] = static_cast<std::byte>(i);
  return CipherState(std::move(key));
}

Bytes Sealed(CipherState& cipher, std::string_view text) {
  Bytes buffer = ToBytes(text);
  buffer.resize(text.size() + kTagSize);
  const auto size = cipher.EncryptWithAd(AsBytes("ad"), buffer, text.size());
  REQUIRE(size);
  REQUIRE(*size == buffer.size());
  return buffer;
}

}  // namespace

TEST_CASE("without a key, text passes as it is and nothing is counted") {
  CipherState cipher;
  Bytes buffer = ToBytes("hello");
  CHECK(*cipher.EncryptWithAd({}, buffer, 5) == 5);
  CHECK(*cipher.DecryptWithAd({}, buffer) == 5);
  CHECK(buffer == ToBytes("hello"));
  CHECK(cipher.nonce() == 0);
  CHECK(cipher.EncryptWithAd({}, buffer, 6).error() == NoiseError::kMessageTooLong);
  CHECK(cipher.Rekey().error() == NoiseError::kMissingKey);
}

TEST_CASE("two cipher states with one key understand each other in order only") {
  CipherState sender = CountingKey();
  CipherState receiver = CountingKey();
  Bytes first = Sealed(sender, "first");
  Bytes second = Sealed(sender, "second");
  CHECK(sender.nonce() == 2);
  Bytes early = second;
  CHECK(receiver.DecryptWithAd(AsBytes("ad"), early).error() == NoiseError::kDecrypt);
  CHECK(receiver.nonce() == 0);
  CHECK(*receiver.DecryptWithAd(AsBytes("ad"), first) == 5);
  CHECK(AsText(ByteView(first).first(5)) == "first");
  CHECK(*receiver.DecryptWithAd(AsBytes("ad"), second) == 6);
  CHECK(receiver.nonce() == 2);
}

TEST_CASE("a buffer without room for the tag, and a text shorter than one, are errors") {
  CipherState cipher = CountingKey();
  Bytes buffer(20);
  CHECK(cipher.EncryptWithAd({}, buffer, 5).error() == NoiseError::kMessageTooLong);
  CHECK(cipher.EncryptWithAd({}, buffer, 21).error() == NoiseError::kMessageTooLong);
  CHECK(*cipher.EncryptWithAd({}, buffer, 4) == 20);
  CHECK(cipher.DecryptWithAd({}, MutableBytes(buffer).first(15)).error() == NoiseError::kTruncated);
  CHECK(cipher.nonce() == 1);
}

TEST_CASE("the last nonce is never used for a message") {
  CipherState cipher = CountingKey();
  Bytes buffer(32);
  cipher.SetNonce(std::numeric_limits<std::uint64_t>::max() - 1);
  CHECK(cipher.EncryptWithAd({}, buffer, 16).ok());
  CHECK(cipher.EncryptWithAd({}, buffer, 16).error() == NoiseError::kNonceExhausted);
  CHECK(cipher.DecryptWithAd({}, buffer).error() == NoiseError::kNonceExhausted);
}

TEST_CASE("rekeying gives the key of the specification and leaves the nonce alone") {
  CipherState rekeyed = CountingKey();
  Sealed(rekeyed, "one");
  REQUIRE(rekeyed.Rekey());
  CHECK(rekeyed.nonce() == 1);
  // Computed by the Python implementation.
  CipherState expected(
      Secret::CopyOf(FromHex("50835543a205b22c9323f2022bc4f67d838f90e61d5ccf33c4513e01f85b5042")));
  expected.SetNonce(1);
  CHECK(Sealed(rekeyed, "two") == Sealed(expected, "two"));
}

TEST_CASE("every Noise error has a sentence that names its section") {
  for (auto error : {NoiseError::kOutOfTurn, NoiseError::kMissingKey, NoiseError::kMessageTooLong,
                     NoiseError::kTruncated, NoiseError::kBadPublicKey, NoiseError::kDecrypt,
                     NoiseError::kNonceExhausted, NoiseError::kNoResources})
    CHECK(Describe(error).find("(Noise section ") != std::string_view::npos);
}

}  // namespace redwall::crypto
