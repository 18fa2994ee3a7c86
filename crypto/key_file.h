// Key files on disk: the shared key (any file of 32 bytes or more, as spiped's) and the static key
// pair of an agent ("identity").
#ifndef REDWALL_CRYPTO_KEY_FILE_H_
#define REDWALL_CRYPTO_KEY_FILE_H_

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "crypto/secret.h"

namespace redwall::crypto {

// A sentence that names the file, what is wrong with it, and how to mend it.
struct KeyError {
  std::string sentence;
};

using PublicKey = std::array<std::byte, 32>;

struct SharedKey {
  std::string name;  // the file's name without folder and extension; an identity in policies
  std::array<std::byte, 4> hint{};  // BLAKE2b-32 of the whole file: names the key in the preamble
  Secret psk;                       // BLAKE2b-256(key = "redwall tunnel psk v1", the whole file)
};

struct Identity {
  Secret private_key;  // 32 bytes, X25519
  PublicKey public_key{};
};

// Refuses files that others than the owner may read ("chmod 600 FILE" in the sentence), that are
// shorter than 32 bytes or longer than 64 KiB, and what isn't a regular file.
Result<SharedKey, KeyError> ReadSharedKey(const std::string& path);
Result<Identity, KeyError> ReadIdentity(const std::string& path);

// Make new ones, mode 0600 from the first moment, synced to disk; an existing file is never
// overwritten.
Result<void, KeyError> WriteNewSharedKey(const std::string& path);
Result<PublicKey, KeyError> WriteNewIdentity(const std::string& path);

// A public key as people pass it on: base64 with padding, 44 characters.
std::string FormatPublicKey(const PublicKey& key);
Result<PublicKey, KeyError> ParsePublicKey(const std::string& text);

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_KEY_FILE_H_
