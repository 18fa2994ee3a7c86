#include "gateway/policy/schedule.h"

#include <doctest/doctest.h>

#include "gateway/policy/sample.h"

using namespace redwall::policy;

namespace {

Schedule Make(const std::vector<std::string>& parts, const std::string& timezone = "") {
  auto schedule = Schedule::Make(parts, timezone);
  if (!schedule) FAIL(schedule.error().what);
  return *std::move(schedule);
}

bool At(const Schedule& schedule, std::string_view time) {
  const auto us = ParseTime(time);
  REQUIRE(us.has_value());
  return schedule.Contains(*us);
}

bool IsWrong(const std::string& part) {
  const auto schedule = Schedule::Make({"Mon", part}, "");
  if (schedule) return false;
  CHECK(schedule.error().part == 1);
  CHECK(!schedule.error().in_timezone);
  return true;
}

}  // namespace

// 2026-11-23 is a Monday.

TEST_CASE("hours begin with their first microsecond and end before their last minute") {
  const Schedule office = Make({"Mon-Fri 08:00-18:00"});
  CHECK(!At(office, "2026-11-23T07:59:59.999999Z"));
  CHECK(At(office, "2026-11-23T08:00:00Z"));
  CHECK(At(office, "2026-11-23T17:59:59.999999Z"));
  CHECK(!At(office, "2026-11-23T18:00:00Z"));
  CHECK(At(office, "2026-11-27T12:00:00Z"));
  CHECK(!At(office, "2026-11-28T12:00:00Z"));
  CHECK(!At(office, "2026-11-29T12:00:00Z"));
}

TEST_CASE("days without hours are whole, and hours without days are of each day") {
  const Schedule weekend = Make({"Sat,Sun"});
  CHECK(!At(weekend, "2026-11-27T23:59:59Z"));
  CHECK(At(weekend, "2026-11-28T00:00:00Z"));
  CHECK(At(weekend, "2026-11-29T23:59:59Z"));
  CHECK(!At(weekend, "2026-11-30T00:00:00Z"));
  const Schedule noon = Make({"12:00-13:00"});
  for (const char* day : {"23", "24", "25", "26", "27", "28", "29"})
    CHECK(At(noon, "2026-11-" + std::string(day) + "T12:30:00Z"));
  CHECK(!At(noon, "2026-11-23T13:00:00Z"));
}

TEST_CASE("a night belongs to the day that it begins on") {
  const Schedule night = Make({"Fri 22:00-06:00"});
  CHECK(!At(night, "2026-11-27T05:59:00Z"));  // Friday's small hours are Thursday's night
  CHECK(!At(night, "2026-11-27T21:59:59Z"));
  CHECK(At(night, "2026-11-27T22:00:00Z"));
  CHECK(At(night, "2026-11-28T05:59:59Z"));
  CHECK(!At(night, "2026-11-28T06:00:00Z"));
  CHECK(!At(night, "2026-11-28T22:00:00Z"));
}

TEST_CASE("a night over the week's end, and days over it") {
  const Schedule sunday = Make({"Sun 22:00-06:00"});
  CHECK(At(sunday, "2026-11-29T23:00:00Z"));
  CHECK(At(sunday, "2026-11-30T05:00:00Z"));  // Monday
  CHECK(!At(sunday, "2026-11-29T05:00:00Z"));
  const Schedule days = Make({"Sat-Mon"});
  CHECK(At(days, "2026-11-28T00:00:00Z"));
  CHECK(At(days, "2026-11-30T12:00:00Z"));
  CHECK(!At(days, "2026-12-01T00:00:00Z"));
  CHECK(!At(days, "2026-11-27T12:00:00Z"));
}

TEST_CASE("24:00 is a day's end, and parts add up") {
  const Schedule evening = Make({"Mon 20:00-24:00", "TUE,thu 00:00-01:00"});
  CHECK(At(evening, "2026-11-23T23:59:59Z"));
  CHECK(At(evening, "2026-11-24T00:30:00Z"));
  CHECK(!At(evening, "2026-11-24T01:00:00Z"));
  CHECK(!At(evening, "2026-11-25T00:30:00Z"));
  CHECK(At(evening, "2026-11-26T00:30:00Z"));
}

TEST_CASE("hours are those of the wall when the clocks change") {
  // Europe/Berlin: on 2026-03-29 02:00 +01:00 becomes 03:00 +02:00; on 2026-10-25 03:00 +02:00
  // becomes 02:00 +01:00. Both are Sundays.
  const Schedule night = Make({"Sun 02:00-03:00"}, "Europe/Berlin");
  CHECK(!At(night, "2026-03-29T00:59:59Z"));  // 01:59:59
  CHECK(!At(night, "2026-03-29T01:00:00Z"));  // 03:00: the hour is left out
  CHECK(At(night, "2026-10-25T00:00:00Z"));   // 02:00 for the first time
  CHECK(At(night, "2026-10-25T00:59:59Z"));
  CHECK(At(night, "2026-10-25T01:00:00Z"));  // and again
  CHECK(At(night, "2026-10-25T01:59:59Z"));
  CHECK(!At(night, "2026-10-25T02:00:00Z"));
  const Schedule office = Make({"Mon-Fri 08:00-18:00"}, "Europe/Berlin");
  CHECK(At(office, "2026-11-23T07:00:00Z"));
  CHECK(!At(office, "2026-07-06T05:59:59Z"));
  CHECK(At(office, "2026-07-06T06:00:00Z"));
}

TEST_CASE("a night in another zone is another day in UTC") {
  const Schedule monday = Make({"Mon"}, "America/New_York");
  CHECK(!At(monday, "2026-11-23T04:59:59Z"));
  CHECK(At(monday, "2026-11-23T05:00:00Z"));
  CHECK(At(monday, "2026-11-24T04:59:59Z"));
}

TEST_CASE("times before 1970 have days and hours, too") {
  const Schedule wednesday = Make({"Wed 23:59-24:00"});
  CHECK(wednesday.Contains(-1));  // 1969-12-31 was a Wednesday
  CHECK(!wednesday.Contains(0));
}

TEST_CASE("what isn't a part of the week is refused, and the part is told") {
  for (const char* part : {"",
                           " ",
                           "Mon ",
                           " 08:00-18:00",
                           "Mon-",
                           "-Mon",
                           "Mon,",
                           "Mond",
                           "Mon-Fri-Sun",
                           "Mon 08:00",
                           "Mon 8:00-18:00",
                           "Mon 08:00-18:60",
                           "Mon 08:00-24:01",
                           "Mon 25:00-26:00",
                           "Mon 08:00-08:00",
                           "24:00-06:00",
                           "Mon 08:00-18:00 x",
                           "Mon  08:00-18:00",
                           "08:00-18:00 Mon",
                           "Mon 08:00-18:00,20:00-22:00",
                           "Mon 08:00 - 18:00"}) {
    INFO(part);
    CHECK(IsWrong(part));
  }
  const auto zone = Schedule::Make({"Mon"}, "Europe/Atlantis");
  REQUIRE(!zone);
  CHECK(zone.error().in_timezone);
}
