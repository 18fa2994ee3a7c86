// ResumeProof: how a client agent shows, on a new transport, that a session is its own.
//
// Two secrets must be at hand: those of the new handshake, and the key that the session's first
// handshake left behind (SecureChannel::TakeResumeKey). docs/protocol.md, "Resume".
#ifndef REDWALL_CRYPTO_RESUME_PROOF_H_
#define REDWALL_CRYPTO_RESUME_PROOF_H_

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace redwall::crypto {

inline constexpr std::size_t kProofSize = 32;
using Proof = std::array<std::byte, kProofSize>;

// What is proven: this session, at this attempt, over this handshake.
struct ResumeClaim {
  ByteView handshake_hash;  // of the new transport, 64 bytes
  ByteView session;         // its id, 16 bytes
  std::uint32_t epoch = 0;
  std::uint64_t handled = 0;
};

// BLAKE2b-256(key = resume key, "resume" || handshake hash || id || u32be epoch || u64be handled).
// Nothing where the key is empty, or sizes are wrong.
std::optional<Proof> MakeResumeProof(const Secret& resume_key, const ResumeClaim& claim);

// In constant time.
bool CheckResumeProof(const Secret& resume_key, const ResumeClaim& claim, const Proof& proof);

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_RESUME_PROOF_H_
