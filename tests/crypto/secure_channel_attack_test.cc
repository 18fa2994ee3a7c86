// SecureChannel against altered, repeated, reordered and made-up bytes, and against the wrong peer.
#include <doctest/doctest.h>

#include <set>

#include "crypto/secure_channel.h"
#include "crypto/symmetric_state.h"
#include "tests/crypto/channel_pair.h"

namespace redwall::crypto {
namespace {

constexpr Kind kAllKinds[] = {Kind::kSharedKey, Kind::kIdentities, Kind::kBoth};

Bytes FlipBit(Bytes bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  return bytes;
}

// Mac1 of suite 0x11, so that an attacker who knows the server's public key can be played.
void WriteMac1(Bytes& message1, const PublicKey& server) {
  Bytes key(32);
  REQUIRE(Blake2b(key, {AsBytes("redwall mac1 v1"), server}));
  const MutableBytes all(message1);
  REQUIRE(Blake2b(all.last(16), {all.first(all.size() - 16)}, key));
}

// Message 1 of suite 0x01 by someone who has the shared key, with an ephemeral key of low order.
Bytes LowOrderMessage1(const SharedKey& key) {
  Bytes message = ToBytes("RW\x01\x01");
  message.insert(message.end(), key.hint.begin(), key.hint.end());
  SymmetricState state("Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b");
  Bytes prologue = ToBytes(std::string_view("redwall-tunnel-v1\0", 18));
  prologue.insert(prologue.end(), message.begin(), message.end());
  state.MixHash(prologue);
  REQUIRE(state.MixKeyAndHash(key.psk.bytes()));
  const Bytes ephemeral(32);
  state.MixHash(ephemeral);
  REQUIRE(state.MixKey(ephemeral));
  message.resize(90);
  message[9] = std::byte{80};
  REQUIRE(state.EncryptAndHash(MutableBytes(message).subspan(42), 32));
  return message;
}

// Feeds `message1` to a new responder of `sites` and expects this failure.
void CheckRefused(Sites& sites, const Bytes& message1, ChannelError error) {
  SecureChannel responder = sites.NewResponder();
  Feed(responder, message1);
  CheckFailed(responder, error);
  std::size_t used = 0;
  Bytes more(10);
  CHECK(responder.Receive(more, used).empty());
  CHECK(used == more.size());
}

}  // namespace

TEST_CASE("message 1 with any one bit changed is refused without a byte") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    const Bytes message1 = sites.NewInitiator().TakeOutput();
    std::set<ChannelError> errors;
    for (std::size_t bit = 0; bit < message1.size() * 8; ++bit) {
      CAPTURE(bit);
      SecureChannel responder = sites.NewResponder();
      Feed(responder, FlipBit(message1, bit));
      CheckFailed(responder, responder.error());
      errors.insert(responder.error());
    }
    CHECK(errors.count(ChannelError::kNone) == 0);
    CHECK(errors.count(ChannelError::kReplayed) == 0);
    CHECK(errors.count(sites.has_identities() ? ChannelError::kBadMac1
                                              : ChannelError::kHandshakeFailed) == 1);
    // None of that has used up the genuine one.
    SecureChannel responder = sites.NewResponder();
    Feed(responder, message1);
    CHECK(responder.open());
  }
}

TEST_CASE("message 1 with one bit changed and mac1 made anew is refused by the handshake") {
  Sites sites(Kind::kIdentities);
  const Bytes message1 = sites.NewInitiator().TakeOutput();
  for (std::size_t bit = 80; bit < (message1.size() - 16) * 8; ++bit) {
    Bytes altered = FlipBit(message1, bit);
    WriteMac1(altered, sites.server.public_key);
    CheckRefused(sites, altered, ChannelError::kHandshakeFailed);
  }
}

TEST_CASE("message 2 with any one bit changed is refused") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    for (std::size_t bit = 0; bit < 82 * 8; ++bit) {
      CAPTURE(bit);
      SecureChannel initiator = sites.NewInitiator();
      SecureChannel responder = sites.NewResponder();
      Feed(responder, initiator.TakeOutput());
      Feed(initiator, FlipBit(responder.TakeOutput(), bit));
      CheckFailed(initiator, bit < 16 ? ChannelError::kBadLength : ChannelError::kHandshakeFailed);
    }
  }
}

TEST_CASE("a record with any one bit changed is never a plaintext") {
  Sites sites(Kind::kSharedKey);
  for (std::size_t bit = 0; bit < (5 + kRecordOverhead) * 8; ++bit) {
    CAPTURE(bit);
    Pair pair = Connect(sites);
    Bytes stream = FlipBit(SealOne(pair.initiator, ToBytes("hello")), bit);
    // A length that grew by the change waits for more bytes: they come.
    for (int i = 0; i < 5; ++i) {
      const Bytes more = SealOne(pair.initiator, Bytes(kMaxRecordPlaintext));
      stream.insert(stream.end(), more.begin(), more.end());
    }
    CHECK(Feed(pair.responder, stream).empty());
    CheckFailed(pair.responder, bit < 16 && pair.responder.error() == ChannelError::kBadLength
                                    ? ChannelError::kBadLength
                                    : ChannelError::kRecordFailed);
  }
}

TEST_CASE("truncated messages and records are waited for, and never a plaintext") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    const Bytes message1 = sites.NewInitiator().TakeOutput();
    for (std::size_t size = 0; size < message1.size(); ++size) {
      SecureChannel responder = sites.NewResponder();
      Feed(responder,
           Bytes(message1.begin(), message1.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK_FALSE(responder.failed());
      CHECK_FALSE(responder.open());
      CHECK(responder.TakeOutput().empty());
    }
  }
  Sites sites(Kind::kSharedKey);
  Pair pair = Connect(sites);
  Bytes record = SealOne(pair.initiator, ToBytes("hello"));
  record.pop_back();
  CHECK(Feed(pair.responder, record).empty());
  CHECK_FALSE(pair.responder.failed());
  CHECK_FALSE(pair.responder.confirmed());
}

TEST_CASE("repeated, left out and reordered records fail the channel for good") {
  Sites sites(Kind::kSharedKey);
  using Order = std::vector<std::size_t>;
  for (const Order& order : {Order{0, 0}, Order{0, 2}, Order{0, 2, 1}, Order{0, 1, 0}}) {
    Pair pair = Connect(sites);
    std::vector<Bytes> records;
    for (const char* text : {"a", "b", "c"})
      records.push_back(SealOne(pair.initiator, ToBytes(text)));
    std::size_t opened = 0;
    for (std::size_t index : order) opened += Feed(pair.responder, records[index]).size();
    CHECK(opened == (order[1] == 1 ? 2 : 1));
    CheckFailed(pair.responder, ChannelError::kRecordFailed);
    std::size_t used = 0;
    CHECK(pair.responder.Receive(records[1], used).empty());
    CHECK(used == records[1].size());
  }
}

TEST_CASE("an end does not take its own records, nor those of another connection") {
  Sites sites(Kind::kBoth);
  Pair pair = Connect(sites);
  Pair other = Connect(sites);
  CHECK(Feed(pair.initiator, SealOne(pair.initiator, ToBytes("mirror"))).empty());
  CheckFailed(pair.initiator, ChannelError::kRecordFailed);
  CHECK(Feed(pair.responder, SealOne(other.initiator, ToBytes("other"))).empty());
  CheckFailed(pair.responder, ChannelError::kRecordFailed);
}

TEST_CASE("message 1 sent again gets no answer, from whichever connection") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    const Bytes message1 = sites.NewInitiator().TakeOutput();
    SecureChannel first = sites.NewResponder();
    Feed(first, message1);
    REQUIRE(first.open());
    CheckRefused(sites, message1, ChannelError::kReplayed);
  }
}

TEST_CASE("another version or protocol is refused after the preamble, another length at once") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    const Bytes message1 = sites.NewInitiator().TakeOutput();
    const auto refused = [&](std::size_t at, int value, std::size_t size, ChannelError error) {
      Bytes bytes(message1.begin(), message1.begin() + static_cast<std::ptrdiff_t>(size));
      bytes[at] = static_cast<std::byte>(value);
      CheckRefused(sites, bytes, error);
    };
    refused(0, 'r', 8, ChannelError::kBadPreamble);
    refused(1, 'X', 8, ChannelError::kBadPreamble);
    for (int version : {0, 2, 255}) refused(2, version, 8, ChannelError::kBadPreamble);
    for (int suite : {0x00, 0x02, 0x10, 0x12, 0xff})
      refused(3, suite, 8, ChannelError::kUnknownSuite);
    refused(4, static_cast<int>(message1[4]) ^ 1, 8, ChannelError::kUnknownKey);
    refused(8, 1, 10, ChannelError::kBadLength);
    for (int change : {-1, 1})
      refused(9, static_cast<int>(message1[9]) + change, 10, ChannelError::kBadLength);
  }
}

TEST_CASE("a suite that the keyring has nothing for is refused") {
  Sites key_only(Kind::kSharedKey);
  Sites identities_only(Kind::kIdentities);
  Sites both(Kind::kBoth);
  CheckRefused(key_only, both.NewInitiator().TakeOutput(), ChannelError::kUnknownSuite);
  CheckRefused(identities_only, key_only.NewInitiator().TakeOutput(), ChannelError::kUnknownSuite);
  // The psk is part of suite 0x11 where the server has keys, and must not be where it has none.
  CheckRefused(identities_only, both.NewInitiator().TakeOutput(), ChannelError::kUnknownKey);
  CheckRefused(both, identities_only.NewInitiator().TakeOutput(), ChannelError::kUnknownKey);
  SecureChannel responder = both.NewResponder();
  Feed(responder, key_only.NewInitiator().TakeOutput());
  CHECK(responder.open());
}

TEST_CASE("where a shared key alone is no proof, it is refused, and an identity with it is not") {
  Sites key_only(Kind::kSharedKey);
  Sites both(Kind::kBoth);
  both.shared_key_alone = false;
  CheckRefused(both, key_only.NewInitiator().TakeOutput(), ChannelError::kUnknownSuite);
  SecureChannel responder = both.NewResponder();
  Feed(responder, both.NewInitiator().TakeOutput());
  CHECK(responder.open());
}

TEST_CASE("a wrong key is refused, even behind the right hint") {
  for (Kind kind : {Kind::kSharedKey, Kind::kBoth}) {
    Sites sites(kind);
    SharedKey wrong = MakeKey("site", "another key");
    auto keys = sites.initiator_keys();
    keys.key = &wrong;
    CheckRefused(sites, SecureChannel::Initiator(keys).TakeOutput(), ChannelError::kUnknownKey);
    wrong.hint = sites.key.hint;
    SecureChannel initiator = SecureChannel::Initiator(keys);
    SecureChannel responder = sites.NewResponder();
    Feed(responder, initiator.TakeOutput());
    if (kind == Kind::kSharedKey) {
      CheckFailed(responder, ChannelError::kHandshakeFailed);
      continue;
    }
    // IKpsk2 mixes the psk into message 2: the initiator finds out, and never confirms.
    CHECK(responder.open());
    Feed(initiator, responder.TakeOutput());
    CheckFailed(initiator, ChannelError::kHandshakeFailed);
    CHECK_FALSE(responder.confirmed());
  }
}

TEST_CASE("an identity that is not authorized is refused") {
  Sites sites(Kind::kIdentities);
  const Identity stranger = MakeIdentity(std::byte{0x55});
  auto keys = sites.initiator_keys();
  keys.identity = &stranger;
  const Bytes message1 = SecureChannel::Initiator(keys).TakeOutput();
  CheckRefused(sites, message1, ChannelError::kUnknownAgent);
  // And is not remembered: only who is authorized fills the replay cache.
  CheckRefused(sites, message1, ChannelError::kUnknownAgent);
}

TEST_CASE("a message 1 for another server is refused by mac1, and by the handshake behind it") {
  Sites sites(Kind::kIdentities);
  auto keys = sites.initiator_keys();
  keys.server_key = MakeIdentity(std::byte{0x66}).public_key;
  Bytes message1 = SecureChannel::Initiator(keys).TakeOutput();
  CheckRefused(sites, message1, ChannelError::kBadMac1);
  WriteMac1(message1, sites.server.public_key);
  CheckRefused(sites, message1, ChannelError::kHandshakeFailed);
}

TEST_CASE("another server cannot answer for the one whose key the client knows") {
  Sites sites(Kind::kIdentities);
  Sites imposter(Kind::kIdentities);
  imposter.server = MakeIdentity(std::byte{0x77});
  SecureChannel initiator = sites.NewInitiator();
  initiator.TakeOutput();
  SecureChannel helper = imposter.NewInitiator();
  SecureChannel responder = imposter.NewResponder();
  Feed(responder, helper.TakeOutput());
  REQUIRE(responder.open());
  Feed(initiator, responder.TakeOutput());
  CheckFailed(initiator, ChannelError::kHandshakeFailed);
}

TEST_CASE("public keys of low order are refused, whoever sends them") {
  Sites shared(Kind::kSharedKey);
  CheckRefused(shared, LowOrderMessage1(shared.key), ChannelError::kHandshakeFailed);

  Sites sites(Kind::kIdentities);
  Bytes message1 = sites.NewInitiator().TakeOutput();
  std::fill_n(message1.begin() + 10, 32, std::byte{0});
  WriteMac1(message1, sites.server.public_key);
  CheckRefused(sites, message1, ChannelError::kHandshakeFailed);

  auto keys = sites.initiator_keys();
  keys.server_key = PublicKey{};
  SecureChannel initiator = SecureChannel::Initiator(keys);
  CheckFailed(initiator, ChannelError::kHandshakeFailed);

  SecureChannel victim = shared.NewInitiator();
  victim.TakeOutput();
  Bytes message2(82);
  message2[1] = std::byte{80};
  Feed(victim, message2);
  CheckFailed(victim, ChannelError::kHandshakeFailed);
}

TEST_CASE("an initiator without any key fails at once") {
  SecureChannel initiator = SecureChannel::Initiator({});
  CheckFailed(initiator, ChannelError::kUnknownKey);
}

TEST_CASE("a failure before the handshake is sent leaves nothing to send") {
  Sites sites(Kind::kSharedKey);
  SecureChannel initiator = sites.NewInitiator();
  Feed(initiator, Bytes(82));
  CheckFailed(initiator, ChannelError::kBadLength);
}

}  // namespace redwall::crypto
