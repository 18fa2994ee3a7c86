// SecureChannel: bytes <-> messages. The tunnel's handshake and records without a socket.
//
// The initiator is the client-side agent, the responder the server-side agent. See
// docs/protocol.md.
//
//   initiator:  SEND_MESSAGE1 ─▶ AWAIT_MESSAGE2 ─▶ OPEN        any failure ─▶ FAILED (final)
//   responder:  AWAIT_MESSAGE1 ─▶ OPEN ─▶ CONFIRMED            any failure ─▶ FAILED (final)
//
// CONFIRMED: the first record was authentic.
// The responder says nothing before message 1 has proved to be genuine, and its user trusts nothing
// before CONFIRMED. A failed channel never produces another byte; the user closes the socket
// without a word.
#ifndef REDWALL_CRYPTO_SECURE_CHANNEL_H_
#define REDWALL_CRYPTO_SECURE_CHANNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/key_file.h"
#include "crypto/keyring.h"
#include "crypto/primitives.h"

namespace redwall::crypto {

inline constexpr std::size_t kMaxRecordPlaintext =
    16 * 1024;                                          // what a sender puts into one record, bytes
inline constexpr std::size_t kRecordOverhead = 2 + 16;  // length and tag

// Why a channel failed; for the log, never for the peer.
enum class ChannelError : std::uint8_t {
  kNone,
  kBadPreamble,  // not a redwall tunnel, or another version
  kUnknownSuite,
  kUnknownKey,  // no key has the hint that was sent
  kBadLength,
  kBadMac1,          // suite 0x11: made for another server's public key
  kHandshakeFailed,  // the AEAD or DH of a handshake message: a wrong key, or altered bytes
  kUnknownAgent,     // suite 0x11: authentic, but its public key isn't authorized
  kReplayed,         // message 1 was seen before
  kRecordFailed,     // a record was altered, repeated, left out or reordered
  kNoResources,      // this machine gave no randomness or no memory
};
std::string_view Describe(ChannelError error);  // a sentence

class SecureChannel {
 public:
  // What an initiator needs. With `identity`, suite 0x11 (then `server_key` is the responder's
  // public key, and `key` may be null); else suite 0x01 with `key`. All are borrowed for the call
  // only.
  struct InitiatorKeys {
    const SharedKey* key = nullptr;
    const Identity* identity = nullptr;
    PublicKey server_key{};
  };
  // Writes message 1 at once: see TakeOutput.
  static SecureChannel Initiator(const InitiatorKeys& keys);

  // `keyring` is shared for the length of the handshake; `replays` is borrowed and outlives the
  // channel.
  static SecureChannel Responder(std::shared_ptr<const Keyring> keyring, ReplayCache* replays);

  // For tests against public vectors and a second implementation: ephemeral private keys that are
  // not random.
  static SecureChannel InitiatorForTest(const InitiatorKeys& keys, ByteView ephemeral);
  static SecureChannel ResponderForTest(std::shared_ptr<const Keyring> keyring,
                                        ReplayCache* replays, ByteView ephemeral);

  SecureChannel(SecureChannel&&) noexcept;
  SecureChannel& operator=(SecureChannel&&) noexcept;
  ~SecureChannel();

  // What arrived. Takes as many bytes of the front of `in` as it can use for at most ONE record (or
  // handshake message), and says how many in `used`. Returns the record's plaintext where one is
  // complete: valid until the next call, decrypted in place in `in` or in the channel's own buffer;
  // else an empty view. The caller loops while bytes are left and failed() is false; a failed
  // channel takes and ignores everything. A record with empty plaintext can't occur (L is 17 or
  // more). Before authentication at most the fixed size of message 1 is ever buffered.
  MutableBytes Receive(MutableBytes in, std::size_t& used);

  // Handshake bytes to send now, if any; the caller takes them over.
  std::vector<std::byte> TakeOutput();

  bool failed() const;
  ChannelError error() const;
  // The handshake is done: Seal may be used.
  bool open() const;
  // The peer has proved itself with a record (initiator: message 2 is proof enough).
  bool confirmed() const;

  // Encrypts in place: the plaintext stands at record[2 .. 2 + plaintext_size), record has room for
  // plaintext_size + kRecordOverhead; returns the record's size in all. Rekeys by itself every 2^16
  // records. Preconditions: open(), 1 <= plaintext_size <= kMaxRecordPlaintext. Returns 0 where one
  // does not hold or the channel fails: then `record` must not be sent.
  std::size_t Seal(MutableBytes record, std::size_t plaintext_size);

  // Once open(): the handshake hash, 64 bytes, the same at both ends (for resume proofs); empty
  // before. The view lives as long as the channel.
  ByteView handshake_hash() const;

  // Once open(): a secret that both ends share, by which a session that began on this channel can
  // be resumed on another one (crypto/resume_proof.h). Given out once; empty after that.
  Secret TakeResumeKey();

  // The peer's authenticated name: responder: the authorized agent's name (0x11) or the shared
  // key's name (0x01). Initiator: the shared key's name, or "server". Empty before it is known.
  const std::string& peer() const;
  // Responder: the NoiseHash of the key by which the peer proved that name, its public key (0x11)
  // or the shared key's psk (0x01); tells whether the same key is still in force later.
  const Hash& peer_proof() const;
  // The name of the shared key in use; empty where none is.
  const std::string& key_name() const;
  // The keys of this handshake as log and audit name them, so that one sees during a rotation who
  // still uses which; nothing of it is secret. Empty what isn't in use, or isn't known yet.
  struct KeysInUse {
    std::string shared_key;  // its name and hint: "site 1a2b3c4d" (`b2sum -l 32 FILE`)
    std::string agent_key;   // the client agent's public key, as `redwall pubkey` prints it
    std::string server_key;  // likewise the server agent's
  };
  const KeysInUse& keys_in_use() const;

 private:
  struct State;
  explicit SecureChannel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_SECURE_CHANNEL_H_
