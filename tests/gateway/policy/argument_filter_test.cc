#include "gateway/policy/argument_filter.h"

#include <doctest/doctest.h>

#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;
using Found = ArgumentFilter::Found;

namespace {

Found Look(std::optional<std::int32_t> index, const std::string& pattern, std::string_view line,
           bool whole) {
  const auto filter = ArgumentFilter::Make(index, pattern);
  REQUIRE(static_cast<bool>(filter));
  const TestRequest request(line);
  return filter->Look(request.get().command, whole);
}

Found LookAtHead(std::optional<std::int32_t> index, const std::string& pattern,
                 const TestRequest::Head& head, bool whole) {
  const auto filter = ArgumentFilter::Make(index, pattern);
  REQUIRE(static_cast<bool>(filter));
  const TestRequest request(head);
  return filter->Look(request.get().command, whole);
}

}  // namespace

TEST_CASE("an index counts from the name, or from the end") {
  for (const bool whole : {false, true}) {
    CHECK(Look(0, "SET", "SET k v", whole) == Found::kYes);
    CHECK(Look(2, "v", "SET k v", whole) == Found::kYes);
    CHECK(Look(-1, "v", "SET k v", whole) == Found::kYes);
    CHECK(Look(-3, "SET", "SET k v", whole) == Found::kYes);
    CHECK(Look(3, "", "SET k v", whole) == Found::kNo);
    CHECK(Look(-4, "", "SET k v", whole) == Found::kNo);
    CHECK(Look(1, "v", "SET k v", whole) == Found::kNo);
  }
}

TEST_CASE("in part or as a whole") {
  CHECK(Look(1, "app", "GET my:app:1", false) == Found::kYes);
  CHECK(Look(1, "app", "GET my:app:1", true) == Found::kNo);
  CHECK(Look(1, "my:.*", "GET my:app:1", true) == Found::kYes);
  CHECK(Look(1, "a|app", "GET app", true) == Found::kYes);  // the longer branch, too
  CHECK(Look(1, "^app", "GET my:app", false) == Found::kNo);
}

TEST_CASE("any argument: one of them in part, each of them as a whole, never the name") {
  CHECK(Look({}, "x", "SET k xyz", false) == Found::kYes);
  CHECK(Look({}, "SET", "SET k v", false) == Found::kNo);
  CHECK(Look({}, "[a-z]", "SET k v", true) == Found::kYes);
  CHECK(Look({}, "[a-z]", "SET k V", true) == Found::kNo);
  CHECK(Look({}, "", "PING", false) == Found::kNo);
  CHECK(Look({}, ".*", "PING", true) == Found::kNo);  // there is no argument
}

TEST_CASE("what has yet to arrive isn't told, unless what is here settles it") {
  const TestRequest::Head head{"SET key", 1};  // SET key <arriving> <one more>
  for (const bool whole : {false, true}) {
    CHECK(LookAtHead(1, "key", head, whole) == Found::kYes);
    CHECK(LookAtHead(1, "other", head, whole) == Found::kNo);
    CHECK(LookAtHead(2, "x", head, whole) == Found::kUntold);
    CHECK(LookAtHead(3, "x", head, whole) == Found::kUntold);
    CHECK(LookAtHead(-1, "x", head, whole) == Found::kUntold);
    CHECK(LookAtHead(-3, "key", head, whole) == Found::kYes);
    CHECK(LookAtHead(4, "x", head, whole) == Found::kNo);
  }
  CHECK(LookAtHead({}, "ke", head, false) == Found::kYes);
  CHECK(LookAtHead({}, "x", head, false) == Found::kUntold);
  CHECK(LookAtHead({}, "key", head, true) == Found::kUntold);
  CHECK(LookAtHead({}, "x", head, true) == Found::kNo);
}

TEST_CASE("patterns see bytes: line ends, NUL, and what isn't UTF-8") {
  const auto dot = ArgumentFilter::Make(1, "a.b");
  REQUIRE(static_cast<bool>(dot));
  for (const char c : {'\n', '\0', '\xff', '\r'}) {
    const TestRequest request(std::vector<std::string>{"GET", std::string("a") + c + "b"});
    CHECK(dot->Look(request.get().command, true) == Found::kYes);
  }
  const auto high = ArgumentFilter::Make(1, "[\\x80-\\xff]");
  REQUIRE(static_cast<bool>(high));
  const TestRequest bytes(std::vector<std::string>{"GET", "\x80"});
  CHECK(high->Look(bytes.get().command, true) == Found::kYes);
  // '$' is the text's end, not a line's.
  CHECK(Look(1, "a$", "GET a", false) == Found::kYes);
  const auto end = ArgumentFilter::Make(1, "a$");
  const TestRequest lines(std::vector<std::string>{"GET", "a\nb"});
  CHECK(end->Look(lines.get().command, false) == Found::kNo);
}

TEST_CASE("what isn't a pattern is refused with RE2's reason") {
  for (const char* pattern : {"(", "[a", "*", "a{2000}", "(?=a)"}) {
    const auto filter = ArgumentFilter::Make(1, pattern);
    INFO(pattern);
    REQUIRE(!filter);
    CHECK(filter.error().what.starts_with("not a regular expression of RE2: "));
  }
  CHECK(static_cast<bool>(ArgumentFilter::Make(1, std::string(4096, 'a'))));
  CHECK(!ArgumentFilter::Make(1, std::string(4097, 'a')));
}
