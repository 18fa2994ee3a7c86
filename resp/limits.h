// The limits of the Redis protocol, all in one place. Defaults are Redis 7's own.
#ifndef REDWALL_RESP_LIMITS_H_
#define REDWALL_RESP_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace redwall::resp {

struct RequestLimits {
  std::size_t max_line = 64 * 1024;  // PROTO_INLINE_MAX_SIZE: a header, an inline command
  std::uint64_t max_bulk = 512ull * 1024 * 1024;  // proto-max-bulk-len, bytes of one argument
  std::uint64_t max_arguments = 0x7fffffff;       // INT_MAX, as Redis
  std::uint64_t max_inspected =
      64ull * 1024 * 1024;                   // bytes of one command that are held for the policy
  std::size_t stream_threshold = 32 * 1024;  // an argument longer than this may be streamed (kHead)
};

struct ReplyLimits {
  std::size_t max_depth = 16384;  // nested aggregates; a script may return thousands
  std::size_t max_line =
      64 * 1024;  // a header line with a number; simple strings and errors have no limit
};

}  // namespace redwall::resp

#endif  // REDWALL_RESP_LIMITS_H_
