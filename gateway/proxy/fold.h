// Names as Redis compares them.
#ifndef REDWALL_GATEWAY_PROXY_FOLD_H_
#define REDWALL_GATEWAY_PROXY_FOLD_H_

#include <algorithm>
#include <string_view>

namespace redwall::proxy {

// As Redis's strcasecmp: ASCII case is folded, and what follows a NUL doesn't count.
inline bool EqualsFolded(std::string_view text, std::string_view lower) {
  text = text.substr(0, text.find('\0'));
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_FOLD_H_
