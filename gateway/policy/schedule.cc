#include "gateway/policy/schedule.h"

#include <cctz/civil_time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace redwall::policy {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::int32_t kDay = 24 * 60;

std::optional<unsigned> ReadDay(std::string_view text) {
  std::string folded(text);
  for (char& c : folded)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const auto found = std::find(kDays.begin(), kDays.end(), folded);
  if (found == kDays.end()) return std::nullopt;
  return static_cast<unsigned>(found - kDays.begin());
}

// "Mon-Fri,Sun": the bits of the days; 0 where it isn't that. "Sat-Mon" goes over the week's end.
std::uint8_t ReadDays(std::string_view text) {
  unsigned days = 0;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    const std::size_t dash = std::min(item.find('-'), item.size());
    const auto first = ReadDay(item.substr(0, dash));
    const auto last = dash == item.size() ? first : ReadDay(item.substr(dash + 1));
    if (!first || !last) return 0;
    for (unsigned day = *first;; day = (day + 1) % 7) {
      days |= 1u << day;
      if (day == *last) break;
    }
    if (comma == text.size()) return static_cast<std::uint8_t>(days);
    text.remove_prefix(comma + 1);
  }
}

// "08:00", up to "24:00".
std::optional<std::int32_t> ReadMinutes(std::string_view text) {
  const auto digit = [text](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
    return std::nullopt;
  const std::int32_t hours = (text[0] - '0') * 10 + (text[1] - '0');
  const std::int32_t minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (minutes > 59 || hours * 60 + minutes > kDay) return std::nullopt;
  return hours * 60 + minutes;
}

}  // namespace

bool Schedule::ReadPart(std::string_view text, Part& part) {
  const std::size_t space = text.find(' ');
  std::string_view days = text.substr(0, space), hours;
  if (space != text.npos) hours = text.substr(space + 1);
  if (space == text.npos && text.find(':') != text.npos) std::swap(days, hours);
  if (space == 0) return false;
  if (!days.empty() || hours.empty()) {
    part.days = ReadDays(days);
    if (part.days == 0) return false;
  }
  if (hours.empty()) return space == text.npos;
  const std::size_t dash = hours.find('-');
  if (dash == hours.npos) return false;
  const auto begin = ReadMinutes(hours.substr(0, dash));
  const auto end = ReadMinutes(hours.substr(dash + 1));
  if (!begin || !end || *begin == *end || *begin == kDay) return false;
  part.begin = *begin;
  part.end = *end;
  return true;
}

Result<Schedule, Schedule::ScheduleError> Schedule::Make(const std::vector<std::string>& parts,
                                                         const std::string& timezone) {
  Schedule schedule;
  schedule.zone_ = cctz::utc_time_zone();
  if (!timezone.empty() && !cctz::load_time_zone(timezone, &schedule.zone_))
    return ScheduleError{true, 0,
                         "there is no such time zone on this machine: expected a name like "
                         "\"Europe/Berlin\" (is tzdata installed?)"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part part;
    if (!ReadPart(parts[i], part))
      return ScheduleError{false, i,
                           "expected days and hours like \"Mon-Fri 08:00-18:00\", \"Sat,Sun\" or "
                           "\"22:00-06:00\""};
    schedule.parts_.push_back(part);
  }
  return schedule;
}

bool Schedule::Contains(std::int64_t wall_us) const {
  const auto seconds = std::chrono::floor<cctz::seconds>(std::chrono::microseconds(wall_us));
  const cctz::civil_second local = cctz::convert(cctz::time_point<cctz::seconds>(seconds), zone_);
  const auto today = static_cast<unsigned>(cctz::get_weekday(cctz::civil_day(local)));
  const unsigned yesterday = (today + 6) % 7;
  const std::int32_t minute = local.hour() * 60 + local.minute();
  return std::any_of(parts_.begin(), parts_.end(), [=](const Part& part) {
    const bool over_midnight = part.end <= part.begin;
    const bool on_day = (part.days >> today & 1u) != 0;
    if (!over_midnight) return on_day && minute >= part.begin && minute < part.end;
    const bool since_yesterday = (part.days >> yesterday & 1u) != 0;
    return (on_day && minute >= part.begin) || (since_yesterday && minute < part.end);
  });
}

}  // namespace redwall::policy
