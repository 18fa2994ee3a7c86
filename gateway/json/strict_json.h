// Strict JSON for files that people write: configuration, policy, authorized agents.
//
// `//` and `/* */` comments are accepted. Every error names the file, the JSON path and what was
// expected there. An object is read member by member; a member that nobody asked for is an error
// when Finish() is called, and so is a name given twice. No exception leaves this room.
#ifndef REDWALL_GATEWAY_JSON_STRICT_JSON_H_
#define REDWALL_GATEWAY_JSON_STRICT_JSON_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace redwall::json {

// "policy.json: rules[2].action: expected \"allow\", \"deny\" or \"disconnect\", got \"permit\""
struct JsonError {
  std::string sentence;
};

// What a reading pass shares: the file's name and the first error. After the first error all
// readers return defaults and the error stays, so that a loader reads straight through and checks
// once.
class Context;

class Value {
 public:
  // Reads a whole document. `file` is only used in errors. Nesting over 64 and documents over 16
  // MiB are errors.
  static Result<Value, JsonError> Parse(std::string_view text, std::string file);
  static Result<Value, JsonError> ReadFile(const std::string& path);
  // The text that ReadFile parses. Little more than Parse takes, however long the file is.
  static Result<std::string, JsonError> ReadText(const std::string& path);

  // Each checks the type and returns a default (empty, 0, false) after noting an error.
  std::string String() const;
  std::int64_t Integer(std::int64_t least, std::int64_t most) const;
  bool Bool() const;
  // One of `choices`: its index; 0 after an error.
  std::size_t OneOf(const std::vector<std::string_view>& choices) const;
  std::vector<Value> Array() const;
  std::vector<std::string> Strings() const;  // an array of strings

  bool is_object() const;
  bool is_array() const;
  bool is_string() const;

  // Objects. Member(): absent -> nullopt. Required(): absent -> an error is noted and nullopt
  // returned.
  std::optional<Value> Member(std::string_view name) const;
  std::optional<Value> Required(std::string_view name) const;
  std::vector<std::pair<std::string, Value>> Members()
      const;  // all, in the file's order; counts as asked for
  // Notes an error for the first member name (of this object only) that nobody asked for, with the
  // names that exist here, and the one that was probably meant.
  void Finish() const;

  // A field of the contract that this version doesn't do yet: where present, notes the error
  // "...: not supported by this version yet". Counts as asked for.
  void NotYet(std::string_view name) const;

  // Notes an error at this value: `what` is what was expected or is wrong.
  void Fail(std::string_view what) const;
  const std::string& path() const;  // "rules[2].keys"; empty for the document

  // The first error of the whole document, if any.
  Result<void, JsonError> status() const;

 private:
  struct Node;
  std::shared_ptr<const Node> node_;
  explicit Value(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
};

}  // namespace redwall::json

#endif  // REDWALL_GATEWAY_JSON_STRICT_JSON_H_
