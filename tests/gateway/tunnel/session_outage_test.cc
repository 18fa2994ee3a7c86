// What a session and its streams do while there is no transport.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/gateway/tunnel/running_session.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

TEST_CASE("nobody is silent without a transport, and after a resume the clock starts anew") {
  Running server(Role::kServer), client(Role::kClient);
  const std::int64_t later = 1000000;
  server.session.TransportLost();
  client.AskToResume();
  for (Running* const one : {&server, &client}) {
    CHECK(one->session.Tick(later) == SessionError::kNone);
    CHECK_FALSE(one->session.HasOutput());
    one->now_ms = later;
  }
  REQUIRE(server.Accept(1, 1) == SessionError::kNone);
  REQUIRE(client.Give(Resumed(1, 1)) == SessionError::kNone);
  for (Running* const one : {&server, &client}) {
    one->TakeAll();
    CHECK(one->session.Tick(later + 4999) == SessionError::kNone);
    CHECK_FALSE(one->session.HasOutput());
    CHECK(one->session.Tick(later + 5000) == SessionError::kNone);
    CHECK(TypesOf(one->TakeAll()) == "PING");
    CHECK(one->session.Tick(later + 14999) == SessionError::kNone);
    CHECK(one->session.Tick(later + 15000) == SessionError::kSilent);
  }
}

TEST_CASE("silence costs a session that can be resumed only its transport") {
  Running client(Role::kClient), server(Role::kServer);
  for (Running* const one : {&client, &server}) {
    one->session.Send(1, AsBytes("x"));
    one->TakeAll();
    CHECK(one->session.Tick(one->now_ms + 15000) == SessionError::kSilent);
    CHECK_FALSE(one->session.attached());
    CHECK(one->session.Tick(one->now_ms + 50000) == SessionError::kNone);
  }
  client.AskToResume();
  CHECK(client.Give(Resumed(1, 1)) == SessionError::kNone);
  CHECK(server.Accept(1, 1) == SessionError::kNone);
  for (Running* const one : {&client, &server}) CHECK(DataOf(one->TakeAll(), 1) == "x");
}

TEST_CASE("a record that comes late from a transport that is gone is as good as lost") {
  Running client(Role::kClient);
  client.session.TransportLost();
  CHECK(client.Give(Data(1, "late") + "torn") == SessionError::kNone);
  CHECK(client.streams[1]->data.empty());
  CHECK(client.session.BeginResume().handled == 1);
  CHECK(client.Give(Data(1, "late")) == SessionError::kNone);
  client.session.SendResume(Proof());
  client.TakeAll();
  REQUIRE(client.Give(Resumed(1, 1) + Data(1, "late")) == SessionError::kNone);
  CHECK(client.streams[1]->data == "late");
}

TEST_CASE("of a record inside which the transport is lost, the rest comes again and no more") {
  const std::string record = Data(1, "one") + Data(1, "two") + Data(1, "three") + Ping(9);
  for (const bool resumes_inside : {false, true}) {
    Running server(Role::kServer);
    server.streams[1]->react = [&](std::string_view) {
      if (server.streams[1]->data != "onetwo" || !server.session.attached()) return;
      server.session.TransportLost();
      if (resumes_inside) CHECK(server.Accept(1, 1) == SessionError::kNone);
    };
    REQUIRE(server.Give(record) == SessionError::kNone);
    CHECK(server.streams[1]->data == "onetwo");
    if (!resumes_inside) REQUIRE(server.Accept(1, 1) == SessionError::kNone);
    const auto frames = server.TakeAll();
    CHECK(TypesOf(frames) == "RESUMED");
    CHECK(frames[0].payload == Number32(1) + Number64(3));  // OPEN, one, two

    Running client(Role::kClient);
    Session::ResumePoint point;
    client.streams[1]->react = [&](std::string_view) {
      client.session.TransportLost();
      if (resumes_inside) point = client.session.BeginResume();
    };
    REQUIRE(client.Give(record) == SessionError::kNone);
    CHECK(client.streams[1]->data == "one");
    client.streams[1]->react = nullptr;
    if (!resumes_inside) point = client.session.BeginResume();
    CHECK(point.handled == 2);  // OPENED, one
    client.session.SendResume(Proof());
    client.TakeAll();
    REQUIRE(client.Give(Resumed(1, 1) + Data(1, "two") + Data(1, "three")) == SessionError::kNone);
    CHECK(client.streams[1]->data == "onetwothree");
  }
}

TEST_CASE("GOAWAY outlives a transport, whether it came or still has to go") {
  Running client(Role::kClient);
  REQUIRE(client.Give(Goaway(ResetCode::kShutdown, 3000)) == SessionError::kNone);
  client.AskToResume();
  REQUIRE(client.Give(Resumed(1, 1)) == SessionError::kNone);
  CHECK(client.session.going_away());
  CHECK_FALSE(client.session.CanOpen());
  CHECK(client.events == "ready goaway:9:3000 ");

  Running server(Role::kServer);
  server.session.TransportLost();
  server.session.GoAway(ResetCode::kShutdown, 5);
  REQUIRE(server.Accept(1, 1) == SessionError::kNone);
  CHECK(TypesOf(server.TakeAll()) == "RESUMED GOAWAY");
}

TEST_CASE("without a transport sources wait at the limits as ever, and go on after the resume") {
  SessionLimits limits = SmallLimits();
  limits.max_replay = 128 * 1024;
  Running client(Role::kClient, limits);
  client.session.TransportLost();
  const std::string text = Pattern(128 * 1024 + Session::kHighWater);
  std::size_t sent = 0;
  while (client.session.backlog(1) < Session::kHighWater) {
    client.session.Send(1, AsBytes(std::string_view(text).substr(sent, 10000)));
    sent += 10000;
    REQUIRE(sent < text.size());
    REQUIRE(client.session.replay_bytes() < limits.max_replay + kMaxRecord);
  }
  client.session.Finish(1);
  client.AskToResume();
  REQUIRE(client.Give(Resumed(1, 1)) == SessionError::kNone);
  std::string got;
  std::uint64_t frames = 1;
  while (got.size() < sent) {
    const auto taken = client.TakeAll();
    for (const Frame& frame : taken) frames += IsReplayed(frame.type) ? 1 : 0;
    REQUIRE_FALSE(taken.empty());
    got += DataOf(taken, 1);
    REQUIRE(client.session.replay_bytes() < limits.max_replay + kMaxRecord);
    REQUIRE(client.Give(Ack(frames)) == SessionError::kNone);
  }
  CHECK(got == text.substr(0, sent));
  CHECK(client.streams[1]->events == "opened writable");
}

TEST_CASE("streams that end without a transport end for the peer after the resume, once") {
  Running client(Role::kClient);
  client.OpenOne();
  client.OpenOne();
  client.TakeAll();
  client.session.TransportLost();
  client.session.Close(1, ResetCode::kClientGone);
  client.session.Finish(3);
  client.session.Detach(3);
  client.session.Send(5, AsBytes("x"));
  client.session.Detach(5);
  CHECK(client.session.stream_count() == 2);
  client.session.BeginResume();
  client.session.SendResume(Proof());
  client.TakeAll();
  REQUIRE(client.Give(Resumed(1, 3)) == SessionError::kNone);
  const auto frames = client.TakeAll();
  CHECK(TypesOf(frames) == "RST DATA DATA");
  REQUIRE(client.Give(Fin(3) + Fin(5)) == SessionError::kNone);
  client.session.Finish(5);
  CHECK(client.session.stream_count() == 0);
}
