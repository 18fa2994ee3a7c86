#include "gateway/net/wakeup.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "gateway/net/timer.h"

namespace redwall::net {
namespace {

TEST_CASE("Another thread gets a function called on the loop's thread") {
  Loop loop;
  Timer keeps_running(loop);
  keeps_running.Start(60000, 0, [&loop] { loop.Stop(); });
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<int> wanted = 0;
  int seen = 0;
  bool elsewhere = false;
  Wakeup wakeup(loop, [&] {
    elsewhere = elsewhere || std::this_thread::get_id() != here;
    seen = wanted;  // calls may be fewer, but none comes too early for the last one
    if (seen == 1000) loop.Stop();
  });
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      ++wanted;
      wakeup.Send();
    }
  });
  loop.Run();
  other.join();
  CHECK(seen == 1000);
  CHECK(!elsewhere);
}

TEST_CASE("It doesn't keep the loop running") {
  Loop loop;
  Wakeup wakeup(loop, [] {});
  loop.Run();
  CHECK(true);  // it came back
}

TEST_CASE("Its function may destroy it, and a call after its end doesn't come") {
  Loop loop;
  Timer keeps_running(loop);
  keeps_running.Start(60000, 0, [&loop] { loop.Stop(); });
  int calls = 0;
  std::unique_ptr<Wakeup> wakeup, silent;
  wakeup = std::make_unique<Wakeup>(loop, [&] {
    ++calls;
    wakeup.reset();
    loop.Stop();
  });
  silent = std::make_unique<Wakeup>(loop, [&] { calls += 100; });
  silent->Send();
  silent.reset();
  wakeup->Send();
  loop.Run();
  CHECK(calls == 1);
  CHECK(wakeup == nullptr);
}

}  // namespace
}  // namespace redwall::net
