// How replies of several nodes become one, and SCAN's cursor.
#include "gateway/proxy/cluster_join.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace redwall::proxy {
namespace {

std::string Join2(Join how, std::string_view a, std::string_view b,
                  const std::vector<std::uint32_t>& order = {}) {
  return JoinReplies(how, {a, b}, order);
}

const std::string kUnlike = "-ERR redwall: the nodes' answers can't be joined\r\n";

TEST_CASE("Replies are joined as the command asks") {
  CHECK(Join2(Join::kFirst, "+OK\r\n", "+yes\r\n") == "+OK\r\n");
  CHECK(Join2(Join::kSum, ":40\r\n", ":2\r\n") == ":42\r\n");
  CHECK(Join2(Join::kMin, ":40\r\n", ":2\r\n") == ":2\r\n");
  CHECK(Join2(Join::kConcat, "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n") ==
        "*3\r\n$1\r\na\r\n$1\r\na\r\n$1\r\nb\r\n");
  CHECK(Join2(Join::kUnique, "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n") ==
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  CHECK(Join2(Join::kTally, "*2\r\n$1\r\na\r\n:1\r\n", "*2\r\n$1\r\na\r\n:4\r\n") ==
        "*2\r\n$1\r\na\r\n:5\r\n");
  CHECK(Join2(Join::kAnd, "*2\r\n:1\r\n:1\r\n", "*2\r\n:0\r\n:1\r\n") == "*2\r\n:0\r\n:1\r\n");
  CHECK(Join2(Join::kMget, "*2\r\n$1\r\na\r\n$-1\r\n", "*1\r\n$1\r\nc\r\n", {0, 1, 0}) ==
        "*3\r\n$1\r\na\r\n$1\r\nc\r\n$-1\r\n");
  CHECK(Join2(Join::kMget, "*1\r\n_\r\n", "*0\r\n", {0}) == "*1\r\n_\r\n");
  CHECK(Join2(Join::kConcat, "*0\r\n", "*0\r\n") == "*0\r\n");
}

TEST_CASE("The first error is the answer of the whole") {
  for (const Join how : {Join::kFirst, Join::kSum, Join::kMget, Join::kConcat, Join::kAnd}) {
    CHECK(Join2(how, ":1\r\n", "-OOM no\r\n", {0, 1}) == "-OOM no\r\n");
    CHECK(Join2(how, "!3\r\nERR\r\n", "-OOM no\r\n", {0, 1}) == "!3\r\nERR\r\n");
  }
  CHECK(Join2(Join::kAnyOk, "-NOTBUSY\r\n", "+OK\r\n") == "+OK\r\n");
  CHECK(Join2(Join::kAnyOk, "-NOTBUSY\r\n", "-ERR\r\n") == "-NOTBUSY\r\n");
}

TEST_CASE("One of the keys that there are") {
  CHECK(Join2(Join::kRandom, "$-1\r\n", "$1\r\nb\r\n", {0}) == "$1\r\nb\r\n");
  CHECK(Join2(Join::kRandom, "$1\r\na\r\n", "$1\r\nb\r\n", {0}) == "$1\r\na\r\n");
  CHECK(Join2(Join::kRandom, "$1\r\na\r\n", "$1\r\nb\r\n", {1}) == "$1\r\nb\r\n");
  CHECK(Join2(Join::kRandom, "_\r\n", "_\r\n", {7}) == "_\r\n");
}

TEST_CASE("What isn't of the kind that was expected joins to an error") {
  CHECK(Join2(Join::kSum, ":1\r\n", "+OK\r\n") == kUnlike);
  CHECK(Join2(Join::kSum, ":1\r\n", "") == kUnlike);
  CHECK(Join2(Join::kConcat, "*1\r\n:1\r\n", "*-1\r\n") == kUnlike);
  CHECK(Join2(Join::kConcat, "*?\r\n:1\r\n.\r\n", "*0\r\n") == kUnlike);
  CHECK(Join2(Join::kMget, "*1\r\n:1\r\n", "*0\r\n", {0, 1}) == kUnlike);
  CHECK(Join2(Join::kAnd, "*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n") == kUnlike);
  CHECK(Join2(Join::kTally, "*1\r\n:1\r\n", "*2\r\n:1\r\n$1\r\na\r\n") == kUnlike);
  // Sums of what nodes make up don't overflow into what isn't a number.
  CHECK(Join2(Join::kSum, ":9223372036854775807\r\n", ":1\r\n") == ":-9223372036854775808\r\n");
}

TEST_CASE("SCAN's cursor has the node in it") {
  ScanCursor cursor;
  for (const std::uint64_t of_node : {0ull, 1ull, (1ull << 39) - 1}) {
    for (const std::uint32_t master : {1u, kScanMasters - 1}) {
      CHECK(ReadScanCursor(WriteScanCursor({of_node, master}), cursor));
      CHECK(cursor.of_node == of_node);
      CHECK(cursor.master == master);
    }
  }
  CHECK(ReadScanCursor("0", cursor));
  for (const char* bad : {"", "-1", "a", "1a", " 1", "9223372036854775808", "99999999999999999999"})
    CHECK(!ReadScanCursor(bad, cursor));

  std::uint64_t of_node = 0;
  std::string_view rest;
  CHECK(ReadScanReply("*2\r\n$2\r\n17\r\n*1\r\n$1\r\na\r\n", of_node, rest));
  CHECK(of_node == 17);
  CHECK(rest == "*1\r\n$1\r\na\r\n");
  for (const char* bad : {"", "*1\r\n$1\r\n0\r\n", "*2\r\n$1\r\nx\r\n*0\r\n", "*2\r\n:0\r\n*0\r\n",
                          "*2\r\n$-1\r\n*0\r\n", "*2\r\n$0\r\n\r\n*0\r\n", "+OK\r\n"})
    CHECK(!ReadScanReply(bad, of_node, rest));
}

}  // namespace
}  // namespace redwall::proxy
