#include "gateway/tunnel/byte_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

std::string Text(const ByteQueue& queue) { return std::string(AsText(queue.bytes())); }

}  // namespace

TEST_CASE("a new queue is empty, and dropping nothing from it leaves it so") {
  ByteQueue queue;
  CHECK(queue.empty());
  CHECK(queue.size() == 0);
  queue.Drop(0);
  CHECK(queue.empty());
  queue.Append({});
  CHECK(queue.empty());
}

TEST_CASE("bytes come out in the order in which they went in, at every cut") {
  const std::string text = "the quick brown fox";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ByteQueue queue;
    queue.Append(AsBytes(std::string_view(text).substr(0, cut)));
    queue.Append(AsBytes(std::string_view(text).substr(cut)));
    CHECK(Text(queue) == text);
    queue.Drop(cut);
    CHECK(Text(queue) == text.substr(cut));
    CHECK(queue.size() == text.size() - cut);
    CHECK(queue.empty() == (cut == text.size()));
    queue.Append(AsBytes("!"));
    CHECK(Text(queue) == text.substr(cut) + "!");
  }
}

TEST_CASE("a queue that is emptied can be filled again, small or large") {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{16384}, std::size_t{16385}, std::size_t{1} << 20}) {
    ByteQueue queue;
    for (int round = 0; round < 3; ++round) {
      const std::string text(size, static_cast<char>('a' + round));
      queue.Append(AsBytes(text));
      CHECK(Text(queue) == text);
      queue.Drop(size - 1);
      CHECK(queue.size() == 1);
      queue.Drop(1);
      CHECK(queue.empty());
    }
  }
}

TEST_CASE("any mixture of appending and dropping does what a string does") {
  std::mt19937 random(7);
  ByteQueue queue;
  std::string model;
  char next = 0;
  for (int step = 0; step < 4000; ++step) {
    const std::size_t limit = random() % 50 == 0 ? 60000 : 3000;
    if (random() % 2 == 0) {
      std::string piece(random() % limit, ' ');
      for (char& c : piece) c = ++next;
      queue.Append(AsBytes(piece));
      model += piece;
    } else {
      const std::size_t size = std::min<std::size_t>(random() % limit, model.size());
      queue.Drop(size);
      model.erase(0, size);
    }
    REQUIRE(queue.size() == model.size());
    REQUIRE(Text(queue) == model);
  }
  queue.Drop(model.size());
  CHECK(queue.empty());
}
