// The keys and channels that a command names, and what it does with them.
//
// Follows the key specifications, and beyond them what they don't tell: SORT ... BY/GET/STORE,
// MIGRATE
// ... KEYS, GEORADIUS' two STOREs (given twice, the last one counts), XREAD/XREADGROUP with a group
// or consumer called STREAMS, channels and patterns of pub/sub.
#ifndef REDWALL_RESP_KEY_EXTRACTOR_H_
#define REDWALL_RESP_KEY_EXTRACTOR_H_

#include <cstdint>
#include <vector>

#include "resp/command.h"
#include "resp/command_table.h"

namespace redwall::resp {

struct KeyRef {
  enum class Kind : std::uint8_t { kKey, kChannel, kPattern };  // kPattern: of PSUBSCRIBE
  std::uint32_t index;                                          // of the argument
  Kind kind = Kind::kKey;
  bool read = false;
  bool write = false;
};

enum class KeyStatus : std::uint8_t {
  kComplete,  // `keys` is all of them; empty: the command has none
  kNeedMore,  // only a head is here, and keys may still come
  kUnknown,   // can't be told (syntax that Redis may read otherwise, SORT BY/GET patterns): `keys`
              // holds those that are sure; the policy takes the command as touching any key
};

// Replaces the contents of `keys`. Arguments that Redis would refuse with a syntax or arity error
// may come out either way, but never as kComplete with a key missing that Redis would touch.
// Precondition: `info` is what the table says of `command`.
KeyStatus ExtractKeys(const CommandInfo& info, const Command& command, std::vector<KeyRef>& keys);

}  // namespace redwall::resp

#endif  // REDWALL_RESP_KEY_EXTRACTOR_H_
