// Now: the time as an argument. Nothing below gateway/net reads a clock.
#ifndef REDWALL_BASE_NOW_H_
#define REDWALL_BASE_NOW_H_

#include <cstdint>

namespace redwall {

struct Now {
  std::int64_t mono_us = 0;  // microseconds of a clock that only goes forward; for durations
  std::int64_t wall_us = 0;  // microseconds since 1970-01-01T00:00:00Z; for what people read
};

}  // namespace redwall

#endif  // REDWALL_BASE_NOW_H_
