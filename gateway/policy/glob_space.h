// GlobSpace: a set of keys (or channels) as a list of Redis's globs, with others taken away.
//
// Redis's ACLs list what is allowed and have no "all but": so what is left is written as globs,
// too. Without `secret:*` that is `[^s]*`, `s`, `s[^e]*`, `se` and so on: exact for literals and
// for patterns of the form `literal*`. What other patterns match is taken away with more, all that
// has the same beginning, so that doubt opens nothing.
#ifndef REDWALL_GATEWAY_POLICY_GLOB_SPACE_H_
#define REDWALL_GATEWAY_POLICY_GLOB_SPACE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redwall::policy {

class GlobSpace {
 public:
  GlobSpace() = default;  // nothing
  explicit GlobSpace(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  // Takes away all that one of the patterns matches.
  void Remove(const std::vector<std::string>& patterns) {
    removed_.insert(removed_.end(), patterns.begin(), patterns.end());
  }

  // What is left, as globs; empty: nothing is. {"*"}: everything. The empty key is left out where
  // something is taken away, and so are patterns that an ACL can't write (see CanBeWritten).
  std::vector<std::string> Globs() const;
  // Only those patterns that have nothing in common with what is taken away, as they are.
  std::vector<std::string> Untouched() const;

  // Whether Globs() without `pattern` leaves out no more than it must.
  static bool RemovesExactly(std::string_view pattern);
  // White space and NUL end a word of an ACL, and can't be quoted there.
  static bool CanBeWritten(std::string_view pattern);

 private:
  std::vector<std::string> patterns_, removed_;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_GLOB_SPACE_H_
