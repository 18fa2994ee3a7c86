// Redis's glob patterns (stringmatchlen): * ? [abc] [^a-c] and backslash, on bytes.
//
// What may surprise: an empty text is matched by the empty pattern only (not by `*`). A set that
// isn't closed ends with the pattern. `[]` matches nothing, `[^]` anything. In `[a-]` the `]` is
// the end of a range. Ranges may be reversed, and compare bytes as signed, as Redis does on x86 (ÿ
// is before a).
#ifndef REDWALL_RESP_GLOB_H_
#define REDWALL_RESP_GLOB_H_

#include <cstddef>
#include <string_view>

namespace redwall::resp {

// True where `pattern` matches the whole of `text`, with Redis's meaning to the letter (an unclosed
// '[' included), in O(|pattern| * |text|) at worst, whatever the pattern: no exponential
// backtracking.
bool GlobMatch(std::string_view pattern, std::string_view text);

// True where every text that `inner` matches is sure to be matched by `outer`. False when in doubt.
// For channel rules: PSUBSCRIBE `inner` against the allowed `outer`. Always false for patterns over
// kMaxCoverPattern bytes: it costs the product of the two lengths, in time, and 40 times their sum,
// in memory.
inline constexpr std::size_t kMaxCoverPattern = 1024;
bool GlobCovers(std::string_view outer, std::string_view inner);

// The bytes before the first special character: a text that doesn't start with them can't match.
std::string_view GlobLiteralPrefix(std::string_view pattern);

}  // namespace redwall::resp

#endif  // REDWALL_RESP_GLOB_H_
