// CipherState: a key and a nonce that counts up; Noise revision 34, section 5.1, with ChaChaPoly.
//
// Owns its key. Move-only; a moved-from one has no key. Encrypts and decrypts in place in buffers
// of the caller. Sizes are in bytes.
//
// Everything is libsodium's, but for the long records of a transport (UseForRecords).
#ifndef REDWALL_CRYPTO_CIPHER_STATE_H_
#define REDWALL_CRYPTO_CIPHER_STATE_H_

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "crypto/noise_error.h"
#include "crypto/record_aead.h"
#include "crypto/secret.h"

namespace redwall::crypto {

class CipherState {
 public:
  CipherState() = default;  // no key: text passes as it is (InitializeKey(empty))

  // InitializeKey: `key` has kKeySize bytes, the nonce becomes 0.
  explicit CipherState(Secret key) : key_(std::move(key)) {}

  bool has_key() const { return !key_.empty(); }
  std::uint64_t nonce() const { return nonce_; }
  void SetNonce(std::uint64_t nonce) { nonce_ = nonce; }

  // From now on this state does many records in one direction, without associated data. The long
  // ones go through libcrypto, where it can be had; the bytes are the same.
  void UseForRecords(RecordAead::Direction direction) { records_ = {direction, key_.bytes()}; }

  // EncryptWithAd: the plaintext is the front of `buffer`. Returns the size of the ciphertext
  // there, which is kTagSize more with a key. Fails without having written or counted:
  // kMessageTooLong where `buffer` has no room for the tag, kNonceExhausted at nonce 2^64-1.
  NoiseResult<std::size_t> EncryptWithAd(ByteView ad, MutableBytes buffer,
                                         std::size_t plaintext_size);

  // DecryptWithAd: `buffer` is the ciphertext. Returns the size of the plaintext in its front.
  // Fails with kTruncated (shorter than a tag), kDecrypt or kNonceExhausted; the nonce then stays,
  // and the buffer holds nothing of use.
  NoiseResult<std::size_t> DecryptWithAd(ByteView ad, MutableBytes buffer);

  // Rekey: REKEY of section 4.2. The nonce goes on counting. Without a key: kMissingKey.
  NoiseResult<void> Rekey();

 private:
  bool Seal(ByteView ad, MutableBytes buffer, std::size_t plaintext_size);
  bool Open(ByteView ad, MutableBytes buffer);

  Secret key_;
  RecordAead records_;  // has the same key, or can do nothing
  std::uint64_t nonce_ = 0;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_CIPHER_STATE_H_
