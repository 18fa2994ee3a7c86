// Bytes: views on raw memory, and big-endian numbers in them (the tunnel's byte order).
#ifndef REDWALL_BASE_BYTES_H_
#define REDWALL_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace redwall {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline ByteView AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Writes the sizeof(T) bytes of `value` at `out`, most significant first.
template <class T>
void StoreBigEndian(std::byte* out, T value) {
  for (std::size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> (sizeof(T) > 1 ? 8 : 0)))
    out[i] = static_cast<std::byte>(value & 0xff);
}
template <class T>
T LoadBigEndian(const std::byte* in) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>((sizeof(T) > 1 ? value << 8 : 0) | static_cast<T>(in[i]));
  return value;
}

}  // namespace redwall

#endif  // REDWALL_BASE_BYTES_H_
