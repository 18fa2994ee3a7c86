// PatternSet: a list of globs, ready to be asked "does any of you match this key?" quickly.
//
// Literal patterns and those of the form `literal*` are looked up in O(log n); only the others are
// matched one by one. Immutable once made; owns its patterns.
#ifndef REDWALL_GATEWAY_POLICY_PATTERN_SET_H_
#define REDWALL_GATEWAY_POLICY_PATTERN_SET_H_

#include <string>
#include <string_view>
#include <vector>

namespace redwall::policy {

class PatternSet {
 public:
  PatternSet() = default;
  explicit PatternSet(std::vector<std::string> patterns);

  // True where one of the patterns matches the whole of `text` (Redis's glob, see resp/glob.h; but
  // `*` matches the empty text too, which Redis's own code denies: a deny of "*" means every key).
  bool Matches(std::string_view text) const;

  // For a client's own pattern (PSUBSCRIBE). Covers: all that it matches is sure to be matched by
  // one pattern here. MayOverlap: false only where no text can be matched by it and by a pattern
  // here.
  bool Covers(std::string_view client_pattern) const;
  bool MayOverlap(std::string_view client_pattern) const;

  const std::vector<std::string>& patterns() const { return patterns_; }

 private:
  std::vector<std::string> patterns_;  // as given
  std::vector<std::string> exact_;     // sorted
  std::vector<std::string> prefixes_;  // sorted, none a prefix of another
  std::vector<std::string> globs_;     // the others
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_PATTERN_SET_H_
