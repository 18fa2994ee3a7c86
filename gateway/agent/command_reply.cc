#include "gateway/agent/command_reply.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace redwall::agent {
namespace {

using net::Reply;
using resp::CommandInfo;
using resp::CommandTable;
using resp::KeySpec;

constexpr std::size_t kMaxCommands = 65536;
constexpr std::size_t kMaxName = 128;  // bytes

// The fields of an entry, by position.
enum Field : std::size_t {
  kName,
  kArity,
  kFlags,
  kFirst,
  kLast,
  kStep,
  kCategories,
  kTips,
  kSpecs,
  kSubcommands
};
constexpr std::size_t kLeastFields = kCategories;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

template <class Number>
std::optional<Number> ReadNumber(const Reply* reply) {
  if (reply == nullptr || reply->type != Reply::Type::kInteger ||
      reply->integer < std::numeric_limits<Number>::min() ||
      reply->integer > std::numeric_limits<Number>::max())
    return std::nullopt;
  return static_cast<Number>(reply->integer);
}

std::optional<std::string> ReadName(const Reply& reply) {
  if (!reply.is_text() || reply.text.empty() || reply.text.size() > kMaxName) return std::nullopt;
  return Lower(reply.text);
}

// The bits of a list of words; words without a bit are none of redwall's business. Nothing where it
// isn't a list of words.
template <class BitOf>
std::optional<std::uint32_t> ReadBits(const Reply& list, BitOf bit_of) {
  if (list.type != Reply::Type::kArray) return std::nullopt;
  std::uint32_t bits = 0;
  for (const Reply& word : list.elements) {
    if (!word.is_text()) return std::nullopt;
    bits |= bit_of(std::string_view(word.text));
  }
  return bits;
}

// Not "handshake": that is redwall's own, and a server's module could call a category so.
resp::Categories ServersCategory(std::string_view name) {
  if (!name.starts_with('@')) return 0;
  return resp::CategoryBit(name.substr(1)) & ~resp::CategoryBit("handshake");
}

// A map is a flat list of names and values in RESP2. Null where there is none of that name.
const Reply* Member(const Reply* map, std::string_view name) {
  if (map == nullptr || map->type != Reply::Type::kArray) return nullptr;
  for (std::size_t i = 0; i + 1 < map->elements.size(); i += 2)
    if (map->elements[i].is_text() && map->elements[i].text == name) return &map->elements[i + 1];
  return nullptr;
}

bool ReadBegin(const Reply* begin, KeySpec& spec) {
  const Reply* type = Member(begin, "type");
  const Reply* values = Member(begin, "spec");
  if (type == nullptr || !type->is_text()) return false;
  if (type->text == "index") {
    const auto index = ReadNumber<std::int32_t>(Member(values, "index"));
    if (!index) return false;
    spec.begin = KeySpec::Begin::kIndex;
    spec.index = *index;
  } else if (type->text == "keyword") {
    const auto from = ReadNumber<std::int32_t>(Member(values, "startfrom"));
    const Reply* keyword = Member(values, "keyword");
    if (!from || keyword == nullptr || !keyword->is_text() || keyword->text.size() > kMaxName)
      return false;
    spec.begin = KeySpec::Begin::kKeyword;
    spec.index = *from;
    spec.keyword = keyword->text;
  }
  return true;  // another type: kUnknown, so the keys can't be told
}

bool ReadFind(const Reply* find, KeySpec& spec) {
  const Reply* type = Member(find, "type");
  const Reply* values = Member(find, "spec");
  if (type == nullptr || !type->is_text()) return false;
  const bool range = type->text == "range";
  if (!range && type->text != "keynum") return true;
  const auto first = ReadNumber<std::int32_t>(Member(values, range ? "lastkey" : "keynumidx"));
  const auto second = ReadNumber<std::int32_t>(Member(values, range ? "limit" : "firstkey"));
  const auto step = ReadNumber<std::int32_t>(Member(values, "keystep"));
  if (!first || !second || !step) return false;
  spec.find = range ? KeySpec::Find::kRange : KeySpec::Find::kKeynum;
  (range ? spec.last : spec.keynum) = *first;
  (range ? spec.limit : spec.first) = *second;
  spec.step = *step;
  return true;
}

enum SpecFlag : std::uint32_t {
  kReads = 1,
  kWrites = 2,
  kNotKey = 4,
  kIncomplete = 8,
  kVaries = 16
};

std::uint32_t SpecFlagBit(std::string_view flag) {
  if (flag == "RO") return kReads;
  if (flag == "RW") return kReads | kWrites;
  if (flag == "OW" || flag == "RM") return kWrites;
  if (flag == "not_key") return kNotKey;
  if (flag == "incomplete") return kIncomplete;
  if (flag == "variable_flags") return kVaries;
  return 0;
}

// A specification of Redis 7. `has_own_way`: the command has code of its own that finds its keys,
// and nothing here knows it. Redis itself then asks that code where the specification "varies".
std::optional<KeySpec> ReadSpec(const Reply& reply, bool has_own_way) {
  const Reply* flags = Member(&reply, "flags");
  if (flags == nullptr) return std::nullopt;
  const auto bits = ReadBits(*flags, SpecFlagBit);
  KeySpec spec;
  if (!bits || !ReadBegin(Member(&reply, "begin_search"), spec) ||
      !ReadFind(Member(&reply, "find_keys"), spec))
    return std::nullopt;
  spec.read = (*bits & kReads) != 0;
  spec.write = (*bits & kWrites) != 0;
  spec.not_key = (*bits & kNotKey) != 0;
  spec.incomplete = (*bits & kIncomplete) != 0 || (has_own_way && (*bits & kVaries) != 0);
  return spec;
}

// What a server before Redis 7 says of the keys: the first, the last and the step.
std::optional<std::vector<KeySpec>> ReadRange(const Reply& entry, std::uint32_t flags) {
  const auto first = ReadNumber<std::int32_t>(&entry.elements[kFirst]);
  const auto last = ReadNumber<std::int32_t>(&entry.elements[kLast]);
  const auto step = ReadNumber<std::int32_t>(&entry.elements[kStep]);
  if (!first || !last || !step) return std::nullopt;
  if (*first == 0) return std::vector<KeySpec>{};
  KeySpec spec;
  spec.begin = KeySpec::Begin::kIndex;
  spec.index = *first;
  // A module that registers nonsense (the last key before the first) may take any key.
  if (*first > 0 && *step > 0 && (*last < 0 || *last >= *first)) {
    spec.find = KeySpec::Find::kRange;
    spec.last = *last < 0 ? *last : *last - *first;
    spec.step = *step;
  }
  // A command that writes may read as well; one that says neither may do both.
  spec.write = (flags & resp::kFlagReadonly) == 0 || (flags & resp::kFlagWrite) != 0;
  spec.read = true;
  spec.incomplete = (flags & resp::kFlagMovableKeys) != 0;
  return std::vector<KeySpec>{std::move(spec)};
}

// As Redis itself derives categories from flags, where it has none.
resp::Categories ImpliedCategories(std::uint32_t flags) {
  struct Implied {
    std::uint32_t flag;
    const char* category;
  };
  constexpr Implied kImplied[] = {{resp::kFlagWrite, "write"},   {resp::kFlagReadonly, "read"},
                                  {resp::kFlagAdmin, "admin"},   {resp::kFlagAdmin, "dangerous"},
                                  {resp::kFlagPubsub, "pubsub"}, {resp::kFlagBlocking, "blocking"},
                                  {resp::kFlagFast, "fast"}};
  resp::Categories categories =
      (flags & resp::kFlagFast) != 0 ? resp::Categories{0} : resp::CategoryBit("slow");
  for (const Implied& implied : kImplied)
    if ((flags & implied.flag) != 0) categories |= resp::CategoryBit(implied.category);
  return categories;
}

class CommandReader {
 public:
  Result<ServerCommands, CommandReplyError> Run(const Reply& reply) {
    for (const Reply& entry : reply.elements) ReadEntry(entry, "");
    if (found_.commands.empty())
      return CommandReplyError{"Redis's answer to COMMAND has no command in it that can be read"};
    AddBuiltinSubcommands();
    return std::move(found_);
  }

 private:
  // `container`: the name before the '|'; empty for a command.
  void ReadEntry(const Reply& entry, std::string_view container);
  static std::optional<CommandInfo> ReadFacts(const Reply& entry);
  static bool ReadKeys(const Reply& entry, const CommandInfo* known, CommandInfo& info);
  void AddBuiltinSubcommands();

  ServerCommands found_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> told_;  // containers whose sub-commands the server has told
};

void CommandReader::ReadEntry(const Reply& entry, std::string_view container) {
  auto info = found_.commands.size() < kMaxCommands ? ReadFacts(entry) : std::nullopt;
  const std::size_t bar = info ? info->name.find('|') : 0;
  const bool fits =
      info && (container.empty() ? bar == std::string::npos
                                 : bar == container.size() && info->name.starts_with(container) &&
                                       bar + 1 < info->name.size());
  if (!fits) {
    ++found_.left_out;
    return;
  }
  const std::string name = info->name;
  names_.insert(name);
  found_.commands.push_back(std::move(*info));
  if (entry.elements.size() <= kSubcommands || !container.empty()) return;
  const Reply& children = entry.elements[kSubcommands];
  if (children.type == Reply::Type::kArray && !children.elements.empty()) told_.insert(name);
  for (const Reply& child : children.elements) ReadEntry(child, name);
}

std::optional<CommandInfo> CommandReader::ReadFacts(const Reply& entry) {
  if (entry.type != Reply::Type::kArray || entry.elements.size() < kLeastFields)
    return std::nullopt;
  auto name = ReadName(entry.elements[kName]);
  const auto arity = ReadNumber<std::int16_t>(&entry.elements[kArity]);
  const auto flags = ReadBits(entry.elements[kFlags], resp::FlagBit);
  if (!name || !arity || !flags) return std::nullopt;
  CommandInfo info;
  info.name = std::move(*name);
  info.arity = *arity;
  info.flags = *flags;
  const CommandInfo* known = CommandTable::Builtin().Find(info.name);
  if (entry.elements.size() > kCategories) {
    const auto categories = ReadBits(entry.elements[kCategories], ServersCategory);
    if (!categories) return std::nullopt;
    info.categories = *categories;
    // Redis 7.0 has none for the commands of modules.
    if (info.categories == 0 && known == nullptr) info.categories = ImpliedCategories(info.flags);
  } else {
    info.categories = known != nullptr ? known->categories : ImpliedCategories(info.flags);
  }
  if (!ReadKeys(entry, known, info)) return std::nullopt;
  return info;
}

bool CommandReader::ReadKeys(const Reply& entry, const CommandInfo* known, CommandInfo& info) {
  if (entry.elements.size() > kSpecs) {
    const Reply& specs = entry.elements[kSpecs];
    if (specs.type != Reply::Type::kArray) return false;
    const bool has_own_way = known == nullptr && (info.flags & resp::kFlagMovableKeys) != 0;
    for (const Reply& reply : specs.elements) {
      auto spec = ReadSpec(reply, has_own_way);
      if (!spec) return false;
      info.key_specs.push_back(std::move(*spec));
    }
    return true;
  }
  auto range = ReadRange(entry, info.flags);
  if (!range) return false;
  // Where the server tells of keys and the built-in table has none, the server has the last word.
  const bool builtin_tells = known != nullptr && (!known->key_specs.empty() || range->empty());
  info.key_specs = builtin_tells ? known->key_specs : std::move(*range);
  return true;
}

// A server that tells no sub-commands of a container has those that the built-in table knows. One
// that does tell may be too old for some that clients send by themselves (CLIENT SETINFO): these
// are let through to it, as they were always answered by it.
void CommandReader::AddBuiltinSubcommands() {
  const CommandTable& builtin = CommandTable::Builtin();
  const resp::Categories handshake = resp::CategoryBit("handshake");
  for (std::size_t id = 0; id < builtin.size(); ++id) {
    const CommandInfo& info = builtin.at(static_cast<std::uint16_t>(id));
    const std::size_t bar = info.name.find('|');
    if (bar == std::string::npos || names_.contains(info.name)) continue;
    const std::string container = info.name.substr(0, bar);
    if (!names_.contains(container)) continue;
    if (told_.contains(container) && (info.categories & handshake) == 0) continue;
    if (found_.commands.size() < kMaxCommands) found_.commands.push_back(info);
  }
}

}  // namespace

Result<ServerCommands, CommandReplyError> ReadCommandReply(const Reply& reply) {
  if (reply.type == Reply::Type::kError)
    return CommandReplyError{"Redis answered COMMAND with an error: " + reply.quoted()};
  if (reply.type != Reply::Type::kArray)
    return CommandReplyError{"Redis's answer to COMMAND isn't a list of commands"};
  return CommandReader().Run(reply);
}

std::optional<std::string> RenamedFrom(const Reply& reply, std::size_t index) {
  if (reply.type != Reply::Type::kArray || index >= reply.elements.size()) return std::nullopt;
  const Reply& entry = reply.elements[index];
  if (entry.type != Reply::Type::kArray || entry.elements.size() < kLeastFields)
    return std::nullopt;
  return ReadName(entry.elements[kName]);
}

}  // namespace redwall::agent
