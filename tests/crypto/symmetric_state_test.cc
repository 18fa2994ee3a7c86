#include "crypto/symmetric_state.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/crypto/hex.h"

// The expected values were computed by the Python implementation (tests/support/noise.py).
namespace redwall::crypto {
namespace {

std::string EncryptHex(SymmetricState& state, std::string_view text) {
  Bytes buffer = ToBytes(text);
  buffer.resize(text.size() + kTagSize);
  const auto size = state.EncryptAndHash(buffer, text.size());
  REQUIRE(size);
  return ToHex(ByteView(buffer).first(*size));
}

}  // namespace

TEST_CASE("a protocol name of up to 64 bytes is padded, and a longer one is hashed") {
  CHECK(ToHex(SymmetricState("Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b").hash()) ==
        "4e6f6973655f4e4e70736b305f32353531395f436861436861506f6c795f424c"
        "414b453262000000000000000000000000000000000000000000000000000000");
  const std::string name(65, 'x');
  const std::string_view view = name;
  CHECK(ToHex(SymmetricState(view.substr(0, 63)).hash()) ==
        ToHex(AsBytes(view.substr(0, 63))) + "00");
  CHECK(ToHex(SymmetricState(view.substr(0, 64)).hash()) == ToHex(AsBytes(view.substr(0, 64))));
  CHECK(ToHex(SymmetricState(view).hash()) ==
        "422cc0b430594e3406415c34eb41988043be8e40cd88a51fd344bcee0809aa21"
        "8dc52f3e1dee4d569743e36ae6e57d9991a275b20caf47bee6b0ba2e3d293851");
}

TEST_CASE("mixing, encrypting and splitting give the values of a second implementation") {
  SymmetricState state(std::string(64, 'x'));
  CHECK_FALSE(state.has_key());
  state.MixHash(AsBytes("data"));
  REQUIRE(state.MixKey(AsBytes("key material")));
  CHECK(state.has_key());
  CHECK(EncryptHex(state, "plaintext") == "055a51c7902f3a2933d04904aa3d3fbb2fdf70e093247e49b9");
  REQUIRE(state.MixKeyAndHash(AsBytes("psk")));
  CHECK(EncryptHex(state, "second") == "04da74f5d60bec5c86e7eaca417755c2ce56b55176e9");
  CHECK(ToHex(state.hash()) ==
        "a303588ac5a0e0105bc66f0eadf91c0c61af787c67f31578d5b8074c210e64ad"
        "6eda5d617f6e6f2b29f575a5532695e17ce884433f5ed5a5fa2375f500bb26b0");

  auto ciphers = std::move(state).Split();
  REQUIRE(ciphers);
  CipherState first(
      Secret::CopyOf(FromHex("3ddcc082176823f09bf62f357b8c04418009af7a4322832b3e16a8fed53d19c3")));
  CipherState second(
      Secret::CopyOf(FromHex("cdde68c9322847a2b6679c40322e20260e046696580438987acc2b54d32efb60")));
  Bytes got(32);
  Bytes expected(32);
  REQUIRE(ciphers->first.EncryptWithAd({}, got, 16));
  REQUIRE(first.EncryptWithAd({}, expected, 16));
  CHECK(got == expected);
  REQUIRE(ciphers->second.EncryptWithAd({}, got, 8));
  REQUIRE(second.EncryptWithAd({}, expected, 8));
  CHECK(got == expected);
}

TEST_CASE(
    "decrypting follows encrypting, transcript and all, and an altered text leaves it alone") {
  SymmetricState a("Noise_test");
  SymmetricState b("Noise_test");
  REQUIRE(a.MixKey(AsBytes("key")));
  REQUIRE(b.MixKey(AsBytes("key")));
  Bytes text = FromHex(EncryptHex(a, "hello"));
  Bytes altered = text;
  altered[2] ^= std::byte{1};
  const Hash before = b.hash();
  CHECK(b.DecryptAndHash(altered).error() == NoiseError::kDecrypt);
  CHECK(b.hash() == before);
  CHECK(*b.DecryptAndHash(text) == 5);
  CHECK(AsText(ByteView(text).first(5)) == "hello");
  CHECK(a.hash() == b.hash());
}

}  // namespace redwall::crypto
