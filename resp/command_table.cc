#include "resp/command_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

namespace redwall::resp {
namespace {

constexpr std::size_t kMaxName = 128;        // bytes
constexpr std::size_t kMaxCommands = 65536;  // ids have 16 bits
constexpr std::string_view kHandshake = "handshake";

constexpr std::string_view kCategories[] = {
    "keyspace",   "read",        "write",     "set",         "sortedset", "list",
    "hash",       "string",      "bitmap",    "hyperloglog", "geo",       "stream",
    "pubsub",     "admin",       "fast",      "slow",        "blocking",  "dangerous",
    "connection", "transaction", "scripting", kHandshake};

// In the order of CommandFlag's bits, as COMMAND spells them.
constexpr std::string_view kFlagNames[] = {"write",       "readonly", "denyoom",   "admin",
                                           "pubsub",      "noscript", "blocking",  "loading",
                                           "stale",       "fast",     "no_auth",   "may_replicate",
                                           "movablekeys", "no_multi", "allow_busy"};

// The bits of space-separated words. A word that isn't in `names` indexes past its end, which is a
// compile error, as all calls are in constants.
constexpr std::uint32_t Bits(std::string_view words, std::span<const std::string_view> names) {
  std::uint32_t bits = 0;
  while (!words.empty()) {
    const std::size_t length = std::min(words.find(' '), words.size());
    std::size_t i = 0;
    while (names[i] != words.substr(0, length)) ++i;
    bits |= 1u << i;
    words.remove_prefix(std::min(length + 1, words.size()));
  }
  return bits;
}
constexpr std::uint32_t Flags(std::string_view words) { return Bits(words, kFlagNames); }
constexpr Categories Cats(std::string_view words) { return Bits(words, kCategories); }

// The generated facts, in a form that needs no start-up code. The names are those that the
// generator writes.
enum SpecMark : unsigned { RO = 1, OW = 2, RM = 2, RW = 3, NotKey = 4, Incomplete = 8 };

struct Where {
  KeySpec::Begin begin;
  std::int32_t index;
  std::string_view keyword;
};
constexpr Where At(std::int32_t index) { return {KeySpec::Begin::kIndex, index, {}}; }
constexpr Where After(std::string_view keyword, std::int32_t from) {
  return {KeySpec::Begin::kKeyword, from, keyword};
}
constexpr Where Somewhere() { return {KeySpec::Begin::kUnknown, 0, {}}; }

struct How {
  KeySpec::Find find;
  std::int32_t last, step, limit, keynum, first;
};
constexpr How Range(std::int32_t last, std::int32_t step, std::int32_t limit) {
  return {KeySpec::Find::kRange, last, step, limit, 0, 0};
}
constexpr How Keynum(std::int32_t keynum, std::int32_t first, std::int32_t step) {
  return {KeySpec::Find::kKeynum, 0, step, 0, keynum, first};
}
constexpr How Unknown() { return {KeySpec::Find::kUnknown, 0, 1, 0, 0, 0}; }

struct RawSpec {
  unsigned marks;  // 0: no specification here
  Where where;
  How how;
};

struct RawCommand {
  std::string_view name;
  std::int16_t arity;
  std::uint32_t flags;
  Categories categories;
  RawSpec specs[3];
};

constexpr RawCommand kRawCommands[] = {
#include "resp/command_table_data.inc"
};

KeySpec MakeSpec(const RawSpec& raw) {
  KeySpec spec;
  spec.begin = raw.where.begin;
  spec.index = raw.where.index;
  spec.keyword = raw.where.keyword;
  spec.find = raw.how.find;
  spec.last = raw.how.last;
  spec.step = raw.how.step;
  spec.limit = raw.how.limit;
  spec.keynum = raw.how.keynum;
  spec.first = raw.how.first;
  spec.read = (raw.marks & RO) != 0;
  spec.write = (raw.marks & OW) != 0;
  spec.not_key = (raw.marks & NotKey) != 0;
  spec.incomplete = (raw.marks & Incomplete) != 0;
  return spec;
}

std::vector<CommandInfo> BuiltinCommands() {
  std::vector<CommandInfo> commands;
  for (const RawCommand& raw : kRawCommands) {
    CommandInfo& info = commands.emplace_back();
    info.name = raw.name;
    info.arity = raw.arity;
    info.flags = raw.flags;
    info.categories = raw.categories;
    for (const RawSpec& spec : raw.specs)
      if (spec.marks != 0) info.key_specs.push_back(MakeSpec(spec));
  }
  return commands;
}

// What redwall knows of a few commands beyond COMMAND, by name.
struct NamedVerb {
  std::string_view name;
  Verb verb;
};
constexpr NamedVerb kVerbs[] = {
    {"multi", Verb::kMulti},
    {"exec", Verb::kExec},
    {"discard", Verb::kDiscard},
    {"watch", Verb::kWatch},
    {"quit", Verb::kQuit},
    {"reset", Verb::kReset},
    {"hello", Verb::kHello},
    {"auth", Verb::kAuth},
    {"select", Verb::kSelect},
    {"subscribe", Verb::kSubscribe},
    {"psubscribe", Verb::kPsubscribe},
    {"ssubscribe", Verb::kSsubscribe},
    {"unsubscribe", Verb::kUnsubscribe},
    {"punsubscribe", Verb::kPunsubscribe},
    {"sunsubscribe", Verb::kSunsubscribe},
    {"monitor", Verb::kMonitor},
    {"sync", Verb::kSync},
    {"psync", Verb::kPsync},
    {"replconf", Verb::kReplconf},
    {"client|reply", Verb::kClientReply},
    {"client|setname", Verb::kClientSetname},
};

struct NamedShape {
  std::string_view name;
  KeyShape shape;
};
constexpr NamedShape kShapes[] = {
    {"set", KeyShape::kSet},
    {"bitfield", KeyShape::kBitfield},
    {"sort", KeyShape::kSort},
    {"sort_ro", KeyShape::kSortRo},
    {"migrate", KeyShape::kMigrate},
    {"georadius", KeyShape::kGeoradius},
    {"georadiusbymember", KeyShape::kGeoradiusByMember},
    {"xread", KeyShape::kXread},
    {"xreadgroup", KeyShape::kXreadGroup},
    {"publish", KeyShape::kPublish},
    {"spublish", KeyShape::kPublish},
    {"subscribe", KeyShape::kSubscribe},
    {"ssubscribe", KeyShape::kSubscribe},
    {"psubscribe", KeyShape::kPsubscribe},
    // Redis lets everybody unsubscribe from anything (ACLCheckChannel is not asked), and so do we.
    {"unsubscribe", KeyShape::kNone},
    {"punsubscribe", KeyShape::kNone},
    {"sunsubscribe", KeyShape::kNone},
    // One command for Redis, without specifications, yet DEBUG OBJECT and others name keys.
    {"debug", KeyShape::kOpaque},
};

constexpr std::string_view kHandshakeCommands[] = {
    "hello",          "auth",           "ping",     "echo",    "select",
    "quit",           "reset",          "readonly", "command", "client|setname",
    "client|setinfo", "client|getname", "client|id"};
constexpr std::string_view kCommandPrefix = "command|";

// The commands that can neither show nor change anything of the key space; no others are trusted.
//  - The connection's own state, and nothing of the data. Not CLIENT TRACKING: with BCAST it tells
//  the
//    names of keys as they change. Not CLIENT LIST, KILL, PAUSE, UNBLOCK: they act on other
//    clients.
//  - Transactions: each command inside was decided for itself when it was queued.
//  - Channels are not keys; rules have "channels" for them. (Where the server has keyspace
//  notifications on,
//    __keyspace@0__:* tells names of keys: "channels" must keep them out, as in Redis's own ACLs.)
//  - COMMAND GETKEYS only looks at its arguments. PUBSUB counts channels. TIME, LASTSAVE: a time.
//  WAIT,
//    WAITAOF: a number of servers. ACL WHOAMI: the caller's own name.
// Left out on purpose, though they have no key in their arguments: INFO (how many keys), CONFIG,
// DEBUG, MONITOR and SLOWLOG (others' arguments), LATENCY, MEMORY STATS, KEYS, SCAN, RANDOMKEY,
// DBSIZE, FLUSHALL, FLUSHDB, SWAPDB, SHUTDOWN, SAVE, BGSAVE, BGREWRITEAOF, SYNC, PSYNC, REPLCONF,
// ROLE, FAILOVER, REPLICAOF, EVAL, FCALL, FUNCTION, SCRIPT, CLUSTER (GETKEYSINSLOT, FLUSHSLOTS),
// ACL, MODULE.
constexpr std::string_view kKeepsOffKeyspace[] = {"acl|whoami",
                                                  "asking",
                                                  "auth",
                                                  "client|caching",
                                                  "client|getname",
                                                  "client|getredir",
                                                  "client|help",
                                                  "client|id",
                                                  "client|info",
                                                  "client|reply",
                                                  "client|setinfo",
                                                  "client|setname",
                                                  "client|trackinginfo",
                                                  "command",
                                                  "command|count",
                                                  "command|docs",
                                                  "command|getkeys",
                                                  "command|getkeysandflags",
                                                  "command|help",
                                                  "command|info",
                                                  "command|list",
                                                  "discard",
                                                  "echo",
                                                  "exec",
                                                  "hello",
                                                  "lastsave",
                                                  "multi",
                                                  "ping",
                                                  "psubscribe",
                                                  "publish",
                                                  "pubsub|channels",
                                                  "pubsub|help",
                                                  "pubsub|numpat",
                                                  "pubsub|numsub",
                                                  "pubsub|shardchannels",
                                                  "pubsub|shardnumsub",
                                                  "punsubscribe",
                                                  "quit",
                                                  "readonly",
                                                  "readwrite",
                                                  "reset",
                                                  "select",
                                                  "spublish",
                                                  "ssubscribe",
                                                  "subscribe",
                                                  "sunsubscribe",
                                                  "time",
                                                  "unsubscribe",
                                                  "unwatch",
                                                  "wait",
                                                  "waitaof"};

template <class Range>
bool Contains(const Range& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool IsBuiltin(std::string_view name) {
  return std::any_of(std::begin(kRawCommands), std::end(kRawCommands),
                     [name](const RawCommand& raw) { return raw.name == name; });
}

KeyShape ShapeOf(const CommandInfo& info) {
  for (const NamedShape& named : kShapes)
    if (named.name == info.name) return named.shape;
  if (!info.key_specs.empty()) return KeyShape::kSpecs;
  const bool keyless =
      (info.flags & kFlagMovableKeys) == 0 && (!info.touches_keyspace || IsBuiltin(info.name));
  // A module's command without specifications may be one whose author didn't care to write them.
  return keyless ? KeyShape::kNone : KeyShape::kOpaque;
}

void AddOwnFacts(CommandInfo& info) {
  info.verb = Verb::kOther;
  for (const NamedVerb& named : kVerbs)
    if (named.name == info.name) info.verb = named.verb;
  if (Contains(kHandshakeCommands, info.name) || info.name.starts_with(kCommandPrefix))
    info.categories |= CategoryBit(kHandshake);
  // The server has the last word: a command of one of these names that takes keys isn't the one
  // meant.
  const bool takes_keys = (info.flags & kFlagMovableKeys) != 0 ||
                          std::any_of(info.key_specs.begin(), info.key_specs.end(),
                                      [](const KeySpec& spec) { return !spec.not_key; });
  if (Contains(kKeepsOffKeyspace, info.name) && !takes_keys) info.touches_keyspace = false;
  info.key_shape = ShapeOf(info);
}

constexpr char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string FoldedCopy(std::string_view name) {
  std::string copy(name);
  std::transform(copy.begin(), copy.end(), copy.begin(), Fold);
  return copy;
}

// "config" of "config|set", and of "config".
std::string_view Root(std::string_view name) { return name.substr(0, name.find('|')); }

// A name in lower case and its FNV-1a hash, built up piece by piece in one pass and without
// allocation.
class Folded {
 public:
  // Appends `text`. Precondition: there is room for it.
  void Append(std::string_view text) {
    for (const char c : text) Put(c);
  }
  // Appends `text` up to its first NUL, as the C functions see it that Redis compares names with.
  // False where the name is no longer one that can be in a table.
  bool AppendUpToNul(std::string_view text, std::size_t longest) {
    for (const char c : text) {
      if (c == '\0') break;
      if (size_ >= longest) return false;
      Put(c);
    }
    return true;
  }
  std::string_view text() const { return {text_, size_}; }
  std::uint32_t hash() const { return hash_; }
  bool has_bar() const { return has_bar_; }  // as only the full names of sub-commands

 private:
  void Put(char c) {
    has_bar_ |= c == '|';
    text_[size_] = Fold(c);
    hash_ = (hash_ ^ static_cast<unsigned char>(text_[size_++])) * 16777619u;
  }

  char text_[kMaxName];
  std::size_t size_ = 0;
  std::uint32_t hash_ = 2166136261u;
  bool has_bar_ = false;
};

}  // namespace

const std::vector<std::string_view>& CategoryNames() {
  static const std::vector<std::string_view> names(std::begin(kCategories), std::end(kCategories));
  return names;
}

std::uint32_t FlagBit(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kFlagNames); ++i)
    if (kFlagNames[i] == name) return 1u << i;
  return 0;
}

Categories CategoryBit(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kCategories); ++i) {
    if (std::equal(name.begin(), name.end(), kCategories[i].begin(), kCategories[i].end(),
                   [](char a, char b) { return Fold(a) == b; }))
      return Categories{1} << i;
  }
  return 0;
}

const CommandTable& CommandTable::Builtin() {
  static const CommandTable table(BuiltinCommands());
  return table;
}

CommandTable::CommandTable(std::vector<CommandInfo> commands, const std::vector<Alias>& aliases)
    : commands_(std::move(commands)) {
  for (CommandInfo& info : commands_) info.name = FoldedCopy(info.name);
  std::erase_if(commands_, [](const CommandInfo& info) { return info.name.size() > kMaxName; });
  if (commands_.size() > kMaxCommands) commands_.resize(kMaxCommands);
  BuildIndex();
  if (!aliases.empty()) AddAliases(aliases);
}

void CommandTable::MakeSlots(std::size_t names) {
  std::size_t capacity = 16;
  while (capacity < names * 2) capacity *= 2;
  slots_.assign(capacity, Slot{});
  longest_ = 0;
}

// Precondition: the index doesn't have `name`.
void CommandTable::Place(std::string_view name, std::uint32_t position, std::uint32_t alias) {
  Folded folded;
  folded.Append(name);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = folded.hash() & mask;
  while (slots_[slot].position != kEmpty) slot = (slot + 1) & mask;
  slots_[slot] = {folded.hash(), position, alias};
  longest_ = std::max(longest_, name.size());
}

void CommandTable::BuildIndex() {
  MakeSlots(commands_.size());
  std::vector<CommandInfo> unique;
  unique.reserve(commands_.size());
  commands_.swap(unique);  // Lookup sees what has been placed so far
  for (CommandInfo& info : unique) {
    if (Find(info.name) != nullptr) continue;
    Place(info.name, static_cast<std::uint32_t>(commands_.size()), kEmpty);
    info.id = static_cast<std::uint16_t>(commands_.size());
    AddOwnFacts(info);
    commands_.push_back(std::move(info));
  }
  for (const CommandInfo& info : commands_) {
    const std::size_t bar = info.name.find('|');
    if (bar == std::string::npos) continue;
    const CommandInfo* container = Find(std::string_view(info.name).substr(0, bar));
    if (container != nullptr) commands_[container->id].container = true;
  }
}

// The index made anew: the aliases with their sub-commands, then all names that they don't hide. A
// container that is hidden takes its sub-commands' names with it, or CONFIG as an alias of CLIENT
// would still have a SET.
void CommandTable::AddAliases(const std::vector<Alias>& aliases) {
  std::map<std::string, const CommandInfo*> meant;
  for (const Alias& alias : aliases) {
    const CommandInfo* info = Find(alias.of);
    const bool callable = !alias.name.empty() && alias.name.size() <= kMaxName &&
                          alias.name.find('|') == std::string::npos;
    if (callable && info != nullptr && Root(info->name) == info->name)
      meant.emplace(FoldedCopy(alias.name), info);
  }
  std::multimap<std::string_view, const CommandInfo*> children;
  for (const CommandInfo& info : commands_)
    if (Root(info.name) != info.name) children.emplace(Root(info.name), &info);

  std::vector<std::uint32_t> positions;  // of what alias_names_ mean
  const auto add = [this, &positions](std::string name, const CommandInfo& info) {
    if (name.size() > kMaxName || alias_names_.size() == kMaxCommands) return;
    alias_names_.push_back(std::move(name));
    positions.push_back(info.id);
  };
  for (const auto& [name, info] : meant) {
    add(name, *info);
    const auto [first, last] = children.equal_range(info->name);
    for (auto child = first; child != last; ++child)
      add(name + child->second->name.substr(info->name.size()), *child->second);
  }
  MakeSlots(commands_.size() + alias_names_.size());
  for (std::uint32_t i = 0; i < alias_names_.size(); ++i) Place(alias_names_[i], positions[i], i);
  for (const CommandInfo& info : commands_)
    if (!meant.contains(std::string(Root(info.name)))) Place(info.name, info.id, kEmpty);
}

const CommandInfo* CommandTable::Lookup(std::string_view folded, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot].position != kEmpty; slot = (slot + 1) & mask) {
    if (slots_[slot].hash != hash) continue;
    const CommandInfo& info = commands_[slots_[slot].position];
    const std::uint32_t alias = slots_[slot].alias;
    if ((alias == kEmpty ? info.name : alias_names_[alias]) == folded) return &info;
  }
  return nullptr;
}

const CommandInfo* CommandTable::Find(std::string_view name) const {
  if (name.size() > longest_) return nullptr;
  Folded folded;
  folded.Append(name);
  return Lookup(folded.text(), folded.hash());
}

const CommandInfo* CommandTable::Find(const Command& command) const {
  Folded name;
  if (!name.AppendUpToNul(command.name(), longest_)) return nullptr;
  const CommandInfo* info = Lookup(name.text(), name.hash());
  // "config|set" is no name that a client can call a command by.
  if (info == nullptr || name.has_bar()) return nullptr;
  if (!info->container || command.argc() == 1) return info;
  if (command.size() < 2 || !name.AppendUpToNul("|", longest_) ||
      !name.AppendUpToNul(command.arg(1), longest_))
    return nullptr;
  return Lookup(name.text(), name.hash());
}

bool ArityHolds(const CommandInfo& info, std::size_t argc) {
  const int arity = info.arity;
  return arity >= 0 ? argc == static_cast<std::size_t>(arity)
                    : argc >= static_cast<std::size_t>(-arity);
}

}  // namespace redwall::resp
