// Which commands may go over a connection to Redis that clients share. docs/operations.md, "Shared
// connections".
#ifndef REDWALL_GATEWAY_PROXY_SHARED_COMMANDS_H_
#define REDWALL_GATEWAY_PROXY_SHARED_COMMANDS_H_

#include <cstddef>
#include <string_view>

#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::proxy {

// True where the command is known to leave nothing behind on its connection and to ask nothing of
// it, to be answered by exactly one reply, at once, and by no large one as a rule. What isn't known
// for sure (`info` null, a module's command, a script) may not. `command` is whole.
bool MayShare(const resp::CommandInfo* info, const resp::Command& command);

// The names that it lets pass begin with first, in order, and there are `size` of them: for tests.
struct SharedNames {
  const std::string_view* first;
  std::size_t size;
};
SharedNames NamesThatMayBeShared();

// WAIT and WAITAOF: they tell how far the writes of their own connection have come.
bool AsksForOwnWrites(const resp::CommandInfo* info);
// What a connection's own writes are, for these.
bool MayReplicate(const resp::CommandInfo& info);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_SHARED_COMMANDS_H_
