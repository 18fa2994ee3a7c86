// Known answers: the public Noise vectors where they are at hand, and those of our own second
// implementation (tests/support/noise_vectors.py), byte for byte.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "crypto/handshake_state.h"
#include "crypto/records.h"
#include "tests/crypto/channel_pair.h"

namespace redwall::crypto {
namespace {

using Json = nlohmann::json;

Bytes Field(const Json& vector, const std::string& name) {
  return vector.contains(name) ? FromHex(vector[name].get<std::string>()) : Bytes();
}

HandshakeState Side(const Json& vector, Role role) {
  const std::string prefix = role == Role::kInitiator ? "init_" : "resp_";
  HandshakeKeys keys;
  keys.psk = Secret::CopyOf(FromHex(vector[prefix + "psks"][0].get<std::string>()));
  keys.local_static = Secret::CopyOf(Field(vector, prefix + "static"));
  keys.ephemeral = Secret::CopyOf(Field(vector, prefix + "ephemeral"));
  const Bytes remote = Field(vector, prefix + "remote_static");
  if (!remote.empty()) {
    PublicKey key{};
    REQUIRE(remote.size() == key.size());
    std::copy(remote.begin(), remote.end(), key.begin());
    keys.remote_static = key;
  }
  const HandshakePattern& pattern =
      vector["protocol_name"] == kNnPsk0.protocol_name ? kNnPsk0 : kIkPsk2;
  return HandshakeState(pattern, role, Field(vector, prefix + "prologue"), std::move(keys));
}

void CheckTransportMessage(CipherState& from, CipherState& to, const Json& message) {
  const Bytes payload = Field(message, "payload");
  Bytes buffer = payload;
  buffer.resize(payload.size() + kTagSize);
  REQUIRE(from.EncryptWithAd({}, buffer, payload.size()));
  CHECK(buffer == Field(message, "ciphertext"));
  REQUIRE(to.DecryptWithAd({}, buffer));
  buffer.resize(payload.size());
  CHECK(buffer == payload);
}

void CheckHandshakeMessage(HandshakeState& from, HandshakeState& to, const Json& message) {
  const Bytes payload = Field(message, "payload");
  Bytes buffer(200);
  const auto size = from.WriteMessage(payload, buffer);
  REQUIRE(size);
  buffer.resize(*size);
  CHECK(buffer == Field(message, "ciphertext"));
  const auto read = to.ReadMessage(buffer);
  REQUIRE(read);
  CHECK(Bytes(read->begin(), read->end()) == payload);
}

void CheckNoiseVector(const Json& vector) {
  CAPTURE(vector["protocol_name"].get<std::string>());
  HandshakeState initiator = Side(vector, Role::kInitiator);
  HandshakeState responder = Side(vector, Role::kResponder);
  const Json& messages = vector["messages"];
  REQUIRE(messages.size() == 6);
  CheckHandshakeMessage(initiator, responder, messages[0]);
  CheckHandshakeMessage(responder, initiator, messages[1]);
  auto a = std::move(initiator).Finish();
  auto b = std::move(responder).Finish();
  REQUIRE(a);
  REQUIRE(b);
  CHECK(ToHex(a->handshake_hash) == vector["handshake_hash"]);
  CHECK(ToHex(b->handshake_hash) == vector["handshake_hash"]);
  for (std::size_t i = 2; i < messages.size(); i += 2) {
    CheckTransportMessage(a->send, b->receive, messages[i]);
    CheckTransportMessage(b->send, a->receive, messages[i + 1]);
  }
}

Json Load(const std::filesystem::path& path) {
  std::ifstream in(path);
  REQUIRE_MESSAGE(in, "cannot read ", path.string());
  return Json::parse(in);
}

Json OwnVectors() {
  return Load(std::filesystem::path(REDWALL_SOURCE_DIR) / "tests/vectors/noise.json");
}

std::optional<Identity> IdentityOf(const Json& vector, const std::string& name) {
  const Bytes private_key = Field(vector, name);
  if (private_key.empty()) return std::nullopt;
  Identity identity{Secret::CopyOf(private_key), {}};
  REQUIRE(PublicKeyOf(private_key, identity.public_key));
  return identity;
}

// Both ends of one vector, and the key that they share, if any.
struct Tunnel {
  explicit Tunnel(const Json& vector) : initiator(Initiate(vector)), responder(Respond(vector)) {}

  SecureChannel Initiate(const Json& vector) {
    const Bytes content = Field(vector, "key_file");
    if (!content.empty()) {
      key = MakeKey("site", AsText(content));
      CHECK(ToHex(key->hint) == vector["hint"]);
      CHECK(ToHex(key->psk.bytes()) == vector["psk"]);
    }
    client = IdentityOf(vector, "client_identity");
    server = IdentityOf(vector, "server_identity");
    SecureChannel::InitiatorKeys keys;
    if (key) keys.key = &*key;
    if (client) keys.identity = &*client;
    if (server) keys.server_key = server->public_key;
    return SecureChannel::InitiatorForTest(keys, Field(vector, "initiator_ephemeral"));
  }
  SecureChannel Respond(const Json& vector) {
    std::vector<SharedKey> keys;
    if (key) keys.push_back({key->name, key->hint, key->psk.Clone()});
    std::unique_ptr<Identity> identity;
    if (server) identity.reset(new Identity{server->private_key.Clone(), server->public_key});
    std::vector<AuthorizedAgent> agents;
    if (client) agents.push_back({"site-a", client->public_key});
    return SecureChannel::ResponderForTest(
        std::make_shared<Keyring>(std::move(keys), std::move(identity), std::move(agents)),
        &replays, Field(vector, "responder_ephemeral"));
  }

  std::optional<SharedKey> key;
  std::optional<Identity> client;
  std::optional<Identity> server;
  ReplayCache replays;
  SecureChannel initiator;
  SecureChannel responder;
};

void CheckRecord(SecureChannel& from, SecureChannel& to, const Json& plaintext,
                 const Json& expected) {
  const Bytes text = FromHex(plaintext.get<std::string>());
  const Bytes record = SealOne(from, text);
  CHECK(ToHex(record) == expected);
  const auto received = Feed(to, record);
  REQUIRE(received.size() == 1);
  CHECK(received[0] == text);
}

// Passes records, from `next` on, until `number` is next.
void Advance(SecureChannel& from, SecureChannel& to, std::uint64_t& next, std::uint64_t number) {
  Bytes record(1 + kRecordOverhead);
  for (; next < number; ++next) {
    record[2] = std::byte{'x'};
    const std::size_t size = from.Seal(record, 1);
    std::size_t used = 0;
    const MutableBytes text = to.Receive(record, used);
    if (size != record.size() || used != size || text.size() != 1) FAIL("record ", next);
  }
}

}  // namespace

TEST_CASE("the handshakes give the public Noise vectors") {
  const char* const named = std::getenv("REDWALL_NOISE_VECTORS");
  const std::filesystem::path path =
      named != nullptr ? named
                       : std::filesystem::path(REDWALL_SOURCE_DIR) / "../shared/vectors/noise.json";
  if (named == nullptr && !std::filesystem::exists(path)) {
    MESSAGE("skipped: no public vectors here; set REDWALL_NOISE_VECTORS to their file");
    return;
  }
  int checked = 0;
  const Json file = Load(path);
  for (const Json& vector : file["vectors"]) {
    if (vector["protocol_name"] != kNnPsk0.protocol_name &&
        vector["protocol_name"] != kIkPsk2.protocol_name)
      continue;
    CheckNoiseVector(vector);
    ++checked;
  }
  CHECK(checked >= 2);
}

TEST_CASE("the handshakes give what the Python implementation computes") {
  const Json vectors = OwnVectors()["noise"];
  REQUIRE(vectors.size() == 2);
  for (const Json& vector : vectors) CheckNoiseVector(vector);
}

TEST_CASE("whole tunnels are byte for byte those of the Python implementation") {
  const Json vectors = OwnVectors()["tunnels"];
  REQUIRE(vectors.size() == 3);
  for (const Json& vector : vectors) {
    CAPTURE(vector["name"].get<std::string>());
    Tunnel tunnel(vector);
    const Bytes message1 = tunnel.initiator.TakeOutput();
    CHECK(ToHex(message1) == vector["message1"]);
    Feed(tunnel.responder, message1);
    const Bytes message2 = tunnel.responder.TakeOutput();
    CHECK(ToHex(message2) == vector["message2"]);
    Feed(tunnel.initiator, message2);
    REQUIRE(tunnel.initiator.open());
    CHECK(ToHex(tunnel.initiator.handshake_hash()) == vector["handshake_hash"]);
    CHECK(ToHex(tunnel.responder.handshake_hash()) == vector["handshake_hash"]);

    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    for (const Json& record : vector["records"]) {
      const bool forward = record["from"] == "initiator";
      CheckRecord(forward ? tunnel.initiator : tunnel.responder,
                  forward ? tunnel.responder : tunnel.initiator, record["plaintext"],
                  record["record"]);
      ++(forward ? sent : answered);
    }
    REQUIRE(vector["rekey"].size() == 4);
    for (const Json& record : vector["rekey"]) {
      const auto number = record["number"].get<std::uint64_t>();
      CAPTURE(number);
      Advance(tunnel.initiator, tunnel.responder, sent, number);
      Advance(tunnel.responder, tunnel.initiator, answered, number);
      CheckRecord(tunnel.initiator, tunnel.responder, record["plaintext"], record["initiator"]);
      CheckRecord(tunnel.responder, tunnel.initiator, record["plaintext"], record["responder"]);
      ++sent;
      ++answered;
    }
  }
}

}  // namespace redwall::crypto
