// Signatures: which lines of an audit are vouched for, and by which key. A part of Verifier.
//
// A checkpoint vouches for all lines in front of it, since each line holds the hash of the one
// before; a signed head for all up to the one that it names.
#ifndef REDWALL_GATEWAY_AUDIT_VERIFY_SIGNATURES_H_
#define REDWALL_GATEWAY_AUDIT_VERIFY_SIGNATURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/key_file.h"
#include "gateway/audit/chain.h"

namespace redwall::audit {

// An agent with a key signs within a second or so ("checkpoint_ms", at most a minute) what it has
// written. Lines that reach further without a signature weren't written by one, or it was taken
// away.
inline constexpr std::int64_t kMaxUnsignedUs = 120 * 1'000'000;

class Signatures {
 public:
  // `trusted` empty: the key of the first signature is held against all others.
  explicit Signatures(std::vector<crypto::PublicKey> trusted) : trusted_(std::move(trusted)) {}

  // A line that stands in its place: a checkpoint, or any other. A sentence where something is
  // wrong with a checkpoint.
  std::optional<std::string> AddCheckpoint(std::string_view line, const ChainLink& link);
  void AddLine(std::string_view line, bool starts_agent);

  // At the end: a sentence where the head isn't signed as it should be. `seen`: its line was there
  // and has its hash.
  std::optional<std::string> AddHead(const Head& head, bool seen);
  // At the end, behind all heads: a sentence where lines should be signed and aren't. `stopped`:
  // the agent ended as it should, so nothing is left unsigned.
  std::optional<std::string> CheckEnd(std::uint64_t last, bool stopped) const;

  // Whether signatures are asked for, or there are some.
  bool Used() const { return !trusted_.empty() || checkpoints_ > 0; }
  bool trusting() const { return !trusted_.empty(); }
  std::uint64_t checkpoints() const { return checkpoints_; }
  std::uint64_t signed_to() const { return signed_to_; }
  const std::optional<crypto::PublicKey>& key() const { return key_; }

 private:
  std::optional<std::string> Check(std::string_view key, std::string_view signature,
                                   std::string_view message);
  bool Expected() const;  // whether the last lines should be signed

  std::vector<crypto::PublicKey> trusted_;
  std::optional<crypto::PublicKey> key_;
  std::uint64_t checkpoints_ = 0;
  std::uint64_t signed_to_ = 0;
  bool started_since_ = false;  // the agent was started behind the last checkpoint
  // When the first and the latest line behind the last checkpoint were written, as far as they
  // tell.
  std::optional<std::int64_t> unsigned_since_;
  bool since_arrival_ = false;  // unsigned_since_ is when a command came; it may have waited long
  std::int64_t latest_ = 0;
};

// The value of a member that is a string, as it stands in the line (with JSON's escapes); empty
// where there is none. A line that an agent wrote can't have `,"name":"` inside a string, since the
// quotes there have a backslash.
std::string_view TextMember(std::string_view line, std::string_view name);
// The value of a member that is a whole number.
std::optional<std::uint64_t> NumberMember(std::string_view line, std::string_view name);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_VERIFY_SIGNATURES_H_
