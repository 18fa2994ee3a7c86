// SymmetricState: the chaining key, the transcript hash and the cipher of a handshake under way;
// Noise revision 34, section 5.2, with BLAKE2b.
//
// Owns its secrets; Split consumes them. Move-only. Sizes are in bytes.
#ifndef REDWALL_CRYPTO_SYMMETRIC_STATE_H_
#define REDWALL_CRYPTO_SYMMETRIC_STATE_H_

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "crypto/cipher_state.h"
#include "crypto/noise_error.h"
#include "crypto/primitives.h"
#include "crypto/secret.h"

namespace redwall::crypto {

class SymmetricState {
 public:
  // InitializeSymmetric.
  explicit SymmetricState(std::string_view protocol_name);

  // MixKey and MixKeyAndHash fail with kNoResources only.
  NoiseResult<void> MixKey(ByteView input);
  void MixHash(ByteView data);
  NoiseResult<void> MixKeyAndHash(ByteView input);

  // In place and with the errors of CipherState.
  NoiseResult<std::size_t> EncryptAndHash(MutableBytes buffer, std::size_t plaintext_size);
  NoiseResult<std::size_t> DecryptAndHash(MutableBytes buffer);

  // A key of its own beside those of Split, before it: keyed BLAKE2b of `label` under the chaining
  // key, which nobody can compute from the transcript. Empty where this machine has no memory.
  Secret Export(std::string_view label) const;

  // Split: the initiator's sending cipher first, then the responder's. Fails with kNoResources
  // only.
  NoiseResult<std::pair<CipherState, CipherState>> Split() &&;

  bool has_key() const { return cipher_.has_key(); }
  const Hash& hash() const { return hash_; }  // GetHandshakeHash

 private:
  Secret chaining_key_;
  Hash hash_{};
  CipherState cipher_;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_SYMMETRIC_STATE_H_
