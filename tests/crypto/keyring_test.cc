#include "crypto/keyring.h"

#include <doctest/doctest.h>

#include "tests/crypto/channel_pair.h"

namespace redwall::crypto {
namespace {

Bytes Message(int number) { return ToBytes("message " + std::to_string(number)); }

}  // namespace

TEST_CASE("a keyring finds keys by their hint, the first of several with the same") {
  std::vector<SharedKey> keys;
  keys.push_back(MakeKey("old", "old key content"));
  keys.push_back(MakeKey("new", "new key content"));
  keys.push_back(MakeKey("copy", "new key content"));
  const auto old_hint = keys[0].hint;
  const auto new_hint = keys[1].hint;
  const Keyring keyring(std::move(keys), nullptr, {});
  CHECK(keyring.has_keys());
  REQUIRE(keyring.FindKey(old_hint) != nullptr);
  CHECK(keyring.FindKey(old_hint)->name == "old");
  CHECK(keyring.FindKey(new_hint)->name == "new");
  CHECK(keyring.FindKey(MakeKey("x", "third").hint) == nullptr);
  CHECK(keyring.FindKey(ByteView(new_hint).first(3)) == nullptr);
  CHECK(keyring.FindKey({}) == nullptr);
  CHECK(keyring.identity() == nullptr);
}

TEST_CASE("a keyring finds agents by their public key") {
  const Identity a = MakeIdentity(std::byte{1});
  const Identity b = MakeIdentity(std::byte{2});
  const Keyring keyring({}, nullptr,
                        {{"a", a.public_key}, {"b", b.public_key}, {"twice", a.public_key}});
  CHECK_FALSE(keyring.has_keys());
  REQUIRE(keyring.FindAgent(a.public_key) != nullptr);
  CHECK(keyring.FindAgent(a.public_key)->name == "a");
  CHECK(keyring.FindAgent(b.public_key)->name == "b");
  CHECK(keyring.FindAgent(MakeIdentity(std::byte{3}).public_key) == nullptr);
}

TEST_CASE("the replay cache refuses what it has seen, and forgets the oldest first") {
  ReplayCache cache(3);
  for (int i = 0; i < 3; ++i) CHECK(cache.Insert(Message(i)));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(cache.Insert(Message(i)));
  CHECK(cache.Insert(Message(3)));
  CHECK_FALSE(cache.Insert(Message(1)));
  CHECK_FALSE(cache.Insert(Message(2)));
  CHECK(cache.Insert(Message(0)));
  CHECK(cache.Insert(Message(1)));
}

TEST_CASE("the replay cache tells messages apart that differ in one bit") {
  ReplayCache cache;
  const Bytes message = Message(1);
  CHECK(cache.Insert(message));
  for (std::size_t i = 0; i < message.size(); ++i) {
    Bytes altered = message;
    altered[i] ^= std::byte{1};
    CHECK(cache.Insert(altered));
  }
  CHECK_FALSE(cache.Insert(message));
}

namespace {

std::vector<Identity> Clones(const Identity& identity) {
  std::vector<Identity> clones;
  clones.push_back({identity.private_key.Clone(), identity.public_key});
  return clones;
}

}  // namespace

TEST_CASE("a server answers to each of its identities, and tells which one was called") {
  Sites sites(Kind::kIdentities);
  const Identity next = MakeIdentity(std::byte{0x43});
  const auto keyring = std::make_shared<const Keyring>(
      std::vector<SharedKey>(), std::make_unique<Identity>(std::move(Clones(sites.server)[0])),
      std::vector<AuthorizedAgent>{{"site-a", sites.client.public_key}}, true, Clones(next));
  for (const PublicKey& called : {sites.server.public_key, next.public_key}) {
    SecureChannel::InitiatorKeys keys = sites.initiator_keys();
    keys.server_key = called;
    SecureChannel initiator = SecureChannel::Initiator(keys);
    SecureChannel responder = SecureChannel::Responder(keyring, &sites.replays);
    Feed(responder, initiator.TakeOutput());
    Feed(initiator, responder.TakeOutput());
    CHECK(initiator.confirmed());
    CHECK(responder.peer() == "site-a");
    for (const SecureChannel* end : {&initiator, &responder}) {
      CHECK(end->keys_in_use().server_key == FormatPublicKey(called));
      CHECK(end->keys_in_use().agent_key == FormatPublicKey(sites.client.public_key));
      CHECK(end->keys_in_use().shared_key.empty());
    }
  }
  SecureChannel::InitiatorKeys keys = sites.initiator_keys();
  keys.server_key = MakeIdentity(std::byte{0x44}).public_key;
  SecureChannel initiator = SecureChannel::Initiator(keys);
  SecureChannel responder = SecureChannel::Responder(keyring, &sites.replays);
  Feed(responder, initiator.TakeOutput());
  CheckFailed(responder, ChannelError::kBadMac1);
}

TEST_CASE("both ends name the shared key in use by its name and hint") {
  Sites sites(Kind::kSharedKey);
  const Pair pair = Connect(sites);
  CHECK(pair.initiator.keys_in_use().shared_key == "site " + ToHex(sites.key.hint));
  CHECK(pair.responder.keys_in_use().shared_key == pair.initiator.keys_in_use().shared_key);
  CHECK(pair.responder.keys_in_use().agent_key.empty());
  CHECK(pair.responder.keys_in_use().server_key.empty());
}

}  // namespace redwall::crypto
