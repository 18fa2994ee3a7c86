#include "gateway/audit/line_scanner.h"

#include <algorithm>
#include <charconv>

namespace redwall::audit {
namespace {

constexpr int kMaxDepth = 64;

void AppendUtf8(unsigned code, std::string& out) {
  const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259, section 6.
bool IsNumber(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i - from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const bool zero = i < text.size() && text[i] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

}  // namespace

void LineScanner::Space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n'))
    ++at_;
}

bool LineScanner::Peek(char c) {
  Space();
  return at_ < text_.size() && text_[at_] == c;
}

bool LineScanner::Take(char c) {
  if (!Peek(c)) return false;
  ++at_;
  return true;
}

bool LineScanner::AtEnd() {
  Space();
  return at_ == text_.size();
}

bool LineScanner::Text(std::string_view& value) {
  if (!Take('"')) return false;
  const std::size_t from = at_;
  bool escaped = false;
  std::size_t start = 0, plain = from;  // in decoded_; from where on nothing is copied yet
  for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (static_cast<unsigned char>(text_[at_]) < 0x20) return false;
    if (text_[at_] != '\\') continue;
    if (!escaped) start = decoded_.size();
    escaped = true;
    decoded_.append(text_, plain, at_ - plain);
    ++at_;
    if (!Escape()) return false;
    plain = at_ + 1;
  }
  if (at_ == text_.size()) return false;
  if (escaped) decoded_.append(text_, plain, at_ - plain);
  value = escaped ? std::string_view(decoded_).substr(start) : text_.substr(from, at_ - from);
  ++at_;
  return true;
}

// Stands behind the backslash; leaves at_ on the escape's last character.
bool LineScanner::Escape() {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (at_ >= text_.size()) return false;
  if (const std::size_t i = kLetters.find(text_[at_]); i != kLetters.npos) {
    decoded_ += kMeanings[i];
    return true;
  }
  unsigned code = 0;
  if (text_[at_] != 'u' || !CodePoint(code)) return false;
  if (code >= 0xdc00 && code < 0xe000) return false;
  if (code >= 0xd800 && code < 0xdc00) {
    unsigned low = 0;
    if (text_.substr(at_ + 1, 2) != "\\u") return false;
    at_ += 2;
    if (!CodePoint(low) || low < 0xdc00 || low >= 0xe000) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  AppendUtf8(code, decoded_);
  return true;
}

// The four digits behind a 'u'.
bool LineScanner::CodePoint(unsigned& code) {
  const std::string_view digits = text_.substr(at_ + 1, 4);
  if (digits.size() < 4) return false;
  const auto read = std::from_chars(digits.data(), digits.data() + 4, code, 16);
  if (read.ec != std::errc() || read.ptr != digits.data() + 4) return false;
  at_ += 4;
  return true;
}

bool LineScanner::Literal(std::string_view& value) {
  Space();
  const std::size_t end = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
  const std::string_view word = text_.substr(at_, end - at_);
  if (word != "true" && word != "false" && word != "null" && !IsNumber(word)) return false;
  at_ = end;
  value = word;
  return true;
}

bool LineScanner::Skip(int depth) {
  std::string_view ignored;
  if (depth > kMaxDepth) return false;
  const bool object = Peek('{');
  if (!object && !Peek('[')) return Peek('"') ? Text(ignored) : Literal(ignored);
  ++at_;
  const char close = object ? '}' : ']';
  if (Take(close)) return true;
  do {
    if (object && !(Text(ignored) && Take(':'))) return false;
    if (!Skip(depth + 1)) return false;
  } while (Take(','));
  return Take(close);
}

}  // namespace redwall::audit
