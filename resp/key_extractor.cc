#include "resp/key_extractor.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace redwall::resp {
namespace {

constexpr std::size_t kMaxArguments = 0x7fffffff;  // INT_MAX, as Redis

struct Access {
  bool read, write;
};
constexpr Access kRead{true, false};
constexpr Access kWrite{false, true};
constexpr Access kBoth{true, true};

constexpr char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// As strcasecmp in Redis: the argument counts up to its first NUL ("STORE\0x" is STORE).
bool IsWord(std::string_view argument, std::string_view word) {
  if (argument.size() < word.size()) return false;
  if (argument.size() > word.size() && argument[word.size()] != '\0') return false;
  return std::equal(word.begin(), word.end(), argument.begin(),
                    [](char w, char a) { return Fold(w) == Fold(a); });
}

// Redis's string2ll for what can be a number of keys; anything else is nullopt.
std::optional<std::int64_t> ParseCount(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  std::int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// A word that may stand among a command's options, and how many arguments follow it.
struct Option {
  enum class Effect : std::uint8_t {
    kNone,
    kStore,    // what follows is a key that is written; given twice, the last one counts
    kPattern,  // what follows names other keys, where it has a '*' in it
    kRest,     // what follows, to the end, is the keys
  };
  std::string_view word;
  std::size_t values;
  Effect effect = Effect::kNone;
};

constexpr Option kSortOptions[] = {
    {"asc", 0},
    {"desc", 0},
    {"alpha", 0},
    {"limit", 2},
    {"by", 1, Option::Effect::kPattern},
    {"get", 1, Option::Effect::kPattern},
    {"store", 1, Option::Effect::kStore}};  // the last one: SORT_RO hasn't got it
constexpr Option kGeoradiusOptions[] = {{"withdist", 0},
                                        {"withhash", 0},
                                        {"withcoord", 0},
                                        {"any", 0},
                                        {"asc", 0},
                                        {"desc", 0},
                                        {"count", 1},
                                        {"store", 1, Option::Effect::kStore},
                                        {"storedist", 1, Option::Effect::kStore}};
constexpr Option kMigrateOptions[] = {
    {"copy", 0}, {"replace", 0}, {"auth", 1}, {"auth2", 2}, {"keys", 0, Option::Effect::kRest}};
constexpr Option kXreadOptions[] = {{"count", 1},
                                    {"block", 1},
                                    {"streams", 1, Option::Effect::kRest},
                                    {"group", 2},
                                    {"noack", 0}};  // the last two: XREADGROUP only
constexpr Option kBitfieldOptions[] = {{"get", 2}, {"overflow", 1}};  // those that only read

class Extraction {
 public:
  Extraction(const CommandInfo& info, const Command& command, std::vector<KeyRef>& keys)
      : info_(info), command_(command), keys_(keys), argc_(command.argc()) {}

  KeyStatus Run();

 private:
  // What a walk over options has found; meaningful where neither unknown_ nor missing_ is set.
  struct Walked {
    std::size_t store = 0;  // the key of the last STORE; 0: there is none
    std::size_t rest =
        0;  // the first argument after the word that ends the options; 0: there is none
  };

  bool Here(std::size_t index);
  void Add(std::size_t index, Access access, KeyRef::Kind kind = KeyRef::Kind::kKey);
  void AddRange(std::int64_t first, std::int64_t last, std::int64_t step, Access access,
                KeyRef::Kind kind = KeyRef::Kind::kKey);
  void AddToEnd(KeyRef::Kind kind) {
    AddRange(1, static_cast<std::int64_t>(argc_) - 1, 1, kRead, kind);
  }
  Walked Walk(std::size_t index, std::span<const Option> options);

  void FollowSpec(const KeySpec& spec);
  std::optional<std::int64_t> FindKeyword(const KeySpec& spec);
  void FollowKeynum(const KeySpec& spec, std::int64_t begin, Access access, KeyRef::Kind kind);
  void Set();
  void Bitfield();
  void Storing(std::size_t options_at, std::span<const Option> options);
  void Migrate();
  void Xread(std::span<const Option> options);

  const CommandInfo& info_;
  const Command& command_;
  std::vector<KeyRef>& keys_;
  const std::size_t argc_;
  bool unknown_ = false;  // nothing that still arrives can make the keys sure
  bool missing_ = false;  // an argument that matters isn't here yet
};

bool Extraction::Here(std::size_t index) {
  if (index < command_.size()) return true;
  missing_ = true;
  return false;
}

void Extraction::Add(std::size_t index, Access access, KeyRef::Kind kind) {
  // Not declared at all: Redis answers with an error about the number of arguments.
  if (index >= argc_ || !Here(index)) return;
  keys_.push_back({static_cast<std::uint32_t>(index), kind, access.read, access.write});
}

void Extraction::AddRange(std::int64_t first, std::int64_t last, std::int64_t step, Access access,
                          KeyRef::Kind kind) {
  if (first < 1 || step < 1) {
    unknown_ = true;
    return;
  }
  last = std::min(last, static_cast<std::int64_t>(argc_) - 1);
  for (std::int64_t i = first; i <= last && Here(static_cast<std::size_t>(i)); i += step)
    Add(static_cast<std::size_t>(i), access, kind);
}

// Reads options one by one, as Redis itself does, so that a value which happens to be called STORE
// or KEYS isn't taken for the word. At the first thing that isn't an option, Redis gives a syntax
// error; a newer one may know better, so then the keys can't be told.
Extraction::Walked Extraction::Walk(std::size_t index, std::span<const Option> options) {
  Walked walked;
  while (index < argc_) {
    if (!Here(index)) return walked;
    const std::string_view argument = command_.arg(index);
    const auto option = std::find_if(options.begin(), options.end(), [argument](const Option& o) {
      return IsWord(argument, o.word);
    });
    if (option == options.end() || option->values >= argc_ - index) {
      unknown_ = true;
      return walked;
    }
    if (option->effect == Option::Effect::kRest) {
      walked.rest = index + 1;
      return walked;
    }
    if (option->effect == Option::Effect::kStore) walked.store = index + 1;
    if (option->effect == Option::Effect::kPattern) {
      if (!Here(index + 1)) return walked;
      // Without a '*', BY means "don't sort" and GET gives nil, or the element itself for '#'.
      if (command_.arg(index + 1).find('*') != std::string_view::npos) unknown_ = true;
    }
    index += 1 + option->values;
  }
  return walked;
}

// The index where a keyword specification begins: after the keyword. 0: the keyword isn't there.
// nullopt: can't be told (yet).
std::optional<std::int64_t> Extraction::FindKeyword(const KeySpec& spec) {
  const std::int64_t argc = static_cast<std::int64_t>(argc_);
  const std::int64_t from = spec.index > 0 ? spec.index : 1;
  const std::int64_t to = spec.index > 0 ? argc - 1 : argc + spec.index;
  std::int64_t found = 0;
  for (std::int64_t i = from; i <= to && i < argc; ++i) {
    if (!Here(static_cast<std::size_t>(i))) return std::nullopt;
    if (!IsWord(command_.arg(static_cast<std::size_t>(i)), spec.keyword)) continue;
    // Either of the two may be a value that only looks like the keyword.
    if (found != 0) {
      unknown_ = true;
      return std::nullopt;
    }
    found = i + 1;
  }
  return found;
}

void Extraction::FollowKeynum(const KeySpec& spec, std::int64_t begin, Access access,
                              KeyRef::Kind kind) {
  const std::int64_t argc = static_cast<std::int64_t>(argc_);
  const std::int64_t number_at = begin + spec.keynum;
  if (number_at < 1 || number_at >= argc) {
    unknown_ = true;
    return;
  }
  if (!Here(static_cast<std::size_t>(number_at))) return;
  const auto count = ParseCount(command_.arg(static_cast<std::size_t>(number_at)));
  if (count == 0) return;
  const std::int64_t first = begin + spec.first;
  if (!count || *count > argc || first + (*count - 1) * spec.step >= argc) {
    unknown_ = true;
    return;
  }
  AddRange(first, first + (*count - 1) * spec.step, spec.step, access, kind);
}

void Extraction::FollowSpec(const KeySpec& spec) {
  const std::int64_t argc = static_cast<std::int64_t>(argc_);
  const auto kind = spec.not_key ? KeyRef::Kind::kChannel : KeyRef::Kind::kKey;
  // A specification that doesn't say what is done with its keys may mean anything.
  const Access access = spec.read || spec.write ? Access{spec.read, spec.write} : kBoth;
  if (spec.incomplete || spec.begin == KeySpec::Begin::kUnknown ||
      spec.find == KeySpec::Find::kUnknown ||
      (spec.begin == KeySpec::Begin::kIndex && spec.index < 1))
    unknown_ = true;
  if (spec.begin == KeySpec::Begin::kUnknown || spec.find == KeySpec::Find::kUnknown) return;

  std::int64_t begin = spec.index;
  if (spec.begin == KeySpec::Begin::kKeyword) {
    const auto found = FindKeyword(spec);
    if (!found || *found == 0) return;
    begin = *found;
  }
  if (spec.find == KeySpec::Find::kKeynum) return FollowKeynum(spec, begin, access, kind);
  if (spec.last >= 0) return AddRange(begin, begin + spec.last, spec.step, access, kind);
  if (spec.limit <= 1) return AddRange(begin, argc + spec.last, spec.step, access, kind);
  if (begin >= argc) return;
  // The keys are one part in `limit` of the rest; where that doesn't come out even, it isn't the
  // syntax.
  if ((argc - begin) % spec.limit != 0) unknown_ = true;
  AddRange(begin, begin + (argc - begin) / spec.limit + spec.last, spec.step, access, kind);
}

// SET reads the key only with its option GET. On a head the options may be behind a value of half a
// gigabyte: then both are reported, rather than that the value waits for them in memory.
void Extraction::Set() {
  Access access = command_.size() < argc_ && argc_ > 3 ? kBoth : kWrite;
  for (std::size_t i = 3; i < command_.size(); ++i)
    if (IsWord(command_.arg(i), "get")) access = kBoth;
  Add(1, access);
}

// BITFIELD writes unless all that is here is GET and OVERFLOW.
void Extraction::Bitfield() {
  Walk(2, kBitfieldOptions);
  const bool reads_only = !unknown_ && !missing_;
  unknown_ = missing_ = false;
  Add(1, reads_only ? kRead : kBoth);
}

// A key to read, then options of which STORE names a key to write: SORT, GEORADIUS.
void Extraction::Storing(std::size_t options_at, std::span<const Option> options) {
  Add(1, kRead);
  const Walked walked = Walk(options_at, options);
  if (walked.store != 0) Add(walked.store, kWrite);
}

// MIGRATE host port key|"" db timeout [options] [KEYS key...]. An empty key without KEYS is the key
// "".
void Extraction::Migrate() {
  const Walked walked = Walk(6, kMigrateOptions);
  if (unknown_ || missing_) return;
  if (walked.rest == 0) return Add(3, kBoth);
  if (!command_.arg(3).empty()) {
    unknown_ = true;
    return;
  }
  AddRange(static_cast<std::int64_t>(walked.rest), static_cast<std::int64_t>(argc_) - 1, 1, kBoth);
}

// XREAD and XREADGROUP: [options] STREAMS key... id...
void Extraction::Xread(std::span<const Option> options) {
  const Walked walked = Walk(1, options);
  if (unknown_ || missing_) return;
  if (walked.rest == 0 || (argc_ - walked.rest) % 2 != 0) {
    unknown_ = true;
    return;
  }
  const std::size_t last = walked.rest + (argc_ - walked.rest) / 2 - 1;
  AddRange(static_cast<std::int64_t>(walked.rest), static_cast<std::int64_t>(last), 1, kRead);
}

KeyStatus Extraction::Run() {
  if (argc_ > kMaxArguments) return KeyStatus::kUnknown;
  constexpr std::span<const Option> kSort(kSortOptions), kStreams(kXreadOptions);
  switch (info_.key_shape) {
    case KeyShape::kSpecs:
      for (const KeySpec& spec : info_.key_specs) FollowSpec(spec);
      break;
    case KeyShape::kNone:
      break;
    case KeyShape::kOpaque:
      unknown_ = true;
      break;
    case KeyShape::kSet:
      Set();
      break;
    case KeyShape::kBitfield:
      Bitfield();
      break;
    case KeyShape::kSort:
      Storing(2, kSort);
      break;
    case KeyShape::kSortRo:
      Storing(2, kSort.first(kSort.size() - 1));
      break;
    case KeyShape::kGeoradius:
      Storing(6, kGeoradiusOptions);
      break;
    case KeyShape::kGeoradiusByMember:
      Storing(5, kGeoradiusOptions);
      break;
    case KeyShape::kMigrate:
      Migrate();
      break;
    case KeyShape::kXread:
      Xread(kStreams.first(kStreams.size() - 2));
      break;
    case KeyShape::kXreadGroup:
      Xread(kStreams);
      break;
    case KeyShape::kPublish:
      Add(1, kWrite, KeyRef::Kind::kChannel);
      break;
    case KeyShape::kSubscribe:
      AddToEnd(KeyRef::Kind::kChannel);
      break;
    case KeyShape::kPsubscribe:
      AddToEnd(KeyRef::Kind::kPattern);
      break;
  }
  if (unknown_) return KeyStatus::kUnknown;
  return missing_ ? KeyStatus::kNeedMore : KeyStatus::kComplete;
}

}  // namespace

KeyStatus ExtractKeys(const CommandInfo& info, const Command& command, std::vector<KeyRef>& keys) {
  keys.clear();
  return Extraction(info, command, keys).Run();
}

}  // namespace redwall::resp
