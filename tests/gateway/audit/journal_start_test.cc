#include "gateway/audit/journal_start.h"

#include <doctest/doctest.h>

using namespace redwall::audit;

namespace {

ChainEnd End(std::uint64_t seq, std::string_view line = "line") { return {seq, HashLine(line)}; }

FileTail FileWith(const ChainEnd& end) { return {.empty = false, .end = end}; }

HeadFile::Found HeadAt(const ChainEnd& end, bool closed) {
  return {false, Head{end, closed, {}, {}}};
}

constexpr std::string_view kKilled = "the agent ended without a stop: lines may be missing here";

}  // namespace

TEST_CASE("where nothing is, a chain begins, and there is nothing to tell") {
  const JournalStart start = StartBehind({{}, {}, {.missing = true}});
  CHECK(start.end.seq == 0);
  CHECK(start.end.hash == ChainHash{});
  CHECK(!start.set_aside);
  CHECK(start.why.empty());
}

TEST_CASE("after a clean stop the chain goes on, and there is nothing to tell") {
  const JournalStart start = StartBehind({FileWith(End(7)), {}, HeadAt(End(7), true)});
  CHECK(start.end.seq == 7);
  CHECK(start.end.hash == End(7).hash);
  CHECK(start.why.empty());
}

TEST_CASE("after a kill the chain goes on behind the file's last line, and a gap says so") {
  for (const std::uint64_t head : {7U, 9U}) {
    const JournalStart start = StartBehind({FileWith(End(9)), {}, HeadAt(End(head), false)});
    CHECK(start.end.seq == 9);
    CHECK(start.why == std::string(kKilled) +
                           (head == 9 ? ""
                                      : "; lines 8 to 9 stand behind the last head and nobody "
                                        "vouches for them"));
    CHECK(!start.lost.has_value());
  }
}

TEST_CASE("a tail that was cut off is noticed by the head") {
  for (const bool closed : {true, false}) {
    const JournalStart start = StartBehind({FileWith(End(5)), {}, HeadAt(End(9, "ninth"), closed)});
    CHECK(start.end.seq == 9);
    CHECK(start.end.hash == HashLine("ninth"));
    CHECK(start.lost == 4);
    CHECK(start.why.starts_with("the file ends with line 5, and line 9 was written"));
    CHECK(start.why.ends_with(kKilled) == !closed);
  }
}

TEST_CASE("a last line that was changed is noticed by the head") {
  const JournalStart start =
      StartBehind({FileWith(End(9, "changed")), {}, HeadAt(End(9, "ninth"), true)});
  CHECK(start.end.hash == HashLine("ninth"));
  CHECK(start.why == "line 9 is not the one that was written: it was changed");
}

TEST_CASE("lines that were added after a clean stop are noticed") {
  const JournalStart start = StartBehind({FileWith(End(11)), {}, HeadAt(End(9), true)});
  CHECK(start.end.seq == 11);
  CHECK(start.why == "the file was closed with line 9, and somebody has added lines since");
}

TEST_CASE("lines that don't go on from the head's are not the agent's, killed or not") {
  for (const bool closed : {true, false}) {
    const JournalStart start = StartBehind({.file = FileWith(End(11)),
                                            .rotated = {},
                                            .head = HeadAt(End(9), closed),
                                            .leaves_head = true});
    CHECK(start.end.seq == 11);
    CHECK(start.why.starts_with("line 9 is not the one that was written"));
  }
}

TEST_CASE("a head that isn't signed with the agent's key is told, and not believed") {
  constexpr std::string_view kUntrusted =
      "the head isn't signed with this agent's key: lines may have been cut off or put in here";
  for (const std::uint64_t head : {0U, 5U, 9U, 12U}) {
    const JournalStart start = StartBehind({.file = FileWith(End(9)),
                                            .rotated = {},
                                            .head = HeadAt(End(head), true),
                                            .head_untrusted = true});
    CHECK(start.end.seq == 9);
    CHECK(start.why == kUntrusted);
  }
  CHECK(StartBehind({{}, {}, HeadAt({}, true), true}).why == kUntrusted);
  CHECK(StartBehind({{}, End(11), HeadAt(End(30), true), true}).end.seq == 11);
}

TEST_CASE("a rotated file is held against the head as the file is") {
  JournalStart start = StartBehind({{}, End(11), HeadAt(End(9), true)});
  CHECK(start.why == "the file was closed with line 9, and somebody has added lines since");
  start = StartBehind({{}, End(9, "changed"), HeadAt(End(9), true)});
  CHECK(start.why == "line 9 is not the one that was written: it was changed");
  CHECK(start.end.hash == End(9).hash);
  // An older one beside a file that was moved away by hand.
  CHECK(StartBehind({{}, End(8), HeadAt(End(9), true)}).why.empty());
  CHECK(StartBehind({{}, End(9), HeadAt(End(9), true)}).why.empty());
}

TEST_CASE("where the file was moved away the head knows where to go on") {
  JournalStart start = StartBehind({{}, {}, HeadAt(End(9), true)});
  CHECK(start.end.seq == 9);
  CHECK(start.why.empty());
  start = StartBehind({{}, {}, HeadAt(End(9), false)});
  CHECK(start.end.seq == 9);
  CHECK(start.why == kKilled);
}

TEST_CASE("killed while it rotated: the rotated file may know more than the head") {
  CHECK(StartBehind({{}, End(11), HeadAt(End(9), false)}).end.seq == 11);
  CHECK(StartBehind({{}, End(8), HeadAt(End(9), false)}).end.seq == 9);
  CHECK(StartBehind({{}, End(8), {.missing = true}}).end.seq == 8);
}

TEST_CASE("a head that is missing or can't be understood is told, and the file counts") {
  JournalStart start = StartBehind({FileWith(End(5)), {}, {.missing = true}});
  CHECK(start.end.seq == 5);
  CHECK(start.why == "the head file is missing: lines may have been cut off here unnoticed");
  start = StartBehind({FileWith(End(5)), {}, {.missing = false}});
  CHECK(start.end.seq == 5);
  CHECK(start.why.starts_with("the head file can't be understood"));
  start = StartBehind({{}, {}, {.missing = false}});
  CHECK(start.end.seq == 0);
  CHECK(start.why.starts_with("the head file can't be understood"));
}

TEST_CASE("a file that is no chain makes room") {
  const FileTail foreign{.empty = false, .foreign = true};
  JournalStart start = StartBehind({foreign, {}, {.missing = true}});
  CHECK(start.set_aside);
  CHECK(start.end.seq == 0);
  CHECK(start.why.starts_with("the file held nothing of a chain"));
  start = StartBehind({foreign, {}, HeadAt(End(9), true)});
  CHECK(start.set_aside);
  CHECK(start.end.seq == 9);
}

TEST_CASE("a file with an older chain makes room, and is told apart from one without") {
  const FileTail older{.empty = false, .older = true};
  for (const bool closed : {true, false}) {
    const JournalStart start = StartBehind({older, {}, HeadAt(End(9), closed)});
    CHECK(start.set_aside);
    CHECK(start.end.seq == 9);
    CHECK(start.end.hash == End(9).hash);
    CHECK(start.why.starts_with("the file held a chain bound by BLAKE2b"));
    CHECK(start.why.ends_with(kKilled) == !closed);
  }
  const JournalStart start = StartBehind({older, {}, {.missing = true}});
  CHECK(start.set_aside);
  CHECK(start.end.seq == 0);
}

TEST_CASE("a torn line and foreign text behind a chain are told") {
  FileTail file = FileWith(End(9));
  file.torn = true;
  CHECK(StartBehind({file, {}, HeadAt(End(9), true)}).why == "the last line is torn");
  CHECK(StartBehind({file, {}, HeadAt(End(9), false)}).why ==
        std::string(kKilled) + "; the last line is torn");
  file.torn = false;
  file.foreign = true;
  const JournalStart start = StartBehind({file, {}, HeadAt(End(9), true)});
  CHECK(!start.set_aside);
  CHECK(start.why == "behind the file's last line stood something that is no line");
}
