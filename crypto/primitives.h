// Primitives: the cryptographic functions of the tunnel, over libsodium.
//
// The one file of redwall that calls DH, AEAD and hash functions, or asks for randomness.
// Everything works on spans that the caller owns; nothing is kept. Functions that return bool
// answer false when a size is wrong (an empty Secret, which is what running out of memory looks
// like, is one case of that), and then the outputs hold nothing of use: so every caller fails
// closed. Sizes are in bytes. Safe to call from any thread.
#ifndef REDWALL_CRYPTO_PRIMITIVES_H_
#define REDWALL_CRYPTO_PRIMITIVES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace redwall::crypto {

inline constexpr std::size_t kKeySize = 32;   // X25519 and ChaChaPoly (Noise rev 34, section 4)
inline constexpr std::size_t kTagSize = 16;   // of an AEAD ciphertext
inline constexpr std::size_t kHashSize = 64;  // HASHLEN of BLAKE2b
using Hash = std::array<std::byte, kHashSize>;

// Prepares libsodium; once, but calling it again does no harm. False: the process must not go on,
// for there is no randomness to be had. Random calls it by itself.
[[nodiscard]] bool Init();

// Fills `out` from the system's generator. False where Init fails.
[[nodiscard]] bool Random(MutableBytes out);

// An evenly spread number below `bound` (0 where `bound` is 0 or 1): for jitter, not for secrets.
std::uint32_t RandomBelow(std::uint32_t bound);

// Whether the two are the same, in a time that depends on their sizes only.
bool ConstantTimeEqual(ByteView a, ByteView b);

// Overwrites with zeros, in a way that the compiler does not optimize away.
void WipeBytes(MutableBytes bytes);

// X25519, RFC 7748; Noise section 12.1. All spans have kKeySize bytes. DiffieHellman fails where
// the result is all zeros: the other side's key is of low order.
[[nodiscard]] bool PublicKeyOf(ByteView private_key, MutableBytes public_key);
[[nodiscard]] bool DiffieHellman(ByteView private_key, ByteView public_key, MutableBytes shared);

// BLAKE2b (RFC 7693) of the parts in a row. `out` has 1 to 64 bytes, `key` up to 64 (none:
// unkeyed). The size of `out` is a parameter of the hash: a shorter one is not a prefix of a longer
// one.
[[nodiscard]] bool Blake2b(MutableBytes out, std::initializer_list<ByteView> parts,
                           ByteView key = {});

// HASH of Noise section 12.8: BLAKE2b with 64 bytes of output, of the parts in a row.
Hash NoiseHash(std::initializer_list<ByteView> parts);

// HMAC (RFC 2104) over BLAKE2b with its block of 128 bytes: not the same as keyed BLAKE2b. `mac`
// has kHashSize bytes.
[[nodiscard]] bool HmacBlake2b(MutableBytes mac, ByteView key,
                               std::initializer_list<ByteView> parts);

// HKDF of Noise section 4.3, with as many outputs as are given: two or three, of up to kHashSize
// bytes; a shorter one is the truncation of its HASHLEN bytes. An output may be `chaining_key`
// itself.
[[nodiscard]] bool Hkdf(ByteView chaining_key, ByteView input,
                        std::initializer_list<MutableBytes> outputs);

// ENCRYPT and DECRYPT of Noise section 12.3 (ChaChaPoly): the nonce is 4 zero bytes, then `nonce`
// little-endian. In place. Sealing takes the front `plaintext_size` bytes of `buffer` and fills
// plaintext_size + kTagSize of it. Opening takes the whole buffer, ciphertext and tag, and leaves
// the plaintext in front; false also where the tag is wrong, and then nothing has been decrypted.
[[nodiscard]] bool AeadSeal(ByteView key, std::uint64_t nonce, ByteView ad, MutableBytes buffer,
                            std::size_t plaintext_size);
[[nodiscard]] bool AeadOpen(ByteView key, std::uint64_t nonce, ByteView ad, MutableBytes buffer);

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_PRIMITIVES_H_
