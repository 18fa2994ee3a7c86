#include "crypto/handshake_state.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/crypto/channel_pair.h"

namespace redwall::crypto {
namespace {

using enum Token;

HandshakeKeys KeysOf(const Identity* local, const Identity* remote) {
  HandshakeKeys keys;
  keys.psk = Secret::CopyOf(Bytes(kKeySize, std::byte{5}));
  if (local != nullptr) keys.local_static = local->private_key.Clone();
  if (remote != nullptr) keys.remote_static = remote->public_key;
  return keys;
}

struct Both {
  HandshakeState initiator;
  HandshakeState responder;
};

Both Start(const HandshakePattern& pattern) {
  const Identity client = MakeIdentity(std::byte{1});
  const Identity server = MakeIdentity(std::byte{2});
  return {HandshakeState(pattern, Role::kInitiator, AsBytes("p"),
                         KeysOf(&client, pattern.responder_static_known ? &server : nullptr)),
          HandshakeState(pattern, Role::kResponder, AsBytes("p"), KeysOf(&server, nullptr))};
}

Bytes Write(HandshakeState& state, std::string_view payload) {
  Bytes out(300);
  const auto size = state.WriteMessage(AsBytes(payload), out);
  REQUIRE(size);
  out.resize(*size);
  return out;
}

std::string Read(HandshakeState& state, Bytes message) {
  const auto payload = state.ReadMessage(message);
  REQUIRE(payload);
  return std::string(AsText(*payload));
}

// Runs the handshake to its end and passes a text both ways.
void CheckCompletes(Both both, std::size_t messages) {
  for (std::size_t i = 0; i < messages; ++i) {
    HandshakeState& from = i % 2 == 0 ? both.initiator : both.responder;
    HandshakeState& to = i % 2 == 0 ? both.responder : both.initiator;
    CHECK_FALSE(from.finished());
    CHECK(Read(to, Write(from, "payload")) == "payload");
  }
  REQUIRE(both.initiator.finished());
  REQUIRE(both.responder.finished());
  auto a = std::move(both.initiator).Finish();
  auto b = std::move(both.responder).Finish();
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->handshake_hash == b->handshake_hash);
  for (auto [from, to] : {std::pair(&*a, &*b), std::pair(&*b, &*a)}) {
    Bytes text = ToBytes("text");
    text.resize(4 + kTagSize);
    REQUIRE(from->send.EncryptWithAd({}, text, 4));
    REQUIRE(to->receive.DecryptWithAd({}, text));
    CHECK(AsText(ByteView(text).first(4)) == "text");
  }
}

}  // namespace

TEST_CASE("both patterns of the tunnel complete with random ephemeral keys") {
  CheckCompletes(Start(kNnPsk0), 2);
  CheckCompletes(Start(kIkPsk2), 2);
}

TEST_CASE("the psk may stand anywhere that the table says, and messages may be three") {
  const std::vector<Token> e = {kE};
  const std::vector<Token> first_psk = {kPsk, kE};
  const std::vector<Token> last_psk = {kE, kPsk};
  const std::vector<Token> xx2 = {kE, kEe, kS, kEs};
  const std::vector<Token> xx3 = {kS, kSe, kPsk};
  const std::vector<Token> ee_psk = {kE, kEe, kPsk};
  const std::vector<std::span<const Token>> xx_psk3 = {e, xx2, xx3};
  const std::vector<std::span<const Token>> nn_psk2 = {e, ee_psk};
  const std::vector<std::span<const Token>> nn_psk1 = {last_psk, std::span(xx2).first(2)};
  const std::vector<std::span<const Token>> nn_psk0_2 = {first_psk, ee_psk};
  CheckCompletes(Start({"Noise_XXpsk3_25519_ChaChaPoly_BLAKE2b", false, xx_psk3}), 3);
  CheckCompletes(Start({"Noise_NNpsk2_25519_ChaChaPoly_BLAKE2b", false, nn_psk2}), 2);
  CheckCompletes(Start({"Noise_NNpsk1_25519_ChaChaPoly_BLAKE2b", false, nn_psk1}), 2);
  CheckCompletes(Start({"Noise_NNpsk0+psk2_25519_ChaChaPoly_BLAKE2b", false, nn_psk0_2}), 2);
}

TEST_CASE("the responder learns the initiator's static key, and NN tells none") {
  Both ik = Start(kIkPsk2);
  CHECK_FALSE(ik.responder.remote_static());
  Read(ik.responder, Write(ik.initiator, ""));
  REQUIRE(ik.responder.remote_static());
  CHECK(*ik.responder.remote_static() == MakeIdentity(std::byte{1}).public_key);
  Both nn = Start(kNnPsk0);
  Read(nn.responder, Write(nn.initiator, ""));
  CHECK_FALSE(nn.responder.remote_static());
}

TEST_CASE("ephemeral keys are new each time") {
  Both a = Start(kNnPsk0);
  Both b = Start(kNnPsk0);
  CHECK(Write(a.initiator, "") != Write(b.initiator, ""));
}

TEST_CASE("a call out of turn is an error and kills the handshake") {
  Both both = Start(kNnPsk0);
  Bytes buffer(200);
  CHECK(both.responder.WriteMessage({}, buffer).error() == NoiseError::kOutOfTurn);
  Bytes message = Write(both.initiator, "");
  CHECK(both.responder.ReadMessage(message).error() == NoiseError::kOutOfTurn);
  CHECK(both.initiator.WriteMessage({}, buffer).error() == NoiseError::kOutOfTurn);
  CHECK(std::move(both.initiator).Finish().error() == NoiseError::kOutOfTurn);
  Both early = Start(kNnPsk0);
  CHECK(std::move(early.initiator).Finish().error() == NoiseError::kOutOfTurn);
}

TEST_CASE("nothing can be done after the last message, or after finishing") {
  Both both = Start(kNnPsk0);
  Read(both.responder, Write(both.initiator, ""));
  Read(both.initiator, Write(both.responder, ""));
  Both again = Start(kNnPsk0);
  Read(again.responder, Write(again.initiator, ""));
  Read(again.initiator, Write(again.responder, ""));
  Bytes buffer(200);
  CHECK(both.initiator.WriteMessage({}, buffer).error() == NoiseError::kOutOfTurn);
  REQUIRE(std::move(again.initiator).Finish());
  CHECK_FALSE(again.initiator.finished());           // NOLINT: used after Finish on purpose
  CHECK_FALSE(std::move(again.initiator).Finish());  // NOLINT
}

TEST_CASE("missing keys are errors of the first message") {
  const Identity client = MakeIdentity(std::byte{1});
  const Identity server = MakeIdentity(std::byte{2});
  Bytes buffer(200);
  const auto write_error = [&](const HandshakePattern& pattern, HandshakeKeys keys) {
    HandshakeState state(pattern, Role::kInitiator, {}, std::move(keys));
    const auto size = state.WriteMessage({}, buffer);
    REQUIRE_FALSE(size);
    return size.error();
  };
  CHECK(write_error(kNnPsk0, HandshakeKeys()) == NoiseError::kMissingKey);
  CHECK(write_error(kIkPsk2, KeysOf(&client, nullptr)) == NoiseError::kMissingKey);
  CHECK(write_error(kIkPsk2, KeysOf(nullptr, &server)) == NoiseError::kMissingKey);
  HandshakeKeys short_psk = KeysOf(&client, &server);
  short_psk.psk = Secret(31);
  CHECK(write_error(kIkPsk2, std::move(short_psk)) == NoiseError::kMissingKey);
  HandshakeState responder(kIkPsk2, Role::kResponder, {}, KeysOf(nullptr, nullptr));
  CHECK(responder.ReadMessage(buffer).error() == NoiseError::kMissingKey);
}

TEST_CASE("every cut of a message is an error, and so is every byte too many") {
  for (const HandshakePattern* pattern : {&kNnPsk0, &kIkPsk2}) {
    Both first = Start(*pattern);
    const Bytes message = Write(first.initiator, "hello");
    for (std::size_t size = 0; size <= message.size() + 1; ++size) {
      Both both = Start(*pattern);
      Bytes cut = message;
      cut.resize(size);
      CAPTURE(size);
      CHECK(both.responder.ReadMessage(cut).ok() == (size == message.size()));
    }
  }
}

TEST_CASE("a message fits a buffer of its exact size, and not one byte less") {
  for (const HandshakePattern* pattern : {&kNnPsk0, &kIkPsk2}) {
    Both measured = Start(*pattern);
    const std::size_t exact = Write(measured.initiator, "hello").size();
    for (std::size_t size = 0; size <= exact; ++size) {
      Both both = Start(*pattern);
      Bytes out(size);
      const auto written = both.initiator.WriteMessage(AsBytes("hello"), out);
      REQUIRE(written.ok() == (size == exact));
      if (!written) CHECK(written.error() == NoiseError::kMessageTooLong);
    }
  }
}

TEST_CASE("a message never exceeds 65535 bytes") {
  constexpr std::size_t kFits = 65535 - 48;
  Bytes out(70000);
  Both fits = Start(kNnPsk0);
  CHECK(*fits.initiator.WriteMessage(Bytes(kFits), out) == 65535);
  Both exceeds = Start(kNnPsk0);
  CHECK(exceeds.initiator.WriteMessage(Bytes(kFits + 1), out).error() ==
        NoiseError::kMessageTooLong);
  Both reader = Start(kNnPsk0);
  CHECK(reader.responder.ReadMessage(MutableBytes(out).first(65536)).error() ==
        NoiseError::kMessageTooLong);
}

TEST_CASE("another prologue or psk is a decryption error, and a low-order key one of its own") {
  Both both = Start(kNnPsk0);
  Bytes message = Write(both.initiator, "");
  Bytes copy = message;
  HandshakeState other_prologue(kNnPsk0, Role::kResponder, AsBytes("q"), KeysOf(nullptr, nullptr));
  CHECK(other_prologue.ReadMessage(copy).error() == NoiseError::kDecrypt);
  HandshakeKeys keys;
  keys.psk = Secret(kKeySize);
  HandshakeState other_psk(kNnPsk0, Role::kResponder, AsBytes("p"), std::move(keys));
  copy = message;
  CHECK(other_psk.ReadMessage(copy).error() == NoiseError::kDecrypt);
  CHECK(other_psk.ReadMessage(message).error() == NoiseError::kDecrypt);

  Both ik = Start(kIkPsk2);
  Bytes low = Write(ik.initiator, "");
  std::fill_n(low.begin(), kKeySize, std::byte{0});
  CHECK(ik.responder.ReadMessage(low).error() == NoiseError::kBadPublicKey);
}

}  // namespace redwall::crypto
