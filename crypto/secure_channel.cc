#include "crypto/secure_channel.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "crypto/handshake_state.h"
#include "crypto/primitives.h"
#include "crypto/records.h"

namespace redwall::crypto {
namespace {

// preamble[8] = 'R' 'W' version suite hint[4];  message 1 = preamble || u16be size || noise ||
// mac1?
constexpr std::size_t kPreambleSize = 8;
constexpr std::size_t kHeaderSize = kPreambleSize + 2;
constexpr std::byte kVersion{1};
constexpr std::size_t kSuiteAt = 3;
constexpr std::size_t kHintAt = 4;
constexpr std::size_t kHintSize = 4;
constexpr std::size_t kMac1Size = 16;
constexpr std::size_t kPayloadSize = 32;  // features u32be, the rest zero; ignored on receipt
constexpr std::size_t kNoiseMessage2Size = kKeySize + kPayloadSize + kTagSize;
constexpr std::size_t kMessage2Size = 2 + kNoiseMessage2Size;
constexpr std::size_t kMaxMessage1Size = 154;

constexpr std::string_view kPrologueLabel("redwall-tunnel-v1\0", 18);
constexpr std::string_view kMac1Label = "redwall mac1 v1";

struct Suite {
  std::byte id;
  const HandshakePattern* pattern;
  std::size_t noise_size;  // of the first message
  bool identities;         // the server's is known: mac1 follows; the agent's must be authorized

  std::size_t message1_size() const {
    return kHeaderSize + noise_size + (identities ? kMac1Size : 0);
  }
};
constexpr Suite kSharedKeySuite = {std::byte{0x01}, &kNnPsk0, kKeySize + kPayloadSize + kTagSize,
                                   false};
constexpr Suite kIdentitySuite = {std::byte{0x11}, &kIkPsk2,
                                  2 * kKeySize + kTagSize + kPayloadSize + kTagSize, true};
static_assert(kSharedKeySuite.noise_size == 80 && kIdentitySuite.noise_size == 128);

using Preamble = std::array<std::byte, kPreambleSize>;

Preamble MakePreamble(const Suite& suite, const SharedKey* key) {
  Preamble preamble = {std::byte{'R'}, std::byte{'W'}, kVersion, suite.id};
  if (key != nullptr) std::copy(key->hint.begin(), key->hint.end(), preamble.begin() + kHintAt);
  return preamble;
}

std::array<std::byte, kPrologueLabel.size() + kPreambleSize> MakePrologue(ByteView preamble) {
  std::array<std::byte, kPrologueLabel.size() + kPreambleSize> prologue{};
  const ByteView label = AsBytes(kPrologueLabel);
  std::copy(preamble.begin(), preamble.end(),
            std::copy(label.begin(), label.end(), prologue.begin()));
  return prologue;
}

bool ComputeMac1(MutableBytes mac, const PublicKey& server_key, ByteView message) {
  std::array<std::byte, kKeySize> key{};
  return Blake2b(key, {AsBytes(kMac1Label), server_key}) && Blake2b(mac, {message}, key);
}

// Without a shared key the psk is 32 zero bytes.
Secret PskOf(const SharedKey* key) { return key != nullptr ? key->psk.Clone() : Secret(kKeySize); }

std::string NameWithHint(const SharedKey& key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = key.name + " ";
  for (const std::byte byte : key.hint) {
    text += kDigits[static_cast<std::size_t>(byte >> 4)];
    text += kDigits[static_cast<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

ChannelError ErrorOf(NoiseError error) {
  return error == NoiseError::kNoResources ? ChannelError::kNoResources
                                           : ChannelError::kHandshakeFailed;
}

}  // namespace

std::string_view Describe(ChannelError error) {
  switch (error) {
    case ChannelError::kNone:
      return "no error";
    case ChannelError::kBadPreamble:
      return "the peer does not speak this version of the redwall tunnel";
    case ChannelError::kUnknownSuite:
      return "the peer asked for a handshake that is unknown or not configured here";
    case ChannelError::kUnknownKey:
      return "the peer uses a shared key that is not configured here";
    case ChannelError::kBadLength:
      return "the peer sent a message of an impossible length";
    case ChannelError::kBadMac1:
      return "the peer called another server: its server key is not this agent's public key";
    case ChannelError::kHandshakeFailed:
      return "the handshake failed: the keys of both sites differ, or a message was altered";
    case ChannelError::kUnknownAgent:
      return "the peer's identity is genuine but not authorized";
    case ChannelError::kReplayed:
      return "the peer repeated a first message that was seen before";
    case ChannelError::kRecordFailed:
      return "a record was altered, repeated, left out or reordered";
    case ChannelError::kNoResources:
      return "this machine gave no randomness or no memory";
  }
  return "an unknown error";
}

struct SecureChannel::State {
  enum class Phase { kAwaitMessage1, kAwaitMessage2, kOpen, kConfirmed, kFailed };

  void StartInitiator(const InitiatorKeys& keys, ByteView test_ephemeral);
  void Fail(ChannelError why);
  MutableBytes Receive(MutableBytes in, std::size_t& used);

  void UseKey(const SharedKey& used) {
    key_name = used.name;
    keys_in_use.shared_key = NameWithHint(used);
  }
  // Moves bytes from `in` until `size` of the message are here. True once they are.
  bool Gather(ByteView in, std::size_t size, std::size_t& used);
  void TakeMessage1(ByteView in, std::size_t& used);
  void TakeMessage2(ByteView in, std::size_t& used);
  // The responder's three steps; each fails the channel where something is wrong.
  void CheckPreamble();
  void ReadMessage1();
  const Identity* CalledIdentity() const;
  void WriteMessage2(std::string peer_name);
  void Open(std::string peer_name);

  ByteView received() const { return ByteView(message).first(message_size); }
  std::size_t announced_size(std::size_t at) const {
    return LoadBigEndian<std::uint16_t>(message.data() + at);
  }

  Phase phase = Phase::kAwaitMessage1;
  ChannelError error = ChannelError::kNone;
  std::string peer;
  Hash peer_proof{};
  std::string key_name;
  KeysInUse keys_in_use;

  // Of the handshake; let go of when it is over.
  std::optional<HandshakeState> handshake;
  std::shared_ptr<const Keyring> keyring;
  ReplayCache* replays = nullptr;
  Secret ephemeral;
  const Suite* suite = nullptr;
  const SharedKey* key = nullptr;  // in keyring
  std::array<std::byte, kMaxMessage1Size> message{};
  std::size_t message_size = 0;
  std::vector<std::byte> output;

  // Of the transport.
  Hash handshake_hash{};
  Secret resume_key;
  RecordSealer sealer;
  RecordOpener opener;
};

void SecureChannel::State::Fail(ChannelError why) {
  phase = Phase::kFailed;
  error = why;
  handshake.reset();
  keyring.reset();
  ephemeral.Wipe();
  resume_key.Wipe();
  output.clear();
  sealer = RecordSealer();
  opener = RecordOpener();
}

void SecureChannel::State::StartInitiator(const InitiatorKeys& keys, ByteView test_ephemeral) {
  phase = Phase::kAwaitMessage2;
  if (keys.identity == nullptr && keys.key == nullptr) return Fail(ChannelError::kUnknownKey);
  suite = keys.identity != nullptr ? &kIdentitySuite : &kSharedKeySuite;
  if (keys.key != nullptr) UseKey(*keys.key);
  const Preamble preamble = MakePreamble(*suite, keys.key);
  HandshakeKeys mine;
  mine.psk = PskOf(keys.key);
  mine.ephemeral = Secret::CopyOf(test_ephemeral);
  if (suite->identities) {
    mine.local_static = keys.identity->private_key.Clone();
    mine.remote_static = keys.server_key;
    keys_in_use.agent_key = FormatPublicKey(keys.identity->public_key);
    keys_in_use.server_key = FormatPublicKey(keys.server_key);
  }
  handshake.emplace(*suite->pattern, Role::kInitiator, MakePrologue(preamble), std::move(mine));

  output.resize(suite->message1_size());
  const MutableBytes out(output);
  std::copy(preamble.begin(), preamble.end(), out.begin());
  StoreBigEndian(out.data() + kPreambleSize, static_cast<std::uint16_t>(suite->noise_size));
  const std::array<std::byte, kPayloadSize> payload{};
  const auto written =
      handshake->WriteMessage(payload, out.subspan(kHeaderSize, suite->noise_size));
  if (!written) return Fail(ErrorOf(written.error()));
  const std::size_t covered = kHeaderSize + suite->noise_size;
  if (suite->identities && !ComputeMac1(out.subspan(covered), keys.server_key, out.first(covered)))
    Fail(ChannelError::kNoResources);
}

bool SecureChannel::State::Gather(ByteView in, std::size_t size, std::size_t& used) {
  const std::size_t more =
      std::min(in.size() - used, message_size < size ? size - message_size : 0);
  std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(used), more,
              message.begin() + static_cast<std::ptrdiff_t>(message_size));
  message_size += more;
  used += more;
  return message_size >= size;
}

void SecureChannel::State::TakeMessage1(ByteView in, std::size_t& used) {
  // A stranger is told off as soon as its bytes can't become a message 1.
  if (suite == nullptr) {
    if (!Gather(in, kPreambleSize, used)) return;
    CheckPreamble();
    if (phase == Phase::kFailed) return;
  }
  if (!Gather(in, kHeaderSize, used)) return;
  if (announced_size(kPreambleSize) != suite->noise_size) return Fail(ChannelError::kBadLength);
  if (Gather(in, suite->message1_size(), used)) ReadMessage1();
}

void SecureChannel::State::CheckPreamble() {
  const Preamble expected = MakePreamble(kSharedKeySuite, nullptr);
  if (!std::equal(expected.begin(), expected.begin() + kSuiteAt, message.begin()))
    return Fail(ChannelError::kBadPreamble);
  if (message[kSuiteAt] == kSharedKeySuite.id && keyring->shared_key_alone())
    suite = &kSharedKeySuite;
  if (message[kSuiteAt] == kIdentitySuite.id && keyring->identity() != nullptr)
    suite = &kIdentitySuite;
  if (suite == nullptr) return Fail(ChannelError::kUnknownSuite);
  const ByteView hint = received().subspan(kHintAt, kHintSize);
  if (keyring->has_keys()) {
    key = keyring->FindKey(hint);
    if (key == nullptr) return Fail(ChannelError::kUnknownKey);
    UseKey(*key);
  } else if (std::any_of(hint.begin(), hint.end(), [](std::byte b) { return b != std::byte{0}; })) {
    Fail(ChannelError::kUnknownKey);
  }
}

// The one of this server's identities whose public key mac1 was made with; null: none of them.
const Identity* SecureChannel::State::CalledIdentity() const {
  const std::size_t covered = kHeaderSize + suite->noise_size;
  const auto is_called = [&](const Identity& identity) {
    std::array<std::byte, kMac1Size> mac{};
    return ComputeMac1(mac, identity.public_key, received().first(covered)) &&
           ConstantTimeEqual(mac, received().subspan(covered));
  };
  if (is_called(*keyring->identity())) return keyring->identity();
  for (const Identity& identity : keyring->more_identities()) {
    if (is_called(identity)) return &identity;
  }
  return nullptr;
}

void SecureChannel::State::ReadMessage1() {
  HandshakeKeys mine;
  if (suite->identities) {
    const Identity* const called = CalledIdentity();
    if (called == nullptr) return Fail(ChannelError::kBadMac1);
    mine.local_static = called->private_key.Clone();
    keys_in_use.server_key = FormatPublicKey(called->public_key);
  }
  mine.psk = PskOf(key);
  mine.ephemeral = std::move(ephemeral);
  handshake.emplace(*suite->pattern, Role::kResponder,
                    MakePrologue(received().first(kPreambleSize)), std::move(mine));
  // Reading decrypts in place, and the replay cache must see what came over the wire.
  std::array<std::byte, kMaxMessage1Size> scratch = message;
  const auto payload =
      handshake->ReadMessage(MutableBytes(scratch).subspan(kHeaderSize, suite->noise_size));
  if (!payload) return Fail(ErrorOf(payload.error()));
  std::string peer_name = key_name;
  if (!suite->identities) peer_proof = NoiseHash({key->psk.bytes()});
  if (suite->identities) {
    const AuthorizedAgent* const agent = keyring->FindAgent(*handshake->remote_static());
    if (agent == nullptr) return Fail(ChannelError::kUnknownAgent);
    peer_name = agent->name;
    peer_proof = NoiseHash({agent->public_key});
    keys_in_use.agent_key = FormatPublicKey(agent->public_key);
  }
  if (!replays->Insert(received())) return Fail(ChannelError::kReplayed);
  WriteMessage2(std::move(peer_name));
}

void SecureChannel::State::WriteMessage2(std::string peer_name) {
  output.resize(kMessage2Size);
  StoreBigEndian(output.data(), static_cast<std::uint16_t>(kNoiseMessage2Size));
  const std::array<std::byte, kPayloadSize> payload{};
  const auto written = handshake->WriteMessage(payload, MutableBytes(output).subspan(2));
  if (!written) return Fail(ErrorOf(written.error()));
  Open(std::move(peer_name));
}

void SecureChannel::State::TakeMessage2(ByteView in, std::size_t& used) {
  if (!Gather(in, 2, used)) return;
  if (announced_size(0) != kNoiseMessage2Size) return Fail(ChannelError::kBadLength);
  if (!Gather(in, kMessage2Size, used)) return;
  const auto payload = handshake->ReadMessage(MutableBytes(message).subspan(2, kNoiseMessage2Size));
  if (!payload) return Fail(ErrorOf(payload.error()));
  Open(key_name.empty() ? "server" : key_name);
  if (phase == Phase::kOpen) phase = Phase::kConfirmed;
}

void SecureChannel::State::Open(std::string peer_name) {
  auto transport = std::move(*handshake).Finish();
  if (!transport) return Fail(ErrorOf(transport.error()));
  peer = std::move(peer_name);
  handshake_hash = transport->handshake_hash;
  resume_key = std::move(transport->resume_key);
  sealer = RecordSealer(std::move(transport->send));
  opener = RecordOpener(std::move(transport->receive));
  handshake.reset();
  key = nullptr;
  keyring.reset();
  phase = Phase::kOpen;
}

MutableBytes SecureChannel::State::Receive(MutableBytes in, std::size_t& used) {
  used = 0;
  MutableBytes plaintext;
  if (phase == Phase::kAwaitMessage1) {
    TakeMessage1(in, used);
  } else if (phase == Phase::kAwaitMessage2) {
    TakeMessage2(in, used);
  } else if (phase != Phase::kFailed) {
    const auto received_record = opener.Receive(in, used);
    if (!received_record) {
      Fail(received_record.error());
    } else if (!received_record->empty()) {
      plaintext = *received_record;
      phase = Phase::kConfirmed;
    }
  }
  if (phase == Phase::kFailed) used = in.size();
  return plaintext;
}

SecureChannel::SecureChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
SecureChannel::SecureChannel(SecureChannel&&) noexcept = default;
SecureChannel& SecureChannel::operator=(SecureChannel&&) noexcept = default;
SecureChannel::~SecureChannel() = default;

SecureChannel SecureChannel::Initiator(const InitiatorKeys& keys) {
  return InitiatorForTest(keys, {});
}

SecureChannel SecureChannel::Responder(std::shared_ptr<const Keyring> keyring,
                                       ReplayCache* replays) {
  return ResponderForTest(std::move(keyring), replays, {});
}

SecureChannel SecureChannel::InitiatorForTest(const InitiatorKeys& keys, ByteView ephemeral) {
  auto state = std::make_unique<State>();
  state->StartInitiator(keys, ephemeral);
  return SecureChannel(std::move(state));
}

SecureChannel SecureChannel::ResponderForTest(std::shared_ptr<const Keyring> keyring,
                                              ReplayCache* replays, ByteView ephemeral) {
  assert(keyring && replays);
  auto state = std::make_unique<State>();
  state->keyring = std::move(keyring);
  state->replays = replays;
  state->ephemeral = Secret::CopyOf(ephemeral);
  return SecureChannel(std::move(state));
}

MutableBytes SecureChannel::Receive(MutableBytes in, std::size_t& used) {
  return state_->Receive(in, used);
}

std::vector<std::byte> SecureChannel::TakeOutput() { return std::exchange(state_->output, {}); }

bool SecureChannel::failed() const { return state_->phase == State::Phase::kFailed; }
ChannelError SecureChannel::error() const { return state_->error; }
bool SecureChannel::open() const { return state_->phase == State::Phase::kOpen || confirmed(); }
bool SecureChannel::confirmed() const { return state_->phase == State::Phase::kConfirmed; }

std::size_t SecureChannel::Seal(MutableBytes record, std::size_t plaintext_size) {
  const std::size_t size = state_->sealer.Seal(record, plaintext_size);
  if (open() && !state_->sealer.has_key()) state_->Fail(ChannelError::kNoResources);
  return size;
}

ByteView SecureChannel::handshake_hash() const {
  return open() ? ByteView(state_->handshake_hash) : ByteView();
}

Secret SecureChannel::TakeResumeKey() { return std::exchange(state_->resume_key, Secret()); }
const std::string& SecureChannel::peer() const { return state_->peer; }
const Hash& SecureChannel::peer_proof() const { return state_->peer_proof; }
const std::string& SecureChannel::key_name() const { return state_->key_name; }
const SecureChannel::KeysInUse& SecureChannel::keys_in_use() const { return state_->keys_in_use; }

}  // namespace redwall::crypto
