// Keyring: what a server agent accepts, and the memory of what it has already seen.
#ifndef REDWALL_CRYPTO_KEYRING_H_
#define REDWALL_CRYPTO_KEYRING_H_

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "crypto/key_file.h"

namespace redwall::crypto {

struct AuthorizedAgent {
  std::string name;  // the identity in policies and audit
  PublicKey public_key{};
};

// Immutable once made; replaced as a whole on reload.
class Keyring {
 public:
  // `identity` null: suite 0x11 is refused. `keys` empty: suite 0x01 is refused, and suite 0x11
  // runs with a psk of 32 zero bytes and hint 0. Where several keys have the same hint, the first
  // one counts. `more_identities`: further ones that clients may call this server by, while its own
  // key pair is being replaced.
  Keyring(std::vector<SharedKey> keys, std::unique_ptr<Identity> identity,
          std::vector<AuthorizedAgent> agents, bool shared_key_alone = true,
          std::vector<Identity> more_identities = {});

  // What the accessors point to lives as long as the keyring; null: there is none.
  const SharedKey* FindKey(ByteView hint) const;
  const Identity* identity() const { return identity_.get(); }
  const std::vector<Identity>& more_identities() const { return more_identities_; }
  // Every agent is compared, in constant time each.
  const AuthorizedAgent* FindAgent(const PublicKey& key) const;
  bool has_keys() const { return !keys_.empty(); }
  // Suite 0x01: whether a shared key is proof enough.
  bool shared_key_alone() const { return shared_key_alone_ && has_keys(); }

 private:
  std::vector<SharedKey> keys_;
  std::unique_ptr<Identity> identity_;
  std::vector<AuthorizedAgent> agents_;
  bool shared_key_alone_;
  std::vector<Identity> more_identities_;
};

// Remembers the first messages that were genuine, so that a recorded one gets no answer when it is
// sent again. Only who holds the key can add to it. Bounded: the oldest go first (65,536 of 16
// bytes by default). May be shared between threads.
class ReplayCache {
 public:
  // `capacity` is 1 or more, in messages.
  explicit ReplayCache(std::size_t capacity = 65536) : capacity_(capacity) {}
  // False where this message 1 has been seen before.
  bool Insert(ByteView message1);

 private:
  using Digest = std::array<std::byte, 16>;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const;
  };

  std::size_t capacity_;
  std::mutex mutex_;
  std::deque<Digest> order_;  // oldest first; the same digests as in seen_
  std::unordered_set<Digest, DigestHash> seen_;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_KEYRING_H_
