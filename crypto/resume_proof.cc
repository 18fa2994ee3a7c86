#include "crypto/resume_proof.h"

#include <string_view>

#include "crypto/primitives.h"

namespace redwall::crypto {
namespace {

constexpr std::string_view kPurpose = "resume";
constexpr std::size_t kSessionIdSize = 16;

}  // namespace

std::optional<Proof> MakeResumeProof(const Secret& resume_key, const ResumeClaim& claim) {
  if (resume_key.size() != kKeySize || claim.handshake_hash.size() != kHashSize ||
      claim.session.size() != kSessionIdSize)
    return std::nullopt;
  std::byte numbers[12];
  StoreBigEndian<std::uint32_t>(numbers, claim.epoch);
  StoreBigEndian<std::uint64_t>(numbers + 4, claim.handled);
  Proof proof;
  if (!Blake2b(proof, {AsBytes(kPurpose), claim.handshake_hash, claim.session, numbers},
               resume_key.bytes()))
    return std::nullopt;
  return proof;
}

bool CheckResumeProof(const Secret& resume_key, const ResumeClaim& claim, const Proof& proof) {
  const auto expected = MakeResumeProof(resume_key, claim);
  return expected && ConstantTimeEqual(*expected, proof);
}

}  // namespace redwall::crypto
