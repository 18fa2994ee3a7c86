// Files that hold secrets: read and written the same way whatever key is in them.
#ifndef REDWALL_CRYPTO_PRIVATE_FILE_H_
#define REDWALL_CRYPTO_PRIVATE_FILE_H_

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/key_file.h"
#include "crypto/secret.h"

namespace redwall::crypto {

// "key file '<path>' <what>".
KeyError FileError(const std::string& path, const std::string& what);

// The whole file: 32 bytes to 64 KiB. Refused is what others than the owner may read, and what
// isn't a regular file. `maker` makes such a file: an error names it.
Result<Secret, KeyError> ReadPrivateFile(const std::string& path,
                                         const char* maker = "redwall keygen FILE");

// Makes a new file of mode 0600, synced to disk; an existing one is never overwritten.
Result<void, KeyError> WriteNewPrivateFile(const std::string& path, ByteView content);

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_PRIVATE_FILE_H_
