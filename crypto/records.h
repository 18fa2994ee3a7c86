// Records: what the tunnel carries once the handshake is done; one object for each direction.
//
//   record = u16be L || ciphertext of L bytes (17..65535), the AEAD's tag included
//
// Nonces are implicit and count records; the associated data is empty. Both directions rekey (Noise
// revision 34, sections 4.2 and 11.3) after every 2^16 records, and the nonce goes on counting.
// Each object owns its cipher. After an error it must not be used again. Sizes are in bytes.
#ifndef REDWALL_CRYPTO_RECORDS_H_
#define REDWALL_CRYPTO_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/cipher_state.h"
#include "crypto/secure_channel.h"

namespace redwall::crypto {

inline constexpr std::uint64_t kRekeyInterval = 1 << 16;  // in records

class RecordSealer {
 public:
  RecordSealer() = default;
  explicit RecordSealer(CipherState cipher) : cipher_(std::move(cipher)) {
    cipher_.UseForRecords(RecordAead::Direction::kSeal);
  }

  // In place: see SecureChannel::Seal. Returns the record's size, or 0 where a size is wrong or the
  // cipher failed; then there is no key any more.
  std::size_t Seal(MutableBytes record, std::size_t plaintext_size);
  bool has_key() const { return cipher_.has_key(); }

 private:
  CipherState cipher_;
};

class RecordOpener {
 public:
  RecordOpener() = default;
  explicit RecordOpener(CipherState cipher) : cipher_(std::move(cipher)) {
    cipher_.UseForRecords(RecordAead::Direction::kOpen);
  }

  // See SecureChannel::Receive: takes bytes for at most one record, and returns the plaintext of
  // one that is complete, else an empty view. A record that stands whole in `in` is decrypted
  // there. Fails with kBadLength, kRecordFailed or kNoResources.
  Result<MutableBytes, ChannelError> Receive(MutableBytes in, std::size_t& used);

 private:
  // Moves bytes from `in` until `size` are in the buffer, and counts them. False: no memory.
  bool Gather(ByteView in, std::size_t size, std::size_t& used);
  Result<MutableBytes, ChannelError> Open(MutableBytes record);

  CipherState cipher_;
  // The record that is not complete yet. Grows with the bytes that arrive, never with what a length
  // promises, up to the largest record; then it is kept.
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_RECORDS_H_
