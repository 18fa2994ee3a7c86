#include "crypto/cipher_state.h"

#include <algorithm>
#include <limits>

#include "crypto/primitives.h"

namespace redwall::crypto {
namespace {

// Reserved for Rekey (section 5.1).
constexpr std::uint64_t kLastNonce = std::numeric_limits<std::uint64_t>::max();

}  // namespace

NoiseResult<std::size_t> CipherState::EncryptWithAd(ByteView ad, MutableBytes buffer,
                                                    std::size_t plaintext_size) {
  if (buffer.size() < plaintext_size) return NoiseError::kMessageTooLong;
  if (!has_key()) return plaintext_size;
  if (buffer.size() - plaintext_size < kTagSize) return NoiseError::kMessageTooLong;
  if (nonce_ == kLastNonce) return NoiseError::kNonceExhausted;
  if (!AeadSeal(key_.bytes(), nonce_, ad, buffer, plaintext_size)) return NoiseError::kMissingKey;
  ++nonce_;
  return plaintext_size + kTagSize;
}

NoiseResult<std::size_t> CipherState::DecryptWithAd(ByteView ad, MutableBytes buffer) {
  if (!has_key()) return buffer.size();
  if (buffer.size() < kTagSize) return NoiseError::kTruncated;
  if (nonce_ == kLastNonce) return NoiseError::kNonceExhausted;
  if (!AeadOpen(key_.bytes(), nonce_, ad, buffer)) return NoiseError::kDecrypt;
  ++nonce_;
  return buffer.size() - kTagSize;
}

NoiseResult<void> CipherState::Rekey() {
  if (!has_key()) return NoiseError::kMissingKey;
  Secret sealed(kKeySize + kTagSize);
  if (sealed.empty()) return NoiseError::kNoResources;
  if (!AeadSeal(key_.bytes(), kLastNonce, {}, sealed.writable(), kKeySize))
    return NoiseError::kMissingKey;
  std::copy_n(sealed.bytes().begin(), kKeySize, key_.writable().begin());
  return {};
}

}  // namespace redwall::crypto
