// BLAKE2b-256 (RFC 7693: unkeyed, 32 bytes of output) of what is no secret, many messages at once.
// Nothing is wiped. Safe to call from any thread.
//
// Here, unlike elsewhere in this room, the algorithm is our own code: the audit's chain hashes each
// of its lines, at both sites, which is most of what a line costs. libsodium hashes one message
// after the other, and spreads each over a vector register, where every step waits for the one
// before. This one keeps a message in general registers, in half the time, and where there are
// several it takes four or eight of them side by side, one a lane of the vector registers: a third
// of the time, or a seventh. tests/crypto/blake2b_test.cc holds all of it against libsodium.
#ifndef REDWALL_CRYPTO_BLAKE2B_H_
#define REDWALL_CRYPTO_BLAKE2B_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace redwall::crypto {

// A hash in the making.
struct Blake2b256 {
  static constexpr std::size_t kBlock = 128;  // bytes
  using Digest = std::array<std::byte, 32>;

  // The front of the message, or what follows on that. Precondition: whole blocks, and more of the
  // message is to come.
  void Absorb(ByteView blocks);
  // The rest of the message, which is not empty unless the whole message is. The hash is used up.
  Digest Finish(ByteView rest);

  // Of what was absorbed: the chaining words, and how many bytes it was. They begin as RFC 7693,
  // section 2.6 says, the first one with the parameters of section 2.5: no key, 32 bytes of output.
  std::uint64_t words[8] = {0x6a09e667f3bcc908 ^ 0x01010020,
                            0xbb67ae8584caa73b,
                            0x3c6ef372fe94f82b,
                            0xa54ff53a5f1d36f1,
                            0x510e527fade682d1,
                            0x9b05688c2b3e6c1f,
                            0x1f83d9abfb41bd6b,
                            0x5be0cd19137e2179};
  std::uint64_t size = 0;
};

// A message's hash, and what it is to absorb.
struct Blake2bFront {
  Blake2b256 hash;
  ByteView blocks;
};

// How many messages are hashed side by side.
enum class Blake2bLanes : std::uint8_t { kOne = 1, kFour = 4, kEight = 8 };
Blake2bLanes MostLanes();  // that this processor has registers for

// `hash.Absorb(blocks)` for each of them; best where their sizes are alike. Precondition: the
// processor has so many `lanes`.
void AbsorbFronts(std::span<Blake2bFront> fronts, Blake2bLanes lanes = MostLanes());

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_BLAKE2B_H_
