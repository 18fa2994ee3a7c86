// Two ends of a SecureChannel in one process, with keys of fixed bytes and random ephemerals.
#ifndef REDWALL_TESTS_CRYPTO_CHANNEL_PAIR_H_
#define REDWALL_TESTS_CRYPTO_CHANNEL_PAIR_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/primitives.h"
#include "crypto/secure_channel.h"
#include "tests/crypto/hex.h"

namespace redwall::crypto {

enum class Kind { kSharedKey, kIdentities, kBoth };

inline SharedKey MakeKey(const std::string& name, std::string_view content) {
  SharedKey key;
  key.name = name;
  key.psk = Secret(kKeySize);
  REQUIRE(Blake2b(key.hint, {AsBytes(content)}));
  REQUIRE(Blake2b(key.psk.writable(), {AsBytes(content)}, AsBytes("redwall tunnel psk v1")));
  return key;
}

inline Identity MakeIdentity(std::byte filling) {
  Identity identity;
  identity.private_key = Secret(kKeySize);
  std::fill_n(identity.private_key.writable().begin(), kKeySize, filling);
  REQUIRE(PublicKeyOf(identity.private_key.bytes(), identity.public_key));
  return identity;
}

// The keys of two sites that know each other, and what the server remembers.
struct Sites {
  explicit Sites(Kind which)
      : kind(which),
        key(MakeKey("site", "a key file of more than 32 bytes, shared")),
        client(MakeIdentity(std::byte{0x41})),
        server(MakeIdentity(std::byte{0x42})) {}

  bool has_key() const { return kind != Kind::kIdentities; }
  bool has_identities() const { return kind != Kind::kSharedKey; }

  SecureChannel::InitiatorKeys initiator_keys() const {
    SecureChannel::InitiatorKeys keys;
    if (has_key()) keys.key = &key;
    if (has_identities()) {
      keys.identity = &client;
      keys.server_key = server.public_key;
    }
    return keys;
  }
  std::shared_ptr<const Keyring> keyring() const {
    std::vector<SharedKey> keys;
    if (has_key()) keys.push_back({key.name, key.hint, key.psk.Clone()});
    std::unique_ptr<Identity> identity;
    std::vector<AuthorizedAgent> agents;
    if (has_identities()) {
      identity.reset(new Identity{server.private_key.Clone(), server.public_key});
      agents.push_back({"site-a", client.public_key});
    }
    return std::make_shared<const Keyring>(std::move(keys), std::move(identity), std::move(agents),
                                           shared_key_alone);
  }
  SecureChannel NewInitiator() const { return SecureChannel::Initiator(initiator_keys()); }
  SecureChannel NewResponder() { return SecureChannel::Responder(keyring(), &replays); }

  Kind kind;
  bool shared_key_alone = true;
  SharedKey key;
  Identity client;
  Identity server;
  ReplayCache replays;
};

// Feeds `bytes` in pieces of at most `piece` and returns every plaintext. A channel that does not
// take a byte of what it is given, without having failed, is a failure.
inline std::vector<Bytes> Feed(SecureChannel& channel, Bytes bytes, std::size_t piece = SIZE_MAX) {
  std::vector<Bytes> plaintexts;
  std::size_t at = 0;
  while (at < bytes.size() && !channel.failed()) {
    MutableBytes rest = MutableBytes(bytes).subspan(at, std::min(piece, bytes.size() - at));
    std::size_t used = 0;
    const MutableBytes plaintext = channel.Receive(rest, used);
    REQUIRE(used > 0);
    REQUIRE(used <= rest.size());
    if (!plaintext.empty()) plaintexts.emplace_back(plaintext.begin(), plaintext.end());
    at += used;
  }
  return plaintexts;
}

inline Bytes SealOne(SecureChannel& channel, ByteView plaintext) {
  Bytes record(plaintext.size() + kRecordOverhead);
  std::copy(plaintext.begin(), plaintext.end(), record.begin() + 2);
  REQUIRE(channel.Seal(record, plaintext.size()) == record.size());
  return record;
}

struct Pair {
  SecureChannel initiator;
  SecureChannel responder;
};

// Both ends after the handshake.
inline Pair Connect(Sites& sites) {
  Pair pair{sites.NewInitiator(), sites.NewResponder()};
  Feed(pair.responder, pair.initiator.TakeOutput());
  Feed(pair.initiator, pair.responder.TakeOutput());
  REQUIRE(pair.initiator.open());
  REQUIRE(pair.responder.open());
  return pair;
}

// Dead, for this reason, and with nothing to say.
inline void CheckFailed(SecureChannel& channel, ChannelError error) {
  CHECK(channel.failed());
  CHECK(channel.error() == error);
  CHECK_FALSE(channel.open());
  CHECK_FALSE(channel.confirmed());
  CHECK(channel.TakeOutput().empty());
  CHECK(channel.handshake_hash().empty());
  Bytes record(kRecordOverhead + 1);
  CHECK(channel.Seal(record, 1) == 0);
}

}  // namespace redwall::crypto

#endif  // REDWALL_TESTS_CRYPTO_CHANNEL_PAIR_H_
