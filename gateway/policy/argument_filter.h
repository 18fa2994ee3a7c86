// ArgumentFilter: what a rule's "arguments" asks of a command's arguments, by RE2.
#ifndef REDWALL_GATEWAY_POLICY_ARGUMENT_FILTER_H_
#define REDWALL_GATEWAY_POLICY_ARGUMENT_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "resp/command.h"

namespace re2 {
class RE2;
}

namespace redwall::policy {

class ArgumentFilter {
 public:
  static constexpr std::size_t kMaxPatternBytes = 4096;

  struct PatternError {
    std::string what;
  };
  // `index`: of the argument, 0 is the command's name, -1 the last one; absent: any argument but
  // the name. `pattern` is RE2's syntax, on bytes (Latin-1), and '.' is any of them.
  static Result<ArgumentFilter, PatternError> Make(std::optional<std::int32_t> index,
                                                   const std::string& pattern);

  enum class Found : std::uint8_t { kNo, kYes, kUntold };
  // kYes: the pattern is found in the argument, or in one of them; `whole`: it matches all of it
  // (of any: all of each). kNo where there is no such argument. kUntold: it has yet to arrive.
  Found Look(const resp::Command& command, bool whole) const;

 private:
  ArgumentFilter(std::optional<std::int32_t> index, std::shared_ptr<const re2::RE2> pattern);
  bool Matches(std::string_view text, bool whole) const;

  std::optional<std::int32_t> index_;
  std::shared_ptr<const re2::RE2> pattern_;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_ARGUMENT_FILTER_H_
