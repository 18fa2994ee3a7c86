#include "gateway/policy/argument_filter.h"

#include <re2/re2.h>

#include <utility>

namespace redwall::policy {

ArgumentFilter::ArgumentFilter(std::optional<std::int32_t> index,
                               std::shared_ptr<const re2::RE2> pattern)
    : index_(index), pattern_(std::move(pattern)) {}

Result<ArgumentFilter, ArgumentFilter::PatternError> ArgumentFilter::Make(
    std::optional<std::int32_t> index, const std::string& pattern) {
  if (pattern.size() > kMaxPatternBytes) return PatternError{"a pattern has at most 4096 bytes"};
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_never_capture(true);
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (!compiled->ok()) return PatternError{"not a regular expression of RE2: " + compiled->error()};
  return ArgumentFilter(index, std::move(compiled));
}

bool ArgumentFilter::Matches(std::string_view text, bool whole) const {
  const re2::StringPiece piece(text.data(), text.size());
  const auto anchor = whole ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED;
  return pattern_->Match(piece, 0, text.size(), anchor, nullptr, 0);
}

ArgumentFilter::Found ArgumentFilter::Look(const resp::Command& command, bool whole) const {
  const auto answer = [](bool found) { return found ? Found::kYes : Found::kNo; };
  if (index_) {
    const std::int64_t at =
        *index_ >= 0 ? *index_ : static_cast<std::int64_t>(command.argc()) + *index_;
    if (at < 0 || at >= static_cast<std::int64_t>(command.argc())) return Found::kNo;
    const auto i = static_cast<std::size_t>(at);
    return i < command.size() ? answer(Matches(command.arg(i), whole)) : Found::kUntold;
  }
  // In part: one is enough. As a whole: one that doesn't match is.
  for (std::size_t i = 1; i < command.size(); ++i)
    if (Matches(command.arg(i), whole) != whole) return answer(!whole);
  if (command.size() < command.argc()) return Found::kUntold;
  return answer(whole && command.argc() > 1);
}

}  // namespace redwall::policy
