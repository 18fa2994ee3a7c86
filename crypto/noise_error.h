// NoiseError: why an object of the Noise Protocol Framework (revision 34) refused or failed.
#ifndef REDWALL_CRYPTO_NOISE_ERROR_H_
#define REDWALL_CRYPTO_NOISE_ERROR_H_

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace redwall::crypto {

enum class NoiseError : std::uint8_t {
  kOutOfTurn,       // not this side's turn, finished already, or failed before
  kMissingKey,      // the pattern needs a key that was not given, or one of a wrong size
  kMessageTooLong,  // more than 65535 bytes, or more than the caller has room for
  kTruncated,       // the message ends inside a token
  kBadPublicKey,    // DH came out as all zeros
  kDecrypt,         // the AEAD's tag is wrong
  kNonceExhausted,
  kNoResources,  // no randomness or no memory
};

// A sentence that names the section of the specification.
std::string_view Describe(NoiseError error);

template <class T>
using NoiseResult = Result<T, NoiseError>;

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_NOISE_ERROR_H_
