#include "gateway/policy/databases.h"

#include <doctest/doctest.h>

#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;

namespace {

std::string Touched(const Request& request) {
  const DatabasesTouched touched = TouchedBy(request);
  std::string out = touched.any ? "any" : "";
  if (touched.current) out += out.empty() ? "current" : " current";
  for (const std::int64_t number : touched.named)
    out += (out.empty() ? "" : " ") + std::to_string(number);
  return out.empty() ? "none" : out;
}

std::string Of(std::string_view line) { return Touched(TestRequest(line).get()); }

}  // namespace

TEST_CASE("most commands touch the connection's own database, or none") {
  for (const char* line : {"GET k", "MGET a b", "SCAN 0", "KEYS *", "DBSIZE", "FLUSHDB",
                           "RANDOMKEY", "SORT k BY w_*", "WATCH k", "RENAME a b"})
    CHECK_MESSAGE(Of(line) == "current", line);
  for (const char* line :
       {"PING", "MULTI", "EXEC", "CLIENT ID", "HELLO 3", "SUBSCRIBE c", "PUBLISH c m", "QUIT"})
    CHECK_MESSAGE(Of(line) == "none", line);
}

TEST_CASE("commands that name databases") {
  CHECK(Of("SELECT 3") == "3");
  CHECK(Of("SELECT") == "none");  // an error to Redis
  CHECK(Of("SWAPDB 0 1") == "0 1");
  CHECK(Of("MOVE k 3") == "current 3");
  CHECK(Of("COPY a b") == "current");
  CHECK(Of("COPY a b DB 3") == "current 3");
  CHECK(Of("COPY a b REPLACE db 3") == "current 3");
  CHECK(Of("COPY a b DB 3 DB 4") == "current 3 4");  // Redis takes the last: both are meant
}

TEST_CASE("a number that Redis may read otherwise is any database") {
  for (const char* line :
       {"SELECT x", "SELECT 1x", "SELECT 0x1", "SELECT 99999999999999999999", "SWAPDB 0 x"})
    CHECK_MESSAGE(Of(line).starts_with("any"), line);
  CHECK(Of("MOVE k +3") == "any current");
  CHECK(Of("COPY a b DB x") == "any current");
}

TEST_CASE("what reaches all databases, or nobody can tell") {
  for (const char* line : {"FLUSHALL", "EVAL return(1) 0", "EVAL return(1) 1 k", "FCALL f 1 k",
                           "MONITOR", "INFO", "DEBUG RELOAD", "NOSUCHCOMMAND k", "BGSAVE"})
    CHECK_MESSAGE(Of(line).starts_with("any"), line);
}

TEST_CASE("of a head what is still to come may be a database") {
  const auto of_head = [](std::string_view line, std::size_t more) {
    const TestRequest request(TestRequest::Head{line, more});
    return Touched(request.get());
  };
  CHECK(of_head("SELECT", 0) == "any");
  CHECK(of_head("COPY a b DB", 0).starts_with("any"));
  CHECK(of_head("MOVE k", 0).starts_with("any"));
  CHECK(of_head("SET k", 0) == "current");
}
