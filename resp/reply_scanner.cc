#include "resp/reply_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace redwall::resp {
namespace {

constexpr std::size_t kKeptLevels = 64;  // of nesting, between frames
constexpr std::uint64_t kMaxNumber = INT64_MAX;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What may stand in the line of each type.
enum Class : std::uint8_t {
  kElement = 1,  // may start an element
  kPlain = 2,    // is followed by a number, mostly without a sign
  kAggregate = 4,
  kNullable = 8,    // -1 is a length
  kStreamable = 16  // ? is a length
};

constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> classes{};
  const auto add = [&](std::string_view types, std::uint8_t bits) {
    for (const char c : types) classes[static_cast<unsigned char>(c)] |= bits;
  };
  add("$*:+-%~>|_,#!=(.", kElement);
  add("$*:%~>=!;", kPlain);
  add("*%~>|", kAggregate);
  add("$*", kNullable);
  add("$*%~", kStreamable);
  return classes;
}

constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

bool Is(char type, Class what) { return (kClasses[static_cast<unsigned char>(type)] & what) != 0; }

// A number of up to 18 digits without sign or leading zeros, and its CR LF: nearly all of them.
// Returns what follows, or null where it isn't that or isn't all there.
inline const char* ReadPlain(const char* p, const char* end, std::uint64_t& number) {
  const char* const longest = p + std::min<std::ptrdiff_t>(end - p, 18);
  const char* const first = p;
  std::uint64_t value = 0;
  for (; p != longest; ++p) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9) break;
    value = value * 10 + digit;
  }
  if (p == first || (*first == '0' && p - first > 1)) return nullptr;
  if (end - p < 2 || p[0] != '\r' || p[1] != '\n') return nullptr;
  number = value;
  return p + 2;
}

}  // namespace

ScanStatus ReplyScanner::Scan(std::string_view input, std::size_t& used) {
  used = input.size();
  if (state_ == State::kDead) return ScanStatus::kError;
  if (complete_ && !input.empty()) {
    complete_ = false;
    frame_.type = 0;
    frame_.last_integer = 0;
    frame_.elements = 0;
    text_size_ = 0;
  }
  const char* p = input.data();
  const char* const end = p + input.size();
  while (p != end) {
    const Step step = ScanSome(p, end);
    if (step == Step::kGoOn) continue;
    if (step == Step::kError) {
      state_ = State::kDead;
      return ScanStatus::kError;
    }
    complete_ = true;
    used = static_cast<std::size_t>(p - input.data());
    return ScanStatus::kFrame;
  }
  return ScanStatus::kNeedMore;
}

// Takes at least one byte, or changes the state. Precondition: p != end.
ReplyScanner::Step ReplyScanner::ScanSome(const char*& p, const char* end) {
  switch (state_) {
    case State::kType: {
      const Step step = StartElement(*p++);
      if (state_ != State::kNumber || step == Step::kError) return step;
      const bool plain = Is(type_, kPlain);
      const char* const next = plain ? ReadPlain(p, end, number_) : nullptr;
      if (next == nullptr || static_cast<std::size_t>(next - p - 2) > limits_.max_line) return step;
      digits_ = static_cast<std::size_t>(next - p - 2);
      p = next;
      return EndNumber();
    }
    case State::kNumber:
      return ScanNumber(p, end);
    case State::kNumberEnd:
      return *p++ == '\n' ? EndNumber() : Step::kError;
    case State::kLine:
      return ScanLine(p, end);
    case State::kLineEnd:
      if (*p == '\n') return ++p, EndElement();
      Capture("\r", 1);
      state_ = State::kLine;
      return Step::kGoOn;
    case State::kBulk:
      return ScanBulk(p, end);
    case State::kBulkCr:
      state_ = State::kBulkLf;
      return *p++ == '\r' ? Step::kGoOn : Step::kError;
    case State::kBulkLf:
      return *p++ == '\n' ? EndBulk() : Step::kError;
    case State::kChunk:
      type_ = ';';
      state_ = State::kNumber;
      line_size_ = digits_ = number_ = 0;
      negative_ = streamed_ = false;
      return *p++ == ';' ? Step::kGoOn : Step::kError;
    case State::kDead:
      break;
  }
  return Step::kError;
}

ReplyScanner::Step ReplyScanner::StartElement(char type) {
  if (!Is(type, kElement)) return Step::kError;
  if (type == '.') {
    const bool streamed = !levels_.empty() && (levels_.back().nest == Nest::kStreamed ||
                                               levels_.back().nest == Nest::kStreamedPairs);
    if (!streamed || attributed_) return Step::kError;
  }
  inside_ = true;
  type_ = type;
  line_size_ = digits_ = number_ = 0;
  negative_ = streamed_ = false;
  // A script may return anything as a big number or a double, and Redis passes it on.
  const bool is_line = type == '+' || type == '-' || type == '(' || type == ',';
  state_ = is_line ? State::kLine : State::kNumber;
  capture_ = false;
  if (type == '|') return Step::kGoOn;
  attributed_ = false;
  if (levels_.empty()) {
    frame_.type = type;
    first_ = true;
    capture_ = type == '+' || type == '-' || type == '!';
  } else if (levels_.size() == 1 && levels_[0].nest != Nest::kAttribute) {
    capture_ = first_ && (type == '$' || type == '+');
    first_ = false;
  }
  return Step::kGoOn;
}

void ReplyScanner::Capture(const char* bytes, std::size_t size) {
  if (!capture_) return;
  size = std::min(size, sizeof text_ - text_size_);
  if (size == 0) return;
  std::memcpy(text_ + text_size_, bytes, size);
  text_size_ += size;
}

ReplyScanner::Step ReplyScanner::ScanLine(const char*& p, const char* end) {
  const auto size = static_cast<std::size_t>(end - p);
  const auto* const cr = static_cast<const char*>(std::memchr(p, '\r', size));
  Capture(p, cr == nullptr ? size : static_cast<std::size_t>(cr - p));
  p = cr == nullptr ? end : cr + 1;
  if (cr == nullptr) return Step::kGoOn;
  if (p != end && *p == '\n') return ++p, EndElement();
  state_ = State::kLineEnd;
  return Step::kGoOn;
}

ReplyScanner::Step ReplyScanner::ScanNumber(const char*& p, const char* end) {
  for (; p != end; ++p) {
    if (*p == '\r') {
      ++p;
      state_ = State::kNumberEnd;
      return Step::kGoOn;
    }
    if (line_size_ >= limits_.max_line || !AddToNumber(*p)) return Step::kError;
    ++line_size_;
  }
  return Step::kGoOn;
}

// One more byte of the line of a short value. False: none that may stand there.
bool ReplyScanner::AddToNumber(char c) {
  switch (type_) {
    case '_':
    case '.':
      return false;
    case '#':
      return line_size_ == 0 && (c == 't' || c == 'f');
    default:
      break;
  }
  if (streamed_) return false;
  if (IsDigit(c)) return AddDigit(c);
  return line_size_ == 0 && AddSign(c);
}

bool ReplyScanner::AddDigit(char c) {
  if (digits_ > 0 && number_ == 0) return false;  // a leading zero
  ++digits_;
  const auto digit = static_cast<std::uint64_t>(c - '0');
  if (number_ > (kMaxNumber + (negative_ ? 1 : 0) - digit) / 10) return false;
  number_ = number_ * 10 + digit;
  return true;
}

bool ReplyScanner::AddSign(char c) {
  streamed_ = c == '?';
  negative_ = c == '-';
  if (c == '?') return Is(type_, kStreamable);
  if (c == '-') return Is(type_, kNullable) || type_ == ':';
  return c == '+' && type_ == ':';
}

ReplyScanner::Step ReplyScanner::EndNumber() {
  switch (type_) {
    case '_':
      return EndElement();
    case '.':
      return EndStreamed();
    case '#':
      return line_size_ > 0 ? EndElement() : Step::kError;
    case ':':
      if (levels_.size() == 1 && levels_[0].nest != Nest::kAttribute)
        frame_.last_integer = static_cast<std::int64_t>(negative_ ? 0 - number_ : number_);
      return digits_ > 0 && !(negative_ && number_ == 0) ? EndElement() : Step::kError;
    default:
      return EndLength();
  }
}

ReplyScanner::Step ReplyScanner::EndLength() {
  if (digits_ == 0 && !streamed_) return Step::kError;
  if (negative_ && number_ != 1) return Step::kError;
  if (Is(type_, kAggregate)) return StartAggregate();
  if (negative_) return EndElement();
  if (streamed_) {
    chunked_ = true;
    state_ = State::kChunk;
    return Step::kGoOn;
  }
  if (type_ == ';' && number_ == 0) {
    chunked_ = false;
    return EndElement();
  }
  left_ = number_;
  state_ = State::kBulk;
  return Step::kGoOn;
}

ReplyScanner::Step ReplyScanner::ScanBulk(const char*& p, const char* end) {
  const std::uint64_t n = std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - p));
  Capture(p, n);
  p += n;
  left_ -= n;
  if (left_ > 0) return Step::kGoOn;
  if (end - p < 2) {
    state_ = State::kBulkCr;
    return Step::kGoOn;
  }
  if (p[0] != '\r' || p[1] != '\n') return Step::kError;
  p += 2;
  return EndBulk();
}

ReplyScanner::Step ReplyScanner::EndBulk() {
  if (!chunked_) return EndElement();
  state_ = State::kChunk;
  return Step::kGoOn;
}

ReplyScanner::Step ReplyScanner::StartAggregate() {
  const bool pairs = type_ == '%' || type_ == '|';
  if (levels_.empty() && type_ != '|' && !negative_) frame_.elements = number_;
  const bool alone = header_alone_ && levels_.empty() && type_ == '*' && !streamed_;
  if (negative_ || alone) return EndElement();
  if (levels_.size() >= limits_.max_depth) return Step::kError;
  state_ = State::kType;
  if (streamed_) {
    levels_.push_back({0, pairs ? Nest::kStreamedPairs : Nest::kStreamed});
  } else if (number_ > 0) {
    // Twice 2^63 - 1 still fits.
    levels_.push_back(
        {pairs ? number_ * 2 : number_, type_ == '|' ? Nest::kAttribute : Nest::kCounted});
  } else if (type_ == '|') {
    attributed_ = true;
  } else {
    return EndElement();
  }
  return Step::kGoOn;
}

ReplyScanner::Step ReplyScanner::EndStreamed() {
  if (levels_.back().nest == Nest::kStreamedPairs && levels_.back().count % 2 != 0)
    return Step::kError;
  levels_.pop_back();
  return EndElement();
}

// An element is whole, and with it perhaps the aggregates that it is the last of.
ReplyScanner::Step ReplyScanner::EndElement() {
  state_ = State::kType;
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.nest == Nest::kStreamed || level.nest == Nest::kStreamedPairs) {
      ++level.count;
      return Step::kGoOn;
    }
    if (--level.count > 0) return Step::kGoOn;
    const bool attribute = level.nest == Nest::kAttribute;
    levels_.pop_back();
    if (attribute) {  // no element by itself: the one that it describes is still to come
      attributed_ = true;
      return Step::kGoOn;
    }
  }
  inside_ = header_alone_ = false;
  if (levels_.capacity() > kKeptLevels) [[unlikely]]
    std::vector<Level>().swap(levels_);
  return Step::kFrame;
}

}  // namespace redwall::resp
