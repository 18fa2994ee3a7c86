// What a session does with a peer that keeps the rules, frame by frame.
#include "gateway/tunnel/session.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "tests/gateway/tunnel/session_harness.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

TEST_CASE("a client says HELLO first, a server only after the client's, with SESSION") {
  Harness server(Role::kServer);
  CHECK_FALSE(server.session.HasOutput());
  CHECK(server.Take().empty());
  Harness client(Role::kClient);
  CHECK(client.session.HasOutput());
  auto frames = client.Take();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].type == FrameType::kHello);
  const auto hello = DecodeHello(AsBytes(frames[0].payload));
  REQUIRE(hello);
  CHECK(hello->name == "me");
  CHECK(hello->stream_window == 16384);
  CHECK(hello->session_window == 32768);
  CHECK(hello->max_streams == 0);
  CHECK(hello->identity.empty());
  CHECK_FALSE(client.session.HasOutput());

  REQUIRE(server.Give(Hello(*hello)) == SessionError::kNone);
  CHECK(server.events == "ready ");
  CHECK(server.session.peer().name == "me");
  frames = server.TakeAll();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == FrameType::kHello);
  CHECK(frames[1].type == FrameType::kSession);
  const auto answer = DecodeHello(AsBytes(frames[0].payload));
  REQUIRE(answer);
  CHECK(answer->max_streams == 8);
  CHECK(answer->max_unanswered == 4);
  CHECK(answer->identity == "them");

  REQUIRE(client.Give(Hello(*answer)) == SessionError::kNone);
  CHECK_FALSE(client.session.ready());
  CHECK_FALSE(client.session.CanOpen());
  REQUIRE(client.Give(SessionFrame()) == SessionError::kNone);
  CHECK(client.events == "ready ");
  CHECK(client.session.CanOpen());
  CHECK(AsText(client.session.id()) == std::string(16, 'S'));
}

TEST_CASE("Fill writes nothing into less room than a whole record, and loses nothing by it") {
  Harness client(Role::kClient);
  std::vector<std::byte> small(kMaxRecord - 1), larger(kMaxRecord + 1);
  CHECK(client.session.Fill(small) == 0);
  CHECK(client.session.HasOutput());
  CHECK(client.session.Fill(larger) > 0);
}

TEST_CASE("whether a stream can be opened follows the server's limits alone") {
  Harness client(Role::kClient);
  HelloPayload hello = Harness::GenerousHello();
  hello.max_streams = 3;
  hello.max_unanswered = 2;
  client.Shake(hello);
  CHECK_FALSE(client.session.OpensPending());
  CHECK(client.OpenOne(false) == 1);
  CHECK(client.OpenOne(false) == 3);
  CHECK_FALSE(client.session.CanOpen());
  CHECK(client.session.OpensPending());
  client.TakeAll();
  client.Give(Opened(3));
  CHECK(client.session.CanOpen());
  CHECK(client.OpenOne(false) == 5);
  client.TakeAll();
  client.Give(Opened(1) + Opened(5));
  CHECK_FALSE(client.session.CanOpen());  // three in all
  CHECK_FALSE(client.session.OpensPending());
  client.session.Close(1, ResetCode::kClientGone);
  CHECK_FALSE(client.session.CanOpen());  // it is the server who says when its place is free
  client.Give(MaxStreams(4));
  CHECK(client.session.CanOpen());
  client.session.GoAway(ResetCode::kShutdown, 0);
  CHECK_FALSE(client.session.CanOpen());

  for (const int which : {0, 1}) {
    Harness none(Role::kClient);
    HelloPayload stingy = Harness::GenerousHello();
    (which == 0 ? stingy.max_streams : stingy.max_unanswered) = 0;
    none.Shake(stingy);
    CHECK(none.session.ready());
    CHECK_FALSE(none.session.CanOpen());
  }
  Harness server(Role::kServer);
  server.Shake();
  CHECK_FALSE(server.session.CanOpen());
}

TEST_CASE("OPEN carries the route and the client, and data may follow at once") {
  Harness client(Role::kClient), server(Role::kServer);
  client.Shake();
  server.Shake();
  const StreamId id = client.OpenOne(false);
  client.session.Send(id, AsBytes("PING\r\n"));
  const auto frames = client.TakeAll();
  REQUIRE(frames.size() == 2);
  REQUIRE(server.Give(MakeFrame(FrameType::kOpen, id, frames[0].payload) + Data(id, "PING\r\n")) ==
          SessionError::kNone);
  CHECK(server.events == "ready open:1 ");
  CHECK(server.last_route == "default");
  CHECK(server.last_client == "1.2.3.4:5");
  CHECK(server.streams[id]->data == "PING\r\n");
  server.session.Accept(id);
  server.session.Accept(id);
  server.session.Accept(99);
  CHECK(CountFrames(server.TakeAll(), FrameType::kOpened) == 1);
}

TEST_CASE("an OPEN that the owner refuses is answered by RST with its code") {
  Harness server(Role::kServer);
  server.Shake();
  server.refuse = ResetCode::kUnknownRoute;
  REQUIRE(server.Give(Open(1)) == SessionError::kNone);
  const auto frames = server.TakeAll();
  REQUIRE(CountFrames(frames, FrameType::kRst) == 1);
  CHECK(server.session.stream_count() == 0);
  CHECK(server.Give(Data(1, "under way") + Fin(1) + Credit(1, 5) + Rst(1)) == SessionError::kNone);

  Harness client(Role::kClient);
  client.Shake();
  client.OpenOne(false);
  client.TakeAll();
  REQUIRE(client.Give(Rst(1, ResetCode::kUnknownRoute)) == SessionError::kNone);
  CHECK(client.streams[1]->events == "reset:4");
  client.session.Send(1, AsBytes("x"));
  client.session.Finish(1);
  client.session.Close(1, ResetCode::kNone);
  for (const Frame& frame : client.TakeAll()) CHECK(frame.stream == 0);
  CHECK_FALSE(client.session.OpensPending());
}

TEST_CASE("a client that resets an unanswered stream may open another at once") {
  Harness server(Role::kServer);
  server.Shake();
  // The owner takes its time to close: four OPENs may be unanswered.
  REQUIRE(server.Give(Open(1) + Open(3) + Open(5) + Open(7)) == SessionError::kNone);
  CHECK(server.Give(Rst(1) + Open(9)) == SessionError::kNone);
  server.session.Accept(1);
  server.session.Close(1, ResetCode::kNone);
  CHECK(server.Give(Open(11)) == SessionError::kTooManyStreams);
}

TEST_CASE("small pieces of fifty streams go as one record") {
  Harness client(Role::kClient);
  client.Shake();
  for (int i = 0; i < 50; ++i) client.OpenOne();
  client.TakeAll();
  for (const auto& [id, stream] : client.streams)
    client.session.Send(id, AsBytes("*1\r\n$4\r\nPING\r\n"));
  CHECK(CountFrames(client.TakeAll(), FrameType::kData) == 50);
  CHECK(client.records == 1);
}

TEST_CASE("a flood of PINGs is answered by one PONG a record, to the last of them") {
  Harness server(Role::kServer);
  server.Shake();
  std::string flood;
  for (std::uint64_t i = 1; i <= 1000; ++i) flood += Ping(i);
  REQUIRE(server.Give(flood) == SessionError::kNone);
  REQUIRE(server.Give(flood) == SessionError::kNone);
  const auto frames = server.TakeAll();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].type == FrameType::kPing);
  CHECK(frames[0].flags == kFlagPong);
  CHECK(frames[0].payload == Number64(1000));
  CHECK(server.Give(Ping(5, kFlagPong)) == SessionError::kNone);
  CHECK(server.TakeAll().empty());
}

TEST_CASE("after silence comes one PING, and another only after as much silence again") {
  Harness client(Role::kClient);
  client.Shake();
  const std::int64_t start = client.now_ms;
  const auto pings_at = [&](std::int64_t after) {
    CHECK(client.session.Tick(start + after) == SessionError::kNone);
    return CountFrames(client.TakeAll(), FrameType::kPing);
  };
  CHECK(pings_at(4999) == 0);
  CHECK(pings_at(5000) == 1);
  CHECK(pings_at(5001) == 0);
  CHECK(pings_at(9999) == 0);
  CHECK(pings_at(10000) == 1);
  client.now_ms = start + 10001;
  CHECK(client.Give(Ping(2, kFlagPong)) == SessionError::kNone);
  CHECK(pings_at(15000) == 0);
  CHECK(pings_at(15001) == 1);
}

TEST_CASE("a silent peer is dead after its time and not before, unless it answered") {
  for (const bool answered : {false, true}) {
    Harness server(Role::kServer);
    server.Shake();
    const std::int64_t start = server.now_ms;
    CHECK(server.session.Tick(start + 14999) == SessionError::kNone);
    if (answered) {
      server.now_ms = start + 14999;
      CHECK(server.Give(Ping(1, kFlagPong)) == SessionError::kNone);
      CHECK(server.session.Tick(start + 29998) == SessionError::kNone);
      CHECK(server.session.Tick(start + 29999) == SessionError::kSilent);
    } else {
      CHECK(server.session.Tick(start + 15000) == SessionError::kSilent);
    }
    CHECK_FALSE(server.session.HasOutput());
    CHECK(server.Give(Ping(1)) != SessionError::kNone);
  }
}

TEST_CASE("a peer that never says HELLO is dead after its time, counted from the first tick") {
  Harness server(Role::kServer);
  CHECK(server.session.Tick(700000) == SessionError::kNone);
  CHECK(server.session.Tick(714999) == SessionError::kNone);
  CHECK_FALSE(server.session.HasOutput());
  CHECK(server.session.Tick(715000) == SessionError::kSilent);
}

TEST_CASE("after GOAWAY no stream begins, and those that are open go on") {
  Harness server(Role::kServer);
  server.session.GoAway(ResetCode::kShutdown, 1);
  CHECK_FALSE(server.session.going_away());  // there is nobody to tell yet
  server.Shake();
  REQUIRE(server.Give(Open(1) + Open(5)) == SessionError::kNone);
  server.session.GoAway(ResetCode::kShutdown, 3000);
  server.session.GoAway(ResetCode::kShutdown, 4000);
  const auto frames = server.TakeAll();
  REQUIRE(CountFrames(frames, FrameType::kGoaway) == 1);
  CHECK(frames.back().payload == Number32(5) + Number16(9) + Number32(3000));
  REQUIRE(server.Give(Open(7) + Data(7, "x")) == SessionError::kNone);
  CHECK(server.events == "ready open:1 open:5 ");
  CHECK(CountFrames(server.TakeAll(), FrameType::kRst) == 1);
  CHECK(server.Give(Data(1, "more")) == SessionError::kNone);
  CHECK(server.streams[1]->data == "more");
  server.session.Send(1, AsBytes("answer"));
  CHECK(DataOf(server.TakeAll(), 1) == "answer");

  Harness client(Role::kClient);
  client.Shake();
  client.OpenOne();
  REQUIRE(client.Give(Goaway(ResetCode::kShutdown, 3000)) == SessionError::kNone);
  CHECK(client.events == "ready goaway:9:3000 ");
  CHECK(client.session.going_away());
  CHECK_FALSE(client.session.CanOpen());
  client.session.Send(1, AsBytes("last words"));
  CHECK(DataOf(client.TakeAll(), 1) == "last words");
}

TEST_CASE("frames are acknowledged with the next record, or after 128 of them") {
  Harness server(Role::kServer);
  server.Shake();
  REQUIRE(server.Give(Open(1)) == SessionError::kNone);
  CHECK_FALSE(server.session.HasOutput());
  server.session.Accept(1);
  auto frames = server.TakeAll();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == FrameType::kAck);
  CHECK(frames[0].payload == Number64(1));
  for (int i = 0; i < 127; ++i) REQUIRE(server.Give(Data(1, "x")) == SessionError::kNone);
  CHECK_FALSE(server.session.HasOutput());
  REQUIRE(server.Give(Data(1, "x")) == SessionError::kNone);
  frames = server.TakeAll();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].payload == Number64(129));
}

TEST_CASE("when the stream numbers are used up nothing can be opened, and the session says so") {
  Harness client(Role::kClient, SmallLimits(), 0, 0x7ffffffb);
  client.Shake();
  for (const StreamId id : {0x7ffffffbu, 0x7ffffffdu, 0x7fffffffu}) {
    CHECK_FALSE(client.session.exhausted());
    REQUIRE(client.session.CanOpen());
    CHECK(client.OpenOne() == id);
  }
  CHECK(client.session.exhausted());
  CHECK_FALSE(client.session.CanOpen());
  CHECK(client.Give(Data(0x7fffffff, "x")) == SessionError::kNone);
  CHECK(client.streams[0x7fffffff]->data == "x");

  Harness server(Role::kServer);
  server.Shake();
  CHECK(server.Give(Open(0x7ffffffd)) == SessionError::kNone);
  CHECK_FALSE(server.session.exhausted());
  CHECK(server.Give(Open(0x7fffffff)) == SessionError::kNone);
  CHECK(server.session.exhausted());
}

TEST_CASE("every error has a sentence of its own") {
  std::set<std::string_view> sentences;
  const int last = static_cast<int>(SessionError::kUnknownSession);
  for (int error = 0; error <= last; ++error)
    sentences.insert(Describe(static_cast<SessionError>(error)));
  CHECK(sentences.size() == static_cast<std::size_t>(last) + 1);
  CHECK_FALSE(sentences.contains(Describe(static_cast<SessionError>(200))));
}
