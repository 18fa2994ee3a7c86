#include "crypto/signature.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "crypto/primitives.h"
#include "tests/crypto/hex.h"
#include "tests/crypto/key_folder.h"

namespace redwall::crypto {
namespace {

PublicKey ToKey(const std::string& hex) {
  PublicKey key{};
  const Bytes bytes = FromHex(hex);
  REQUIRE(bytes.size() == key.size());
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

SigningKey KeyOf(char fill) {
  auto key = SigningKey::FromSeed(AsBytes(std::string(32, fill)));
  REQUIRE(key);
  return *std::move(key);
}

// RFC 8032, section 7.1: the vectors named "TEST 1", "TEST 2", "TEST 3" and "TEST SHA(abc)".
struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr Vector kRfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "0303dca179c138ac17ad9bef1177331a704"},
};

}  // namespace

TEST_CASE("the vectors of RFC 8032") {
  for (const Vector& vector : kRfc8032) {
    CAPTURE(vector.message);
    const auto key = SigningKey::FromSeed(FromHex(vector.seed));
    REQUIRE(key);
    CHECK(ToHex(key->public_key()) == vector.public_key);
    Signature signature{};
    REQUIRE(key->Sign(FromHex(vector.message), signature));
    CHECK(ToHex(signature) == vector.signature);
    CHECK(VerifySignature(ToKey(vector.public_key), FromHex(vector.message), signature));
  }
}

TEST_CASE("any bit of key, message or signature counts") {
  const SigningKey key = KeyOf('s');
  const Bytes message = ToBytes("redwall");
  Signature signature{};
  REQUIRE(key.Sign(message, signature));
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    Signature changed = signature;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(VerifySignature(key.public_key(), message, changed));
  }
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
    Bytes changed = message;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(VerifySignature(key.public_key(), changed, signature));
  }
  for (std::size_t bit = 0; bit < 8 * key.public_key().size(); ++bit) {
    PublicKey changed = key.public_key();
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(VerifySignature(changed, message, signature));
  }
  CHECK_FALSE(VerifySignature(KeyOf('t').public_key(), message, signature));
}

TEST_CASE("keys of low order and signatures that aren't canonical are refused") {
  // With the neutral element as the key, and R = S*B for S = 0, the equation holds for any message.
  PublicKey neutral{};
  neutral[0] = std::byte{1};
  Signature forged{};
  forged[0] = std::byte{1};
  CHECK_FALSE(VerifySignature(neutral, AsBytes("any message"), forged));
  // S + L is the same number modulo L (RFC 8032, section 5.1.7 demands S < L).
  const SigningKey key = KeyOf('s');
  Signature signature{};
  REQUIRE(key.Sign(AsBytes("m"), signature));
  const Bytes order = FromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + static_cast<unsigned>(order[i]);
    signature[32 + i] = static_cast<std::byte>(carry & 0xff);
    carry >>= 8;
  }
  CHECK_FALSE(VerifySignature(key.public_key(), AsBytes("m"), signature));
}

TEST_CASE("a seed has 32 bytes, and a key that was moved away signs nothing") {
  for (std::size_t size : {std::size_t{0}, std::size_t{31}, std::size_t{33}, std::size_t{64}})
    CHECK_FALSE(SigningKey::FromSeed(AsBytes(std::string(size, 's'))));
  SigningKey key = KeyOf('s');
  const SigningKey other = std::move(key);
  Signature signature{};
  CHECK_FALSE(key.Sign(AsBytes("m"), signature));  // NOLINT: that is the point
  CHECK(other.Sign(AsBytes("m"), signature));
}

TEST_CASE("a new signing key is private, never overwritten, and can be read back") {
  KeyFolder folder;
  const std::string path = folder / "audit.sign";
  const auto written = WriteNewSigningKey(path);
  REQUIRE(written);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  const auto key = SigningKey::ReadFile(path);
  REQUIRE(key);
  CHECK(key->public_key() == *written);
  Signature signature{};
  REQUIRE(key->Sign(AsBytes("m"), signature));
  CHECK(VerifySignature(*written, AsBytes("m"), signature));
  CHECK(FormatPublicKey(*written).size() == 44);
  CHECK(*ParsePublicKey(FormatPublicKey(*written)) == *written);

  const auto again = WriteNewSigningKey(path);
  REQUIRE_FALSE(again);
  CHECK(Says(again.error(), "exists already"));
  CHECK(SigningKey::ReadFile(path)->public_key() == *written);
  CHECK(*WriteNewSigningKey(folder / "other.sign") != *written);
  CHECK_FALSE(WriteNewSigningKey(folder / "none/audit.sign"));
}

TEST_CASE("what is not a signing key is refused, and the sentence says how to make one") {
  KeyFolder folder;
  REQUIRE(WriteNewSigningKey(folder / "good"));
  std::ifstream in(folder / "good");
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  REQUIRE(good.size() == 19 + 44 + 1);
  CHECK(SigningKey::ReadFile(folder.File("no-end", good.substr(0, good.size() - 1))));
  REQUIRE(WriteNewIdentity(folder / "identity"));
  CHECK(Says(SigningKey::ReadFile(folder / "identity").error(), "redwall keygen --signing FILE"));
  CHECK(Says(ReadIdentity(folder / "good").error(), "is not an identity"));
  for (const std::string& bad :
       {good + "\n", good.substr(1), good.substr(0, good.size() - 2) + "\n",
        good.substr(0, 30) + "*" + good.substr(31), std::string(64, 'x')}) {
    CAPTURE(bad);
    const auto key = SigningKey::ReadFile(folder.File("bad", bad));
    REQUIRE_FALSE(key);
    CHECK(Says(key.error(), folder / "bad"));
    CHECK(Says(key.error(), "redwall keygen --signing FILE"));
  }
  CHECK(Says(SigningKey::ReadFile(folder.File("open", good, 0644)).error(), "chmod 600"));
  CHECK(Says(SigningKey::ReadFile(folder / "none").error(), "No such file"));
}

TEST_CASE("a signature's text is 88 characters of base64, and nothing else is taken for one") {
  Signature signature{};
  REQUIRE(KeyOf('s').Sign(AsBytes("m"), signature));
  const std::string text = FormatSignature(signature);
  CHECK(text.size() == kSignatureText);
  CHECK(text.ends_with("=="));
  REQUIRE(ParseSignature(text));
  CHECK(*ParseSignature(text) == signature);
  std::string spoiled = text;
  spoiled[7] = '-';
  std::string loose = text;  // a last digit whose unused bits aren't zero
  loose[85] = loose[85] == 'B' ? 'D' : 'B';
  for (const std::string& bad : {std::string(), text.substr(1), text + "=", text + "A",
                                 text.substr(0, 86), spoiled, loose, std::string(88, '=')}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseSignature(bad));
  }
}

}  // namespace redwall::crypto
