// FNV-1a, 32 bits: a number for a text that is the same in every version and on every machine. Not
// for what a stranger chooses to have collide.
// Source: draft-eastlake-fnv, sections 2 and 5.
#ifndef REDWALL_BASE_FNV_H_
#define REDWALL_BASE_FNV_H_

#include <cstdint>
#include <string_view>

namespace redwall {

// `so_far`: the hash of what stands before `text`, where it comes in pieces.
constexpr std::uint32_t Fnv1a(std::string_view text, std::uint32_t so_far = 2166136261U) {
  for (const char c : text) so_far = (so_far ^ static_cast<unsigned char>(c)) * 16777619U;
  return so_far;
}

}  // namespace redwall

#endif  // REDWALL_BASE_FNV_H_
