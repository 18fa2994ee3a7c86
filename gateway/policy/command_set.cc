#include "gateway/policy/command_set.h"

#include <algorithm>

#include "gateway/json/names.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxWarnings = 100;  // guessing at names is slow; a person reads no more

// What one selector names, without its '-'.
struct Named {
  std::vector<std::uint16_t> ids;
  bool star = false;
  bool category = false;
  std::string name;     // that an unknown command can have; else empty
  std::string warning;  // else empty
  std::string error;    // else empty
};

bool IsSelectorText(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string Hint(std::string_view typed, const std::vector<std::string_view>& names) {
  const std::string_view nearest = json::NearestName(typed, names);
  return nearest.empty() ? std::string() : "; did you mean " + json::Quoted(nearest) + "?";
}

Named NameCategory(std::string_view name, const resp::CommandTable& table) {
  Named named;
  if (name == "all") {
    named.star = true;
    return named;
  }
  named.category = true;
  const resp::Categories bit = resp::CategoryBit(name);
  if (bit == 0) {
    named.error = "there is no category " + json::Quoted(name) + Hint(name, resp::CategoryNames());
    return named;
  }
  for (std::size_t id = 0; id < table.size(); ++id)
    if (table.at(static_cast<std::uint16_t>(id)).categories & bit)
      named.ids.push_back(static_cast<std::uint16_t>(id));
  return named;
}

std::vector<std::string_view> AllNames(const resp::CommandTable& table) {
  std::vector<std::string_view> names;
  for (std::size_t id = 0; id < table.size(); ++id)
    names.push_back(table.at(static_cast<std::uint16_t>(id)).name);
  return names;
}

// A rule means what Redis calls by the name, not what an operator has come to call by it; another
// name for a command means that command.
const resp::CommandInfo* FindByOwnName(std::string_view name, const resp::CommandTable& table) {
  for (std::size_t id = 0; id < table.size(); ++id) {
    const resp::CommandInfo& info = table.at(static_cast<std::uint16_t>(id));
    if (info.name == name) return &info;
  }
  return table.Find(name);
}

Named NameCommand(const std::string& name, const resp::CommandTable& table, bool warn) {
  Named named;
  const resp::CommandInfo* info = FindByOwnName(name, table);
  if (info == nullptr) {
    const auto bar = name.find('|');
    const resp::CommandInfo* container =
        bar == name.npos ? nullptr : FindByOwnName(std::string_view(name).substr(0, bar), table);
    // Such a rule would never match, and whoever wrote it counts on it.
    if (container != nullptr && !container->container) {
      named.error = json::Quoted(container->name) + " has no sub-commands";
      return named;
    }
    named.name = name;
    if (!warn) return named;
    named.warning = json::Quoted(name) + " is not a command of Redis 7.0: spelled right?" +
                    Hint(name, AllNames(table)).erase(0, 1);
    return named;
  }
  named.ids.push_back(info->id);
  if (!info->container) return named;
  named.name = info->name;  // `config foo`: a sub-command that only a newer server has
  const std::string within = info->name + "|";
  for (std::size_t id = 0; id < table.size(); ++id)
    if (table.at(static_cast<std::uint16_t>(id)).name.starts_with(within))
      named.ids.push_back(static_cast<std::uint16_t>(id));
  return named;
}

Named Name(const std::string& selector, const resp::CommandTable& table, bool warn) {
  Named named;
  if (!IsSelectorText(selector)) {
    named.error =
        "expected a command's name, \"container|subcommand\", \"@category\" or \"*\", got " +
        json::Quoted(selector);
    return named;
  }
  if (selector.front() == '@') return NameCategory(selector.substr(1), table);
  if (selector == "*") {
    named.star = true;
    return named;
  }
  if (selector.find('*') != selector.npos) {
    named.error = "expected a whole name, not a pattern, got " + json::Quoted(selector);
    return named;
  }
  return NameCommand(selector, table, warn);
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `name` itself or its container is listed.
bool Lists(const std::vector<std::string>& names, std::string_view name) {
  return Contains(names, name) || Contains(names, name.substr(0, name.find('|')));
}

}  // namespace

std::string FoldName(std::string_view name) {
  std::string out(name);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

Result<CommandSet, CommandSet::SelectorError> CommandSet::Make(
    const std::vector<std::string>& selectors, const resp::CommandTable& table,
    std::vector<std::string>& warnings) {
  CommandSet set;
  set.known_.assign((table.size() + 63) / 64, 0);
  std::vector<std::uint64_t> away = set.known_;
  bool star_away = false;
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    std::string selector = FoldName(selectors[i]);
    const bool minus = selector.starts_with("-");
    if (minus) selector.erase(0, 1);
    Named named = Name(selector, table, warnings.size() < kMaxWarnings);
    if (!named.error.empty()) return SelectorError{i, std::move(named.error)};
    if (!named.warning.empty()) warnings.push_back(std::move(named.warning));
    std::vector<std::uint64_t>& ids = minus ? away : set.known_;
    for (const std::uint16_t id : named.ids) ids[id / 64u] |= std::uint64_t{1} << (id % 64u);
    if (named.star) ids.assign(ids.size(), ~std::uint64_t{0});
    if (!minus && !named.star && !named.category)
      set.by_name_.insert(set.by_name_.end(), named.ids.begin(), named.ids.end());
    if (!named.name.empty()) (minus ? set.names_away_ : set.names_).push_back(named.name);
    (minus ? star_away : set.star_) |= named.star;
    set.star_less_categories_ |= minus && named.category;
  }
  for (std::size_t word = 0; word < away.size(); ++word) set.known_[word] &= ~away[word];
  std::sort(set.by_name_.begin(), set.by_name_.end());
  if (star_away) {
    set.star_ = false;
    set.names_.clear();
  }
  std::erase_if(set.names_,
                [&set](const std::string& name) { return Lists(set.names_away_, name); });
  return set;
}

UnknownName::UnknownName(const resp::Command& command) {
  // As CommandTable::Find: Redis compares names up to their first NUL.
  const auto fold = [](std::string_view text) {
    return FoldName(text.substr(0, std::min(text.find('\0'), kMaxNameBytes + 1)));
  };
  if (command.size() > 0) name = fold(command.name());
  full = name;
  if (command.size() > 1) full.append("|").append(fold(command.arg(1)));
}

CommandSet::Unknown CommandSet::HasUnknown(const UnknownName& name) const {
  if (!may_mean_unknown()) return Unknown::kNo;
  if (Contains(names_away_, name.name) || Contains(names_away_, name.full)) return Unknown::kNo;
  if (Contains(names_, name.name) || Contains(names_, name.full)) return Unknown::kNamed;
  if (!star_) return Unknown::kNo;
  return star_less_categories_ ? Unknown::kStarLess : Unknown::kStar;
}

bool CommandSet::TellsWithin(std::string_view name) const {
  const auto is_within = [name](const std::string& listed) {
    return listed.size() > name.size() && listed.starts_with(name) && listed[name.size()] == '|';
  };
  return std::any_of(names_.begin(), names_.end(), is_within) ||
         std::any_of(names_away_.begin(), names_away_.end(), is_within);
}

bool CommandSet::empty() const {
  return names_.empty() && !star_ &&
         std::all_of(known_.begin(), known_.end(), [](std::uint64_t word) { return word == 0; });
}

bool CommandSet::Covers(const CommandSet& other, bool star_is_unknown) const {
  for (std::size_t word = 0; word < known_.size(); ++word)
    if ((other.known_[word] & ~known_[word]) != 0) return false;
  // Now the unknown commands. What is taken away here may be what the other means: then it isn't
  // sure.
  if (!other.star_ && other.names_.empty()) return true;
  if (!names_away_.empty() || star_less_categories_) return false;
  if (star_ && star_is_unknown) return true;
  return !other.star_ &&
         std::all_of(other.names_.begin(), other.names_.end(),
                     [this](const std::string& name) { return Lists(names_, name); });
}

}  // namespace redwall::policy
