// CommandSet: what a rule's "commands" names.
//
// The set is all that the positive selectors name, less all that a selector with a leading '-'
// names; their order doesn't matter. A selector is a command's name (a container's covers its
// sub-commands), `container|subcommand`, `@category` or `*` (also written `@all`).
//
// Commands that the table doesn't know (modules, newer servers) have no category. They are matched
// by name, `name` and `name|first argument`, case folded; whether `*` means them too is for the
// caller to say, since it differs between an allow and a deny.
#ifndef REDWALL_GATEWAY_POLICY_COMMAND_SET_H_
#define REDWALL_GATEWAY_POLICY_COMMAND_SET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::policy {

// ASCII, as Redis folds names.
std::string FoldName(std::string_view name);

// How a command that the table doesn't know can be named, folded.
struct UnknownName {
  explicit UnknownName(const resp::Command& command);
  std::string name;  // "ft.search"
  std::string full;  // "ft.search|idx": as if it were a container
};

class CommandSet {
 public:
  struct SelectorError {
    std::size_t index;  // of the selector
    std::string what;
  };
  // `warnings` gets a sentence for each name that the table doesn't know.
  static Result<CommandSet, SelectorError> Make(const std::vector<std::string>& selectors,
                                                const resp::CommandTable& table,
                                                std::vector<std::string>& warnings);

  // A command of the table.
  bool Has(std::uint16_t id) const { return (known_[id / 64u] >> (id % 64u) & 1u) != 0; }
  // It is named by its own name or its container's, not by a category or `*` alone.
  bool HasByName(std::uint16_t id) const {
    return Has(id) && std::binary_search(by_name_.begin(), by_name_.end(), id);
  }

  // How an unknown command is meant, if at all. kStarLess: by `*`, but categories are taken away,
  // and whether it would be in one of those can't be told.
  enum class Unknown : std::uint8_t { kNo, kNamed, kStar, kStarLess };
  Unknown HasUnknown(const UnknownName& name) const;
  // True where something `name|...` is listed, or taken away: of the unknown command `name` its
  // first argument then matters.
  bool TellsWithin(std::string_view name) const;
  // False: no unknown command is meant, whatever its name.
  bool may_mean_unknown() const { return star_ || !names_.empty(); }

  bool empty() const;
  // True where each command that `other` can mean is sure to be meant here too. `star_is_unknown`:
  // `*` here means unknown commands too.
  bool Covers(const CommandSet& other, bool star_is_unknown) const;

 private:
  std::vector<std::uint64_t> known_;    // a bit an id
  std::vector<std::uint16_t> by_name_;  // sorted
  bool star_ = false;
  bool star_less_categories_ = false;
  // Folded; only names that an unknown command can have: those that the table lacks, and
  // containers.
  std::vector<std::string> names_;
  std::vector<std::string> names_away_;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_COMMAND_SET_H_
