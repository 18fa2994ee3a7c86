#include "resp/reply_cursor.h"

#include <charconv>

namespace redwall::resp {
namespace {

constexpr std::size_t kShortest = 3;  // bytes of an element: "_\r\n"

// A length or an integer: decimal, and all of the line.
template <class T>
bool ReadNumber(std::string_view line, T& number) {
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, number);
  return error == std::errc() && stop == end;
}

// What was read of `from` when `rest` is left.
std::string_view Read(std::string_view from, std::string_view rest) {
  return from.substr(0, from.size() - rest.size());
}

}  // namespace

bool ReplyCursor::Fail() {
  failed_ = true;
  rest_ = {};
  return false;
}

bool ReplyCursor::Next(Element& element) {
  element = Element();
  const std::string_view from = rest_;
  if (from.empty()) return false;
  if (!ReadAttributes() || rest_.empty()) return Fail();
  const std::string_view attributes = Read(from, rest_), own = rest_;
  if (!ReadHeader(element)) return Fail();
  element.attributes = attributes;
  element.raw = Read(own, rest_);
  return true;
}

bool ReplyCursor::Skip(std::string_view& raw) {
  const std::string_view from = rest_;
  raw = {};
  if (from.empty()) return false;
  if (!SkipElements(1)) return Fail();
  raw = Read(from, rest_);
  return true;
}

bool ReplyCursor::ReadAttributes() {
  while (rest_.starts_with('|')) {
    Element header;
    if (!ReadHeader(header) || header.streamed || !SkipElements(header.count)) return false;
  }
  return true;
}

// What is due of counted aggregates, however they are nested, is one number. Only around a streamed
// one, which has no count, it has to be kept until that ends.
bool ReplyCursor::SkipElements(std::uint64_t due) {
  std::uint64_t outer[kMaxStreamed];
  std::size_t streamed = 0;  // of them that are open
  while (due > 0 || streamed > 0) {
    Element element;
    if (!ReadHeader(element)) return false;
    if (element.type == '.') {
      if (due > 0 || streamed == 0) return false;
      due = outer[--streamed];
      continue;
    }
    // An attribute's elements come before the element that is due.
    if (due > 0 && element.type != '|') --due;
    if (!element.streamed) {
      due += element.count;  // each is some bytes of the frame: ReadCount
    } else if (element.type != '$') {
      if (streamed == kMaxStreamed || element.type == '|') return false;
      outer[streamed++] = due;
      due = 0;
    }
  }
  return true;
}

bool ReplyCursor::ReadHeader(Element& element) {
  if (rest_.empty()) return false;
  element = Element();
  element.type = rest_.front();
  rest_.remove_prefix(1);
  std::string_view line;
  if (!ReadLine(line)) return false;
  switch (element.type) {
    case '+':
    case '-':
    case ',':
    case '(':
    case '#':
      element.text = line;
      return true;
    case ':':
      element.text = line;
      if (line.starts_with('+')) line.remove_prefix(1);
      return ReadNumber(line, element.number);
    case '_':
      element.null = true;
      return line.empty();
    case '.':
      return line.empty();
    case '$':
    case '!':
    case '=':
      return ReadString(line, element);
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
      return ReadCount(line, element);
    default:
      return false;
  }
}

bool ReplyCursor::ReadCount(std::string_view line, Element& element) {
  element.streamed = line == "?";
  element.null = element.type == '*' && line == "-1";
  if (element.streamed || element.null) return true;
  // More than the frame has room for isn't there. This also keeps sums of counts small.
  if (!ReadNumber(line, element.count) || element.count > rest_.size() / kShortest) return false;
  if (element.type == '%' || element.type == '|') element.count *= 2;
  return true;
}

bool ReplyCursor::ReadString(std::string_view line, Element& element) {
  element.streamed = line == "?";
  element.null = element.type == '$' && line == "-1";
  if (element.null) return true;
  if (element.streamed) return ReadChunks();
  std::uint64_t size = 0;
  return ReadNumber(line, size) && ReadBytes(size, element.text);
}

// ";4\r\nabcd\r\n;0\r\n"
bool ReplyCursor::ReadChunks() {
  while (true) {
    std::string_view line, bytes;
    std::uint64_t size = 0;
    if (!rest_.starts_with(';')) return false;
    rest_.remove_prefix(1);
    if (!ReadLine(line) || !ReadNumber(line, size)) return false;
    if (size == 0) return true;
    if (!ReadBytes(size, bytes)) return false;
  }
}

bool ReplyCursor::ReadLine(std::string_view& line) {
  const std::size_t end = rest_.find("\r\n");
  if (end == std::string_view::npos) return false;
  line = rest_.substr(0, end);
  rest_.remove_prefix(end + 2);
  return true;
}

bool ReplyCursor::ReadBytes(std::uint64_t size, std::string_view& bytes) {
  if (size > rest_.size() || rest_.size() - size < 2) return false;
  bytes = rest_.substr(0, size);
  if (rest_.substr(size, 2) != "\r\n") return false;
  rest_.remove_prefix(size + 2);
  return true;
}

}  // namespace redwall::resp
