#include "crypto/sha256.h"

#include <doctest/doctest.h>
#include <sodium.h>

#include <string>
#include <thread>

#include "tests/crypto/hex.h"

namespace redwall::crypto {
namespace {

std::string HexOf(std::string_view text) { return ToHex(Sha256(AsBytes(text))); }

}  // namespace

TEST_CASE("SHA-256 gives the results of NIST's examples, in any order") {
  const std::string million(1000000, 'a');
  for (int round = 0; round < 2; ++round) {
    CHECK(HexOf("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(HexOf("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(HexOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(HexOf(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST_CASE("SHA-256 is libsodium's for every length around its blocks") {
  Bytes bytes;
  for (std::size_t size = 0; size <= 260; ++size) {
    std::array<std::byte, 32> expected{};
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(expected.data()),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    CHECK(Sha256(bytes) == expected);
    bytes.push_back(static_cast<std::byte>(size * 7));
  }
}

TEST_CASE("each thread hashes for itself") {
  std::string in_thread[2];
  std::thread threads[2];
  for (int i = 0; i < 2; ++i)
    threads[i] = std::thread([&text = in_thread[i]] {
      for (int round = 0; round < 1000; ++round) text = HexOf("abc");
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : in_thread) CHECK(text == HexOf("abc"));
}

}  // namespace redwall::crypto
