#include "resp/command_parser.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "resp/writer.h"

namespace redwall::resp {
namespace {

constexpr std::string_view kBigInline = "ERR Protocol error: too big inline request";
constexpr std::string_view kUnbalanced = "ERR Protocol error: unbalanced quotes in request";
constexpr std::string_view kBigCount = "ERR Protocol error: too big mbulk count string";
constexpr std::string_view kBadCount = "ERR Protocol error: invalid multibulk length";
constexpr std::string_view kBigLength = "ERR Protocol error: too big bulk count string";
constexpr std::string_view kBadLength = "ERR Protocol error: invalid bulk length";

constexpr std::uint64_t kMaxOffset = 0x7fffffff;  // what fits Command's table, with room to spare
constexpr std::size_t kKeptArguments = 64;        // a larger table isn't kept between commands
constexpr std::size_t kKeptScratch = 1024;        // bytes, likewise

// Reads `marker` and a number up to 18 digits in canonical form with its CR LF: the form that every
// client writes. Returns what follows, or null where this isn't it or isn't all there.
inline const char* ReadCanonical(const char* p, const char* end, char marker,
                                 std::uint64_t& number) {
  if (end - p < 4 || p[0] != marker) return nullptr;
  std::uint64_t value = static_cast<unsigned char>(p[1]) - std::uint64_t{'0'};
  if (value > 9) return nullptr;
  p += 2;
  if (p[0] != '\r' && value != 0) {
    const char* const longest = p + std::min<std::ptrdiff_t>(end - p, 17);
    for (; p != longest; ++p) {
      const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
      if (digit > 9) break;
      value = value * 10 + digit;
    }
    if (end - p < 2) return nullptr;
  }
  if (p[0] != '\r' || p[1] != '\n') return nullptr;
  number = value;
  return p + 2;
}

// A number as Redis's string2ll takes it: no '+', no leading zeros, no blanks, within 64 bits.
bool ReadStrict(std::string_view text, std::int64_t& number) {
  if (text == "0") return number = 0, true;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 19 || text[0] == '0') return false;
  std::uint64_t value = 0;  // 19 digits fit
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  constexpr std::uint64_t kMax = INT64_MAX;
  if (value > kMax + (negative ? 1 : 0)) return false;
  number = static_cast<std::int64_t>(negative ? 0 - value : value);
  return true;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `text` starts with a backslash inside of quotes. Appends what it means, returns its length.
std::size_t AppendEscape(std::string_view text, char quote, std::string& out) {
  if (text.size() < 2 || (quote == '\'' && text[1] != '\'')) return out += '\\', 1;
  if (quote == '"' && text[1] == 'x' && text.size() >= 4) {
    const int high = HexDigit(text[2]), low = HexDigit(text[3]);
    if (high >= 0 && low >= 0) return out += static_cast<char>(high * 16 + low), 4;
  }
  constexpr std::string_view kLetters = "nrtba", kMeanings = "\n\r\t\b\a";
  const std::size_t i = quote == '"' ? kLetters.find(text[1]) : std::string_view::npos;
  out += i == std::string_view::npos ? text[1] : kMeanings[i];
  return 2;
}

// Appends the inline argument that starts at `at` (not a blank), moves `at` behind it. False: a
// quote isn't closed, or is followed by something else than a blank.
bool AppendToken(std::string_view line, std::size_t& at, std::string& out) {
  char quote = 0;
  while (at < line.size()) {
    const char c = line[at];
    if (quote == 0) {
      // Fewer than IsSpace: Redis takes \v and \f as blanks between arguments, and as bytes inside.
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') return true;
      if (c == '"' || c == '\'')
        quote = c;
      else
        out += c;
      ++at;
    } else if (c == quote) {
      ++at;
      return at == line.size() || IsSpace(line[at]);
    } else if (c == '\\') {
      at += AppendEscape(line.substr(at), quote, out);
    } else {
      out += c;
      ++at;
    }
  }
  return quote == 0;
}

}  // namespace

CommandParser::CommandParser(const RequestLimits& limits) : limits_(limits) {
  limits_.max_line = std::clamp<std::size_t>(limits_.max_line, 32, kMaxOffset);
  limits_.max_inspected = std::min(limits_.max_inspected, kMaxOffset);
  limits_.max_arguments = std::min<std::uint64_t>(limits_.max_arguments, INT32_MAX);
  limits_.max_bulk = std::min<std::uint64_t>(limits_.max_bulk, INT64_MAX / 2);
}

ParseStatus CommandParser::Parse(std::string_view input) {
  consumed_ = 0;
  body_ = {};
  command_.base_ = input.data();
  switch (phase_) {
    case Phase::kStart:
      Begin();
      if (input.empty()) return ParseStatus::kNeedMore;
      phase_ = input[0] == '*' ? Phase::kCount : Phase::kInline;
      return phase_ == Phase::kCount ? ParseCount(input) : ParseInline(input);
    case Phase::kInline:
      return ParseInline(input);
    case Phase::kCount:
      return ParseCount(input);
    case Phase::kHeader:
    case Phase::kArgument:
      return ParseArguments(input);
    case Phase::kBodyArgument:
    case Phase::kBodyHeader:
      return ParseBody(input);
    case Phase::kDead:
      break;
  }
  return ParseStatus::kError;
}

// Forgets the command before.
void CommandParser::Begin() {
  command_.args_.clear();
  if (command_.args_.capacity() > kKeptArguments) [[unlikely]]
    std::vector<Command::Argument>().swap(command_.args_);  // = {} would keep the memory
  if (scratch_.capacity() > kKeptScratch) [[unlikely]]
    std::string().swap(scratch_);
  command_.argc_ = 0;
  command_.canonical_ = true;
  command_.inline_ = false;
  head_offered_ = false;
  position_ = 0;
  scanned_ = 0;
}

ParseStatus CommandParser::Fail(std::string_view error) {
  phase_ = Phase::kDead;
  error_ = error;
  return ParseStatus::kError;
}

ParseStatus CommandParser::EndCommand(std::size_t consumed) {
  phase_ = Phase::kStart;
  consumed_ = consumed;
  return ParseStatus::kCommand;
}

// The place of the first `last` from position_ on, or npos. As Redis looks for it with strchr: not
// behind a NUL. Remembers what has been looked at.
std::size_t CommandParser::FindLineEnd(std::string_view input, char last) {
  const std::size_t from = position_ + scanned_;
  const std::size_t stop = std::min(input.size(), position_ + limits_.max_line + 1);
  if (from >= stop || input[from] == '\0') return std::string_view::npos;
  const std::string_view fresh = input.substr(from, stop - from);
  const std::size_t found = fresh.find(last);
  const std::size_t nul = fresh.substr(0, found).find('\0');
  scanned_ += std::min({found, nul, fresh.size()});
  return nul == std::string_view::npos && found != nul ? from + found : std::string_view::npos;
}

ParseStatus CommandParser::ParseInline(std::string_view input) {
  const std::size_t newline = FindLineEnd(input, '\n');
  if (newline == std::string_view::npos)
    return input.size() > limits_.max_line ? Fail(kBigInline) : ParseStatus::kNeedMore;
  std::string_view line = input.substr(0, newline);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!SplitInline(line)) return Fail(kUnbalanced);
  return EndCommand(newline + 1);
}

// Follows Redis's sdssplitargs.
bool CommandParser::SplitInline(std::string_view line) {
  scratch_.clear();
  command_.canonical_ = false;
  command_.inline_ = true;
  for (std::size_t at = 0;;) {
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (at == line.size()) break;
    const std::size_t offset = scratch_.size();
    if (!AppendToken(line, at, scratch_)) return false;
    TakeArgument(offset, scratch_.size() - offset);
  }
  command_.argc_ = command_.args_.size();
  command_.base_ = scratch_.data();
  return true;
}

ParseStatus CommandParser::ParseCount(std::string_view input) {
  const char* const end = input.data() + input.size();
  std::uint64_t fast = 0;
  const char* const next = ReadCanonical(input.data(), end, '*', fast);
  if (next != nullptr && fast - 1 < limits_.max_arguments) [[likely]] {
    command_.argc_ = fast;
    position_ = static_cast<std::size_t>(next - input.data());
    phase_ = Phase::kHeader;
    scanned_ = 0;
    return ParseArguments(input);
  }

  const std::size_t cr = FindLineEnd(input, '\r');
  if (cr == std::string_view::npos)
    return input.size() > limits_.max_line ? Fail(kBigCount) : ParseStatus::kNeedMore;
  if (cr + 2 > input.size()) return ParseStatus::kNeedMore;
  std::int64_t count = 0;
  if (!ReadStrict(input.substr(1, cr - 1), count) ||
      (count > 0 && static_cast<std::uint64_t>(count) > limits_.max_arguments))
    return Fail(kBadCount);
  command_.canonical_ = input[cr + 1] == '\n' && count >= 0;
  if (count <= 0) return EndCommand(cr + 2);
  command_.argc_ = static_cast<std::size_t>(count);
  position_ = cr + 2;
  phase_ = Phase::kHeader;
  scanned_ = 0;
  return ParseArguments(input);
}

inline void CommandParser::TakeArgument(std::size_t offset, std::uint64_t length) {
  command_.args_.push_back(
      {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(length)});
}

ParseStatus CommandParser::ParseArguments(std::string_view input) {
  if (input.size() < position_) return ParseStatus::kNeedMore;
  const char* const base = input.data();
  const char* const end = base + std::min<std::uint64_t>(input.size(), limits_.max_inspected);
  const char* p = base + position_;
  std::uint64_t left = command_.argc_ - command_.args_.size();
  while (left > 0) {
    std::uint64_t length = 0;
    const char* const bytes =
        phase_ == Phase::kHeader ? ReadCanonical(p, end, '$', length) : nullptr;
    if (bytes != nullptr && length <= limits_.max_bulk &&
        static_cast<std::int64_t>(length) <= end - bytes - 2) [[likely]] {
      p = bytes + length + 2;
      if (p[-2] != '\r' || p[-1] != '\n') [[unlikely]]
        command_.canonical_ = false;
      TakeArgument(static_cast<std::size_t>(bytes - base), length);
      --left;
      continue;
    }
    // What isn't all there, or isn't in the usual form. The rest of the state is only kept here.
    const auto position = static_cast<std::size_t>(p - base);
    if (position != position_) scanned_ = 0;
    position_ = position;
    const ParseStatus status = ParseArgument(input);
    if (status != ParseStatus::kCommand) return status;
    p = base + position_;
    --left;
  }
  return EndCommand(static_cast<std::size_t>(p - base));
}

// One argument, every case of it. kCommand: it has been taken.
ParseStatus CommandParser::ParseArgument(std::string_view input) {
  if (phase_ == Phase::kHeader) {
    const ParseStatus status = ReadHeader(input.substr(0, limits_.max_inspected + 1));
    if (status == ParseStatus::kNeedMore && input.size() > limits_.max_inspected)
      return Fail(kBadCount);
    if (status != ParseStatus::kCommand) return status;
    phase_ = Phase::kArgument;
    head_offered_ = false;
  }
  const std::uint64_t end = position_ + length_ + 2;
  if (end <= std::min<std::uint64_t>(input.size(), limits_.max_inspected)) {
    if (input.substr(position_ + length_, 2) != "\r\n") command_.canonical_ = false;
    TakeArgument(position_, length_);
    position_ = end;
    phase_ = Phase::kHeader;
    return ParseStatus::kCommand;
  }
  const bool is_long = length_ > limits_.stream_threshold;
  if (is_long && !command_.args_.empty()) {
    if (head_offered_ && input.size() > limits_.max_inspected) return Fail(kBadLength);
    head_offered_ = true;
    return ParseStatus::kHead;
  }
  if (end <= limits_.max_inspected) return ParseStatus::kNeedMore;
  return Fail(is_long || length_ > limits_.max_inspected ? kBadLength : kBadCount);
}

// Reads `$length` and its line end at position_. kCommand: position_ is behind it, length_ is set.
ParseStatus CommandParser::ReadHeader(std::string_view input) {
  if (input.size() <= position_) return ParseStatus::kNeedMore;
  const std::size_t cr = FindLineEnd(input, '\r');
  if (cr == std::string_view::npos)
    return input.size() - position_ > limits_.max_line ? Fail(kBigLength) : ParseStatus::kNeedMore;
  if (cr + 2 > input.size()) return ParseStatus::kNeedMore;
  if (const char first = input[position_]; first != '$')
    return Fail(std::string("ERR Protocol error: expected '$', got '") + first + "'");
  std::int64_t length = 0;
  if (!ReadStrict(input.substr(position_ + 1, cr - position_ - 1), length) || length < 0 ||
      static_cast<std::uint64_t>(length) > limits_.max_bulk)
    return Fail(kBadLength);
  if (input[cr + 1] != '\n') command_.canonical_ = false;
  length_ = static_cast<std::uint64_t>(length);
  position_ = cr + 2;
  scanned_ = 0;
  return ParseStatus::kCommand;
}

void CommandParser::StreamRest() {
  assert(phase_ == Phase::kArgument && head_offered_);
  phase_ = Phase::kBodyArgument;
  consumed_ = position_;
  remaining_ = length_ + 2;
  arguments_left_ = command_.argc_ - command_.args_.size() - 1;
}

void CommandParser::WriteHead(std::string& out) const {
  WriteArrayHeader(command_.argc_, out);
  for (std::size_t i = 0; i < command_.size(); ++i) WriteBulk(command_.arg(i), out);
  WriteBulkHeader(length_, out);
}

ParseStatus CommandParser::EndPiece(std::size_t consumed, std::string_view body) {
  consumed_ = consumed;
  body_ = body;
  if (phase_ != Phase::kBodyArgument || remaining_ > 0 || arguments_left_ > 0)
    return ParseStatus::kBody;
  phase_ = Phase::kStart;
  return ParseStatus::kBodyEnd;
}

// Takes as many canonical bytes as there are as one piece. What is to be rewritten is a piece by
// itself, so that no more than one header is ever copied.
ParseStatus CommandParser::ParseBody(std::string_view input) {
  std::size_t at = 0;
  while (phase_ == Phase::kBodyArgument) {
    if (remaining_ > 2) {
      const std::uint64_t n = std::min<std::uint64_t>(remaining_ - 2, input.size() - at);
      at += n;
      remaining_ -= n;
    }
    for (; remaining_ > 0 && at < input.size(); ++at, --remaining_) {
      const std::string_view wanted = remaining_ == 2 ? "\r" : "\n";
      if (input[at] == wanted[0]) continue;
      if (at > 0) return EndPiece(at, input.substr(0, at));
      --remaining_;
      return EndPiece(1, wanted);
    }
    if (remaining_ > 0 || arguments_left_ == 0) return EndPiece(at, input.substr(0, at));
    --arguments_left_;
    phase_ = Phase::kBodyHeader;
    scanned_ = 0;

    const char* const begin = input.data();
    std::uint64_t length = 0;
    const char* const next = ReadCanonical(begin + at, begin + input.size(), '$', length);
    if (next != nullptr && length <= limits_.max_bulk) {
      at = static_cast<std::size_t>(next - begin);
      remaining_ = length + 2;
      phase_ = Phase::kBodyArgument;
    }
  }
  return at > 0 ? EndPiece(at, input.substr(0, at)) : ParseBodyHeader(input);
}

ParseStatus CommandParser::ParseBodyHeader(std::string_view input) {
  position_ = 0;
  const ParseStatus status = ReadHeader(input);
  if (status == ParseStatus::kNeedMore) return ParseStatus::kBody;
  if (status != ParseStatus::kCommand) return status;
  remaining_ = length_ + 2;
  phase_ = Phase::kBodyArgument;
  if (input[position_ - 1] == '\n') return EndPiece(position_, input.substr(0, position_));
  scratch_.clear();
  WriteBulkHeader(length_, scratch_);
  return EndPiece(position_, scratch_);
}

}  // namespace redwall::resp
