#include "gateway/audit/sink_thread.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace redwall::audit {
namespace {

constexpr std::uint64_t kPatience = 60000;  // ms until a test is given up; none waits for it

// What the thread's sink and the test share.
struct Place {
  std::mutex mutex;
  std::condition_variable changed;
  std::string got;
  int calls = 0;
  bool shut = false;             // Write blocks
  bool in_write = false;         // now
  std::string error;             // Write takes nothing
  std::size_t piece = 1u << 20;  // bytes a Write takes
  std::string poison;            // lines with it can't be passed on

  bool WaitFor(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::milliseconds(kPatience), condition);
  }
  void Set(const std::function<void()>& change) {
    const std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
};

class PlaceSink final : public BlockingSink {
 public:
  explicit PlaceSink(std::shared_ptr<Place> place) : place_(std::move(place)) {}

  Outcome Write(std::string_view lines) override {
    std::unique_lock lock(place_->mutex);
    ++place_->calls;
    place_->in_write = true;
    place_->changed.notify_all();
    place_->changed.wait(lock, [this] { return !place_->shut; });
    place_->in_write = false;
    Outcome outcome;
    outcome.error = place_->error;
    if (outcome.error.empty()) {
      outcome.taken = std::min(lines.size(), place_->piece);
      if (!place_->poison.empty() &&
          lines.substr(0, outcome.taken).find(place_->poison) != std::string_view::npos) {
        outcome.lost = 1;
        outcome.why = "poison";
      } else {
        place_->got += lines.substr(0, outcome.taken);
      }
    }
    place_->changed.notify_all();
    return outcome;
  }

 private:
  const std::shared_ptr<Place> place_;
};

struct Scene {
  explicit Scene(std::size_t max_bytes = kMaxCopyBytes)
      : copy(std::make_unique<SinkThread>("test", std::make_unique<PlaceSink>(place),
                                          SinkThread::Options{max_bytes, 1})) {}
  bool Got(const std::string& expected) {
    return place->WaitFor([&] { return place->got == expected; });
  }
  // Blocks the thread inside a Write that has got `line`.
  void Block(const std::string& line) {
    place->Set([&] { place->shut = true; });
    copy->Take(line);
    REQUIRE(place->WaitFor([&] { return place->in_write; }));
  }
  void Open() {
    place->Set([&] { place->shut = false; });
  }
  std::shared_ptr<Place> place = std::make_shared<Place>();
  std::unique_ptr<SinkThread> copy;
};

TEST_CASE("Lines are passed on, in order") {
  Scene scene;
  CHECK(scene.copy->name() == "test");
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    expected += line;
    scene.copy->Take(line);
  }
  CHECK(scene.Got(expected));
  scene.copy->Finish(kPatience);
  CHECK(scene.place->got == expected);
  CHECK(!scene.copy->TakeLoss());
  CHECK(!scene.copy->TakeChange());
}

TEST_CASE("A sink that takes a few bytes at a time gets all of them") {
  for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
    Scene scene;
    scene.place->piece = piece;
    scene.copy->Take("first\nsecond\n");
    scene.copy->Take("third\n");
    scene.copy->Finish(kPatience);
    CHECK(scene.place->got == "first\nsecond\nthird\n");
    CHECK(!scene.copy->TakeLoss());
  }
}

TEST_CASE("Finish passes on what waits") {
  Scene scene;
  scene.Block("first\n");
  for (int i = 0; i < 5000; ++i) scene.copy->Take("more\n");
  scene.Open();
  scene.copy->Finish(kPatience);
  CHECK(scene.place->got.size() == 6 + 5000 * 5);
  CHECK(!scene.copy->TakeLoss());
}

TEST_CASE("Nobody waits for a sink that blocks; what doesn't fit is told when it goes on") {
  Scene scene(100);
  scene.Block("first\n");
  for (int i = 0; i < 50; ++i) scene.copy->Take("more\n");  // 18 of them fit
  CHECK(!scene.copy->TakeLoss());
  CHECK(scene.copy->TakeChange()->sentence == "its queue is full, and lines are lost to it");
  scene.Open();
  std::string expected = "first\n";
  for (int i = 0; i < 18; ++i) expected += "more\n";
  CHECK(scene.Got(expected));
  scene.copy->Finish(kPatience);
  const auto loss = scene.copy->TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 32);
}

TEST_CASE("After an error it is tried again, and nothing is lost") {
  Scene scene;
  scene.place->Set([&] { scene.place->error = "nobody listens"; });
  scene.copy->Take("one\n");
  scene.copy->Take("two\n");
  REQUIRE(scene.place->WaitFor([&] { return scene.place->calls >= 3; }));
  const auto change = scene.copy->TakeChange();
  REQUIRE(change);
  CHECK(!change->well);
  CHECK(change->sentence == "nobody listens");
  scene.place->Set([&] { scene.place->error.clear(); });
  CHECK(scene.Got("one\ntwo\n"));
  scene.copy->Finish(kPatience);
  CHECK(scene.copy->TakeChange()->well);
  CHECK(!scene.copy->TakeLoss());
}

TEST_CASE("A line that can never be passed on is counted, and the others come through") {
  Scene scene;
  scene.place->piece = 4;
  scene.place->poison = "bad";
  scene.copy->Take("aaa\nbad\nccc\n");
  scene.copy->Finish(kPatience);
  CHECK(scene.place->got == "aaa\nccc\n");
  const auto loss = scene.copy->TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 1);
  CHECK(loss->why == "poison");
}

TEST_CASE("An end without patience: what waits is lost, also with a thread that hangs") {
  SUBCASE("that hangs") {
    Scene scene;
    scene.Block("first\n");
    scene.copy->Take("second\nthird\n");
    scene.copy->Finish(1);
    const auto loss = scene.copy->TakeLoss();
    REQUIRE(loss);
    CHECK(loss->lost == 3);
    CHECK(loss->why == "the end came before they were passed on");
    scene.copy.reset();
    scene.Open();  // the thread that was left alone ends by itself
    CHECK(scene.Got("first\n"));
  }
  SUBCASE("that fails") {
    Scene scene;
    scene.place->Set([&] { scene.place->error = "nobody listens"; });
    scene.copy->Take("first\n");
    REQUIRE(scene.place->WaitFor([&] { return scene.place->calls >= 2; }));
    scene.copy->Finish(1);
    const auto loss = scene.copy->TakeLoss();
    REQUIRE(loss);
    CHECK(loss->lost == 1);
    CHECK(loss->why == "the end came before they were passed on: nobody listens");
  }
  SUBCASE("destroyed") {
    Scene scene;
    scene.place->Set([&] { scene.place->error = "nobody listens"; });
    scene.copy->Take("first\n");
    scene.copy.reset();
    CHECK(scene.place->got.empty());
  }
}

}  // namespace
}  // namespace redwall::audit
