#include "gateway/policy/databases.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <string_view>

namespace redwall::policy {
namespace {

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsWord(std::string_view text, std::string_view lower) {
  text = text.substr(0, text.find('\0'));  // Redis compares with strcasecmp
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

class Reader {
 public:
  Reader(const resp::Command& command, DatabasesTouched& touched)
      : command_(command), touched_(touched) {}

  // The number of a database stands at `i`.
  void Number(std::size_t i) {
    std::int64_t number = 0;
    if (i >= command_.size()) {
      touched_.any = touched_.any || i < command_.argc();  // else it is an error to Redis
      return;
    }
    const std::string_view text = command_.arg(i);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      touched_.any = true;
    } else {
      touched_.named.push_back(number);
    }
  }

  // COPY source destination [DB number] [REPLACE]
  void Copy() {
    for (std::size_t i = 3; i < command_.size(); ++i)
      if (IsWord(command_.arg(i), "db")) Number(i + 1);
    if (command_.size() < command_.argc()) touched_.any = true;
  }

 private:
  const resp::Command& command_;
  DatabasesTouched& touched_;
};

}  // namespace

DatabasesTouched TouchedBy(const Request& request) {
  DatabasesTouched touched;
  if (request.info == nullptr) {
    touched.any = true;
    return touched;
  }
  const std::string_view name = request.info->name;
  Reader reader(request.command, touched);
  if (name == "select") {
    reader.Number(1);
    return touched;
  }
  if (name == "swapdb") {
    reader.Number(1);
    reader.Number(2);
    return touched;
  }
  const bool has_keys =
      std::any_of(request.keys.begin(), request.keys.end(),
                  [](const resp::KeyRef& key) { return key.kind == resp::KeyRef::Kind::kKey; });
  const bool runs_code =
      IsOneOf(name, {"eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"});
  // Some modules' commands have keys and do more than that; but a rule that looks at databases
  // can't know them better than by their keys.
  const bool keyed = has_keys || !request.info->key_specs.empty();
  const bool whole_database =
      IsOneOf(name, {"scan", "keys", "randomkey", "dbsize", "flushdb", "unwatch"});
  if (name == "move") reader.Number(2);
  if (name == "copy") reader.Copy();
  touched.current = keyed || whole_database;
  if (runs_code || name == "monitor") touched.any = true;
  if (!touched.current && request.info->touches_keyspace) touched.any = true;
  if (request.info->key_shape == resp::KeyShape::kOpaque) touched.any = true;
  return touched;
}

}  // namespace redwall::policy
