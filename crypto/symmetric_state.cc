#include "crypto/symmetric_state.h"

#include <algorithm>

namespace redwall::crypto {

SymmetricState::SymmetricState(std::string_view protocol_name) {
  const ByteView name = AsBytes(protocol_name);
  if (name.size() <= kHashSize) {
    std::copy(name.begin(), name.end(), hash_.begin());
  } else {
    hash_ = NoiseHash({name});
  }
  chaining_key_ = Secret::CopyOf(hash_);
}

NoiseResult<void> SymmetricState::MixKey(ByteView input) {
  Secret key(kKeySize);
  if (!Hkdf(chaining_key_.bytes(), input, {chaining_key_.writable(), key.writable()}))
    return NoiseError::kNoResources;
  cipher_ = CipherState(std::move(key));
  return {};
}

void SymmetricState::MixHash(ByteView data) { hash_ = NoiseHash({hash_, data}); }

NoiseResult<void> SymmetricState::MixKeyAndHash(ByteView input) {
  Secret temp_hash(kHashSize);
  Secret key(kKeySize);
  if (!Hkdf(chaining_key_.bytes(), input,
            {chaining_key_.writable(), temp_hash.writable(), key.writable()}))
    return NoiseError::kNoResources;
  MixHash(temp_hash.bytes());
  cipher_ = CipherState(std::move(key));
  return {};
}

NoiseResult<std::size_t> SymmetricState::EncryptAndHash(MutableBytes buffer,
                                                        std::size_t plaintext_size) {
  auto size = cipher_.EncryptWithAd(hash_, buffer, plaintext_size);
  if (size) MixHash(buffer.first(*size));
  return size;
}

NoiseResult<std::size_t> SymmetricState::DecryptAndHash(MutableBytes buffer) {
  // The hash is over the ciphertext, which decrypting in place overwrites.
  const Hash next = NoiseHash({hash_, buffer});
  auto size = cipher_.DecryptWithAd(hash_, buffer);
  if (size) hash_ = next;
  return size;
}

Secret SymmetricState::Export(std::string_view label) const {
  Secret key(kKeySize);
  if (!key.empty() && !Blake2b(key.writable(), {AsBytes(label)}, chaining_key_.bytes())) key.Wipe();
  return key;
}

NoiseResult<std::pair<CipherState, CipherState>> SymmetricState::Split() && {
  Secret first(kKeySize);
  Secret second(kKeySize);
  const bool done = Hkdf(chaining_key_.bytes(), {}, {first.writable(), second.writable()});
  chaining_key_.Wipe();
  cipher_ = CipherState();
  if (!done) return NoiseError::kNoResources;
  return std::pair(CipherState(std::move(first)), CipherState(std::move(second)));
}

}  // namespace redwall::crypto
