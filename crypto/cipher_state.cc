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
  if (!Seal(ad, buffer, plaintext_size)) return NoiseError::kMissingKey;
  ++nonce_;
  return plaintext_size + kTagSize;
}

NoiseResult<std::size_t> CipherState::DecryptWithAd(ByteView ad, MutableBytes buffer) {
  if (!has_key()) return buffer.size();
  if (buffer.size() < kTagSize) return NoiseError::kTruncated;
  if (nonce_ == kLastNonce) return NoiseError::kNonceExhausted;
  if (!Open(ad, buffer)) return NoiseError::kDecrypt;
  ++nonce_;
  return buffer.size() - kTagSize;
}

bool CipherState::Seal(ByteView ad, MutableBytes buffer, std::size_t plaintext_size) {
  if (records_.direction() == RecordAead::Direction::kSeal && ad.empty() &&
      plaintext_size >= RecordAead::kMinPlaintext)
    return records_.Seal(nonce_, buffer, plaintext_size);
  return AeadSeal(key_.bytes(), nonce_, ad, buffer, plaintext_size);
}

bool CipherState::Open(ByteView ad, MutableBytes buffer) {
  if (records_.direction() == RecordAead::Direction::kOpen && ad.empty() &&
      buffer.size() - kTagSize >= RecordAead::kMinPlaintext)
    return records_.Open(nonce_, buffer);
  return AeadOpen(key_.bytes(), nonce_, ad, buffer);
}

NoiseResult<void> CipherState::Rekey() {
  if (!has_key()) return NoiseError::kMissingKey;
  Secret sealed(kKeySize + kTagSize);
  if (sealed.empty()) return NoiseError::kNoResources;
  if (!AeadSeal(key_.bytes(), kLastNonce, {}, sealed.writable(), kKeySize))
    return NoiseError::kMissingKey;
  std::copy_n(sealed.bytes().begin(), kKeySize, key_.writable().begin());
  if (records_.direction() != RecordAead::Direction::kNone) records_.SetKey(key_.bytes());
  return {};
}

}  // namespace redwall::crypto
