// Windows that grow with their readers, over a simulated link with a delay and a bandwidth; and
// what keeps them, and resets, within bounds.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/gateway/tunnel/session_harness.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

constexpr std::uint32_t kMiB = 1024 * 1024, kBase = 256 * 1024;
constexpr std::int64_t kDelayMs = 50;           // one way
constexpr std::size_t kBytesPerMs = 40 * 1000;  // 40 MB/s
constexpr std::size_t kAll = ~std::size_t{0};   // a reader that takes all at once

// What a client's stream reads, and how fast.
struct Reader final : StreamHandler {
  std::size_t bytes_per_ms = kAll;
  std::size_t held = 0, received = 0, most_held = 0;

  void OnOpened() override {}
  void OnData(ByteView bytes) override {
    held += bytes.size();
    received += bytes.size();
    most_held = std::max(most_held, held);
  }
  void OnFinish() override {}
  void OnReset(ResetCode) override { FAIL("nobody resets"); }
  void OnWritable() override {}
};
// The server's end: has always more to send, or up to `left` bytes.
struct Writer final : StreamHandler {
  std::size_t left = kAll;
  void OnOpened() override {}
  void OnData(ByteView) override {}
  void OnFinish() override {}
  void OnReset(ResetCode) override {}
  void OnWritable() override {}
};

struct Link : SessionHandler {
  struct Record {
    std::int64_t arrives_ms;
    std::vector<std::byte> bytes;
  };
  struct Side {
    Session session;
    std::deque<Record> wire;     // to this side
    std::size_t in_the_way = 0;  // bytes of this side's that wait for the link
  };
  std::int64_t now_ms = 0, delay_ms = kDelayMs;
  std::size_t to_write = kAll;  // of streams that are opened from now on
  Side client, server;
  std::map<StreamId, Reader> readers;
  std::map<StreamId, Writer> writers;

  explicit Link(SessionLimits limits = {}, std::int64_t delay = kDelayMs)
      : delay_ms(delay),
        client{{{Role::kClient, "c", "1", "", {}, 0, limits}, *this}, {}, 0},
        server{{{Role::kServer, "s", "1", "c", {}, 60000, limits}, *this}, {}, 0} {
    while (!client.session.ready()) Step();
  }
  void OnReady() override {}
  void OnGoaway(ResetCode, std::uint32_t) override {}
  StreamHandler* OnOpen(StreamId id, const OpenPayload&, ResetCode&) override {
    Writer& writer = writers[id];
    writer.left = to_write;
    return &writer;
  }
  Reader& Open(StreamId id, std::size_t bytes_per_ms = kAll) {
    Reader& reader = readers[id];
    reader.bytes_per_ms = bytes_per_ms;
    REQUIRE(client.session.Open("r", "c", &reader) == id);
    Run(2 * delay_ms + 2);
    server.session.Accept(id);
    return reader;
  }
  void Exchange(Side& from, Side& to) {
    from.in_the_way -= std::min(from.in_the_way, kBytesPerMs);
    while (from.in_the_way < kBytesPerMs && from.session.HasOutput()) {
      std::vector<std::byte> bytes(kMaxRecord);
      bytes.resize(from.session.Fill(bytes));
      from.in_the_way += bytes.size();
      to.wire.push_back({now_ms + delay_ms, std::move(bytes)});
    }
  }
  void Arrive(Side& side) {
    while (!side.wire.empty() && side.wire.front().arrives_ms <= now_ms) {
      REQUIRE(side.session.Receive(side.wire.front().bytes, now_ms) == SessionError::kNone);
      side.wire.pop_front();
    }
    if (now_ms % 1000 == 0) REQUIRE(side.session.Tick(now_ms) == SessionError::kNone);
  }
  // A millisecond.
  void Step() {
    ++now_ms;
    static const std::string chunk(256 * 1024, 'x');
    for (auto& [id, writer] : writers) {
      if (server.session.backlog(id) > 0 || writer.left == 0) continue;
      const std::size_t size = std::min(writer.left, chunk.size());
      server.session.Send(id, AsBytes(chunk).first(size));
      if (writer.left != kAll) writer.left -= size;
    }
    Arrive(client);
    Arrive(server);
    for (auto& [id, reader] : readers) {
      const std::size_t size = std::min(reader.held, reader.bytes_per_ms);
      reader.held -= size;
      if (size > 0) client.session.Consumed(id, size);
    }
    Exchange(client, server);
    Exchange(server, client);
  }
  void Run(std::int64_t ms) {
    for (const std::int64_t end = now_ms + ms; now_ms < end;) Step();
  }
  std::uint32_t window(StreamId id) const { return client.session.receive_window(id); }
};

SessionLimits Fixed() {
  SessionLimits limits;
  limits.max_stream_window = kBase;
  return limits;
}

}  // namespace

TEST_CASE("one stream fills a link of 100 ms and 40 MB/s; without growth it can't") {
  Link link;
  Reader& reader = link.Open(1);
  CHECK(link.window(1) == kBase);
  link.Run(2000);
  const std::size_t before = reader.received;
  link.Run(1000);
  CHECK(reader.received - before >= 1000 * kBytesPerMs * 9 / 10);
  CHECK(link.window(1) >= 4 * kMiB);
  CHECK(link.window(1) <= 8 * kMiB);
  REQUIRE(link.client.session.round_trip_ms());
  CHECK(*link.client.session.round_trip_ms() >= 2 * kDelayMs);
  CHECK(*link.client.session.round_trip_ms() <= 2 * kDelayMs + 10);

  Link fixed(Fixed());
  Reader& held_up = fixed.Open(1);
  fixed.Run(2000);
  CHECK(held_up.received <= 20 * kBase + kBase);
  CHECK(fixed.window(1) == kBase);
}

TEST_CASE("a reader that stalls stays at its window, and so does one that never needs more") {
  Link link;
  Reader& stalled = link.Open(1, 0);
  Reader& slow = link.Open(3, 500);    // half a window in 262 ms
  Reader& brisk = link.Open(5, 1000);  // in 131 ms; of the larger window, in seconds
  link.Run(5000);
  CHECK(stalled.received == kBase);
  CHECK(stalled.most_held == kBase);
  CHECK(link.window(1) == kBase);
  CHECK(link.window(3) == kBase);
  CHECK(slow.most_held <= kBase);
  CHECK(link.window(5) == 16 * kBase);
  CHECK(brisk.most_held <= 16 * kBase);
  // A stalled one that takes it all at last isn't fast by that: most was there already.
  stalled.bytes_per_ms = kAll;
  link.Step();
  stalled.bytes_per_ms = 0;
  link.Run(1000);
  CHECK(link.window(1) == kBase);
}

TEST_CASE("small messages don't make a window grow, and on a short link none has to") {
  Link link;
  link.to_write = 0;
  link.Open(1);
  for (int i = 0; i < 3000; ++i) {
    link.writers[1].left = 100;
    link.Step();
  }
  CHECK(link.window(1) == kBase);
  Link near({}, 0);
  Reader& reader = near.Open(1);
  near.Run(500);
  CHECK(near.window(1) <= 2 * kBase);
  CHECK(reader.received >= 400 * kBytesPerMs);
}

TEST_CASE("a reader that was fast and stops holds its window and no more, and others go on") {
  Link link;
  Reader& first = link.Open(1);
  link.Run(2000);
  REQUIRE(link.window(1) >= 4 * kMiB);
  const std::uint32_t window = link.window(1);
  first.bytes_per_ms = 0;
  Reader& second = link.Open(3);
  link.Run(2000);
  CHECK(first.held <= window);
  CHECK(first.held >= window / 4 * 3);  // a quarter may be due still
  CHECK(link.window(1) <= window);
  const std::size_t before = second.received;
  link.Run(1000);
  CHECK(second.received - before >= 10 * kBase * 3 / 4);
}

TEST_CASE(
    "windows never grow beyond their limit, nor all together by more than half the session's") {
  for (const std::uint32_t most : {kBase + 1, kBase + 20000, 600 * 1024u, 3 * kMiB}) {
    SessionLimits limits;
    limits.max_stream_window = most;
    Link link(limits);
    link.Open(1);
    link.Run(1500);
    // Less than a record isn't worth the CREDIT.
    CHECK(link.window(1) == (most < kBase + kMaxPayload ? kBase : most));
  }
  SessionLimits limits;
  limits.session_window = 4 * kMiB;
  Link crowded(limits);
  for (StreamId id = 1; id < 17; id += 2) crowded.Open(id);
  crowded.Run(3000);
  std::uint64_t grown = 0;
  for (const auto& [id, reader] : crowded.readers) grown += crowded.window(id) - kBase;
  CHECK(grown > 0);
  CHECK(grown <= limits.session_window / 2);
  // What a stream had is free for others when it ends.
  for (StreamId id = 1; id < 15; id += 2) {
    crowded.client.session.Close(id, ResetCode::kClientGone);
    crowded.writers[id].left = 0;
    crowded.server.session.Close(id, ResetCode::kClientGone);
    crowded.readers.erase(id);
  }
  crowded.Run(3000);
  CHECK(crowded.window(15) == limits.session_window / 2);
  limits.session_window = kBase;
  Link tiny(limits);
  tiny.Open(1);
  tiny.Run(1000);
  CHECK(tiny.window(1) == kBase);
}

TEST_CASE("a window that isn't used any more shrinks as its bytes are taken, and grows again") {
  Link link;
  Reader& reader = link.Open(1);
  link.Run(2000);
  const std::uint32_t large = link.window(1);
  REQUIRE(large >= 4 * kMiB);
  link.writers[1].left = 0;
  link.Run(500);
  for (int i = 0; i < 1000; ++i) {  // 100 KB/s
    link.writers[1].left = 10000;
    link.Run(100);
  }
  const std::uint32_t small = link.window(1);
  CHECK(small <= large / 4);
  CHECK(small >= kBase);
  // The peer has no more credit than that: with the reader stalled it stops there.
  reader.bytes_per_ms = 0;
  link.writers[1].left = kAll;
  link.Run(1000);
  CHECK(reader.held <= small);
  CHECK(reader.held >= small / 2);
  reader.bytes_per_ms = kAll;
  const std::size_t taken = reader.received;
  link.Run(2000);
  CHECK(reader.received > taken + 20 * kMiB);
  CHECK(link.window(1) >= 4 * kMiB);
  const std::uint32_t window = link.window(1);
  reader.bytes_per_ms = 0;
  link.Run(1000);
  CHECK(reader.held <= window);
}

TEST_CASE("what a slow reader had waiting doesn't count when it is taken all at once") {
  Harness client(Role::kClient, {});
  client.Shake();
  client.OpenOne();
  const auto receive = [&](std::int64_t at, std::size_t size) {
    client.now_ms = at;
    for (; size > 0; size -= std::min<std::size_t>(size, 16000))
      REQUIRE(client.Give(Data(1, Pattern(std::min<std::size_t>(size, 16000)))) ==
              SessionError::kNone);
    client.TakeAll();
  };
  receive(1000, 240000);
  client.session.Consumed(1, 140000);
  receive(6000, 1000);  // a measure begins, while 100,000 bytes wait; so does that of a round trip
  client.now_ms = 6100;
  REQUIRE(client.Give(Ping(1, kFlagPong)) == SessionError::kNone);
  REQUIRE(client.session.round_trip_ms() == 100);
  client.session.Consumed(1, 101000);
  receive(6110, 100000);
  client.session.Consumed(1, 100000);
  receive(6150, 1000);
  CHECK(client.session.receive_window(1) == kBase);  // 201,000 bytes, but 101,000 new ones
  client.session.Consumed(1, 1000);
  receive(6160, 40000);
  client.session.Consumed(1, 40000);
  receive(6170, 1000);
  CHECK(client.session.receive_window(1) == 16 * kBase);
}

TEST_CASE(
    "round trips are measured while data flows, every few seconds, and forgotten with the link") {
  Harness client(Role::kClient, {}, 60000);
  client.Shake();
  client.OpenOne();
  const auto flow = [&](std::int64_t at) {  // a window's half comes and is taken
    client.now_ms = at;
    for (int i = 0; i < 8; ++i)
      REQUIRE(client.Give(Data(1, Pattern(16000))) == SessionError::kNone);
    client.session.Consumed(1, kBase);
    CHECK(CountFrames(client.TakeAll(), FrameType::kPing) == 0);
    client.now_ms += 7;
    REQUIRE(client.Give(Data(1, "x")) == SessionError::kNone);
    return CountFrames(client.TakeAll(), FrameType::kPing);
  };
  const auto answer = [&](std::uint64_t number, std::int64_t at) {
    client.now_ms = at;
    REQUIRE(client.Give(Ping(number, kFlagPong)) == SessionError::kNone);
  };
  CHECK(flow(10000) == 1);
  CHECK(flow(10010) == 0);  // one is on its way
  answer(7, 10050);         // of nobody's
  CHECK_FALSE(client.session.round_trip_ms());
  answer(1, 10087);
  CHECK(client.session.round_trip_ms() == 80);
  answer(1, 10100);
  CHECK(client.session.round_trip_ms() == 80);
  CHECK(flow(11000) == 0);
  CHECK(flow(12999) == 0);
  CHECK(flow(13000) == 1);
  answer(2, 13007 + 160);  // a queue, perhaps: it counts by an eighth
  CHECK(client.session.round_trip_ms() == 90);
  CHECK(flow(17000) == 1);
  answer(3, 17007 + 20);
  CHECK(client.session.round_trip_ms() == 20);
  CHECK(flow(20100) == 1);  // not answered any more
  client.session.TransportLost();
  CHECK_FALSE(client.session.round_trip_ms());
  client.session.BeginResume();
  client.session.SendResume({});
  client.TakeAll();
  REQUIRE(client.Give(Resumed(1, 1)) == SessionError::kNone);
  client.TakeAll();
  CHECK(flow(20200) == 1);
}

TEST_CASE("a client that opens streams to reset them gets their places back at a limited rate") {
  SessionLimits limits = SmallLimits();
  limits.max_resets = 5;
  Harness server(Role::kServer, limits);
  server.Shake();
  StreamId next = 1;
  std::uint32_t allowed = limits.max_streams;
  const auto churn = [&] {  // as fast as MAX_STREAMS lets it; returns the streams it got
    std::uint32_t opened = 0;
    for (; next / 2 < allowed; next += 2, ++opened) {
      REQUIRE(server.Give(Open(next) + Rst(next)) == SessionError::kNone);
      server.session.Close(next, ResetCode::kNone);
      for (const Frame& frame : server.TakeAll())
        if (frame.type == FrameType::kMaxStreams) allowed = frame.number();
    }
    return opened;
  };
  const auto tick = [&](std::int64_t ms) {
    server.now_ms += ms;
    REQUIRE(server.session.Tick(server.now_ms) == SessionError::kNone);
    for (const Frame& frame : server.TakeAll())
      if (frame.type == FrameType::kMaxStreams) allowed = frame.number();
  };
  CHECK(churn() == 13);  // eight places at first, five that came back
  CHECK(churn() == 0);
  tick(999);
  CHECK(churn() == 0);
  for (int second = 0; second < 5; ++second) {
    tick(second == 0 ? 1 : 1000);
    const std::uint32_t opened = churn();
    CHECK(opened == 5);
  }
  // Once it has stopped, all places are back.
  tick(1000);
  tick(1000);
  CHECK(allowed - next / 2 == limits.max_streams);
}

TEST_CASE("streams that end in peace, and those that the server resets, give their places back") {
  SessionLimits limits = SmallLimits();
  limits.max_resets = 1;
  Harness server(Role::kServer, limits);
  server.Shake();
  for (StreamId id = 1; id < 201; id += 2) {
    REQUIRE(server.Give(Open(id) + (id % 4 == 1 ? Fin(id) : "")) == SessionError::kNone);
    if (id % 4 == 1) {
      server.session.Finish(id);
      server.session.Detach(id);
    } else {
      server.session.Close(id, ResetCode::kUpstreamGone);
    }
    CHECK(server.TakeAll().back().number() == limits.max_streams + id / 2 + 1);
  }
}
