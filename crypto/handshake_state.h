// HandshakeState: one side of a handshake; Noise revision 34, section 5.3.
//
// A pattern is a table of tokens, and the tokens are the program that WriteMessage and ReadMessage
// run. Owns all its keys and wipes them with itself; Finish consumes it and leaves the transport.
// After an error it is dead: every further call answers that error. Sizes are in bytes.
//
//   HandshakeState handshake(kNnPsk0, Role::kInitiator, prologue, std::move(keys));
//   handshake.WriteMessage(payload, out);  ... handshake.ReadMessage(message);
//   Transport transport = *std::move(handshake).Finish();
#ifndef REDWALL_CRYPTO_HANDSHAKE_STATE_H_
#define REDWALL_CRYPTO_HANDSHAKE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "crypto/cipher_state.h"
#include "crypto/key_file.h"
#include "crypto/noise_error.h"
#include "crypto/primitives.h"
#include "crypto/secret.h"
#include "crypto/symmetric_state.h"

namespace redwall::crypto {

// Sections 7.1 and 9.2.
enum class Token : std::uint8_t { kE, kS, kEe, kEs, kSe, kSs, kPsk };

// The messages alternate, the initiator's first. A pattern outlives the handshakes that follow it.
struct HandshakePattern {
  std::string_view protocol_name;       // section 8
  bool responder_static_known = false;  // the pre-message "<- s"
  std::span<const std::span<const Token>> messages;
};

extern const HandshakePattern kNnPsk0;  // Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b
extern const HandshakePattern kIkPsk2;  // Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b

enum class Role : std::uint8_t { kInitiator, kResponder };

// What a side brings along; what its pattern does not name may stay empty.
struct HandshakeKeys {
  Secret local_static;                     // private, kKeySize bytes
  std::optional<PublicKey> remote_static;  // where a pre-message says that it is known
  Secret psk;                              // kKeySize bytes
  Secret ephemeral;  // for tests only; else it is made where the table says `e`
};

struct Transport {
  CipherState send;
  CipherState receive;
  Hash handshake_hash;  // the same at both ends (section 11.2)
  Secret resume_key;    // likewise; see SecureChannel::TakeResumeKey
};

class HandshakeState {
 public:
  // Initialize. A key that is missing is reported by the first message that is written or read.
  HandshakeState(const HandshakePattern& pattern, Role role, ByteView prologue, HandshakeKeys keys);

  // Writes the next message to the front of `out` and returns its size. `payload` must not overlap
  // it.
  NoiseResult<std::size_t> WriteMessage(ByteView payload, MutableBytes out);

  // Reads the next message, decrypting in place. Returns its payload, a view into `message`.
  NoiseResult<MutableBytes> ReadMessage(MutableBytes message);

  // Whether all messages have been written and read.
  bool finished() const { return !error_ && turn_ == pattern_->messages.size(); }

  // Split, once finished(). The handshake keeps nothing.
  NoiseResult<Transport> Finish() &&;

  // The other side's static public key, once it is known; with an authentic message it is proven.
  const std::optional<PublicKey>& remote_static() const { return remote_static_; }

 private:
  bool my_turn(bool writing) const;
  NoiseResult<std::size_t> Write(ByteView payload, MutableBytes out);
  NoiseResult<MutableBytes> Read(MutableBytes message);
  NoiseResult<std::size_t> WriteToken(Token token, MutableBytes out);
  NoiseResult<std::size_t> ReadToken(Token token, MutableBytes in);
  NoiseResult<void> MixToken(Token token);
  NoiseResult<void> MixEphemeral(const PublicKey& key);
  NoiseResult<void> MixDh(const Secret& mine, const std::optional<PublicKey>& theirs);

  const HandshakePattern* pattern_;
  Role role_;
  bool uses_psk_;
  std::size_t turn_ = 0;  // the index of the next message
  std::optional<NoiseError> error_;
  SymmetricState symmetric_;
  Secret static_;
  Secret ephemeral_;
  Secret psk_;
  std::optional<PublicKey> remote_static_;
  std::optional<PublicKey> remote_ephemeral_;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_HANDSHAKE_STATE_H_
