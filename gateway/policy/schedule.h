// Schedule: what a rule's "hours" and "timezone" mean: parts of the week, by the clock on the wall.
#ifndef REDWALL_GATEWAY_POLICY_SCHEDULE_H_
#define REDWALL_GATEWAY_POLICY_SCHEDULE_H_

#include <cctz/time_zone.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace redwall::policy {

class Schedule {
 public:
  struct ScheduleError {
    bool in_timezone = false;  // else in the part number `part`
    std::size_t part = 0;
    std::string what;
  };
  // `parts`: "Mon-Fri 08:00-18:00", "Sat,Sun", "22:00-06:00" (over midnight: the night belongs to
  // the day it begins on). An hour is up to its end's minute: 18:00 is outside. `timezone`: a name
  // of the IANA database, "UTC" where empty.
  static Result<Schedule, ScheduleError> Make(const std::vector<std::string>& parts,
                                              const std::string& timezone);

  bool Contains(std::int64_t wall_us) const;

 private:
  struct Part {
    std::uint8_t days = 0x7f;            // a bit a day, Monday's is the lowest
    std::int32_t begin = 0, end = 1440;  // minutes of the day; end <= begin: of the next one
  };
  static bool ReadPart(std::string_view text, Part& part);

  cctz::time_zone zone_;
  std::vector<Part> parts_;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_SCHEDULE_H_
