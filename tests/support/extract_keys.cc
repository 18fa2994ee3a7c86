// Says which keys redwall sees in commands, for tests/compat/keys_against_redis.py.
//
// Input, again and again: a line with the number of arguments, then for each a line with its length
// in bytes, the bytes, and a newline. Output, a line a command: "unknown-command"; or "complete" or
// "unknown", the command's full name, and INDEX:KIND:ACCESS for each key (kind k, c or p; access r,
// w or rw). Every head of the command is tried too: "head-differs" where one is sure of other keys
// than the whole.
#include <cstddef>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "resp/command_table.h"
#include "resp/key_extractor.h"
#include "tests/support/command_builder.h"

namespace {

using redwall::resp::CommandBuilder;
using redwall::resp::CommandInfo;
using redwall::resp::CommandTable;
using redwall::resp::ExtractKeys;
using redwall::resp::KeyRef;
using redwall::resp::KeyStatus;

bool ReadArguments(std::vector<std::string>& arguments) {
  constexpr auto kLine = std::numeric_limits<std::streamsize>::max();
  std::size_t count = 0;
  if (!(std::cin >> count)) return false;
  arguments.assign(count, {});
  for (std::string& argument : arguments) {
    std::size_t length = 0;
    if (!(std::cin >> length)) return false;
    std::cin.ignore(kLine, '\n');
    argument.resize(length);
    std::cin.read(argument.data(), static_cast<std::streamsize>(length));
  }
  return std::cin.good();
}

// A head may say that it needs more, and may know less of what is done with a key; it must not be
// sure of other keys than the whole command has.
bool HeadsAgree(const CommandInfo& info, const std::vector<std::string>& arguments,
                KeyStatus status, const std::vector<KeyRef>& keys) {
  std::vector<KeyRef> head_keys;
  for (std::size_t size = 1; size < arguments.size(); ++size) {
    const std::vector<std::string> here(arguments.begin(),
                                        arguments.begin() + static_cast<std::ptrdiff_t>(size));
    const CommandBuilder head(here, arguments.size());
    const CommandInfo* found = CommandTable::Builtin().Find(head.command());
    if (found == nullptr && info.name.find('|') != std::string::npos && size == 1) continue;
    if (found != &info) return false;
    const KeyStatus head_status = ExtractKeys(info, head.command(), head_keys);
    if (head_status == KeyStatus::kNeedMore) continue;
    if (head_status != status) return false;
    if (status != KeyStatus::kComplete) continue;
    if (head_keys.size() != keys.size()) return false;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const KeyRef &a = head_keys[i], &b = keys[i];
      if (a.index != b.index || a.kind != b.kind || a.read < b.read || a.write < b.write)
        return false;
    }
  }
  return true;
}

void Answer(const std::vector<std::string>& arguments) {
  const CommandBuilder builder(arguments);
  const CommandInfo* info = CommandTable::Builtin().Find(builder.command());
  if (info == nullptr) {
    std::cout << "unknown-command\n";
    return;
  }
  std::vector<KeyRef> keys;
  const KeyStatus status = ExtractKeys(*info, builder.command(), keys);
  if (!HeadsAgree(*info, arguments, status, keys))
    std::cout << "head-differs";
  else if (status == KeyStatus::kNeedMore)
    std::cout << "need-more";  // never right for a whole command
  else
    std::cout << (status == KeyStatus::kComplete ? "complete" : "unknown");
  std::cout << ' ' << info->name;
  for (const KeyRef& key : keys)
    std::cout << ' ' << key.index << ':' << "kcp"[static_cast<int>(key.kind)] << ':'
              << (key.read ? "r" : "") << (key.write ? "w" : "");
  std::cout << '\n';
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::vector<std::string> arguments;
  while (ReadArguments(arguments)) {
    if (arguments.empty())
      std::cout << "empty\n";
    else
      Answer(arguments);
  }
}
