// How each Redis command is carried out by a cluster that has to look like one Redis.
//
// By name: what stands in no list goes where its keys are, or to the home node if it has none.
#ifndef REDWALL_GATEWAY_PROXY_CLUSTER_COMMANDS_H_
#define REDWALL_GATEWAY_PROXY_CLUSTER_COMMANDS_H_

#include <cstdint>

#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::proxy {

// How the replies of a command's parts become one. The first error, in the order of the parts,
// is the answer of the whole.
enum class Join : std::uint8_t {
  kNone,    // there is one part: its reply passes as it comes
  kFirst,   // the first part's reply
  kMget,    // arrays of which each element belongs to one key
  kSum,     // integers
  kMin,     // integers
  kConcat,  // arrays, one behind the other
  kUnique,  // likewise, and no element twice
  kTally,   // arrays of names and counts; the counts of a name are added up
  kAnd,     // arrays of 0 and 1, element by element
  kAnyOk,   // the first reply that isn't an error; where there is none, the first error
  kRandom,  // one of the replies that aren't null
  kScan,    // one part: SCAN's reply, of which the cursor is rewritten
};

// What is to be done with a command.
enum class Handling : std::uint8_t {
  kByKeys,      // all keys in one slot, and to its master; without keys: the home node
  kSplit,       // MGET, MSET, DEL, EXISTS, TOUCH, UNLINK: one part a slot
  kAllMasters,  // to each master; FLUSHALL, KEYS, DBSIZE, SCRIPT LOAD...
  kScan,        // to the master that the cursor names
  kState,       // of the connection: to all nodes that it has, and to those that it will have
  kUsedNodes,   // WAIT: to all nodes that it has
  kCaching,     // CLIENT CACHING: goes with the next command
  kReplyMode,   // CLIENT REPLY: never leaves the router
  kMulti,
  kExec,
  kDiscard,
  kWatch,
  kUnwatch,
  kSubscribe,       // SUBSCRIBE, PSUBSCRIBE and their opposites: one node has them all
  kShardSubscribe,  // SSUBSCRIBE, SUNSUBSCRIBE: by slot
  kMonitor,
  kReset,
  kQuit,
  kNotACluster,  // CLUSTER, ASKING: as Redis answers them that is none
  kRefused,      // what can't be done by more than one node
};

struct CommandRoute {
  Handling handling = Handling::kByKeys;
  Join join = Join::kNone;
};

// `info`: what the table says of `command`; may be null.
CommandRoute RouteOf(const resp::CommandInfo* info, const resp::Command& command);

// Whether it has no effect that could be seen to come before or after what others do (PING).
bool IsAnywhen(const resp::CommandInfo* info);

// Whether it runs a script or a function, which may return whatever looks like a redirect.
bool RunsScript(const resp::CommandInfo* info);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLUSTER_COMMANDS_H_
