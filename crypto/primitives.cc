#include "crypto/primitives.h"

#include <sodium.h>

#include <algorithm>

namespace redwall::crypto {
namespace {

constexpr std::size_t kHmacBlock = 128;  // the block of BLAKE2b (RFC 7693, section 2.1)

const unsigned char* Raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Raw(MutableBytes bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// A BLAKE2b under way; its state, which may hold key material, is wiped at the end.
class Hasher {
 public:
  Hasher(std::size_t out_size, ByteView key) {
    ok_ = out_size >= 1 && out_size <= kHashSize && key.size() <= kHashSize &&
          crypto_generichash_init(&state_, key.empty() ? nullptr : Raw(key), key.size(),
                                  out_size) == 0;
  }
  ~Hasher() { sodium_memzero(&state_, sizeof state_); }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Update(ByteView part) {
    if (ok_ && !part.empty()) crypto_generichash_update(&state_, Raw(part), part.size());
  }
  void Update(std::initializer_list<ByteView> parts) {
    for (ByteView part : parts) Update(part);
  }
  bool Final(MutableBytes out) {
    return ok_ && crypto_generichash_final(&state_, Raw(out), out.size()) == 0;
  }

 private:
  crypto_generichash_state state_;
  bool ok_ = false;
};

// Stack bytes that are wiped when they go out of scope.
template <std::size_t N>
struct Scratch {
  std::array<std::byte, N> bytes{};
  ~Scratch() { WipeBytes(bytes); }
};

struct Nonce {
  explicit Nonce(std::uint64_t n) {
    for (std::size_t i = 0; i < 8; ++i) bytes[4 + i] = static_cast<unsigned char>(n >> (8 * i));
  }
  std::array<unsigned char, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> bytes{};
};

}  // namespace

bool Init() {
  static const bool ready = sodium_init() >= 0;
  return ready;
}

bool Random(MutableBytes out) {
  if (!Init()) return false;
  randombytes_buf(out.data(), out.size());
  return true;
}

std::uint32_t RandomBelow(std::uint32_t bound) { return Init() ? randombytes_uniform(bound) : 0; }

bool ConstantTimeEqual(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

void WipeBytes(MutableBytes bytes) {
  if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

bool PublicKeyOf(ByteView private_key, MutableBytes public_key) {
  return private_key.size() == kKeySize && public_key.size() == kKeySize &&
         crypto_scalarmult_base(Raw(public_key), Raw(private_key)) == 0;
}

bool DiffieHellman(ByteView private_key, ByteView public_key, MutableBytes shared) {
  return private_key.size() == kKeySize && public_key.size() == kKeySize &&
         shared.size() == kKeySize &&
         crypto_scalarmult(Raw(shared), Raw(private_key), Raw(public_key)) == 0;
}

bool Blake2b(MutableBytes out, std::initializer_list<ByteView> parts, ByteView key) {
  Hasher hasher(out.size(), key);
  hasher.Update(parts);
  return hasher.Final(out);
}

Hash NoiseHash(std::initializer_list<ByteView> parts) {
  Hash hash{};
  // Cannot fail: the sizes are right, and BLAKE2b allocates nothing.
  (void)Blake2b(hash, parts);
  return hash;
}

bool HmacBlake2b(MutableBytes mac, ByteView key, std::initializer_list<ByteView> parts) {
  if (mac.size() != kHashSize) return false;
  Scratch<kHmacBlock> block;
  if (key.size() > kHmacBlock) {
    if (!Blake2b(MutableBytes(block.bytes).first<kHashSize>(), {key})) return false;
  } else {
    std::copy(key.begin(), key.end(), block.bytes.begin());
  }
  Scratch<kHashSize> inner;
  for (std::byte& b : block.bytes) b ^= std::byte{0x36};
  Hasher inner_hasher(kHashSize, {});
  inner_hasher.Update(block.bytes);
  inner_hasher.Update(parts);
  if (!inner_hasher.Final(inner.bytes)) return false;
  for (std::byte& b : block.bytes) b ^= std::byte{0x36 ^ 0x5c};
  return Blake2b(mac, {block.bytes, inner.bytes});
}

bool Hkdf(ByteView chaining_key, ByteView input, std::initializer_list<MutableBytes> outputs) {
  if (chaining_key.size() != kHashSize || outputs.size() < 2 || outputs.size() > 3) return false;
  Scratch<kHashSize> temp_key;
  if (!HmacBlake2b(temp_key.bytes, chaining_key, {input})) return false;
  Scratch<kHashSize> block;
  std::byte counter{0};
  for (MutableBytes out : outputs) {
    if (out.empty() || out.size() > kHashSize) return false;
    const ByteView previous = ByteView(block.bytes).first(counter == std::byte{0} ? 0 : kHashSize);
    counter = static_cast<std::byte>(static_cast<unsigned>(counter) + 1);
    if (!HmacBlake2b(block.bytes, temp_key.bytes, {previous, ByteView(&counter, 1)})) return false;
    std::copy_n(block.bytes.begin(), out.size(), out.begin());
  }
  return true;
}

bool AeadSeal(ByteView key, std::uint64_t nonce, ByteView ad, MutableBytes buffer,
              std::size_t plaintext_size) {
  if (key.size() != kKeySize || buffer.size() < kTagSize ||
      buffer.size() - kTagSize < plaintext_size)
    return false;
  const Nonce iv(nonce);
  return crypto_aead_chacha20poly1305_ietf_encrypt_detached(
             Raw(buffer), Raw(buffer.subspan(plaintext_size)), nullptr, Raw(buffer), plaintext_size,
             Raw(ad), ad.size(), nullptr, iv.bytes.data(), Raw(key)) == 0;
}

bool AeadOpen(ByteView key, std::uint64_t nonce, ByteView ad, MutableBytes buffer) {
  if (key.size() != kKeySize || buffer.size() < kTagSize) return false;
  const Nonce iv(nonce);
  const std::size_t size = buffer.size() - kTagSize;
  return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
             Raw(buffer), nullptr, Raw(buffer), size, Raw(buffer.subspan(size)), Raw(ad), ad.size(),
             iv.bytes.data(), Raw(key)) == 0;
}

}  // namespace redwall::crypto
