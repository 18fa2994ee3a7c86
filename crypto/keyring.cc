#include "crypto/keyring.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "crypto/primitives.h"

namespace redwall::crypto {

Keyring::Keyring(std::vector<SharedKey> keys, std::unique_ptr<Identity> identity,
                 std::vector<AuthorizedAgent> agents, bool shared_key_alone,
                 std::vector<Identity> more_identities)
    : keys_(std::move(keys)),
      identity_(std::move(identity)),
      agents_(std::move(agents)),
      shared_key_alone_(shared_key_alone),
      more_identities_(std::move(more_identities)) {}

const SharedKey* Keyring::FindKey(ByteView hint) const {
  // A hint travels in the clear, so there is nothing to hide here.
  const auto found = std::find_if(keys_.begin(), keys_.end(), [hint](const SharedKey& key) {
    return std::equal(key.hint.begin(), key.hint.end(), hint.begin(), hint.end());
  });
  return found == keys_.end() ? nullptr : &*found;
}

const AuthorizedAgent* Keyring::FindAgent(const PublicKey& key) const {
  const AuthorizedAgent* found = nullptr;
  for (const AuthorizedAgent& agent : agents_) {
    const bool same = ConstantTimeEqual(agent.public_key, key);
    if (same && found == nullptr) found = &agent;
  }
  return found;
}

std::size_t ReplayCache::DigestHash::operator()(const Digest& digest) const {
  // A digest is evenly spread by itself, and nobody chooses it without doing a handshake for each
  // try.
  std::size_t value = 0;
  std::memcpy(&value, digest.data(), sizeof value);
  return value;
}

bool ReplayCache::Insert(ByteView message1) {
  Digest digest{};
  if (!Blake2b(digest, {message1})) return false;
  const std::lock_guard lock(mutex_);
  if (!seen_.insert(digest).second) return false;
  order_.push_back(digest);
  if (order_.size() > capacity_) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

}  // namespace redwall::crypto
