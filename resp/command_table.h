// CommandTable: what is known of each Redis command: arity, flags, categories, where its keys are.
//
// The built-in facts are read from redis-server's own COMMAND by resp/generate_command_table.py. A
// table can also be made from what a running server says of itself. Names are lower case;
// a sub-command is called "container|subcommand", as in Redis's ACLs.
#ifndef REDWALL_RESP_COMMAND_TABLE_H_
#define REDWALL_RESP_COMMAND_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command.h"

namespace redwall::resp {

// Commands that change what the bytes on their connection mean, or that redwall itself looks into.
enum class Verb : std::uint8_t {
  kOther,
  kMulti,
  kExec,
  kDiscard,
  kWatch,
  kQuit,
  kReset,
  kHello,
  kAuth,
  kSelect,
  kSubscribe,
  kPsubscribe,
  kSsubscribe,
  kUnsubscribe,
  kPunsubscribe,
  kSunsubscribe,
  kMonitor,
  kSync,
  kPsync,
  kReplconf,
  kClientReply,
  kClientSetname,
};

// Redis's command flags (COMMAND's third field), one bit each.
enum CommandFlag : std::uint32_t {
  kFlagWrite = 1u << 0,
  kFlagReadonly = 1u << 1,
  kFlagDenyoom = 1u << 2,
  kFlagAdmin = 1u << 3,
  kFlagPubsub = 1u << 4,
  kFlagNoscript = 1u << 5,
  kFlagBlocking = 1u << 6,
  kFlagLoading = 1u << 7,
  kFlagStale = 1u << 8,
  kFlagFast = 1u << 9,
  kFlagNoAuth = 1u << 10,
  kFlagMayReplicate = 1u << 11,
  kFlagMovableKeys = 1u << 12,
  kFlagNoMulti = 1u << 13,
  kFlagAllowBusy = 1u << 14,
};

// The bit of a flag as COMMAND spells it ("write", "no_auth"); 0 where redwall has no use for it.
std::uint32_t FlagBit(std::string_view name);

// A category's bit is 1 << its index in CategoryNames().
using Categories = std::uint32_t;

// "keyspace", "read", ... as Redis's ACL CAT, and last "handshake", redwall's own: what clients
// send by themselves when they connect (HELLO, AUTH, PING, ECHO, SELECT, QUIT, RESET, READONLY,
// COMMAND and its sub-commands, CLIENT SETNAME, SETINFO, GETNAME, ID).
const std::vector<std::string_view>& CategoryNames();
// The bit of a category, given without '@' and in any case; 0 where there is none of that name.
Categories CategoryBit(std::string_view name);

// Where keys are, as in COMMAND's key specifications (redis.io/docs/reference/key-specs).
struct KeySpec {
  enum class Begin : std::uint8_t { kIndex, kKeyword, kUnknown } begin = Begin::kUnknown;
  std::int32_t index = 0;  // kIndex: the argument; kKeyword: where the search starts
  std::string keyword;     // kKeyword
  enum class Find : std::uint8_t { kRange, kKeynum, kUnknown } find = Find::kUnknown;
  std::int32_t last = 0;  // kRange: relative to the first; negative: from the end
  std::int32_t step = 1;
  std::int32_t limit = 0;            // kRange with last -1: 0 or 1 none, 2 half of the rest, ...
  std::int32_t keynum = 0;           // kKeynum: where the number is, relative to begin
  std::int32_t first = 0;            // kKeynum: where the first key is, relative to begin
  bool read = false, write = false;  // RO: read; OW, RM: write; RW: both
  bool not_key = false;              // a shard channel
  bool incomplete = false;           // there may be keys that the specification doesn't tell
};

// How ExtractKeys reads a command's arguments: by its key specifications, or in a way of its own
// where they don't tell enough. Decided by name.
enum class KeyShape : std::uint8_t {
  kSpecs,
  kNone,    // names no key and no channel, whatever the specifications say (SUNSUBSCRIBE)
  kOpaque,  // may take keys that nothing describes (DEBUG, commands that redwall has never heard
            // of)
  kSet,
  kBitfield,
  kSort,
  kSortRo,
  kMigrate,
  kGeoradius,
  kGeoradiusByMember,
  kXread,
  kXreadGroup,
  kPublish,
  kSubscribe,
  kPsubscribe,
};

struct CommandInfo {
  std::string name;        // "get", "config|set"
  std::uint16_t id = 0;    // dense: 0 .. CommandTable::size() - 1, sub-commands included
  std::int16_t arity = 0;  // as in Redis: -n is "at least n"; for sub-commands the container counts
  std::uint32_t flags = 0;  // CommandFlag
  Categories categories = 0;
  Verb verb = Verb::kOther;
  bool container = false;  // has sub-commands (and may be callable itself, as COMMAND is)
  // False only for keyless commands that can neither show nor change anything of the key space
  // (PING, MULTI, CLIENT ID, SUBSCRIBE...). FLUSHALL, SCAN, KEYS, RANDOMKEY, DBSIZE, SWAPDB,
  // SHUTDOWN, DEBUG, scripts without keys, and all that is not known for sure: true.
  bool touches_keyspace = true;
  std::vector<KeySpec> key_specs;
  KeyShape key_shape = KeyShape::kSpecs;
};

class CommandTable {
 public:
  // What a command is called on a server with `rename-command`; its sub-commands follow it. The
  // table's own names are those that Redis gave them, so what is found keeps its own:
  // Find("xyz")->name is "flushall". A name that has come to mean another command means nothing
  // else any more: GET as an alias of FLUSHALL hides the table's own GET.
  struct Alias {
    std::string name;  // what clients call it; any case
    std::string of;    // its own name; not an alias, not a sub-command
  };

  // The facts of Redis 7.0, made once.
  static const CommandTable& Builtin();

  // For what a running server says of itself. From each command only what COMMAND tells is needed;
  // what redwall adds is set here, by name: id, verb, "handshake", container, key_shape, and
  // touches_keyspace (false stays false). Of two commands with one name the first counts; what goes
  // beyond 65,536 commands, and names of more than 128 bytes, are left out, and are unknown.
  // An alias is left out where `of` isn't there, or where no client could call it (empty, too long,
  // with a '|' in it).
  explicit CommandTable(std::vector<CommandInfo> commands, const std::vector<Alias>& aliases = {});

  // The command that these arguments name, a sub-command where the container has one of that name.
  // Null where Redis would say "unknown command" or "unknown subcommand". Case is folded. Works on
  // a head of which the deciding arguments are here; a container whose sub-command hasn't arrived
  // is null. A name counts up to its first NUL: Redis compares with strcasecmp, and runs
  // "flushall\0x" as FLUSHALL now and then (where the two happen to share a hash bucket).
  // Precondition: command.size() > 0.
  const CommandInfo* Find(const Command& command) const;

  // By full name: "get", "config|set", "config" (the container); any case. Null where there is
  // none.
  const CommandInfo* Find(std::string_view name) const;

  // Precondition: id < size().
  const CommandInfo& at(std::uint16_t id) const { return commands_[id]; }
  std::size_t size() const { return commands_.size(); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t position = kEmpty;  // in commands_
    std::uint32_t alias = kEmpty;     // in alias_names_; kEmpty: by its own name
  };
  static constexpr std::uint32_t kEmpty = 0xffffffff;

  const CommandInfo* Lookup(std::string_view folded, std::uint32_t hash) const;
  void BuildIndex();
  void MakeSlots(std::size_t names);
  void Place(std::string_view name, std::uint32_t position, std::uint32_t alias);
  void AddAliases(const std::vector<Alias>& aliases);

  std::vector<CommandInfo> commands_;
  std::vector<std::string> alias_names_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  std::size_t longest_ = 0;  // bytes of the longest name: what is longer is unknown at once
};

// As Redis checks it before it runs a command: false means "wrong number of arguments".
bool ArityHolds(const CommandInfo& info, std::size_t argc);

}  // namespace redwall::resp

#endif  // REDWALL_RESP_COMMAND_TABLE_H_
