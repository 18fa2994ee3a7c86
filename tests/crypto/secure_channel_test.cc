// SecureChannel between two sites that mean well; secure_channel_attack_test.cc has the others.
#include "crypto/secure_channel.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "tests/crypto/channel_pair.h"

namespace redwall::crypto {
namespace {

constexpr Kind kAllKinds[] = {Kind::kSharedKey, Kind::kIdentities, Kind::kBoth};

Bytes Text(std::size_t size) {
  Bytes text(size);
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<std::byte>(i * 31 + size);
  return text;
}

Bytes Joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

TEST_CASE("the two ends agree, each suite with the names that it proves") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    SecureChannel initiator = sites.NewInitiator();
    SecureChannel responder = sites.NewResponder();
    CHECK(initiator.peer().empty());
    CHECK(initiator.handshake_hash().empty());
    const Bytes message1 = initiator.TakeOutput();
    CHECK(message1.size() == (sites.has_identities() ? 154 : 90));
    CHECK(initiator.TakeOutput().empty());
    CHECK(responder.TakeOutput().empty());
    Feed(responder, message1);
    CHECK(responder.open());
    CHECK_FALSE(responder.confirmed());
    CHECK_FALSE(initiator.open());
    const Bytes message2 = responder.TakeOutput();
    CHECK(message2.size() == 82);
    CHECK(responder.TakeOutput().empty());
    Feed(initiator, message2);
    CHECK(initiator.open());
    CHECK(initiator.confirmed());
    CHECK(initiator.handshake_hash().size() == 64);
    CHECK(ToHex(initiator.handshake_hash()) == ToHex(responder.handshake_hash()));
    CHECK(responder.peer() == (sites.has_identities() ? "site-a" : "site"));
    CHECK(initiator.peer() == (sites.has_key() ? "site" : "server"));
    CHECK(responder.key_name() == (sites.has_key() ? "site" : ""));
    CHECK(initiator.key_name() == responder.key_name());
    CHECK(responder.peer_proof() == (sites.has_identities() ? NoiseHash({sites.client.public_key})
                                                            : NoiseHash({sites.key.psk.bytes()})));
    CHECK(initiator.error() == ChannelError::kNone);
  }
}

TEST_CASE("the responder is confirmed by the first record, not before") {
  Sites sites(Kind::kBoth);
  Pair pair = Connect(sites);
  const Bytes record = SealOne(pair.initiator, Text(3));
  Feed(pair.responder, Bytes(record.begin(), record.end() - 1));
  CHECK_FALSE(pair.responder.confirmed());
  CHECK(Feed(pair.responder, Bytes(record.end() - 1, record.end())).size() == 1);
  CHECK(pair.responder.confirmed());
}

TEST_CASE("two handshakes have nothing in common") {
  Sites sites(Kind::kBoth);
  Pair a = Connect(sites);
  Pair b = Connect(sites);
  CHECK(ToHex(a.initiator.handshake_hash()) != ToHex(b.initiator.handshake_hash()));
  CHECK(SealOne(a.initiator, Text(8)) != SealOne(b.initiator, Text(8)));
  CHECK(SealOne(a.initiator, Text(8)) != SealOne(a.responder, Text(8)));
}

TEST_CASE("the handshake completes at every split point and byte by byte") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    for (std::size_t split = 0; split <= 154; ++split) {
      SecureChannel initiator = sites.NewInitiator();
      SecureChannel responder = sites.NewResponder();
      const auto pass = [split](SecureChannel& from, SecureChannel& to) {
        const Bytes message = from.TakeOutput();
        const auto middle =
            message.begin() + static_cast<std::ptrdiff_t>(std::min(split, message.size()));
        if (split == 0) {
          Feed(to, message, 1);
        } else {
          Feed(to, Bytes(message.begin(), middle));
          Feed(to, Bytes(middle, message.end()));
        }
      };
      pass(initiator, responder);
      pass(responder, initiator);
      REQUIRE(initiator.open());
      REQUIRE(responder.open());
      CHECK(Feed(responder, SealOne(initiator, Text(5))) == std::vector<Bytes>{Text(5)});
    }
  }
}

TEST_CASE("bytes after a handshake message are left for the next call, and are records") {
  for (Kind kind : kAllKinds) {
    Sites sites(kind);
    SecureChannel initiator = sites.NewInitiator();
    SecureChannel responder = sites.NewResponder();
    Feed(responder, initiator.TakeOutput());
    Bytes stream = responder.TakeOutput();
    const Bytes early = SealOne(responder, Text(9));
    stream.insert(stream.end(), early.begin(), early.end());
    std::size_t used = 0;
    CHECK(initiator.Receive(stream, used).empty());
    CHECK(used == 82);
    CHECK(initiator.open());
    const MutableBytes text = initiator.Receive(MutableBytes(stream).subspan(used), used);
    CHECK(Bytes(text.begin(), text.end()) == Text(9));
  }
}

TEST_CASE("several records pass both ways at every split point") {
  Sites sites(Kind::kSharedKey);
  const std::vector<Bytes> texts = {Text(1), Text(2), Text(40), Text(1)};
  const std::size_t total = 1 + 2 + 40 + 1 + 4 * kRecordOverhead;
  for (std::size_t split = 0; split <= total; ++split) {
    Pair pair = Connect(sites);
    for (auto [from, to] : {std::pair(&pair.initiator, &pair.responder),
                            std::pair(&pair.responder, &pair.initiator)}) {
      std::vector<Bytes> records;
      for (const Bytes& text : texts) records.push_back(SealOne(*from, text));
      const Bytes stream = Joined(records);
      REQUIRE(stream.size() == total);
      const auto middle = stream.begin() + static_cast<std::ptrdiff_t>(split);
      std::vector<Bytes> got = Feed(*to, Bytes(stream.begin(), middle));
      for (Bytes& text : Feed(*to, Bytes(middle, stream.end()))) got.push_back(std::move(text));
      CHECK(got == texts);
    }
  }
}

TEST_CASE("records pass in pieces of any size, the largest included") {
  Sites sites(Kind::kBoth);
  const std::vector<Bytes> texts = {Text(kMaxRecordPlaintext - 1), Text(kMaxRecordPlaintext),
                                    Text(1), Text(1000)};
  for (std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{17},
                            std::size_t{1000}, std::size_t{16402}, std::size_t{100000}}) {
    CAPTURE(piece);
    Pair pair = Connect(sites);
    std::vector<Bytes> records;
    for (const Bytes& text : texts) records.push_back(SealOne(pair.initiator, text));
    CHECK(Feed(pair.responder, Joined(records), piece) == texts);
  }
}

TEST_CASE("an empty input changes nothing") {
  Sites sites(Kind::kSharedKey);
  SecureChannel responder = sites.NewResponder();
  std::size_t used = 7;
  CHECK(responder.Receive({}, used).empty());
  CHECK(used == 0);
  CHECK_FALSE(responder.failed());
  Pair pair = Connect(sites);
  CHECK(pair.responder.Receive({}, used).empty());
  CHECK(used == 0);
  CHECK_FALSE(pair.responder.failed());
}

TEST_CASE("both directions go on past the rekeying, each by its own count") {
  Sites sites(Kind::kSharedKey);
  Pair pair = Connect(sites);
  Bytes record(1 + kRecordOverhead);
  for (std::uint32_t number = 0; number < 65540; ++number) {
    record[2] = static_cast<std::byte>(number);
    REQUIRE(pair.initiator.Seal(record, 1) == record.size());
    std::size_t used = 0;
    const MutableBytes text = pair.responder.Receive(record, used);
    REQUIRE(text.size() == 1);
    REQUIRE(text[0] == static_cast<std::byte>(number));
  }
  CHECK(Feed(pair.initiator, SealOne(pair.responder, Text(4))) == std::vector<Bytes>{Text(4)});
}

TEST_CASE("a channel moves with all its state") {
  Sites sites(Kind::kBoth);
  Pair pair = Connect(sites);
  const Bytes record = SealOne(pair.initiator, Text(100));
  Feed(pair.responder, Bytes(record.begin(), record.begin() + 50));
  SecureChannel moved = std::move(pair.responder);
  CHECK(Feed(moved, Bytes(record.begin() + 50, record.end())) == std::vector<Bytes>{Text(100)});
  CHECK(moved.peer() == "site-a");
}

TEST_CASE("a server with several keys serves clients of each while keys rotate") {
  Sites sites(Kind::kSharedKey);
  std::vector<SharedKey> keys;
  keys.push_back(MakeKey("old", "the old key"));
  keys.push_back(MakeKey("new", "the new key"));
  const auto keyring =
      std::make_shared<const Keyring>(std::move(keys), nullptr, std::vector<AuthorizedAgent>());
  for (const std::string name : {"old", "new"}) {
    const SharedKey key = MakeKey("mine", "the " + name + " key");
    SecureChannel initiator = SecureChannel::Initiator({&key, nullptr, {}});
    SecureChannel responder = SecureChannel::Responder(keyring, &sites.replays);
    Feed(responder, initiator.TakeOutput());
    Feed(initiator, responder.TakeOutput());
    CHECK(initiator.open());
    CHECK(responder.peer() == name);
    CHECK(responder.key_name() == name);
  }
}

TEST_CASE("the keyring is let go of when the handshake is over, well or not") {
  Sites sites(Kind::kBoth);
  auto keyring = sites.keyring();
  SecureChannel responder = SecureChannel::Responder(keyring, &sites.replays);
  CHECK(keyring.use_count() == 2);
  Feed(responder, sites.NewInitiator().TakeOutput());
  CHECK(responder.open());
  CHECK(keyring.use_count() == 1);
  SecureChannel failing = SecureChannel::Responder(keyring, &sites.replays);
  Feed(failing, ToBytes("GET / HTTP/1.1\r\n"));
  CHECK(failing.failed());
  CHECK(keyring.use_count() == 1);
}

TEST_CASE("every error has a sentence of its own") {
  std::set<std::string_view> sentences;
  for (int value = 0; value <= static_cast<int>(ChannelError::kNoResources); ++value)
    sentences.insert(Describe(static_cast<ChannelError>(value)));
  CHECK(sentences.size() == static_cast<std::size_t>(ChannelError::kNoResources) + 1);
  CHECK(sentences.count("an unknown error") == 0);
}

}  // namespace redwall::crypto
