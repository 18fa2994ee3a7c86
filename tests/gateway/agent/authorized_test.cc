#include "gateway/agent/authorized.h"

#include <doctest/doctest.h>

#include <string>

namespace redwall::agent {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST_CASE("Times in UTC are read to the microsecond") {
  CHECK(ParseUtcTime("1970-01-01T00:00:00Z") == 0);
  CHECK(ParseUtcTime("2000-02-29T12:34:56Z") == 951827696 * kSecond);
  CHECK(ParseUtcTime("2027-01-01T00:00:00Z") == 1798761600 * kSecond);
  CHECK(ParseUtcTime("2027-01-01T00:00:00.5Z") == 1798761600 * kSecond + 500000);
  CHECK(ParseUtcTime("2027-01-01T00:00:00.000001Z") == 1798761600 * kSecond + 1);
  CHECK(ParseUtcTime("1969-12-31T23:59:59Z") == -kSecond);
  CHECK(ParseUtcTime("9999-12-31T23:59:59Z") == 253402300799 * kSecond);
}

TEST_CASE("What is no time in UTC, or no day of the calendar, is refused") {
  for (const char* text : {"",
                           "Z",
                           "2027",
                           "2027-01-01",
                           "2027-01-01T00:00:00",
                           "2027-01-01T00:00:00+00:00",
                           "2027-01-01 00:00:00Z",
                           "2027-01-01t00:00:00z",
                           "2027-02-29T00:00:00Z",
                           "2100-02-29T00:00:00Z",
                           "2027-13-01T00:00:00Z",
                           "2027-00-01T00:00:00Z",
                           "2027-04-31T00:00:00Z",
                           "2027-01-00T00:00:00Z",
                           "2027-01-01T24:00:00Z",
                           "2027-01-01T00:60:00Z",
                           "2027-01-01T00:00:60Z",
                           "2027-1-01T00:00:00Z",
                           "-027-01-01T00:00:00Z",
                           "2027-01-01T00:00:00.Z",
                           "2027-01-01T00:00:00.1234567Z",
                           "2027-01-01T00:00:00.-1Z",
                           "2027-01-01T00:00:00,5Z",
                           "2027-01-01T00:00:00ZZ"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseUtcTime(text).has_value());
  }
}

}  // namespace
}  // namespace redwall::agent
