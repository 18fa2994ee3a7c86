#include "crypto/primitives.h"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

#include "tests/crypto/hex.h"
#include "tests/crypto/rfc7539.h"

namespace redwall::crypto {
namespace {

std::string PublicHex(std::string_view private_hex) {
  std::array<std::byte, kKeySize> key{};
  REQUIRE(PublicKeyOf(FromHex(private_hex), key));
  return ToHex(key);
}

}  // namespace

TEST_CASE("X25519 gives the results of RFC 7748, section 5.2") {
  Bytes shared(32);
  REQUIRE(DiffieHellman(FromHex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                        FromHex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
                        shared));
  CHECK(ToHex(shared) == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

TEST_CASE("X25519 gives the key exchange of RFC 7748, section 6.1") {
  const std::string alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
  const std::string bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
  const std::string alice_public =
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
  const std::string bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
  CHECK(PublicHex(alice) == alice_public);
  CHECK(PublicHex(bob) == bob_public);
  Bytes shared(32);
  REQUIRE(DiffieHellman(FromHex(alice), FromHex(bob_public), shared));
  CHECK(ToHex(shared) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  REQUIRE(DiffieHellman(FromHex(bob), FromHex(alice_public), shared));
  CHECK(ToHex(shared) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("a public key of low order is refused") {
  const Bytes mine = FromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  for (const char* key : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    CAPTURE(key);
    Bytes shared(32);
    CHECK_FALSE(DiffieHellman(mine, FromHex(key), shared));
  }
}

TEST_CASE("keys of a wrong size are refused") {
  Bytes out(32);
  const Bytes good = FromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const Bytes bad(good.begin(), good.end() - 1);
  CHECK_FALSE(PublicKeyOf(bad, out));
  CHECK_FALSE(PublicKeyOf({}, out));
  CHECK_FALSE(DiffieHellman(bad, good, out));
  CHECK_FALSE(DiffieHellman(good, bad, out));
  CHECK_FALSE(DiffieHellman(good, good, MutableBytes(out).first(31)));
}

TEST_CASE("BLAKE2b of abc is that of RFC 7693, appendix A, in one part and in three") {
  const std::string expected =
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
      "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
  CHECK(ToHex(NoiseHash({AsBytes("abc")})) == expected);
  CHECK(ToHex(NoiseHash({AsBytes("a"), {}, AsBytes("bc")})) == expected);
}

TEST_CASE("BLAKE2b knows short outputs and keys, and refuses impossible sizes") {
  Bytes hint(4);
  REQUIRE(Blake2b(hint, {AsBytes("abc")}));
  CHECK(ToHex(hint) == "63906248");
  Bytes keyed(32);
  REQUIRE(Blake2b(keyed, {AsBytes("abc")}, AsBytes("key")));
  CHECK(ToHex(keyed) == "0330531d097355a3f72e80d55c1245ccf79f1704431c6e3887938320442c23c0");
  Bytes large(65);
  CHECK_FALSE(Blake2b(large, {AsBytes("abc")}));
  CHECK_FALSE(Blake2b({}, {AsBytes("abc")}));
  CHECK_FALSE(Blake2b(keyed, {AsBytes("abc")}, large));
}

TEST_CASE("HMAC-BLAKE2b is what another implementation computes, for keys around the block size") {
  Bytes mac(64);
  REQUIRE(HmacBlake2b(mac, Bytes(20, std::byte{0x0b}), {AsBytes("Hi "), AsBytes("There")}));
  CHECK(ToHex(mac) ==
        "358a6a184924894fc34bee5680eedf57d84a37bb38832f288e3b27dc63a98cc8"
        "c91e76da476b508bc6b2d408a248857452906e4a20b48c6b4b55d2df0fe1dd24");
  REQUIRE(HmacBlake2b(mac, Bytes(128, std::byte{0xaa}), {AsBytes("x")}));
  CHECK(ToHex(mac) ==
        "07253492d57d9051c0879ede924536da96be8fddf3fb5b6ffed9687b9883067f"
        "c96bfdc8431f4bd158ace52a07515350a003fd5548cf894b5b07fa38b058c690");
  REQUIRE(HmacBlake2b(mac, Bytes(131, std::byte{0xaa}),
                      {AsBytes("Test Using Larger Than Block-Size Key - Hash Key First")}));
  CHECK(ToHex(mac) ==
        "a54b2943b2a20227d41ca46c0945af09bc1faefb2f49894c23aebc557fb79c48"
        "89dca74408dc865086667aedee4a3185c53a49c80b814c4c5813ea0c8b38a8f8");
  CHECK_FALSE(HmacBlake2b(MutableBytes(mac).first(63), {}, {}));
}

TEST_CASE("HKDF gives three outputs, truncates, and may overwrite its own input") {
  Bytes chaining_key(64);
  for (std::size_t i = 0; i < 64; ++i) chaining_key[i] = static_cast<std::byte>(i);
  Bytes second(64);
  Bytes third(32);
  REQUIRE(Hkdf(chaining_key, AsBytes("material"), {chaining_key, second, third}));
  CHECK(ToHex(chaining_key) ==
        "8599cef5fa69ed573adfefdfa0b592f00459916431f91e66b8fb7bddf2b3ad85"
        "763a3d16734e26451fb1ed84b4bb2e6c986b3dc87e21cab743e2a141f5247364");
  CHECK(ToHex(second) ==
        "b2421973920e3f852147dec66513c6c0b6d47bb72ec540ea9c1bced24bcb4c2d"
        "1598d8d777adbb9d288af44ed6ce9025051140fdb7f20b99143c1345c121cc80");
  CHECK(ToHex(third) == "3e2b5396aad9454cdb86f5f7ddd085f4f2c7ab08118da7b01368d54c6165afd3");
}

TEST_CASE("HKDF refuses sizes and numbers that Noise does not have") {
  Bytes key(64);
  Bytes out(64);
  Bytes large(65);
  CHECK_FALSE(Hkdf(MutableBytes(key).first(63), {}, {out, out}));
  CHECK_FALSE(Hkdf(key, {}, {out}));
  CHECK_FALSE(Hkdf(key, {}, {out, out, out, out}));
  CHECK_FALSE(Hkdf(key, {}, {out, large}));
  CHECK_FALSE(Hkdf(key, {}, {MutableBytes(), out}));
}

TEST_CASE("the AEAD opens the message of RFC 7539, appendix A.5, and makes it again") {
  const Bytes key = FromHex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
  const Bytes ad = FromHex("f33388860000000000004e91");
  const std::uint64_t nonce = 0x0807060504030201;  // 00000000 0102030405060708
  const Bytes sealed =
      FromHex(std::string(kAppendixA5Ciphertext) + "eead9d67890cbb22392336fea1851f38");
  Bytes buffer = sealed;
  REQUIRE(AeadOpen(key, nonce, ad, buffer));
  const std::size_t size = sealed.size() - kTagSize;
  CHECK(AsText(ByteView(buffer).first(size))
            .starts_with("Internet-Drafts are draft documents valid for a maximum of six months"));
  REQUIRE(AeadSeal(key, nonce, ad, buffer, size));
  CHECK(buffer == sealed);
}

TEST_CASE("the AEAD refuses another key, nonce, associated data, text or tag, and short buffers") {
  const Bytes key(32, std::byte{7});
  Bytes sealed(5 + kTagSize);
  REQUIRE(AeadSeal(key, 1, AsBytes("ad"), sealed, 5));
  const auto opens = [&](ByteView with, std::uint64_t nonce, std::string_view ad, Bytes text) {
    return AeadOpen(with, nonce, AsBytes(ad), text);
  };
  CHECK(opens(key, 1, "ad", sealed));
  CHECK_FALSE(opens(Bytes(32, std::byte{8}), 1, "ad", sealed));
  CHECK_FALSE(opens(Bytes(31, std::byte{7}), 1, "ad", sealed));
  CHECK_FALSE(opens({}, 1, "ad", sealed));
  CHECK_FALSE(opens(key, 2, "ad", sealed));
  CHECK_FALSE(opens(key, 1, "aD", sealed));
  CHECK_FALSE(opens(key, 1, "", sealed));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes altered = sealed;
    altered[i] ^= std::byte{1};
    CHECK_FALSE(opens(key, 1, "ad", altered));
  }
  CHECK_FALSE(opens(key, 1, "ad", Bytes(sealed.begin(), sealed.begin() + 15)));
  CHECK_FALSE(AeadSeal(key, 1, {}, sealed, 6));
  CHECK_FALSE(AeadSeal(key, 1, {}, MutableBytes(sealed).first(15), 0));
  CHECK_FALSE(AeadSeal({}, 1, {}, sealed, 5));
}

TEST_CASE("comparing tells sizes and every byte apart") {
  const Bytes a = ToBytes("0123456789abcdef");
  CHECK(ConstantTimeEqual(a, Bytes(a)));
  CHECK(ConstantTimeEqual({}, {}));
  CHECK_FALSE(ConstantTimeEqual(a, ByteView(a).first(15)));
  for (std::size_t i = 0; i < a.size(); ++i) {
    Bytes b = a;
    b[i] ^= std::byte{0x80};
    CHECK_FALSE(ConstantTimeEqual(a, b));
  }
}

TEST_CASE("randomness fills every byte and numbers stay below their bound") {
  REQUIRE(Init());
  REQUIRE(Init());
  Bytes seen(64);
  for (int i = 0; i < 64; ++i) {
    Bytes bytes(64);
    REQUIRE(Random(bytes));
    for (std::size_t at = 0; at < bytes.size(); ++at) seen[at] |= bytes[at];
  }
  CHECK(ToHex(seen) == ToHex(Bytes(64, std::byte{0xff})));
  std::set<std::uint32_t> numbers;
  for (int i = 0; i < 1000; ++i) numbers.insert(RandomBelow(3));
  CHECK(numbers == std::set<std::uint32_t>{0, 1, 2});
  CHECK(RandomBelow(0) == 0);
  CHECK(RandomBelow(1) == 0);
}

TEST_CASE("wiping leaves zeros") {
  Bytes bytes = ToBytes("secret");
  WipeBytes(bytes);
  CHECK(bytes == Bytes(6));
  WipeBytes({});
}

}  // namespace redwall::crypto
