// RecordAead: ChaCha20-Poly1305 (RFC 8439) for the records of one direction, by libcrypto, which
// uses the processor's widest instructions for it; else the same as AeadSeal and AeadOpen of
// primitives.h with no associated data, byte for byte.
//
// Holds the key in libcrypto's own form from record to record: ordinary memory that is wiped when
// the object is destroyed, gets another key or is moved onto, but not locked. Only the nonce is new
// for each record; nothing is allocated. Sizes are in bytes.
#ifndef REDWALL_CRYPTO_RECORD_AEAD_H_
#define REDWALL_CRYPTO_RECORD_AEAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

struct evp_cipher_ctx_st;  // EVP_CIPHER_CTX

namespace redwall::crypto {

class RecordAead {
 public:
  enum class Direction { kNone, kSeal, kOpen };

  // From this size of a plaintext on it is at least as fast as libsodium, which is called once for
  // a record where this takes four calls: on a processor with AVX-512 six to eight times as fast at
  // 16 KiB, but slower below 128 bytes (tests/bench/aead.cc).
  static constexpr std::size_t kMinPlaintext = 256;

  RecordAead() = default;  // can do nothing
  // `key` has 32 bytes. Where libcrypto hasn't got the cipher, or there is no memory, it can do
  // nothing either.
  RecordAead(Direction direction, ByteView key);

  // What it can do: nothing, when it was moved from.
  Direction direction() const { return context_ ? direction_ : Direction::kNone; }
  void SetKey(ByteView key);  // or it can do nothing any more

  // In place, see AeadSeal and AeadOpen. False also where it can't do that. After a false Seal the
  // front of the buffer is of no use; after a false Open it is zeros: nothing of a plaintext whose
  // tag is wrong is left.
  [[nodiscard]] bool Seal(std::uint64_t nonce, MutableBytes buffer, std::size_t plaintext_size);
  [[nodiscard]] bool Open(std::uint64_t nonce, MutableBytes buffer);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
  Direction direction_ = Direction::kNone;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_RECORD_AEAD_H_
