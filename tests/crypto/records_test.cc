#include "crypto/records.h"

#include <doctest/doctest.h>

#include "crypto/primitives.h"
#include "tests/crypto/hex.h"

namespace redwall::crypto {
namespace {

CipherState Cipher(std::uint64_t nonce = 0) {
  CipherState cipher(Secret::CopyOf(Bytes(kKeySize, std::byte{9})));
  cipher.SetNonce(nonce);
  return cipher;
}

// What a peer may send, though this sender does not: up to 65535 bytes of ciphertext.
Bytes LargeRecord(std::size_t plaintext_size) {
  Bytes record(plaintext_size + kRecordOverhead);
  CipherState cipher = Cipher();
  REQUIRE(cipher.EncryptWithAd({}, MutableBytes(record).subspan(2), plaintext_size));
  StoreBigEndian(record.data(), static_cast<std::uint16_t>(plaintext_size + kTagSize));
  return record;
}

}  // namespace

TEST_CASE("a record has at least one byte of text and at most 16 KiB, and room for its overhead") {
  RecordSealer sealer(Cipher());
  Bytes record(kMaxRecordPlaintext + kRecordOverhead + 1);
  const MutableBytes whole(record);
  CHECK(sealer.Seal(whole, 0) == 0);
  CHECK(sealer.Seal(whole, 1) == 19);
  CHECK(sealer.Seal(whole, kMaxRecordPlaintext - 1) == kMaxRecordPlaintext + 17);
  CHECK(sealer.Seal(whole, kMaxRecordPlaintext) == kMaxRecordPlaintext + 18);
  CHECK(sealer.Seal(whole, kMaxRecordPlaintext + 1) == 0);
  CHECK(sealer.Seal(whole.first(18), 1) == 0);
  CHECK(sealer.Seal(whole.first(19), 1) == 19);
  CHECK(sealer.Seal({}, 1) == 0);
  CHECK(sealer.has_key());
}

TEST_CASE("an opener takes the largest record that a length can say, whole and in pieces") {
  for (std::size_t size : {std::size_t{65534 - 16}, std::size_t{65535 - 16}}) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{4096}, std::size_t{70000}}) {
      CAPTURE(size);
      CAPTURE(piece);
      Bytes record = LargeRecord(size);
      RecordOpener opener(Cipher());
      std::size_t at = 0;
      std::size_t opened = 0;
      while (at < record.size()) {
        std::size_t used = 0;
        const auto text = opener.Receive(
            MutableBytes(record).subspan(at, std::min(piece, record.size() - at)), used);
        REQUIRE(text);
        REQUIRE(used > 0);
        opened += text->size();
        at += used;
        REQUIRE((opened == 0) == (at < record.size()));
      }
      CHECK(opened == size);
    }
  }
}

TEST_CASE("a length below 17 is refused as soon as it is known, and 17 is not") {
  for (int length : {0, 1, 15, 16}) {
    Bytes record(60);
    StoreBigEndian(record.data(), static_cast<std::uint16_t>(length));
    std::size_t used = 0;
    RecordOpener whole(Cipher());
    CHECK(whole.Receive(record, used).error() == ChannelError::kBadLength);
    RecordOpener bytewise(Cipher());
    CHECK(bytewise.Receive(MutableBytes(record).first(1), used).ok());
    CHECK(bytewise.Receive(MutableBytes(record).subspan(1, 1), used).error() ==
          ChannelError::kBadLength);
  }
  Bytes record = LargeRecord(1);
  REQUIRE(LoadBigEndian<std::uint16_t>(record.data()) == 17);
  std::size_t used = 0;
  RecordOpener opener(Cipher());
  CHECK(opener.Receive(record, used)->size() == 1);
}

TEST_CASE("a record that is whole in the input is decrypted there, and the rest is left alone") {
  Bytes input = LargeRecord(10);
  const std::size_t size = input.size();
  input.resize(size + 5, std::byte{0x77});
  RecordOpener opener(Cipher());
  std::size_t used = 0;
  const auto text = opener.Receive(input, used);
  REQUIRE(text);
  CHECK(used == size);
  CHECK(text->data() == input.data() + 2);
  CHECK(text->size() == 10);
  CHECK(Bytes(input.begin() + static_cast<std::ptrdiff_t>(size), input.end()) ==
        Bytes(5, std::byte{0x77}));
}

TEST_CASE("records of all sizes are those of one cipher of libsodium's, over a rekeying") {
  const std::uint64_t start = kRekeyInterval - 40;
  CipherState plain = Cipher(start);
  RecordSealer sealer(Cipher(start));
  RecordOpener opener(Cipher(start));
  for (std::size_t i = 0; i < 80; ++i) {
    const std::size_t sizes[] = {1, 255, 256, 257, 1000, kMaxRecordPlaintext};
    const std::size_t size = sizes[i % 6];
    CAPTURE(i);
    Bytes record(size + kRecordOverhead, static_cast<std::byte>(i));
    Bytes expected = record;
    REQUIRE(plain.EncryptWithAd({}, MutableBytes(expected).subspan(2), size));
    StoreBigEndian(expected.data(), static_cast<std::uint16_t>(size + kTagSize));
    if (plain.nonce() % kRekeyInterval == 0) REQUIRE(plain.Rekey());
    REQUIRE(sealer.Seal(record, size) == record.size());
    REQUIRE(record == expected);
    std::size_t used = 0;
    const auto text = opener.Receive(record, used);
    REQUIRE(text);
    REQUIRE(Bytes(text->begin(), text->end()) == Bytes(size, static_cast<std::byte>(i)));
  }
}

TEST_CASE("of a record that was altered nothing is left, whichever its size") {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{255}, std::size_t{256}, std::size_t{257}, std::size_t{16384}}) {
    for (const std::size_t at : {std::size_t{2}, size + 1, size + 2, size + 17}) {
      CAPTURE(size);
      CAPTURE(at);
      Bytes record = LargeRecord(size);
      record[at] ^= std::byte{1};
      RecordOpener opener(Cipher());
      std::size_t used = 0;
      CHECK(opener.Receive(record, used).error() == ChannelError::kRecordFailed);
      CHECK(Bytes(record.begin() + 2, record.end() - kTagSize) == Bytes(size));
    }
  }
}

TEST_CASE("objects without a key seal and open nothing") {
  RecordSealer sealer;
  RecordOpener opener;
  Bytes record = LargeRecord(4);
  std::size_t used = 0;
  CHECK(opener.Receive(record, used).error() == ChannelError::kRecordFailed);
  CHECK(sealer.Seal(record, 1) == 0);
  CHECK_FALSE(sealer.has_key());
}

TEST_CASE("a sealer whose nonces are used up gives up its key") {
  RecordSealer sealer(Cipher(~std::uint64_t{0}));
  Bytes record(100);
  CHECK(sealer.Seal(record, 1) == 0);
  CHECK_FALSE(sealer.has_key());
}

}  // namespace redwall::crypto
