// What follows from what the command table says of a command.
#ifndef REDWALL_RESP_COMMAND_FACTS_H_
#define REDWALL_RESP_COMMAND_FACTS_H_

#include "resp/command_table.h"

namespace redwall::resp {

// It changes data, itself or by the script that it runs, or sends a message. Redis knows the last
// two as "may replicate" and doesn't say so in COMMAND, so they are told by what it says of their
// keys.
bool MayWrite(const CommandInfo& info);

// It always writes, and by its key specifications to none of its keys: so it counts as writing to
// all that it names. XREADGROUP changes the group. (Whether SORT and their like write, their
// arguments tell.)
bool WritesUntold(const CommandInfo& info);

}  // namespace redwall::resp

#endif  // REDWALL_RESP_COMMAND_FACTS_H_
