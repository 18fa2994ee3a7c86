#include "crypto/noise_error.h"

namespace redwall::crypto {

std::string_view Describe(NoiseError error) {
  switch (error) {
    case NoiseError::kOutOfTurn:
      return "a handshake message was read or written out of turn (Noise section 5.3)";
    case NoiseError::kMissingKey:
      return "the handshake pattern needs a key that is not there (Noise section 5.3)";
    case NoiseError::kMessageTooLong:
      return "the message is longer than its buffer or than 65535 bytes (Noise section 3)";
    case NoiseError::kTruncated:
      return "the message ends inside a token (Noise section 5.3)";
    case NoiseError::kBadPublicKey:
      return "the other side's public key gives an all-zero secret (Noise section 12.1)";
    case NoiseError::kDecrypt:
      return "the ciphertext was not made with this key and transcript (Noise section 5.1)";
    case NoiseError::kNonceExhausted:
      return "the nonce has reached its last value (Noise section 5.1)";
    case NoiseError::kNoResources:
      return "the system gave no randomness or no memory (Noise section 4.1)";
  }
  return "an unknown error";
}

}  // namespace redwall::crypto
