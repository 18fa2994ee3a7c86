// Signatures: Ed25519 (RFC 8032, section 5.1), with which an agent vouches for its audit.
//
// A signing key is a file of its own, made by `redwall keygen --signing FILE`. It is no tunnel
// identity: each key has one purpose. Its public half is written and read like that of an identity
// (FormatPublicKey and ParsePublicKey of key_file.h). Safe to call from any thread.
#ifndef REDWALL_CRYPTO_SIGNATURE_H_
#define REDWALL_CRYPTO_SIGNATURE_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/key_file.h"
#include "crypto/secret.h"

namespace redwall::crypto {

using Signature = std::array<std::byte, 64>;
inline constexpr std::size_t kSignatureText = 88;  // 64 bytes in base64, with padding

class SigningKey {
 public:
  // Refuses what key_file.h refuses: what others may read, what isn't a regular file, what is no
  // signing key.
  static Result<SigningKey, KeyError> ReadFile(const std::string& path);
  // The key pair that belongs to a seed of 32 bytes (RFC 8032 calls it the private key); nothing
  // where the size is another, or where there is no memory.
  static std::optional<SigningKey> FromSeed(ByteView seed);

  const PublicKey& public_key() const { return public_key_; }
  // The same message always has the same signature. False where the key was moved away.
  [[nodiscard]] bool Sign(ByteView message, Signature& signature) const;

 private:
  SigningKey() = default;

  Secret secret_;  // libsodium's form: the seed, then the public key
  PublicKey public_key_{};
};

// True where `signature` was made over exactly `message` by the owner of `key`. Keys of low order
// and signatures that aren't in canonical form are refused.
[[nodiscard]] bool VerifySignature(const PublicKey& key, ByteView message,
                                   const Signature& signature);

// Makes a new signing key, mode 0600 from the first moment, synced to disk; an existing file is
// never overwritten.
Result<PublicKey, KeyError> WriteNewSigningKey(const std::string& path);

// base64 with padding, kSignatureText characters; ParseSignature takes exactly that form.
std::string FormatSignature(const Signature& signature);
std::optional<Signature> ParseSignature(std::string_view base64);

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_SIGNATURE_H_
