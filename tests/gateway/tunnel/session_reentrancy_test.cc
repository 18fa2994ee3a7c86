// An owner may call anything but Receive and Fill from inside a callback: on the stream that the
// callback is about, and on others. A handler is destroyed as soon as its owner has closed or
// detached the stream, so that a call too many is seen by the sanitizers.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/gateway/tunnel/session_harness.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

SessionLimits LargeLog() {
  SessionLimits limits = SmallLimits();
  limits.max_replay = 8 << 20;
  return limits;
}

using Action = std::function<void(Harness&, StreamId)>;

void CloseAndDestroy(Harness& harness, StreamId id) {
  harness.session.Close(id, ResetCode::kClientGone);
  harness.streams.erase(id);
}
void DetachAndDestroy(Harness& harness, StreamId id) {
  harness.session.Finish(id);
  harness.session.Detach(id);
  harness.streams.erase(id);
}
void CloseAll(Harness& harness, StreamId) {
  while (!harness.streams.empty()) CloseAndDestroy(harness, harness.streams.begin()->first);
}

struct NamedAction {
  const char* name;
  Action act;
  bool ends;  // the stream's handler is called no more
};

const std::vector<NamedAction>& Actions() {
  static const std::vector<NamedAction> actions = {
      {"close", CloseAndDestroy, true},
      {"detach", DetachAndDestroy, true},
      {"close all", CloseAll, true},
      {"send", [](Harness& h, StreamId id) { h.session.Send(id, AsBytes(Pattern(100000))); },
       false},
      {"finish", [](Harness& h, StreamId id) { h.session.Finish(id); }, false},
      {"consume", [](Harness& h, StreamId id) { h.session.Consumed(id, 1 << 20); }, false},
      {"accept", [](Harness& h, StreamId id) { h.session.Accept(id); }, false},
      {"go away", [](Harness& h, StreamId) { h.session.GoAway(ResetCode::kShutdown, 1); }, false},
      {"open",
       [](Harness& h, StreamId) {
         if (h.session.CanOpen()) h.OpenOne(false);
       },
       false},
  };
  return actions;
}

// Two streams, 1 and 3. `act` is done to `target` at the first `event` of stream 1.
struct Scene {
  Harness harness;
  int done = 0;

  Scene(Role role, const std::string& event, const NamedAction& action, StreamId target)
      : harness(role, LargeLog()) {
    HelloPayload hello = Harness::GenerousHello();
    hello.stream_window = 1000;
    harness.Shake(hello);
    harness.on_open = [this, &action, target, event](StreamId id) {
      if (id == 1) React(event, action, target);
      if (id == 3 && event == "open") ++done, action.act(harness, target);
    };
    if (role == Role::kClient) {
      harness.OpenOne(false);
      harness.OpenOne(false);
      harness.TakeAll();
      React(event, action, target);
    } else {
      Expect(Open(1, 1000) + Open(3, 1000));
    }
  }
  void React(const std::string& event, const NamedAction& action, StreamId target) {
    harness.streams[1]->react = [this, event, act = action.act, target](std::string_view happened) {
      if (done > 0 || !happened.starts_with(event)) return;
      ++done;
      act(harness, target);
    };
  }
  void Expect(const std::string& record) { REQUIRE(harness.Give(record) == SessionError::kNone); }

  // Everything that can happen to stream 1, in one record where it can be.
  void Play(Role role) {
    if (role == Role::kClient) Expect(Opened(1) + Opened(3));
    harness.session.Send(1, AsBytes(Pattern(Session::kHighWater + 2000)));
    harness.TakeAll();
    Expect(Data(1, "one") + Data(3, "three") + Credit(1, 1 << 20) + Credit(3, 1 << 20));
    harness.TakeAll();
    Expect(Ack(0) + Data(1, "two") + Fin(1, "last") + Data(3, "x") + Rst(1) + Rst(3));
    harness.TakeAll();
  }
};

}  // namespace

TEST_CASE("whatever an owner does inside a callback, the session goes on and ends clean") {
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const std::string event : {"opened", "data", "fin", "reset", "writable", "open"}) {
      if (event == "open" && role == Role::kClient) continue;
      if (event == "opened" && role == Role::kServer) continue;
      for (const NamedAction& action : Actions()) {
        if (action.name == std::string("accept") && role == Role::kClient) continue;
        for (const StreamId target : {1u, 3u}) {
          CAPTURE(event);
          CAPTURE(std::string(action.name));
          CAPTURE(target);
          if (event == "open" && target == 3 && action.ends)
            continue;  // returned, so not destroyed
          Scene scene(role, event, action, target);
          scene.Play(role);
          CHECK(scene.done == 1);
          CHECK(scene.harness.streams.contains(target) != (action.ends));
          CloseAll(scene.harness, 0);
          scene.harness.TakeAll();
          CHECK(scene.harness.session.stream_count() == 0);
          CHECK_FALSE(scene.harness.session.HasOutput());
          CHECK(scene.harness.Give(Ping(1)) == SessionError::kNone);
        }
      }
    }
  }
}

TEST_CASE("a stream closed or detached inside OnData hears nothing of the FIN in the same frame") {
  for (const Action& end : {Action(CloseAndDestroy), Action(DetachAndDestroy)}) {
    Harness harness(Role::kServer);
    harness.Shake();
    REQUIRE(harness.Give(Open(1)) == SessionError::kNone);
    std::string events;
    harness.streams[1]->react = [&](std::string_view event) {
      events += event;
      if (event == "data") end(harness, 1);
    };
    REQUIRE(harness.Give(Fin(1, "all")) == SessionError::kNone);
    CHECK(events == "data");
    CHECK(harness.session.stream_count() == 0);
  }
  // The same while the owner's own FIN waits for credit, so that the stream outlives its handler.
  Harness harness(Role::kServer);
  harness.Shake();
  REQUIRE(harness.Give(Open(1, 0)) == SessionError::kNone);
  harness.streams[1]->react = [&](std::string_view) {
    harness.session.Send(1, AsBytes("answer"));
    DetachAndDestroy(harness, 1);
  };
  REQUIRE(harness.Give(Fin(1, "all")) == SessionError::kNone);
  CHECK(harness.session.stream_count() == 1);
  REQUIRE(harness.Give(Credit(1, 6)) == SessionError::kNone);
  CHECK(DataOf(harness.TakeAll(), 1) == "answer");
  CHECK(harness.session.stream_count() == 0);
}

TEST_CASE("an owner may close a stream inside OnOpen, or refuse it after having accepted it") {
  for (const bool refuse : {false, true}) {
    Harness harness(Role::kServer);
    harness.Shake();
    harness.on_open = [&](StreamId id) {
      harness.session.Accept(id);
      harness.session.Send(id, AsBytes("-ERR no\r\n"));
      if (!refuse) harness.session.Close(id, ResetCode::kRefused);
    };
    REQUIRE(harness.Give(Open(1)) == SessionError::kNone);
    if (refuse) harness.session.Close(1, ResetCode::kRefused);
    const auto frames = harness.TakeAll();
    CHECK(DataOf(frames, 1) == "-ERR no\r\n");
    CHECK(CountFrames(frames, FrameType::kRst) == 1);
    CHECK(harness.session.stream_count() == 0);
    CHECK(harness.Give(Data(1, "x") + Open(3)) == SessionError::kNone);
  }
}

TEST_CASE("an owner may open streams and send inside OnReady") {
  Harness client(Role::kClient);
  client.on_ready = [&] {
    const StreamId id = client.OpenOne(false);
    client.session.Send(id, AsBytes("early"));
  };
  client.Take();
  REQUIRE(client.Give(Hello(Harness::GenerousHello()) + SessionFrame()) == SessionError::kNone);
  const auto frames = client.TakeAll();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == FrameType::kOpen);
  CHECK(DataOf(frames, 1) == "early");

  Harness server(Role::kServer);
  server.on_ready = [&] { server.session.GoAway(ResetCode::kShutdown, 5); };
  REQUIRE(server.Give(Hello(Harness::GenerousHello())) == SessionError::kNone);
  const auto answer = server.TakeAll();
  REQUIRE(answer.size() == 3);
  CHECK(answer[0].type == FrameType::kHello);
  CHECK(answer[1].type == FrameType::kSession);
  CHECK(answer[2].type == FrameType::kGoaway);
}

TEST_CASE("sending inside OnWritable, as an owner does, gets everything through in order") {
  Harness client(Role::kClient, LargeLog());
  HelloPayload hello = Harness::GenerousHello();
  hello.stream_window = hello.session_window = 1 << 30;
  client.Shake(hello);
  const StreamId id = client.OpenOne();
  const std::string text = Pattern(4 << 20);
  std::size_t sent = 0;
  const auto send = [&] {
    while (sent < text.size() && client.session.backlog(id) < Session::kHighWater) {
      client.session.Send(id, AsBytes(std::string_view(text).substr(sent, 50000)));
      sent = std::min(text.size(), sent + 50000);
    }
    if (sent == text.size()) client.session.Finish(id);
  };
  client.streams[id]->react = [&](std::string_view event) {
    if (event == "writable") send();
  };
  send();
  const auto frames = client.TakeAll();
  CHECK(DataOf(frames, id) == text);
  CHECK(frames.back().flags == kFlagFin);
}
