// Joining: the replies of a command's parts, made into the reply that one Redis would have given.
//
// A function of complete replies; what they were cut from is in cluster_router.h. A reply that
// isn't of the kind that was expected (a node that is no Redis 7) joins to an error, never to a
// frame that isn't RESP.
#ifndef REDWALL_GATEWAY_PROXY_CLUSTER_JOIN_H_
#define REDWALL_GATEWAY_PROXY_CLUSTER_JOIN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/proxy/cluster_commands.h"

namespace redwall::proxy {

// One whole frame each: `replies[i]` is part i's. `order`: for kMget, the part that each key of the
// command went to, in the order of the keys; for kRandom, a number that says where to look first.
// Precondition: `replies` isn't empty, and `how` isn't kNone or kScan.
std::string JoinReplies(Join how, const std::vector<std::string_view>& replies,
                        const std::vector<std::uint32_t>& order);

// The elements of an array, as views of whole frames. False: it is no array of plain elements.
bool SplitArray(std::string_view frame, std::vector<std::string_view>& elements);

// SCAN. The client's cursor has the node's own in it and who that node is, so that nothing has to
// be kept of a scan and any connection can go on with it:
//
//     bits 62-24: the node's cursor     bits 23-0: the master, by a hash of its address
//
// Masters are scanned in the order of these hashes, which doesn't change as slots move.
struct ScanCursor {
  std::uint64_t of_node = 0;
  std::uint32_t master = 0;
};
inline constexpr std::uint32_t kScanMasters = 1u << 24;

// False: not a decimal number of 63 bits.
bool ReadScanCursor(std::string_view text, ScanCursor& cursor);
std::string WriteScanCursor(const ScanCursor& cursor);
// The reply with another cursor. `cursor`: the one of the node. False: not SCAN's reply.
bool ReadScanReply(std::string_view reply, std::uint64_t& cursor, std::string_view& rest);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLUSTER_JOIN_H_
