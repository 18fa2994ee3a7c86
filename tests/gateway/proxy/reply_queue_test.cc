#include "gateway/proxy/reply_queue.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>

namespace redwall::proxy {
namespace {

TEST_CASE("Slots leave in the order in which they came, through every growth of the ring") {
  ReplyQueue queue;
  std::deque<int> model;
  int next = 0;
  std::uint32_t seed = 1;
  for (int round = 0; round < 20000; ++round) {
    seed = seed * 1664525u + 1013904223u;
    const bool grow = (seed >> 16) % 100 < (round / 2000 % 2 == 0 ? 60u : 40u);
    if (grow) {
      Slot& slot = queue.Push();
      REQUIRE(slot.answer.empty());
      REQUIRE(slot.record_size == 0);
      REQUIRE(slot.kind == Slot::Kind::kForwarded);
      REQUIRE(slot.bytes_in == 0);
      slot.answer = std::to_string(next);
      slot.record_size = 1 + static_cast<std::size_t>(next);
      slot.kind = Slot::Kind::kLocal;
      slot.bytes_in = 9;
      model.push_back(next++);
      REQUIRE(&queue.back() == &slot);
    } else if (!model.empty()) {
      REQUIRE(queue.front().answer == std::to_string(model.front()));
      REQUIRE(queue.front().record_size == 1 + static_cast<std::size_t>(model.front()));
      queue.Pop();
      model.pop_front();
    }
    REQUIRE(queue.size() == model.size());
    REQUIRE(queue.empty() == model.empty());
  }
  CHECK(next > 5000);
}

TEST_CASE("A slot is cleared before it is used again") {
  ReplyQueue queue;
  for (int i = 0; i < 50; ++i) {
    Slot& slot = queue.Push();
    CHECK(slot.verb == resp::Verb::kOther);
    CHECK(slot.first_byte_us == -1);
    CHECK(slot.confirmations == 0);
    CHECK_FALSE(slot.closes);
    slot.verb = resp::Verb::kExec;
    slot.first_byte_us = 5;
    slot.confirmations = 3;
    slot.closes = true;
    slot.answer = std::string(i % 2 == 0 ? 10 : 100000, 'x');
    queue.Pop();
  }
}

TEST_CASE("A long text is not kept in a slot that is used again") {
  ReplyQueue queue;
  for (int i = 0; i < 4; ++i) {
    queue.Push().answer.assign(1 << 20, 'x');
    queue.Pop();
  }
  for (int i = 0; i < 4; ++i) {
    CHECK(queue.Push().answer.capacity() <= 1024);
    queue.Pop();
  }
}

TEST_CASE("A queue that was long works on after it has run empty") {
  ReplyQueue queue;
  for (const int size : {1, 3, 4, 5, 255, 256, 257, 1000}) {
    for (int i = 0; i < size; ++i) queue.Push().number = i;
    CHECK(queue.size() == static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) {
      REQUIRE(queue.front().number == i);
      queue.Pop();
    }
    CHECK(queue.empty());
  }
}

}  // namespace
}  // namespace redwall::proxy
