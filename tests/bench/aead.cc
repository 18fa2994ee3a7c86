// ChaCha20-Poly1305 of one record, by libsodium and by libcrypto, for the sizes that records have:
// which of them a CipherState uses for which size (RecordAead::kMinPlaintext).
//
// A record is opened in a copy, since opening is in place; the copying is counted for both alike.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "crypto/primitives.h"
#include "crypto/record_aead.h"

namespace redwall::crypto {
namespace {

using Bytes = std::vector<std::byte>;
const Bytes kKey(kKeySize, std::byte{7});

void Count(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void SealLibsodium(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Bytes buffer(size + kTagSize);
  std::uint64_t nonce = 0;
  for (auto _ : state)
    if (!AeadSeal(kKey, ++nonce, {}, buffer, size)) state.SkipWithError("can't seal");
  Count(state);
}

void SealLibcrypto(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Bytes buffer(size + kTagSize);
  RecordAead aead(RecordAead::Direction::kSeal, kKey);
  std::uint64_t nonce = 0;
  for (auto _ : state)
    if (!aead.Seal(++nonce, buffer, size)) state.SkipWithError("can't seal");
  Count(state);
}

template <class Open>
void RunOpen(benchmark::State& state, Open open) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Bytes sealed(size + kTagSize);
  if (!AeadSeal(kKey, 1, {}, sealed, size)) return state.SkipWithError("can't seal");
  Bytes buffer = sealed;
  for (auto _ : state) {
    std::copy(sealed.begin(), sealed.end(), buffer.begin());
    if (!open(buffer)) state.SkipWithError("can't open");
  }
  Count(state);
}

void OpenLibsodium(benchmark::State& state) {
  RunOpen(state, [](MutableBytes buffer) { return AeadOpen(kKey, 1, {}, buffer); });
}

void OpenLibcrypto(benchmark::State& state) {
  RecordAead aead(RecordAead::Direction::kOpen, kKey);
  RunOpen(state, [&aead](MutableBytes buffer) { return aead.Open(1, buffer); });
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int size : {16, 64, 128, 256, 512, 1024, 4096, 16384}) benchmark->Arg(size);
}

BENCHMARK(SealLibsodium)->Apply(Sizes);
BENCHMARK(SealLibcrypto)->Apply(Sizes);
BENCHMARK(OpenLibsodium)->Apply(Sizes);
BENCHMARK(OpenLibcrypto)->Apply(Sizes);

}  // namespace
}  // namespace redwall::crypto

BENCHMARK_MAIN();
