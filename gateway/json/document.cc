#include "gateway/json/document.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "gateway/json/names.h"

namespace redwall::json {
namespace {

// nlohmann's SAX events, built into a tree. Each event returns false to stop the parse.
class TreeBuilder {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  // The names of these members are nlohmann's.
  bool null() { return Put({}); }
  bool boolean(bool value) {
    Element element;
    element.kind = Element::Kind::kBool;
    element.boolean = value;
    return Put(std::move(element));
  }
  bool number_integer(std::int64_t value) {
    Element element;
    element.kind = Element::Kind::kInteger;
    element.integer = value;
    return Put(std::move(element));
  }
  bool number_unsigned(std::uint64_t value) {
    if (value <= static_cast<std::uint64_t>(INT64_MAX))
      return number_integer(static_cast<std::int64_t>(value));
    return PutText(Element::Kind::kOtherNumber, std::to_string(value));
  }
  bool number_float(double, const std::string& written) {
    return PutText(Element::Kind::kOtherNumber, written);
  }
  bool string(std::string& value) { return PutText(Element::Kind::kString, value); }
  bool binary(std::vector<std::uint8_t>&) { return false; }  // not in JSON text
  bool start_object(std::size_t) { return Open(Element::Kind::kObject); }
  bool end_object() { return Close(); }
  bool start_array(std::size_t) { return Open(Element::Kind::kArray); }
  bool end_array() { return Close(); }

  bool key(std::string& name) {
    Level& level = levels_.back();
    level.name = name;
    if (level.names.insert(name).second) return true;
    failure_ = {Path(), "the name is given twice"};
    return false;
  }

  bool parse_error(std::size_t position, const std::string&, const std::exception& error) {
    failure_ = {Place(position), Clean(error.what())};
    return false;
  }

  Element& root() { return root_; }
  const ParseFailure& failure() const { return failure_; }

 private:
  struct Level {
    Element element;
    std::string name;                       // of the member under way
    std::unordered_set<std::string> names;  // seen so far
  };

  bool PutText(Element::Kind kind, const std::string& text) {
    Element element;
    element.kind = kind;
    element.text = text;
    return Put(std::move(element));
  }

  bool Put(Element element) {
    if (levels_.empty()) {
      root_ = std::move(element);
      return true;
    }
    Level& level = levels_.back();
    if (level.element.kind == Element::Kind::kObject) element.name = level.name;
    level.element.elements.push_back(std::move(element));
    return true;
  }

  bool Open(Element::Kind kind) {
    if (levels_.size() == kMaxDepth) {
      failure_ = {Path(), "nested deeper than " + std::to_string(kMaxDepth) + " levels"};
      return false;
    }
    levels_.emplace_back();
    levels_.back().element.kind = kind;
    return true;
  }

  bool Close() {
    Element element = std::move(levels_.back().element);
    levels_.pop_back();
    return Put(std::move(element));
  }

  // Of the value that is about to be put.
  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      path = level.element.kind == Element::Kind::kObject
                 ? MemberPath(path, level.name)
                 : ItemPath(path, level.element.elements.size());
    }
    return path;
  }

  // `position` counts the bytes read, the offending one included.
  std::string Place(std::size_t position) const {
    const std::string_view before =
        text_.substr(0, std::min(text_.size(), position ? position - 1 : 0));
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return "line " + std::to_string(lines + 1) + ", column " +
           std::to_string(before.size() - line_start + 1);
  }

  // The library's sentence without its own prefix (which says the place again), and printable.
  static std::string Clean(std::string_view what) {
    if (const auto end = what.find("] "); what.starts_with("[") && end != what.npos)
      what.remove_prefix(end + 2);
    if (const auto end = what.find(": "); what.starts_with("parse error at") && end != what.npos)
      what.remove_prefix(end + 2);
    std::string out(what);
    for (char& c : out)
      if (c < 0x20 || c > 0x7e) c = '?';
    return out;
  }

  std::string_view text_;
  Element root_;
  std::vector<Level> levels_;
  ParseFailure failure_;
};

bool PlainName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '$';
  });
}

}  // namespace

std::string MemberPath(std::string_view path, std::string_view name) {
  std::string out(path);
  if (PlainName(name)) {
    if (!out.empty()) out += '.';
    return out.append(name);
  }
  return out.append("[").append(Quoted(name)).append("]");
}

std::string ItemPath(std::string_view path, std::size_t index) {
  return std::string(path).append("[").append(std::to_string(index)).append("]");
}

Result<Element, ParseFailure> ParseDocument(std::string_view text) {
  if (text.size() > kMaxDocumentBytes) return ParseFailure{"", "larger than 16 MiB"};
  if (text.find_first_not_of(" \t\r\n") == text.npos)
    return ParseFailure{"", "empty; expected JSON"};
  TreeBuilder builder(text);
  try {
    const bool done = nlohmann::json::sax_parse(text.begin(), text.end(), &builder,
                                                nlohmann::json::input_format_t::json,
                                                /*strict=*/true, /*ignore_comments=*/true);
    if (done) return std::move(builder.root());
  } catch (const std::exception& error) {  // out of memory: the library itself doesn't throw here
    return ParseFailure{"", error.what()};
  }
  return builder.failure();
}

}  // namespace redwall::json
