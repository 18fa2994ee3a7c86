// What a running Redis says of its own commands, for resp::CommandTable: a pure function of its
// answer to COMMAND.
//
// The answer has had three shapes: entries of 6 elements (up to Redis 5), of 7 (Redis 6: with
// categories), of 10 (since Redis 7: with key specifications and sub-commands). What an old server
// doesn't tell is taken from the built-in table where that knows the name: the key specifications,
// the sub-commands of a container, the categories.
#ifndef REDWALL_GATEWAY_AGENT_COMMAND_REPLY_H_
#define REDWALL_GATEWAY_AGENT_COMMAND_REPLY_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/net/redis_reply.h"
#include "resp/command_table.h"

namespace redwall::agent {

struct CommandReplyError {
  std::string sentence;  // what Redis answered instead of its commands
};

struct ServerCommands {
  std::vector<resp::CommandInfo> commands;  // sub-commands included
  // Entries that can't be made sense of, or beyond 65,536. Such a command is unknown to the table,
  // so the policy treats it as one that redwall has never heard of.
  std::size_t left_out = 0;
};

// Of the answer to COMMAND. An answer without a single usable entry is an error, too.
Result<ServerCommands, CommandReplyError> ReadCommandReply(const net::Reply& reply);

// Of the answer to COMMAND INFO <name>...: the name that the command at `index` was given by Redis,
// lower case. It differs from the name asked for where the server has a `rename-command`: COMMAND
// itself names all commands by the names that Redis gave them. Nothing where the server has no
// command of that name.
std::optional<std::string> RenamedFrom(const net::Reply& reply, std::size_t index = 0);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_COMMAND_REPLY_H_
