#include "gateway/policy/pattern_set.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "resp/glob.h"

namespace redwall::policy {
namespace {

bool IsLiteral(std::string_view pattern) {
  return resp::GlobLiteralPrefix(pattern).size() == pattern.size();
}

}  // namespace

PatternSet::PatternSet(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {
  std::vector<std::string> prefixes;
  for (const std::string& pattern : patterns_) {
    const std::string_view literal = resp::GlobLiteralPrefix(pattern);
    if (literal.size() == pattern.size()) {
      exact_.push_back(pattern);
    } else if (pattern.find_first_not_of('*', literal.size()) == pattern.npos) {
      prefixes.emplace_back(literal);
    } else {
      globs_.push_back(pattern);
    }
  }
  std::sort(exact_.begin(), exact_.end());
  std::sort(prefixes.begin(), prefixes.end());
  // A prefix sorts before all that it begins, so one look back finds what is redundant.
  for (std::string& prefix : prefixes)
    if (prefixes_.empty() || !prefix.starts_with(prefixes_.back()))
      prefixes_.push_back(std::move(prefix));
}

bool PatternSet::Matches(std::string_view text) const {
  // No prefix begins another one, so the only candidate is the greatest that isn't behind the text.
  const auto after = std::upper_bound(prefixes_.begin(), prefixes_.end(), text, std::less<>());
  if (after != prefixes_.begin() && text.starts_with(*std::prev(after))) return true;
  if (std::binary_search(exact_.begin(), exact_.end(), text, std::less<>())) return true;
  return std::any_of(globs_.begin(), globs_.end(),
                     [text](const std::string& glob) { return resp::GlobMatch(glob, text); });
}

bool PatternSet::Covers(std::string_view client_pattern) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [client_pattern](const std::string& own) {
    return own == client_pattern || resp::GlobCovers(own, client_pattern);
  });
}

bool PatternSet::MayOverlap(std::string_view client_pattern) const {
  if (IsLiteral(client_pattern)) return Matches(client_pattern);
  if (client_pattern.size() > resp::kMaxCoverPattern) return true;  // too long to look at
  const std::string_view theirs = resp::GlobLiteralPrefix(client_pattern);
  return std::any_of(patterns_.begin(), patterns_.end(), [=](const std::string& pattern) {
    const std::string_view own = resp::GlobLiteralPrefix(pattern);
    if (own.size() == pattern.size()) return resp::GlobMatch(client_pattern, pattern);
    return own.starts_with(theirs) || theirs.starts_with(own);
  });
}

}  // namespace redwall::policy
