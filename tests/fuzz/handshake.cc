// Feeds arbitrary bytes to both ends of a handshake. First byte of the input: bit 0 chooses the
// side that is attacked, bits 1-2 its suite, bit 3 has the genuine message with the input laid over
// it (exclusive or) instead of the input itself; the second byte is the size of the pieces.
//
// Whatever comes, a channel that is not open must not say a word, and progress is always made. Keys
// and ephemerals are fixed, so that every run is the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "crypto/primitives.h"
#include "crypto/secure_channel.h"

namespace {

using namespace redwall;          // NOLINT
using namespace redwall::crypto;  // NOLINT
using Bytes = std::vector<std::byte>;

void Require(bool condition) {
  if (!condition) std::abort();
}

SharedKey MakeKey() {
  SharedKey key{"fuzz", {}, Secret(kKeySize)};
  Require(Blake2b(key.hint, {AsBytes("fuzz")}));
  return key;
}

Identity MakeIdentity(std::byte filling) {
  Identity identity{Secret(kKeySize), {}};
  std::fill_n(identity.private_key.writable().begin(), kKeySize, filling);
  Require(PublicKeyOf(identity.private_key.bytes(), identity.public_key));
  return identity;
}

// What both sites know. Made once: only the channels differ between inputs.
struct World {
  SharedKey key = MakeKey();
  Identity client = MakeIdentity(std::byte{1});
  Identity server = MakeIdentity(std::byte{2});
  Bytes initiator_ephemeral = Bytes(kKeySize, std::byte{3});
  Bytes responder_ephemeral = Bytes(kKeySize, std::byte{4});

  SecureChannel Initiator(bool with_key, bool with_identity) const {
    SecureChannel::InitiatorKeys keys;
    if (with_key) keys.key = &key;
    if (with_identity) keys.identity = &client;
    keys.server_key = server.public_key;
    return SecureChannel::InitiatorForTest(keys, initiator_ephemeral);
  }
  SecureChannel Responder(bool with_key, bool with_identity, ReplayCache* replays) const {
    std::vector<SharedKey> keys;
    if (with_key) keys.push_back({key.name, key.hint, key.psk.Clone()});
    std::unique_ptr<Identity> identity;
    if (with_identity) identity.reset(new Identity{server.private_key.Clone(), server.public_key});
    return SecureChannel::ResponderForTest(
        std::make_shared<Keyring>(std::move(keys), std::move(identity),
                                  std::vector<AuthorizedAgent>{{"site-a", client.public_key}}),
        replays, responder_ephemeral);
  }
};

void Feed(SecureChannel& channel, MutableBytes in, std::size_t piece) {
  while (!in.empty() && !channel.failed()) {
    std::size_t used = 0;
    const MutableBytes text = channel.Receive(in.first(std::min(piece, in.size())), used);
    Require(used > 0 && used <= in.size());
    Require(text.empty() || channel.confirmed());
    in = in.subspan(used);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const World world;
  const bool attack_responder = (data[0] & 1) != 0;
  const bool with_identity = (data[0] & 2) != 0;
  const bool with_key = !with_identity || (data[0] & 4) != 0;
  const bool overlay = (data[0] & 8) != 0;
  const std::size_t piece = data[1] == 0 ? SIZE_MAX : data[1];
  const auto* const begin = reinterpret_cast<const std::byte*>(data);
  Bytes bytes(begin + 2, begin + size);

  ReplayCache replays;
  SecureChannel initiator = world.Initiator(with_key, with_identity);
  SecureChannel responder = world.Responder(with_key, with_identity, &replays);
  Bytes genuine = initiator.TakeOutput();
  if (!attack_responder) {
    Feed(responder, genuine, SIZE_MAX);
    genuine = responder.TakeOutput();
  }
  bool altered = true;
  if (overlay) {
    const Bytes original = genuine;
    for (std::size_t i = 0; i < std::min(bytes.size(), genuine.size()); ++i) genuine[i] ^= bytes[i];
    altered = genuine != original;
    bytes = genuine;
  }
  SecureChannel& victim = attack_responder ? responder : initiator;
  Feed(victim, bytes, piece);
  if (overlay) Require(victim.open() == !altered);
  if (!victim.open()) Require(victim.TakeOutput().empty() && victim.handshake_hash().empty());
  return 0;
}
