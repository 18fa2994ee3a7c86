#include "crypto/handshake_state.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace redwall::crypto {
namespace {

using enum Token;

constexpr std::size_t kMaxMessage = 65535;  // section 3
constexpr std::string_view kResumeLabel = "redwall resume v1";

constexpr std::array kNnPsk0First = {kPsk, kE};
constexpr std::array kNnPsk0Second = {kE, kEe};
constexpr std::array<std::span<const Token>, 2> kNnPsk0Messages = {kNnPsk0First, kNnPsk0Second};

constexpr std::array kIkPsk2First = {kE, kEs, kS, kSs};
constexpr std::array kIkPsk2Second = {kE, kEe, kSe, kPsk};
constexpr std::array<std::span<const Token>, 2> kIkPsk2Messages = {kIkPsk2First, kIkPsk2Second};

bool Names(const HandshakePattern& pattern, Token wanted) {
  return std::any_of(pattern.messages.begin(), pattern.messages.end(), [wanted](auto message) {
    return std::find(message.begin(), message.end(), wanted) != message.end();
  });
}

}  // namespace

constinit const HandshakePattern kNnPsk0 = {"Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b", false,
                                            kNnPsk0Messages};
constinit const HandshakePattern kIkPsk2 = {"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b", true,
                                            kIkPsk2Messages};

HandshakeState::HandshakeState(const HandshakePattern& pattern, Role role, ByteView prologue,
                               HandshakeKeys keys)
    : pattern_(&pattern),
      role_(role),
      uses_psk_(Names(pattern, kPsk)),
      symmetric_(pattern.protocol_name),
      static_(std::move(keys.local_static)),
      ephemeral_(std::move(keys.ephemeral)),
      psk_(std::move(keys.psk)) {
  symmetric_.MixHash(prologue);
  if (uses_psk_ && psk_.size() != kKeySize) error_ = NoiseError::kMissingKey;
  if (!pattern.responder_static_known) return;
  PublicKey responder_static{};
  if (role == Role::kInitiator && keys.remote_static) {
    remote_static_ = keys.remote_static;
    responder_static = *keys.remote_static;
  } else if (role == Role::kInitiator || !PublicKeyOf(static_.bytes(), responder_static)) {
    error_ = NoiseError::kMissingKey;
  }
  symmetric_.MixHash(responder_static);
}

bool HandshakeState::my_turn(bool writing) const {
  const bool initiators_message = turn_ % 2 == 0;
  return turn_ < pattern_->messages.size() &&
         writing == (initiators_message == (role_ == Role::kInitiator));
}

NoiseResult<std::size_t> HandshakeState::WriteMessage(ByteView payload, MutableBytes out) {
  if (!error_ && !my_turn(true)) error_ = NoiseError::kOutOfTurn;
  if (error_) return *error_;
  auto size = Write(payload, out.first(std::min(out.size(), kMaxMessage)));
  if (!size) error_ = size.error();
  return size;
}

NoiseResult<std::size_t> HandshakeState::Write(ByteView payload, MutableBytes out) {
  std::size_t size = 0;
  for (Token token : pattern_->messages[turn_]) {
    const auto written = WriteToken(token, out.subspan(size));
    if (!written) return written.error();
    size += *written;
  }
  if (payload.size() > out.size() - size) return NoiseError::kMessageTooLong;
  std::copy(payload.begin(), payload.end(), out.begin() + static_cast<std::ptrdiff_t>(size));
  const auto written = symmetric_.EncryptAndHash(out.subspan(size), payload.size());
  if (!written) return written.error();
  ++turn_;
  return size + *written;
}

NoiseResult<std::size_t> HandshakeState::WriteToken(Token token, MutableBytes out) {
  if (token != kE && token != kS) {
    const auto mixed = MixToken(token);
    if (!mixed) return mixed.error();
    return std::size_t{0};
  }
  if (out.size() < kKeySize) return NoiseError::kMessageTooLong;
  PublicKey key{};
  if (token == kS) {
    if (!PublicKeyOf(static_.bytes(), key)) return NoiseError::kMissingKey;
    std::copy(key.begin(), key.end(), out.begin());
    return symmetric_.EncryptAndHash(out, key.size());
  }
  if (ephemeral_.empty()) {
    ephemeral_ = Secret(kKeySize);
    if (ephemeral_.empty() || !Random(ephemeral_.writable())) return NoiseError::kNoResources;
  }
  if (!PublicKeyOf(ephemeral_.bytes(), key)) return NoiseError::kMissingKey;
  std::copy(key.begin(), key.end(), out.begin());
  const auto mixed = MixEphemeral(key);
  if (!mixed) return mixed.error();
  return key.size();
}

NoiseResult<MutableBytes> HandshakeState::ReadMessage(MutableBytes message) {
  if (!error_ && !my_turn(false)) error_ = NoiseError::kOutOfTurn;
  if (error_) return *error_;
  auto payload = Read(message);
  if (!payload) error_ = payload.error();
  return payload;
}

NoiseResult<MutableBytes> HandshakeState::Read(MutableBytes message) {
  if (message.size() > kMaxMessage) return NoiseError::kMessageTooLong;
  for (Token token : pattern_->messages[turn_]) {
    const auto read = ReadToken(token, message);
    if (!read) return read.error();
    message = message.subspan(*read);
  }
  const auto size = symmetric_.DecryptAndHash(message);
  if (!size) return size.error();
  ++turn_;
  return message.first(*size);
}

NoiseResult<std::size_t> HandshakeState::ReadToken(Token token, MutableBytes in) {
  if (token != kE && token != kS) {
    const auto mixed = MixToken(token);
    if (!mixed) return mixed.error();
    return std::size_t{0};
  }
  const std::size_t size = kKeySize + (token == kS && symmetric_.has_key() ? kTagSize : 0);
  if (in.size() < size) return NoiseError::kTruncated;
  PublicKey key{};
  if (token == kE) {
    std::copy_n(in.begin(), key.size(), key.begin());
    remote_ephemeral_ = key;
    const auto mixed = MixEphemeral(key);
    if (!mixed) return mixed.error();
  } else {
    const auto opened = symmetric_.DecryptAndHash(in.first(size));
    if (!opened) return opened.error();
    std::copy_n(in.begin(), key.size(), key.begin());
    remote_static_ = key;
  }
  return size;
}

NoiseResult<void> HandshakeState::MixEphemeral(const PublicKey& key) {
  symmetric_.MixHash(key);
  // Section 9.2: with a psk in the pattern, ephemeral keys also go into the key.
  if (!uses_psk_) return {};
  return symmetric_.MixKey(key);
}

NoiseResult<void> HandshakeState::MixToken(Token token) {
  const bool initiator = role_ == Role::kInitiator;
  switch (token) {
    case kEe:
      return MixDh(ephemeral_, remote_ephemeral_);
    case kEs:
      return initiator ? MixDh(ephemeral_, remote_static_) : MixDh(static_, remote_ephemeral_);
    case kSe:
      return initiator ? MixDh(static_, remote_ephemeral_) : MixDh(ephemeral_, remote_static_);
    case kSs:
      return MixDh(static_, remote_static_);
    case kPsk:
      return symmetric_.MixKeyAndHash(psk_.bytes());
    case kE:
    case kS:
      break;
  }
  return NoiseError::kOutOfTurn;
}

NoiseResult<void> HandshakeState::MixDh(const Secret& mine,
                                        const std::optional<PublicKey>& theirs) {
  if (mine.size() != kKeySize || !theirs) return NoiseError::kMissingKey;
  Secret shared(kKeySize);
  if (shared.empty()) return NoiseError::kNoResources;
  if (!DiffieHellman(mine.bytes(), *theirs, shared.writable())) return NoiseError::kBadPublicKey;
  return symmetric_.MixKey(shared.bytes());
}

NoiseResult<Transport> HandshakeState::Finish() && {
  if (!finished()) return error_.value_or(NoiseError::kOutOfTurn);
  error_ = NoiseError::kOutOfTurn;
  static_.Wipe();
  ephemeral_.Wipe();
  psk_.Wipe();
  const Hash handshake_hash = symmetric_.hash();
  Secret resume_key = symmetric_.Export(kResumeLabel);
  if (resume_key.empty()) return NoiseError::kNoResources;
  auto ciphers = std::move(symmetric_).Split();
  if (!ciphers) return ciphers.error();
  if (role_ == Role::kResponder) std::swap(ciphers->first, ciphers->second);
  return Transport{std::move(ciphers->first), std::move(ciphers->second), handshake_hash,
                   std::move(resume_key)};
}

}  // namespace redwall::crypto
