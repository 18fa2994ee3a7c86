// Hexadecimal text for test vectors, and bytes that tests own.
#ifndef REDWALL_TESTS_CRYPTO_HEX_H_
#define REDWALL_TESTS_CRYPTO_HEX_H_

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace redwall::crypto {

using Bytes = std::vector<std::byte>;

inline Bytes FromHex(std::string_view hex) {
  Bytes bytes;
  const auto digit = [](char c) {
    const std::string_view digits = "0123456789abcdef";
    const std::size_t value = digits.find(c);
    if (value == std::string_view::npos) throw std::invalid_argument("not hexadecimal");
    return value;
  };
  if (hex.size() % 2 != 0) throw std::invalid_argument("half a byte");
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(16 * digit(hex[i]) + digit(hex[i + 1])));
  return bytes;
}

inline std::string ToHex(ByteView bytes) {
  std::string hex;
  for (std::byte b : bytes) {
    hex += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
    hex += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
  }
  return hex;
}

inline Bytes ToBytes(std::string_view text) {
  const ByteView view = AsBytes(text);
  return {view.begin(), view.end()};
}

}  // namespace redwall::crypto

#endif  // REDWALL_TESTS_CRYPTO_HEX_H_
