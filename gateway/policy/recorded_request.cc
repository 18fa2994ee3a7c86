#include "gateway/policy/recorded_request.h"

#include <algorithm>
#include <charconv>

namespace redwall::policy {
namespace {

using resp::KeyRef;

constexpr std::string_view kRedacted = "<redacted>";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Undoes the audit's own escapes (docs/audit.md, "Bytes that are not text"). False where the text
// was cut: `out` is its beginning.
bool Decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i + 1);
    if (text[i] != '\\' || rest.empty()) {
      out += text[i];
    } else if (rest[0] == '\\') {
      out += '\\';
      i += 1;
    } else if (rest[0] == 'x' && rest.size() >= 3 && HexDigit(rest[1]) >= 0 &&
               HexDigit(rest[2]) >= 0) {
      out += static_cast<char>(HexDigit(rest[1]) * 16 + HexDigit(rest[2]));
      i += 3;
    } else if (rest[0] == '+') {
      return false;
    } else {
      out += text[i];
    }
  }
  return true;
}

bool TellsDatabase(const resp::CommandInfo& info, std::uint64_t argc) {
  return info.name == "select" || info.name == "move" || info.name == "swapdb" ||
         (info.name == "copy" && argc > 3);
}

std::uint64_t Digits(std::uint64_t number) { return std::to_string(number).size(); }

}  // namespace

Untold AsksFor(const Rule& rule) {
  Untold asks = 0;
  if (rule.asks_for_keys() || rule.channels) asks |= kUntoldKeys;
  if (rule.access != Access::kAny) asks |= kUntoldAccess;
  if (rule.databases) asks |= kUntoldDatabase;
  if (!rule.arguments.empty()) asks |= kUntoldArguments;
  if (rule.max_bytes) asks |= kUntoldBytes;
  if (rule.users) asks |= kUntoldUser;
  if (rule.from) asks |= kUntoldFrom;
  return asks;
}

// The text as it was, as long as the record's or until the next Set.
std::string_view RecordedRequest::Keep(std::string_view text, bool& cut) {
  if (text.find('\\') == text.npos) return text;
  if (decoded_used_ == decoded_.size()) decoded_.emplace_back();
  std::string& out = decoded_[decoded_used_++];
  if (!Decode(text, out)) cut = true;
  return out;
}

// All arguments stand in the record: the command is as it was.
bool RecordedRequest::ReadArguments(const RecordedCommand& record) {
  if (!record.has_args || record.args_more > 0 || record.args.size() + 1 != record.argc)
    return false;
  words_.resize(1);
  words_[0] = words_[0].substr(0, words_[0].find('|'));
  bool cut = false;
  for (const std::string_view text : record.args) {
    words_.push_back(Keep(text, cut));
    if (cut || text == kRedacted) return false;
  }
  if (!sample_.Build(words_) || sample_.info() == nullptr) return false;
  keys_ = sample_.keys();
  key_status_ = sample_.key_status();
  return true;
}

void RecordedRequest::AddKeys(std::span<const std::string_view> texts, KeyRef::Kind kind) {
  for (const std::string_view text : texts) {
    bool cut = false;
    const std::string_view word = Keep(text, cut);
    if (cut || text == kRedacted) {
      untold_ |= kUntoldKeys;
      continue;
    }
    keys_.push_back({static_cast<std::uint32_t>(words_.size()), kind});
    words_.push_back(word);
  }
}

// The name, then the keys, wherever they stood.
bool RecordedRequest::ReadKeys(const RecordedCommand& record) {
  words_.resize(1);
  if (const std::size_t bar = record.cmd.find('|');
      bar != record.cmd.npos && table_.Find(record.cmd) != nullptr) {
    words_[0] = record.cmd.substr(0, bar);
    words_.push_back(record.cmd.substr(bar + 1));
  }
  const std::size_t first_key = words_.size();
  keys_.clear();
  if (!bare_.BuildHead(words_, record.argc)) return false;
  const resp::CommandInfo* info = bare_.info();
  if (record.has_keys) {
    const bool patterns = info != nullptr && info->key_shape == resp::KeyShape::kPsubscribe;
    AddKeys(record.keys, KeyRef::Kind::kKey);
    AddKeys(record.channels, patterns ? KeyRef::Kind::kPattern : KeyRef::Kind::kChannel);
    if (record.keys_more + record.channels_more > 0) untold_ |= kUntoldKeys;
    key_status_ = record.keys_untold ? resp::KeyStatus::kUnknown : resp::KeyStatus::kComplete;
  } else {
    // Some commands have none, whatever their arguments.
    key_status_ = bare_.key_status();
    if (info != nullptr && (key_status_ != resp::KeyStatus::kComplete || !bare_.keys().empty()))
      untold_ |= kUntoldKeys;
  }
  if (untold_ & kUntoldKeys) key_status_ = resp::KeyStatus::kUnknown;
  if (!sample_.BuildHead(words_, record.argc)) return false;
  if (info != nullptr) {
    TellAccess(record, first_key);
    // Where each argument is a key, they stand where they stood.
    const bool all = words_.size() == record.argc && sample_.keys().size() == keys_.size();
    if (!all && TellsDatabase(*info, record.argc)) untold_ |= kUntoldDatabase;
    if (!all) untold_ |= kUntoldArguments;
  } else if (words_.size() < record.argc) {
    untold_ |= kUntoldArguments | kUntoldName;
  }
  return true;
}

// Whether keys are read or written hangs on where they stand, and with some commands on options.
void RecordedRequest::TellAccess(const RecordedCommand& record, std::size_t first_key) {
  if (keys_.empty()) return;
  const std::vector<resp::KeySpec>& specs = bare_.info()->key_specs;
  const bool fixed = bare_.info()->key_shape != resp::KeyShape::kSet &&
                     bare_.info()->key_shape != resp::KeyShape::kBitfield;
  const bool alike =
      !specs.empty() && std::all_of(specs.begin(), specs.end(), [&](const resp::KeySpec& spec) {
        return spec.read == specs[0].read && spec.write == specs[0].write;
      });
  if (fixed && alike) {
    for (KeyRef& key : keys_)
      if (key.kind == KeyRef::Kind::kKey) key.read = specs[0].read, key.write = specs[0].write;
    return;
  }
  // A command of as many words: where places alone decide, its keys are those of the record.
  constexpr std::uint64_t kMaxWords = 256;
  const bool by_place =
      fixed && std::all_of(specs.begin(), specs.end(), [](const resp::KeySpec& spec) {
        return spec.begin == resp::KeySpec::Begin::kIndex &&
               spec.find == resp::KeySpec::Find::kRange;
      });
  if (by_place && record.argc <= kMaxWords && key_status_ == resp::KeyStatus::kComplete) {
    std::vector<std::string_view> words(words_.begin(),
                                        words_.begin() + static_cast<std::ptrdiff_t>(first_key));
    words.resize(record.argc, "x");
    Sample like(table_);
    if (like.Build(words) && like.key_status() == resp::KeyStatus::kComplete &&
        like.keys().size() == keys_.size()) {
      for (std::size_t i = 0; i < keys_.size(); ++i)
        keys_[i].read = like.keys()[i].read, keys_[i].write = like.keys()[i].write;
      return;
    }
  }
  untold_ |= kUntoldAccess;
}

// From the size of the request as it came. Clients send arrays; a line that somebody typed is
// judged as one.
void RecordedRequest::TellBytes(const RecordedCommand& record) {
  least_bytes_ = 0;
  const resp::Command& command = sample_.command();
  for (std::size_t i = 0; i < command.size(); ++i) least_bytes_ += command.arg(i).size();
  if (!(untold_ & kUntoldArguments)) {
    most_bytes_ = least_bytes_;
    return;
  }
  most_bytes_ = std::max(record.bytes_in, least_bytes_);
  const std::uint64_t framing =
      3 + Digits(record.argc) + record.argc * (5 + Digits(record.bytes_in));
  if (record.bytes_in > framing) least_bytes_ = std::max(least_bytes_, record.bytes_in - framing);
  untold_ |= kUntoldBytes;
}

void RecordedRequest::TellSender(const RecordedCommand& record) {
  bool cut = false;
  sender_.user.reset();
  if (!record.user.empty()) sender_.user = Keep(record.user, cut);
  if (cut || record.user.empty()) {
    sender_.user.reset();
    untold_ |= kUntoldUser;
  }
  if (!sender_.SetFrom(record.client)) {
    sender_.address.clear();
    untold_ |= kUntoldFrom;
  }
  sender_.database = record.db;
  sender_.now = {record.ts_us, record.ts_us};
  view_ = sender_.view();
}

std::string_view RecordedRequest::Set(const RecordedCommand& record) {
  untold_ = 0;
  decoded_used_ = 0;
  // Views into it are held: it must not grow.
  const std::size_t texts = record.keys.size() + record.channels.size() + record.args.size() + 4;
  if (decoded_.size() < 2 * texts) decoded_.resize(2 * texts);
  bool cut = false;
  words_.assign(1, Keep(record.cmd, cut));
  if (record.argc == 0) return "its line has no \"argc\"";
  if (!ReadArguments(record)) {
    words_.resize(1);
    words_[0] = record.cmd.find('\\') == record.cmd.npos ? record.cmd : words_[0];
    if (!ReadKeys(record)) return "its line names more than it counts";
  }
  if (sample_.info() == nullptr) {
    if (cut) return "its name is recorded only in part";
    if (record.has_keys && !record.keys_untold)
      return "it is not a command of Redis 7.0, and the agent's table had it";
  }
  TellBytes(record);
  TellSender(record);
  return {};
}

Request RecordedRequest::request(AccessIs access) {
  if (access != AccessIs::kAsKnown) {
    for (KeyRef& key : keys_) {
      if (key.kind != KeyRef::Kind::kKey) continue;
      key.read = access != AccessIs::kWrite;
      key.write = access != AccessIs::kRead;
    }
  }
  return {sample_.command(), sample_.info(), keys_, key_status_, view_};
}

}  // namespace redwall::policy
