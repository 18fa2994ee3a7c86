#include "crypto/blake2b.h"

#include <algorithm>
#include <bit>
#include <cstring>

// Into each of the functions below that have vector registers of their own.
#define REDWALL_ALWAYS_INLINE inline __attribute__((always_inline))

namespace redwall::crypto {
namespace {

constexpr std::size_t kWords = Blake2b256::kBlock / sizeof(std::uint64_t);
constexpr std::size_t kRounds = 12;

// RFC 7693, section 2.6.
constexpr std::uint64_t kIv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                  0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                  0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// Section 2.7: the order in which a round takes the block's words. It begins anew after
// ten rounds.
constexpr std::uint8_t kOrder[10][kWords] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

// One word of each of so many messages; what is done with it is done with each of them.
template <std::size_t kLanes>
struct LanesOf {
  using Word __attribute__((vector_size(kLanes * sizeof(std::uint64_t)))) = std::uint64_t;
};

template <unsigned kBits, class Word>
REDWALL_ALWAYS_INLINE void XorAndRotate(Word& word, const Word& other) {
  word ^= other;
  word = (word >> kBits) | (word << (64 - kBits));
}

// G of section 3.1.
template <class Word>
REDWALL_ALWAYS_INLINE void Mix(Word& a, Word& b, Word& c, Word& d, const Word& x, const Word& y) {
  a += b + x;
  XorAndRotate<32>(d, a);
  c += d;
  XorAndRotate<24>(b, c);
  a += b + y;
  XorAndRotate<16>(d, a);
  c += d;
  XorAndRotate<63>(b, c);
}

// `block[i]`: its word i.
template <std::size_t kRound = 0, class Word, class Block>
REDWALL_ALWAYS_INLINE void MixRounds(Word (&v)[16], const Block& block) {
  constexpr auto& kNow = kOrder[kRound % std::size(kOrder)];
  Mix(v[0], v[4], v[8], v[12], block[kNow[0]], block[kNow[1]]);
  Mix(v[1], v[5], v[9], v[13], block[kNow[2]], block[kNow[3]]);
  Mix(v[2], v[6], v[10], v[14], block[kNow[4]], block[kNow[5]]);
  Mix(v[3], v[7], v[11], v[15], block[kNow[6]], block[kNow[7]]);
  Mix(v[0], v[5], v[10], v[15], block[kNow[8]], block[kNow[9]]);
  Mix(v[1], v[6], v[11], v[12], block[kNow[10]], block[kNow[11]]);
  Mix(v[2], v[7], v[8], v[13], block[kNow[12]], block[kNow[13]]);
  Mix(v[3], v[4], v[9], v[14], block[kNow[14]], block[kNow[15]]);
  // Not a loop: in each round it is known which words these are.
  if constexpr (kRound + 1 < kRounds) MixRounds<kRound + 1>(v, block);
}

// F of section 3.2. `size`: bytes of the message up to the end of this block. `last`: all bits set
// in the last block, else zero.
template <class Word, class Block>
REDWALL_ALWAYS_INLINE void Compress(Word (&h)[8], const Block& block, const Word& size,
                                    std::uint64_t last) {
  const Word none{};
  Word v[16] = {h[0],          h[1],          h[2],          h[3],
                h[4],          h[5],          h[6],          h[7],
                none + kIv[0], none + kIv[1], none + kIv[2], none + kIv[3],
                none + kIv[4], none + kIv[5], none + kIv[6], none + kIv[7]};
  v[12] ^= size;
  v[14] ^= none + last;
  MixRounds(v, block);
  for (std::size_t i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
}

REDWALL_ALWAYS_INLINE std::uint64_t LoadWord(const std::byte* in) {
  std::uint64_t word;
  std::memcpy(&word, in, sizeof word);
  return std::endian::native == std::endian::big ? __builtin_bswap64(word) : word;
}

struct BlockInPlace {
  const std::byte* in;
  REDWALL_ALWAYS_INLINE std::uint64_t operator[](std::size_t i) const {
    return LoadWord(in + i * sizeof(std::uint64_t));
  }
};

void CompressOne(Blake2b256& hash, const std::byte* in, bool last) {
  Compress(hash.words, BlockInPlace{in}, hash.size, last ? ~std::uint64_t{0} : 0);
}

// Of up to kLanes messages. A lane whose message is done, or that has none, goes on with zeros, and
// what comes of it is nobody's.
template <std::size_t kLanes>
REDWALL_ALWAYS_INLINE void AbsorbSideBySide(std::span<Blake2bFront> fronts) {
  using Word = typename LanesOf<kLanes>::Word;
  static constexpr std::byte kZeros[Blake2b256::kBlock] = {};
  Word h[8] = {}, size{};
  std::size_t end = 0;
  for (std::size_t lane = 0; lane < fronts.size(); ++lane) {
    for (std::size_t i = 0; i < 8; ++i) h[i][lane] = fronts[lane].hash.words[i];
    size[lane] = fronts[lane].hash.size;
    end = std::max(end, fronts[lane].blocks.size());
  }
  for (std::size_t at = 0; at < end; at += Blake2b256::kBlock) {
    const std::byte* in[kLanes];
    std::fill(in, in + kLanes, kZeros);
    for (std::size_t lane = 0; lane < fronts.size(); ++lane)
      if (at < fronts[lane].blocks.size()) in[lane] = fronts[lane].blocks.data() + at;
    Word block[kWords] = {};
    for (std::size_t i = 0; i < kWords; ++i)
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        block[i][lane] = LoadWord(in[lane] + i * sizeof(std::uint64_t));
    size += Blake2b256::kBlock;
    Compress(h, block, size, 0);
    for (std::size_t lane = 0; lane < fronts.size(); ++lane) {
      if (at + Blake2b256::kBlock != fronts[lane].blocks.size()) continue;
      for (std::size_t i = 0; i < 8; ++i) fronts[lane].hash.words[i] = h[i][lane];
      fronts[lane].hash.size = size[lane];
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void AbsorbFour(std::span<Blake2bFront> fronts) {
  AbsorbSideBySide<4>(fronts);
}
__attribute__((target("avx512f"))) void AbsorbEight(std::span<Blake2bFront> fronts) {
  AbsorbSideBySide<8>(fronts);
}
#else
void AbsorbFour(std::span<Blake2bFront>) {}
void AbsorbEight(std::span<Blake2bFront>) {}
#endif

}  // namespace

void Blake2b256::Absorb(ByteView blocks) {
  for (; blocks.size() >= kBlock; blocks = blocks.subspan(kBlock)) {
    size += kBlock;
    CompressOne(*this, blocks.data(), false);
  }
}

Blake2b256::Digest Blake2b256::Finish(ByteView rest) {
  const std::size_t front = rest.empty() ? 0 : (rest.size() - 1) / kBlock * kBlock;
  Absorb(rest.first(front));
  rest = rest.subspan(front);
  std::array<std::byte, kBlock> block{};
  std::copy(rest.begin(), rest.end(), block.begin());
  size += rest.size();
  CompressOne(*this, block.data(), true);
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::byte>(words[i / 8] >> (8 * (i % 8)));
  return digest;
}

Blake2bLanes MostLanes() {
#if defined(__x86_64__)
  static const Blake2bLanes most = __builtin_cpu_supports("avx512f") ? Blake2bLanes::kEight
                                   : __builtin_cpu_supports("avx2")  ? Blake2bLanes::kFour
                                                                     : Blake2bLanes::kOne;
  return most;
#else
  return Blake2bLanes::kOne;
#endif
}

void AbsorbFronts(std::span<Blake2bFront> fronts, Blake2bLanes lanes) {
  constexpr std::size_t kWorthwhile = 3;  // messages: all lanes together take as long as two or so
  while (lanes != Blake2bLanes::kOne && fronts.size() >= kWorthwhile) {
    const auto some = fronts.first(std::min(fronts.size(), static_cast<std::size_t>(lanes)));
    lanes == Blake2bLanes::kEight ? AbsorbEight(some) : AbsorbFour(some);
    fronts = fronts.subspan(some.size());
  }
  for (Blake2bFront& front : fronts) front.hash.Absorb(front.blocks);
}

}  // namespace redwall::crypto
