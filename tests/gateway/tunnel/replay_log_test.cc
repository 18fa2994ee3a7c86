#include "gateway/tunnel/replay_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <new>
#include <random>
#include <string>

#include "tests/gateway/tunnel/frame_maker.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

constexpr std::size_t kBlock = 64 * 1024;
// Memory blocks of the log that are alive, and that were ever made: large arrays, which nothing
// else in these tests makes by new[].
long blocks_alive = 0, blocks_made = 0;

}  // namespace

void* operator new[](std::size_t size) {
  // A word in front tells whether it was counted. 16 bytes keep the alignment.
  auto* const at = static_cast<std::size_t*>(std::malloc(size + 16));
  if (at == nullptr) std::abort();
  *at = size;
  if (size >= kBlock) ++blocks_alive, ++blocks_made;
  return reinterpret_cast<std::byte*>(at) + 16;
}
void operator delete[](void* pointer) noexcept {
  if (pointer == nullptr) return;
  auto* const at = reinterpret_cast<std::size_t*>(static_cast<std::byte*>(pointer) - 16);
  if (*at >= kBlock) --blocks_alive;
  std::free(at);
}
void operator delete[](void* pointer, std::size_t) noexcept { operator delete[](pointer); }

namespace {

// A log beside a plain model of it: frames as texts, in order.
struct Checked {
  ReplayLog log;
  std::deque<std::string> kept;  // from base() on
  std::uint64_t base = 0, sent = 0;
  unsigned char next = 0;

  std::uint64_t end() const { return base + kept.size(); }

  void Append(std::size_t size) {
    const std::string payload(size, static_cast<char>(++next));
    const auto stream = static_cast<StreamId>(end());
    kept.push_back(MakeFrame(FrameType::kData, stream, payload));
    log.Append({FrameType::kData, 0, static_cast<std::uint16_t>(size), stream}, AsBytes(payload));
    Check();
  }
  // What the log hands out must be what the model would.
  std::size_t Take(std::size_t room) {
    std::string expected;
    while (sent < end() && expected.size() + kept[sent - base].size() <= room)
      expected += kept[sent++ - base];
    std::string out(room, '?');
    const std::size_t size = log.TakeUnsent(std::as_writable_bytes(std::span(out)));
    out.resize(size);
    REQUIRE(size == expected.size());
    REQUIRE(out == expected);
    Check();
    return size;
  }
  void Acknowledge(std::uint64_t frames) {
    REQUIRE(log.Acknowledge(frames));
    for (; base < frames; ++base) kept.pop_front();
    Check();
  }
  void Rewind() {
    log.Rewind();
    sent = base;
    Check();
  }
  void Check() const {
    std::size_t bytes = 0, unsent = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      bytes += kept[i].size();
      if (base + i >= sent) unsent += kept[i].size();
    }
    REQUIRE(log.base() == base);
    REQUIRE(log.sent() == sent);
    REQUIRE(log.end() == end());
    REQUIRE(log.size_bytes() == bytes);
    REQUIRE(log.unsent_bytes() == unsent);
  }
};

}  // namespace

TEST_CASE("an empty log has nothing to send, to acknowledge, or to send again") {
  Checked checked;
  CHECK(checked.Take(kMaxRecord) == 0);
  checked.Acknowledge(0);
  CHECK_FALSE(checked.log.Acknowledge(1));
  checked.Rewind();
  CHECK(checked.Take(kMaxRecord) == 0);
}

TEST_CASE("a frame is handed out only where all of it fits") {
  for (const std::size_t payload : {std::size_t{0}, std::size_t{1}, kMaxPayload}) {
    Checked checked;
    checked.Append(payload);
    CHECK(checked.Take(0) == 0);
    CHECK(checked.Take(kFrameHeaderSize + payload - 1) == 0);
    CHECK(checked.Take(kFrameHeaderSize + payload) == kFrameHeaderSize + payload);
    CHECK(checked.Take(kMaxRecord) == 0);
  }
}

TEST_CASE("frames of any size cross the ends of blocks unharmed") {
  for (std::size_t payload = 0; payload <= kMaxPayload; payload += payload < 20 ? 1 : 1021) {
    Checked checked;
    for (std::size_t bytes = 0; bytes < 3 * kBlock; bytes += kFrameHeaderSize + payload)
      if (checked.kept.size() < 2000) checked.Append(payload);
    while (checked.Take(kMaxRecord) > 0) continue;
    checked.Rewind();
    while (checked.Take(kMaxRecord) > 0) continue;
    checked.Acknowledge(checked.end());
  }
}

TEST_CASE("a block is filled to its last byte, one short of it and one beyond") {
  for (const std::size_t last : {kMaxPayload - 1, kMaxPayload}) {
    for (const std::size_t after : {std::size_t{0}, std::size_t{1}, kMaxPayload}) {
      Checked checked;
      for (int i = 0; i < 3; ++i) checked.Append(kMaxPayload);
      checked.Append(last);
      checked.Append(after);
      while (checked.Take(kMaxRecord) > 0) continue;
      checked.Acknowledge(4);
      checked.Rewind();
      CHECK(checked.Take(kMaxRecord) == kFrameHeaderSize + after);
      checked.Append(3);
      checked.Take(kMaxRecord);
      checked.Acknowledge(6);
    }
  }
}

TEST_CASE("what was acknowledged is forgotten, the rest is sent again from there") {
  for (std::uint64_t acknowledged = 0; acknowledged <= 20; ++acknowledged) {
    Checked checked;
    for (std::size_t i = 0; i < 20; ++i) checked.Append(i * 700);
    while (checked.Take(kMaxRecord) > 0) continue;
    checked.Acknowledge(acknowledged);
    checked.Rewind();
    CHECK(checked.log.unsent_bytes() == checked.log.size_bytes());
    while (checked.Take(kMaxRecord) > 0) continue;
    CHECK(checked.sent == 20);
  }
}

TEST_CASE("acknowledging more than was sent, or less than before, changes nothing") {
  Checked checked;
  for (int i = 0; i < 5; ++i) checked.Append(10);
  checked.Take(3 * (kFrameHeaderSize + 10));
  CHECK_FALSE(checked.log.Acknowledge(4));
  CHECK_FALSE(checked.log.Acknowledge(~std::uint64_t{0}));
  checked.Check();
  checked.Acknowledge(2);
  CHECK_FALSE(checked.log.Acknowledge(1));
  CHECK_FALSE(checked.log.Acknowledge(0));
  checked.Check();
  checked.Acknowledge(2);
  checked.Acknowledge(3);
  CHECK_FALSE(checked.log.Acknowledge(4));
  checked.Rewind();
  CHECK_FALSE(checked.log.Acknowledge(4));
  checked.Take(kMaxRecord);
  checked.Acknowledge(5);
}

TEST_CASE("memory is given back as frames are acknowledged, all but a few blocks") {
  const long before = blocks_alive;
  {
    Checked checked;
    for (int i = 0; i < 400; ++i) checked.Append(kMaxPayload);
    CHECK(blocks_alive - before == 100);
    while (checked.Take(kMaxRecord) > 0) continue;
    checked.Acknowledge(200);
    CHECK(blocks_alive - before <= 50 + 5);
    checked.Acknowledge(400);
    CHECK(checked.log.size_bytes() == 0);
    CHECK(blocks_alive - before <= 4);
    const long made = blocks_made;
    checked.Append(5);
    CHECK(blocks_made == made);
  }
  CHECK(blocks_alive == before);
}

TEST_CASE("a steady state allocates nothing") {
  Checked checked;
  const auto turn = [&] {
    for (int i = 0; i < 3; ++i) checked.Append(9000);
    while (checked.Take(kMaxRecord) > 0) continue;
    if (checked.end() > 6) checked.Acknowledge(checked.end() - 6);
  };
  for (int i = 0; i < 50; ++i) turn();
  const long before = blocks_made;
  for (int i = 0; i < 500; ++i) turn();
  CHECK(blocks_made == before);
}

TEST_CASE("any mixture of appending, taking, acknowledging and rewinding keeps every frame") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    Checked checked;
    for (int step = 0; step < 1500; ++step) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          checked.Append(random() % 3 == 0 ? kMaxPayload - random() % 3 : random() % 5000);
          break;
        case 3:
        case 4:
          checked.Take(random() % (4 * kMaxRecord));
          break;
        case 5:
        case 6:
          checked.Acknowledge(checked.base + random() % (checked.sent - checked.base + 1));
          break;
        default:
          if (random() % 10 == 0) checked.Rewind();
      }
    }
    while (checked.Take(kMaxRecord) > 0) continue;
    checked.Acknowledge(checked.end());
    CHECK(checked.log.size_bytes() == 0);
  }
}
