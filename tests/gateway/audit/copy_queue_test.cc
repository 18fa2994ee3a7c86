#include "gateway/audit/copy_queue.h"

#include <doctest/doctest.h>

#include <string>

namespace redwall::audit {
namespace {

constexpr std::size_t kAll = 1u << 20;

TEST_CASE("Lines come out as they went in, a whole number at a time") {
  CopyQueue queue(1000);
  queue.Take("one\ntwo\n");
  queue.Take("three\n");
  CHECK(queue.waiting() == 14);
  CHECK(queue.Next(2, kAll) == "one\ntwo\n");
  CHECK(queue.waiting() == 6);
  CHECK(queue.held() == 14);
  queue.Take("four\n");
  CHECK(queue.Next(kAll, 8) == "three\n");  // four doesn't fit into 8 bytes
  CHECK(queue.Next(kAll, 1) == "four\n");   // one at least
  CHECK(queue.Next(kAll, kAll).empty());
  queue.Done("one\ntwo\nthree\nfour\n");
  CHECK(queue.held() == 0);
  CHECK(!queue.TakeLoss());
  CHECK(!queue.TakeChange());
}

TEST_CASE("The order is kept through many rounds of filling and emptying") {
  CopyQueue queue(1000);
  int in = 0, out = 0;
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < round % 7 + 1; ++i) queue.Take(std::to_string(in++) + "\n");
    const std::string some = queue.Next(static_cast<std::size_t>(round % 5 + 3), kAll);
    for (std::size_t at = 0; at < some.size(); at = some.find('\n', at) + 1)
      REQUIRE(std::stoi(some.substr(at)) == out++);
    queue.Done(some);
  }
  while (true) {
    const std::string one = queue.Next(1, kAll);
    if (one.empty()) break;
    REQUIRE(std::stoi(one) == out++);
    queue.Done(one);
  }
  CHECK(out == in);
  CHECK(queue.held() == 0);
  CHECK(!queue.TakeLoss());
}

TEST_CASE("What doesn't fit is lost, counted, and told once half of the queue is free") {
  CopyQueue queue(10);
  queue.Take("aaa\nbbb\nccc\nddd\n");  // two of them fit
  CHECK(queue.held() == 8);
  queue.Take("e\n");  // would fit, and is part of the same gap
  CHECK(!queue.TakeLoss());
  const auto change = queue.TakeChange();
  REQUIRE(change);
  CHECK(!change->well);
  CHECK(change->sentence == "its queue is full, and lines are lost to it");
  CHECK(!queue.TakeChange());

  CHECK(queue.Next(1, kAll) == "aaa\n");
  queue.Take("f\n");  // held until Done
  CHECK(!queue.TakeLoss());
  queue.Done("aaa\n");
  const auto loss = queue.TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 4);
  CHECK(loss->why ==
        "the queue of 10 bytes was full, lines come faster than they can be passed on");
  CHECK(!queue.TakeLoss());
  const auto well = queue.TakeChange();
  REQUIRE(well);
  CHECK(well->well);
  CHECK(well->sentence.empty());

  queue.Take("gap\n");
  CHECK(queue.Next(kAll, kAll) == "bbb\ngap\n");
}

TEST_CASE("One gap is long rather than many short: room for one line doesn't end it") {
  CopyQueue queue(40);
  for (int i = 0; i < 11; ++i) queue.Take("aaa\n");  // the last doesn't fit
  for (int i = 0; i < 4; ++i) {
    queue.Done(queue.Next(1, kAll));
    queue.Take("bbb\n");
    CHECK(!queue.TakeLoss());
  }
  queue.Done(queue.Next(1, kAll));
  CHECK(queue.held() == 20);
  queue.Take("ccc\n");
  CHECK(queue.TakeLoss()->lost == 5);
  CHECK(queue.Next(kAll, kAll) == "aaa\naaa\naaa\naaa\naaa\nccc\n");
}

TEST_CASE("The reason that is told is the trouble that there was when the gap began") {
  CopyQueue queue(8);
  queue.SetTrouble("10.0.0.5:6379: connection refused");
  queue.Take("aaa\nbbb\nccc\n");
  queue.SetTrouble("");
  queue.Done(queue.Next(kAll, kAll));
  const auto loss = queue.TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 1);
  CHECK(loss->why == "the queue of 8 bytes was full: 10.0.0.5:6379: connection refused");
}

TEST_CASE("A change is told once") {
  CopyQueue queue(100);
  queue.SetTrouble("broken");
  queue.SetTrouble("broken");
  const auto change = queue.TakeChange();
  REQUIRE(change);
  CHECK(!change->well);
  CHECK(change->sentence == "broken");
  queue.SetTrouble("broken");
  CHECK(!queue.TakeChange());
  queue.SetTrouble("");
  CHECK(queue.TakeChange()->well);
  queue.SetTrouble("broken");
  queue.SetTrouble("");  // nobody asked meanwhile
  CHECK(!queue.TakeChange());
}

TEST_CASE("At the end all that is held is lost, a line that is half passed on too") {
  CopyQueue queue(100);
  queue.Take("one\ntwo\nthree\nfour\n");
  CHECK(queue.Next(3, kAll) == "one\ntwo\nthree\n");
  queue.Done("one\ntw");
  queue.SetTrouble("nobody listens");
  queue.Close("the end");
  const auto loss = queue.TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 3);
  CHECK(loss->why == "the end: nobody listens");
  CHECK(queue.Next(kAll, kAll).empty());

  queue.Done("o\nthree\n");  // a thread that was left alone
  queue.Take("late\n");
  CHECK(queue.TakeLoss()->lost == 1);
}

TEST_CASE("At the end there is no loss where nothing is held") {
  CopyQueue queue(100);
  queue.Take("one\n");
  queue.Done(queue.Next(1, kAll));
  queue.Close("the end");
  CHECK(!queue.TakeLoss());
}

}  // namespace
}  // namespace redwall::audit
