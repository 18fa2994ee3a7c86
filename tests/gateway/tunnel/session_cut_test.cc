// A session whose transport is cut: at every byte of a conversation, inside of the resume that
// follows, and at random, thousands of times. REDWALL_CUTS=1000000 makes a million of the latter.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/gateway/tunnel/resume_harness.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

// Windows so small that the conversation is full of CREDIT and MAX_STREAMS.
WorldOptions SmallWorld(unsigned seed) {
  WorldOptions options;
  options.seed = seed;
  options.streams = 8;
  options.most_bytes = 300;
  options.limits.stream_window = 64;
  options.limits.max_stream_window = 64;
  options.limits.session_window = 128;
  options.limits.max_streams = 3;
  options.limits.max_unanswered = 2;
  options.limits.max_replay = 65536;
  return options;
}

// Bytes until both sessions are ready: before that there is nothing to resume.
std::size_t RunUntilReady(World& world) {
  while (!world.session(kToClient).ready() || !world.session(kToServer).ready()) world.Round();
  return world.arrived();
}

std::size_t RunToEnd(World& world) {
  while (!world.Done()) world.Round();
  world.CheckEnd();
  return world.arrived();
}

// The same, and meanwhile the server's policy changes, now and then before the last is out.
class PolicyWorld : public World {
 public:
  explicit PolicyWorld(const WorldOptions& options, std::size_t most_bytes = 20000)
      : World(options), dice_(options.seed + 1), most_bytes_(most_bytes) {}

  void Push() {
    sent_.push_back(std::string(dice_() % most_bytes_, static_cast<char>('a' + sent_.size() % 26)));
    sent_.back() += std::to_string(sent_.size());
    session(kToServer).SendPolicy(std::make_shared<const std::string>(sent_.back()));
  }
  void PushNowAndThen() {
    if (sent_.size() < 6 && dice_() % 20 == 0) Push();
  }
  bool PolicyArrived() const { return !sent_.empty() && came_ == sent_.size(); }
  void OnPolicy(std::string text) override {
    // Each once and whole, in order; one that was overtaken may be missing.
    std::size_t at = came_;
    while (at < sent_.size() && sent_[at] != text) ++at;
    Must(at < sent_.size(), "a policy came twice, late or torn");
    came_ = at + 1;
  }

 private:
  std::mt19937 dice_;
  const std::size_t most_bytes_;
  std::vector<std::string> sent_;
  std::size_t came_ = 0;  // of sent_, the last one that came
};

}  // namespace

TEST_CASE("without a cut everything is delivered, and nothing is kept in the end") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    World world(SmallWorld(seed));
    RunToEnd(world);
    CHECK(world.cuts() == 0);
    CHECK(world.session(kToClient).epoch() == 0);
  }
}

TEST_CASE("a cut at any byte of a conversation changes nothing for the streams") {
  for (unsigned seed = 0; seed < 4; ++seed) {
    World uncut(SmallWorld(seed));
    const std::size_t ready = RunUntilReady(uncut);
    const std::size_t total = RunToEnd(uncut);
    REQUIRE(total > ready + 500);
    for (std::size_t at = 0; ready + at < total; ++at) {
      CAPTURE(seed);
      CAPTURE(at);
      World world(SmallWorld(seed));
      RunUntilReady(world);
      world.CutAfter(at, false);
      RunToEnd(world);
      CHECK(world.cuts() > 0);
      CHECK(world.session(kToClient).epoch() >= 1);
    }
  }
}

TEST_CASE("nor do cuts at any byte of the resume, and of the resume after that") {
  // RESUME is 70 bytes on the wire, RESUMED 22.
  for (std::size_t first = 0; first < 600; first += 97) {
    for (std::size_t second = 0; second < 130; ++second) {
      for (const std::size_t third : {std::size_t{0}, second, std::size_t{70}, std::size_t{91}}) {
        CAPTURE(first);
        CAPTURE(second);
        CAPTURE(third);
        World world(SmallWorld(static_cast<unsigned>(first + second)));
        RunUntilReady(world);
        for (const std::size_t at : {first, second, third}) {
          world.CutAfter(at, false);
          while (world.cut_pending() && !world.Done()) world.Round();
        }
        RunToEnd(world);
        CHECK(world.session(kToClient).epoch() >= 1);
      }
    }
  }
}

TEST_CASE("a policy arrives once and whole, through a cut at any byte of it") {
  const auto start = [](PolicyWorld& world) {
    RunUntilReady(world);
    world.Push();
  };
  PolicyWorld uncut(SmallWorld(1));
  start(uncut);
  const std::size_t ready = uncut.arrived();
  while (!uncut.PolicyArrived() || !uncut.Done()) uncut.Round();
  const std::size_t total = uncut.arrived();
  // The very last record may be an acknowledgement, for which nobody waits.
  constexpr std::size_t kLast = 64;
  REQUIRE(total > ready + 2000);
  for (std::size_t at = 0; ready + at + kLast < total; ++at) {
    CAPTURE(at);
    PolicyWorld world(SmallWorld(1));
    start(world);
    world.CutAfter(at, false);
    while (!world.PolicyArrived() || !world.Done()) world.Round();
    world.CheckEnd();
    CHECK(world.cuts() > 0);
  }
}

TEST_CASE("policies that change all the time arrive in order through cuts at random") {
  std::size_t cuts = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    WorldOptions options = SmallWorld(seed);
    options.streams = 20;
    options.most_bytes = 20000;
    options.limits.stream_window = 8192;
    options.limits.session_window = 32768;
    PolicyWorld world(options, seed % 10 == 0 ? 300000 : 20000);
    RunUntilReady(world);
    world.Push();
    std::mt19937 dice(seed);
    while (!world.PolicyArrived() || !world.Done()) {
      if (!world.cut_pending() && world.cuts() < 20) world.CutAfter(dice() % 30000, true);
      world.PushNowAndThen();
      world.Round();
    }
    world.CheckEnd();
    cuts += world.cuts();
  }
  CHECK(cuts > 1000);
}

TEST_CASE("random cuts, over and over, of streams large and small") {
  const char* const wanted = std::getenv("REDWALL_CUTS");
  const std::size_t most = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20000;
  std::size_t cuts = 0, worlds = 0, grew = 0;
  for (unsigned seed = 1; cuts < most; ++seed) {
    CAPTURE(seed);
    std::mt19937 dice(seed);
    WorldOptions options = SmallWorld(seed);
    options.streams = 3 + dice() % (dice() % 4 == 0 ? 5 : 80);
    options.most_bytes = std::size_t{100} << dice() % 14;
    options.limits.stream_window = 1024u << dice() % 9;
    options.limits.max_stream_window = options.limits.stream_window << dice() % 4;
    options.limits.session_window = options.limits.stream_window << dice() % 7;
    options.limits.max_streams = static_cast<std::uint32_t>(1 + dice() % 12);
    options.limits.max_unanswered = static_cast<std::uint32_t>(1 + dice() % 6);
    options.limits.max_replay = 16384u << dice() % 5;
    World world(options);
    RunUntilReady(world);
    const std::size_t spacing = std::size_t{30} << dice() % 16;
    while (!world.Done()) {
      // Often many in a row, before anything got through; but a whole record must at some time.
      const unsigned dies = dice() % 8;
      const std::size_t within = dies < 2 ? 100 : dies == 2 ? 3 * kMaxRecord : spacing;
      if (!world.cut_pending()) world.CutAfter(dice() % within, true);
      world.Round();
    }
    world.CheckEnd();
    cuts += world.cuts();
    ++worlds;
    grew += world.windows_grew() ? 1 : 0;
  }
  CHECK((grew > 0 || most < 20000));
  MESSAGE(cuts << " cuts of " << worlds << " sessions; windows grew in " << grew);
}
