// A parsed JSON document as a plain tree. Private to this room: others see it through Value.
#ifndef REDWALL_GATEWAY_JSON_DOCUMENT_H_
#define REDWALL_GATEWAY_JSON_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace redwall::json {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxDocumentBytes = 16 * 1024 * 1024;

struct Element {
  enum class Kind : std::uint8_t { kNull, kBool, kInteger, kOtherNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;  // kString: its value; kOtherNumber (2.5, 1e3, over int64): as written
  std::string name;  // as a member of an object
  std::vector<Element> elements;  // kArray, kObject, in the file's order
};

// Where and what is wrong, without the file's name.
struct ParseFailure {
  std::string where;  // "line 3, column 7" or a path; may be empty
  std::string what;
};

// RFC 8259, and comments. A name given twice in an object, nesting over kMaxDepth and more than
// kMaxDocumentBytes are failures, and so is anything behind the document's end.
Result<Element, ParseFailure> ParseDocument(std::string_view text);

// `path` extended by a member ("rules" -> "rules.id"; odd names in brackets: rules["a b"]).
std::string MemberPath(std::string_view path, std::string_view name);
std::string ItemPath(std::string_view path, std::size_t index);

}  // namespace redwall::json

#endif  // REDWALL_GATEWAY_JSON_DOCUMENT_H_
