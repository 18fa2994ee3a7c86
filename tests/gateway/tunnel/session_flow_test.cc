// Credit, backlog, turns and the end of streams.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/tunnel/session_harness.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

// A client whose peer has given `stream` bytes of credit to each stream, and `session` in all.
struct Sender : Harness {
  Sender(std::uint32_t stream, std::uint32_t session_credit, SessionLimits limits = SmallLimits())
      : Harness(Role::kClient, limits) {
    HelloPayload hello = GenerousHello();
    hello.stream_window = stream;
    hello.session_window = session_credit;
    Shake(hello);
  }
};
constexpr std::uint32_t kMuch = 1 << 30;

SessionLimits LargeLog() {
  SessionLimits limits = SmallLimits();
  limits.max_replay = 64 << 20;
  return limits;
}

// A server with one stream for each of `count` ids, all accepted.
struct Receiver : Harness {
  explicit Receiver(int count, SessionLimits limits = SmallLimits())
      : Harness(Role::kServer, limits) {
    Shake();
    for (int i = 0; i < count; ++i) {
      const auto id = static_cast<StreamId>(2 * i + 1);
      REQUIRE(Give(Open(id)) == SessionError::kNone);
      session.Accept(id);
    }
    TakeAll();
  }
};

std::uint64_t CreditFor(const std::vector<Frame>& frames, StreamId stream) {
  std::uint64_t credit = 0;
  for (const Frame& frame : frames)
    if (frame.type == FrameType::kCredit && frame.stream == stream) credit += frame.number();
  return credit;
}

}  // namespace

TEST_CASE("a stream sends to the last byte of its credit, and goes on with more") {
  for (const bool of_session : {false, true}) {
    Sender sender(of_session ? kMuch : 1000, of_session ? 1000 : kMuch);
    const StreamId id = sender.OpenOne();
    const std::string text = Pattern(1500);
    sender.session.Send(id, AsBytes(text));
    CHECK(sender.session.backlog(id) == 500);
    CHECK(DataOf(sender.TakeAll(), id) == text.substr(0, 1000));
    CHECK_FALSE(sender.session.HasOutput());
    const StreamId whose = of_session ? 0 : id;
    REQUIRE(sender.Give(Credit(whose, 1)) == SessionError::kNone);
    CHECK(DataOf(sender.TakeAll(), id) == text.substr(1000, 1));
    REQUIRE(sender.Give(Credit(whose, 499)) == SessionError::kNone);
    CHECK(DataOf(sender.TakeAll(), id) == text.substr(1001));
    CHECK(sender.session.backlog(id) == 0);
    CHECK_FALSE(sender.session.HasOutput());
  }
}

TEST_CASE("OPENED may bring more credit") {
  Sender sender(10, kMuch);
  const StreamId id = sender.OpenOne(false);
  sender.session.Send(id, AsBytes("0123456789abcdef"));
  CHECK(DataOf(sender.TakeAll(), id) == "0123456789");
  REQUIRE(sender.Give(Opened(id, 4)) == SessionError::kNone);
  CHECK(sender.streams[id]->events == "opened");
  CHECK(DataOf(sender.TakeAll(), id) == "abcd");
}

TEST_CASE("credit is given back when the owner has taken the bytes, by the quarter") {
  Receiver receiver(1);
  REQUIRE(receiver.Give(Data(1, Pattern(16000))) == SessionError::kNone);
  CHECK(CreditFor(receiver.TakeAll(), 1) == 0);
  receiver.session.Consumed(1, 4095);
  CHECK(CreditFor(receiver.TakeAll(), 1) == 0);
  receiver.session.Consumed(1, 1);
  CHECK(CreditFor(receiver.TakeAll(), 1) == 4096);
  receiver.session.Consumed(1, 1000000);  // more than ever came: counts as all
  CHECK(CreditFor(receiver.TakeAll(), 1) == 16000 - 4096);
  receiver.session.Consumed(1, 1000000);
  CHECK(CreditFor(receiver.TakeAll(), 1) == 0);
  REQUIRE(receiver.Give(Data(1, Pattern(16000)) + Data(1, Pattern(384))) == SessionError::kNone);
  CHECK(receiver.Give(Data(1, "x")) == SessionError::kCreditOverrun);
}

TEST_CASE(
    "bytes on a closed stream, and those of a stream that is closed, free the session's credit") {
  Receiver receiver(2);
  REQUIRE(receiver.Give(Data(1, Pattern(8000))) == SessionError::kNone);
  receiver.session.Close(1, ResetCode::kUpstreamGone);
  CHECK(CreditFor(receiver.TakeAll(), 0) == 0);  // not a quarter yet
  REQUIRE(receiver.Give(Data(1, Pattern(192))) == SessionError::kNone);
  CHECK(CreditFor(receiver.TakeAll(), 0) == 8192);
}

TEST_CASE("slow readers that hold most of the session's credit don't keep the rest from others") {
  SessionLimits limits = SmallLimits();
  limits.session_window = limits.stream_window = 16384;
  Receiver receiver(2, limits);
  // The first stream's owner takes nothing; the second's takes all, at once.
  REQUIRE(receiver.Give(Data(1, Pattern(13000))) == SessionError::kNone);
  std::uint64_t passed = 0, credit = 16384 - 13000;
  for (int turn = 0; turn < 20; ++turn) {
    REQUIRE(credit > 0);
    REQUIRE(receiver.Give(Data(3, Pattern(credit))) == SessionError::kNone);
    receiver.session.Consumed(3, credit);
    passed += credit;
    const auto frames = receiver.TakeAll();
    credit = CreditFor(frames, 0);
  }
  CHECK(passed == 20 * (16384 - 13000));
  CHECK_FALSE(receiver.session.HasOutput());
}

TEST_CASE("a stream with megabytes waiting lets others' small messages through in a few records") {
  Sender sender(kMuch, kMuch, LargeLog());
  const StreamId bulk = sender.OpenOne();
  for (int i = 0; i < 20; ++i) sender.OpenOne();
  const std::string text = Pattern(4 << 20);
  sender.session.Send(bulk, AsBytes(text));
  std::string got = DataOf(sender.Take(), bulk);
  for (const auto& [id, stream] : sender.streams)
    if (id != bulk) sender.session.Send(id, AsBytes("GET key"));
  std::size_t records = 0, small = 0;
  while (small < 20) {
    REQUIRE(++records <= 8);
    const auto frames = sender.Take();
    small += CountFrames(frames, FrameType::kData);
    for (const Frame& frame : frames) small -= frame.stream == bulk ? 1 : 0;
    got += DataOf(frames, bulk);
  }
  CHECK(sender.session.backlog(bulk) > (3 << 20));
  got += DataOf(sender.TakeAll(), bulk);
  CHECK(got == text);
}

TEST_CASE("streams that all have much to send take turns") {
  Sender sender(kMuch, kMuch, LargeLog());
  for (int i = 0; i < 4; ++i) sender.OpenOne();
  sender.TakeAll();
  for (const auto& [id, stream] : sender.streams)
    sender.session.Send(id, AsBytes(Pattern(1 << 20)));
  std::map<StreamId, std::size_t> sent;
  for (int i = 0; i < 48; ++i)
    for (const Frame& frame : sender.Take()) sent[frame.stream] += frame.payload.size();
  // The first was ahead by what goes straight into the log; then nobody is by more than two turns.
  for (const StreamId id : {3u, 5u, 7u}) {
    CHECK(sent[id] + 64 * 1024 + 2 * kMaxRecord >= sent[1]);
    CHECK(sent[id] + 2 * kMaxRecord >= sent[3]);
    CHECK(sent[3] + 2 * kMaxRecord >= sent[id]);
  }
}

TEST_CASE("bulk goes in full records") {
  Sender sender(kMuch, kMuch, LargeLog());
  const StreamId id = sender.OpenOne();
  sender.TakeAll();
  sender.session.Send(id, AsBytes(Pattern(2 << 20)));
  CHECK(DataOf(sender.TakeAll(), id).size() == 2 << 20);
  CHECK(sender.records <= (2 << 20) / kMaxPayload + 3);
}

TEST_CASE("OnWritable comes when the backlog of a stream that was told to stop has fallen, once") {
  constexpr std::size_t kHigh = Session::kHighWater, kLow = Session::kLowWater;
  for (const int more : {-1, 0}) {
    SessionLimits limits = SmallLimits();
    limits.max_replay = 1 << 20;
    Sender sender(1, kMuch, limits);
    const StreamId id = sender.OpenOne();
    const std::size_t size = static_cast<std::size_t>(static_cast<int>(kHigh) + more);
    sender.session.Send(id, AsBytes(Pattern(1 + size)));
    sender.TakeAll();
    REQUIRE(sender.session.backlog(id) == size);
    const auto drain_to = [&](std::size_t left) {
      sender.Give(Credit(id, static_cast<std::uint32_t>(sender.session.backlog(id) - left)));
      sender.TakeAll();
      REQUIRE(sender.session.backlog(id) == left);
    };
    const std::string after = more < 0 ? "opened" : "opened writable";
    drain_to(kLow + 1);
    CHECK(sender.streams[id]->events == "opened");
    drain_to(kLow);
    CHECK(sender.streams[id]->events == after);
    drain_to(0);
    CHECK(sender.streams[id]->events == after);
    sender.session.Send(id, AsBytes(Pattern(kHigh)));
    drain_to(10);
    CHECK(sender.streams[id]->events == after + " writable");
  }
}

TEST_CASE("with the replay log full streams wait, and go on after the ACK") {
  Sender sender(kMuch, kMuch);
  const StreamId id = sender.OpenOne(false);
  const std::string text = Pattern(1 << 20);
  sender.session.Send(id, AsBytes(text));
  std::string got;
  std::uint64_t frames = 0;
  while (got.size() < text.size()) {
    const auto records = sender.TakeAll();
    for (const Frame& frame : records) frames += IsReplayed(frame.type) ? 1 : 0;
    const std::string piece = DataOf(records, id);
    REQUIRE_FALSE(piece.empty());
    got += piece;
    CHECK(sender.session.replay_bytes() < SmallLimits().max_replay + kMaxRecord);
    CHECK_FALSE(sender.session.HasOutput());
    REQUIRE(sender.Give(Ack(frames)) == SessionError::kNone);
  }
  CHECK(got == text);
  CHECK(sender.session.replay_bytes() == 0);
}

TEST_CASE("FIN goes behind the backlog, and nothing after it") {
  Sender sender(100, kMuch);
  const StreamId id = sender.OpenOne();
  sender.session.Send(id, AsBytes(Pattern(150)));
  sender.session.Finish(id);
  sender.session.Finish(id);
  sender.session.Send(id, AsBytes("too late"));
  auto frames = sender.TakeAll();
  CHECK(DataOf(frames, id) == Pattern(150).substr(0, 100));
  CHECK(frames.back().flags == 0);
  REQUIRE(sender.Give(Credit(id, 50)) == SessionError::kNone);
  frames = sender.TakeAll();
  CHECK(DataOf(frames, id) == Pattern(150).substr(100));
  CHECK(frames.back().flags == kFlagFin);
  sender.session.Finish(id);
  REQUIRE(sender.Give(Credit(id, 50)) == SessionError::kNone);
  CHECK_FALSE(sender.session.HasOutput());
}

TEST_CASE(
    "a stream is forgotten when both sides have finished and its owner is gone, in any order") {
  const std::string orders[] = {"fpd", "fdp", "pfd", "pdf", "dfp", "dpf"};
  for (const std::string& order : orders) {
    CAPTURE(order);
    Receiver receiver(1);
    for (const char step : order) {
      CHECK(receiver.session.stream_count() == 1);
      if (step == 'f') receiver.session.Finish(1);
      if (step == 'p') REQUIRE(receiver.Give(Data(1, "bye") + Fin(1)) == SessionError::kNone);
      if (step == 'd') receiver.session.Detach(1);
    }
    CHECK(receiver.session.stream_count() == 0);
    const auto frames = receiver.TakeAll();
    CHECK(CountFrames(frames, FrameType::kRst) == 0);
    CHECK(frames.back().type == FrameType::kMaxStreams);
  }
}

TEST_CASE("what comes for a detached stream is thrown away, however much it is, up to its FIN") {
  Receiver receiver(1);
  REQUIRE(receiver.Give(Data(1, Pattern(16384 - 8)) + Data(1, "12345678")) == SessionError::kNone);
  const std::string seen = receiver.streams[1]->events;
  receiver.session.Finish(1);
  receiver.session.Detach(1);
  std::uint64_t left = 1 << 20, credit = 0;
  while (left > 0) {
    credit = std::min(left, credit + CreditFor(receiver.TakeAll(), 1));
    REQUIRE(credit > 0);
    for (; credit > 0; credit -= std::min<std::uint64_t>(credit, 8192)) {
      const std::uint64_t size = std::min<std::uint64_t>(credit, 8192);
      REQUIRE(receiver.Give(Data(1, Pattern(size))) == SessionError::kNone);
      left -= size;
    }
  }
  CHECK(receiver.streams[1]->events == seen);
  REQUIRE(receiver.Give(Fin(1)) == SessionError::kNone);
  CHECK(receiver.session.stream_count() == 0);
}

TEST_CASE("streams closed with data waiting leave no output that can't be written") {
  Sender sender(kMuch, 10);
  for (int i = 0; i < 50; ++i) {
    const StreamId id = sender.OpenOne();
    sender.session.Send(id, AsBytes(Pattern(100)));  // waits for the session's credit
    if (i % 2 == 0) {
      sender.session.Close(id, ResetCode::kClientGone);
    } else {
      REQUIRE(sender.Give(Rst(id)) == SessionError::kNone);
    }
    CHECK(sender.session.backlog(id) == 0);
    sender.TakeAll();
  }
  REQUIRE(sender.Give(Credit(0, 1000)) == SessionError::kNone);
  CHECK_FALSE(sender.session.HasOutput());

  Receiver receiver(3);
  for (const StreamId id : {1u, 3u, 5u}) {
    REQUIRE(receiver.Give(Data(id, Pattern(5000))) == SessionError::kNone);
    receiver.session.Consumed(id, 5000);
    if (id == 1) REQUIRE(receiver.Give(Fin(id)) == SessionError::kNone);
    if (id == 3) REQUIRE(receiver.Give(Rst(id)) == SessionError::kNone);
    receiver.Take();
  }
  CHECK_FALSE(receiver.session.HasOutput());
  REQUIRE(receiver.Give(Data(5, Pattern(4096))) == SessionError::kNone);
  receiver.session.Consumed(5, 4096);
  REQUIRE(receiver.Give(Fin(5)) == SessionError::kNone);
  while (receiver.session.HasOutput()) REQUIRE_FALSE(receiver.Take().empty());
}
