// The resume of a session, frame by frame. Cuts everywhere: session_cut_test.cc.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/gateway/tunnel/running_session.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

TEST_CASE("a transport that is lost before the session is known to both leaves nothing to resume") {
  Harness early(Role::kClient), late(Role::kClient), server(Role::kServer), mute(Role::kServer);
  early.session.TransportLost();
  late.Take();
  REQUIRE(late.Give(Hello(Harness::GenerousHello())) == SessionError::kNone);
  late.session.TransportLost();
  server.session.TransportLost();
  // Ready, but the client can't know: SESSION never went.
  REQUIRE(mute.Give(Hello(Harness::GenerousHello())) == SessionError::kNone);
  mute.session.TransportLost();
  for (Harness* const harness : {&early, &late, &server, &mute}) CheckDead(*harness);
}

TEST_CASE("a client says RESUME and nothing else, then sends again what was not handled") {
  Running client(Role::kClient);
  client.session.Send(1, AsBytes("one"));
  client.session.Send(1, AsBytes("two"));
  CHECK(DataOf(client.TakeAll(), 1) == "onetwo");
  REQUIRE(client.Give(Data(1, "+OK")) == SessionError::kNone);
  CHECK(client.session.attached());
  CHECK(client.session.linger_ms() == kLinger);

  client.session.TransportLost();
  CHECK_FALSE(client.session.attached());
  CHECK_FALSE(client.session.HasOutput());
  CHECK(client.Take().empty());
  CHECK_FALSE(client.session.CanOpen());
  client.session.Send(1, AsBytes("three"));
  CHECK_FALSE(client.session.HasOutput());

  const auto point = client.session.BeginResume();
  CHECK(point.epoch == 1);
  CHECK(point.handled == 2);  // OPENED, DATA
  CHECK_FALSE(client.session.HasOutput());
  client.session.SendResume(Proof('x'));
  CHECK(client.session.HasOutput());
  const auto frames = client.TakeAll();
  REQUIRE(frames.size() == 1);
  REQUIRE(frames[0].type == FrameType::kResume);
  const auto resume = DecodeResume(AsBytes(frames[0].payload));
  REQUIRE(resume);
  CHECK(resume->id == client.session.id());
  CHECK(resume->epoch == 1);
  CHECK(resume->handled == 2);
  CHECK(resume->proof == Proof('x'));

  client.session.Send(1, AsBytes("four"));
  CHECK_FALSE(client.session.HasOutput());
  CHECK_FALSE(client.session.attached());
  REQUIRE(client.Give(Resumed(1, 2)) == SessionError::kNone);  // OPEN, DATA
  CHECK(client.session.attached());
  CHECK(client.session.CanOpen());
  const auto again = client.TakeAll();
  CHECK(TypesOf(again) == "DATA DATA DATA");
  CHECK(DataOf(again, 1) == "twothreefour");
  CHECK(client.streams[1]->events == "opened data");
}

TEST_CASE("a server says RESUMED first, then sends again what was not handled") {
  Running server(Role::kServer);
  server.session.Send(1, AsBytes("one"));
  server.session.Send(1, AsBytes("two"));
  server.TakeAll();
  REQUIRE(server.Give(Data(1, "GET") + Ping(1)) == SessionError::kNone);
  server.session.TransportLost();
  server.session.Send(1, AsBytes("three"));
  server.session.Finish(1);
  CHECK_FALSE(server.session.HasOutput());
  CHECK(server.session.linger_ms() == kLinger);
  CHECK(server.session.epoch() == 0);

  REQUIRE(server.Accept(4, 2) == SessionError::kNone);  // OPENED, "one"
  CHECK(server.session.attached());
  CHECK(server.session.epoch() == 4);
  const auto frames = server.TakeAll();
  CHECK(TypesOf(frames) == "RESUMED DATA DATA DATA");  // the PONG was for the old transport
  CHECK(frames[0].payload == Number32(4) + Number64(2));
  CHECK(DataOf(frames, 1) == "twothree");
  CHECK(frames.back().flags == kFlagFin);
  CHECK(server.Give(Data(1, "more") + Ack(5)) == SessionError::kNone);
  CHECK(server.streams[1]->data == "GETmore");
  CHECK(server.session.replay_bytes() == 0);
}

TEST_CASE("a server may learn of the loss by the RESUME alone, and of a lost RESUMED by the next") {
  Running server(Role::kServer);
  server.session.Send(1, AsBytes("one"));
  server.TakeAll();
  for (const std::uint32_t epoch : {1u, 2u, 5u}) {
    REQUIRE(server.Accept(epoch, 1) == SessionError::kNone);
    const auto frames = server.TakeAll();
    CHECK(TypesOf(frames) == "RESUMED DATA");
    CHECK(frames[0].payload == Number32(epoch) + Number64(1));
  }
  // Accepted, but cut before Fill was asked.
  REQUIRE(server.Accept(6, 1) == SessionError::kNone);
  server.session.TransportLost();
  CHECK_FALSE(server.session.HasOutput());
  REQUIRE(server.Accept(7, 1) == SessionError::kNone);
  CHECK(TypesOf(server.TakeAll()) == "RESUMED DATA");
}

TEST_CASE("each attempt of a client has a number of its own, and says the same otherwise") {
  Running client(Role::kClient);
  client.session.TransportLost();
  for (std::uint32_t epoch = 1; epoch <= 6; ++epoch) {
    const auto point = client.session.BeginResume();
    CHECK(point.epoch == epoch);
    CHECK(point.handled == 1);
    CHECK(client.session.epoch() == epoch);
    // It may end before SendResume, before Fill, or after: with or without word of it.
    if (epoch % 3 != 0) client.session.SendResume(Proof());
    if (epoch % 3 == 2) CHECK(TypesOf(client.TakeAll()) == "RESUME");
    if (epoch > 3) {
      client.session.TransportLost();
      CHECK_FALSE(client.session.HasOutput());
    }
  }
  client.AskToResume();
  CHECK(client.session.epoch() == 7);
  REQUIRE(client.Give(Resumed(7, 0)) == SessionError::kNone);
  CHECK(TypesOf(client.TakeAll()) == "OPEN");
}

TEST_CASE("a resume is of one RESUME frame alone") {
  const ResumePayload payload{SessionId{std::byte{1}}, 2, 3, Proof()};
  const std::string whole = Resume(payload);
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    CHECK_FALSE(Session::PeekResume(AsBytes(whole).first(cut)));
  const auto peeked = Session::PeekResume(AsBytes(whole));
  REQUIRE(peeked);
  CHECK(peeked->id == payload.id);
  CHECK(peeked->epoch == 2);
  CHECK(peeked->handled == 3);
  CHECK(peeked->proof == payload.proof);
  const std::string body = Text(EncodeResume(payload));
  for (const std::string& other :
       {whole + Ping(1), MakeFrame(FrameType::kPad, 0) + whole, whole + "x", whole + whole,
        MakeFrame(FrameType::kResume, 1, body), MakeFrame(FrameType::kResume, 0, body + "x"),
        MakeFrame(FrameType::kHello, 0, body), Resumed(1, 1), Hello({}), std::string()}) {
    CHECK_FALSE(Session::PeekResume(AsBytes(other)));
  }
}

TEST_CASE("a RESUME that doesn't fit is refused, and the session goes on as if there were none") {
  Running server(Role::kServer);
  REQUIRE(server.Accept(3, 1) == SessionError::kNone);
  server.TakeAll();
  for (const bool attached : {true, false}) {
    if (!attached) server.session.TransportLost();
    for (const std::uint32_t stale : {0u, 2u, 3u})
      CHECK(server.Accept(stale, 1) == SessionError::kBadResume);
    ResumePayload other = server.ResumeOf(9, 1);
    other.id[15] ^= std::byte{1};
    CHECK(server.session.AcceptResume(other, 0) == SessionError::kBadResume);
    CHECK(server.session.attached() == attached);
    CHECK(server.session.epoch() == 3);
    if (attached) CHECK(server.Give(Data(1, "still here")) == SessionError::kNone);
  }
  CHECK(server.Accept(4, 1) == SessionError::kNone);
  CHECK(server.streams[1]->data == "still here");

  Running client(Role::kClient);
  CHECK(client.Accept(1, 0) == SessionError::kBadResume);
  CHECK(client.session.attached());
  Running final(Role::kServer, SmallLimits(), 0);
  CHECK(final.Accept(1, 1) == SessionError::kBadResume);
  CHECK(final.session.attached());
  Harness unready(Role::kServer, SmallLimits(), kLinger);
  CHECK(unready.session.AcceptResume({{}, 1, 0, {}}, 0) == SessionError::kBadResume);
  REQUIRE(unready.Give(Hello(Harness::GenerousHello())) == SessionError::kNone);
  CHECK(unready.session.AcceptResume({{}, 1, 0, {}}, 0) == SessionError::kBadResume);
  CHECK(TypesOf(unready.TakeAll()) == "HELLO SESSION");
}

TEST_CASE("a count of handled frames is one between what was acknowledged and what was sent") {
  for (const std::uint64_t handled : {0u, 1u, 2u, 3u, 4u, 5u}) {
    CAPTURE(handled);
    const bool fits = handled >= 2 && handled <= 3;
    Running server(Role::kServer);
    server.session.Send(1, AsBytes("two"));
    server.session.Send(1, AsBytes("three"));
    server.TakeAll();
    REQUIRE(server.Give(Ack(2)) == SessionError::kNone);
    server.session.TransportLost();
    server.session.Send(1, AsBytes("never sent"));
    CHECK(server.Accept(1, handled) == (fits ? SessionError::kNone : SessionError::kBadAck));
    if (!fits) CheckDead(server);

    Running client(Role::kClient);
    client.session.Send(1, AsBytes("two"));
    client.session.Send(1, AsBytes("three"));
    client.TakeAll();
    REQUIRE(client.Give(Ack(2)) == SessionError::kNone);
    client.AskToResume();
    client.session.Send(1, AsBytes("never sent"));
    CHECK(client.Give(Resumed(1, handled)) == (fits ? SessionError::kNone : SessionError::kBadAck));
    if (!fits) CheckDead(client);
    for (Running* const one : {&server, &client})
      if (fits)
        CHECK(DataOf(one->TakeAll(), 1) == (handled == 2 ? "threenever sent" : "never sent"));
  }
}

TEST_CASE("a client that hears that its session is unknown has none any more") {
  std::vector<std::byte> out(kMaxRecord);
  CHECK(Session::WriteUnknownSession(MutableBytes(out).first(19)) == 0);
  const std::size_t size = Session::WriteUnknownSession(out);
  CHECK(AsText(ByteView(out).first(size)) == Resumed(0, 0));
  Running client(Role::kClient);
  client.AskToResume();
  CHECK(client.session.Receive(ByteView(out).first(size), 0) == SessionError::kUnknownSession);
  CheckDead(client);
  CHECK_FALSE(client.session.attached());
}

TEST_CASE("whoever says RESUME or RESUMED unasked, or anything else instead, ends the session") {
  const ResumePayload resume{SessionId{}, 1, 0, Proof()};
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const std::string& record : {Resume(resume), Resumed(1, 0), Resumed(0, 0)}) {
      Running running(role);
      CHECK(running.Give(record) == SessionError::kUnexpectedFrame);
      CheckDead(running);
    }
  }
  for (const std::string& record : {Data(1, "x"), Ping(1), Ack(1), Resume(resume), Credit(0, 1),
                                    Hello({}), SessionFrame(), Goaway(ResetCode::kNone, 1)}) {
    Running client(Role::kClient);
    client.AskToResume();
    CHECK(client.Give(record) == SessionError::kUnexpectedFrame);
    CheckDead(client);
    Running server(Role::kServer);  // the client must wait for RESUMED, which hasn't gone
    REQUIRE(server.Accept(1, 1) == SessionError::kNone);
    CHECK(server.Give(record) == SessionError::kUnexpectedFrame);
    CheckDead(server);
  }
  Running hasty(Role::kClient);  // an answer to a RESUME that hasn't gone
  hasty.session.TransportLost();
  hasty.session.BeginResume();
  hasty.session.SendResume(Proof());
  CHECK(hasty.Give(Resumed(1, 0)) == SessionError::kUnexpectedFrame);
  CheckDead(hasty);
  Running twice(Role::kClient);
  twice.AskToResume();
  CHECK(twice.Give(Resumed(1, 0) + Resumed(1, 0)) == SessionError::kUnexpectedFrame);
  Running other(Role::kClient);
  other.AskToResume();
  CHECK(other.Give(Resumed(2, 0)) == SessionError::kBadResume);
  CheckDead(other);
  for (const std::size_t size : {0u, 11u, 13u}) {
    Running torn(Role::kClient);
    torn.AskToResume();
    CHECK(torn.Give(MakeFrame(FrameType::kResumed, 0, std::string(size, '\1'))) ==
          SessionError::kBadFrame);
  }
}

TEST_CASE("a resume acknowledges all, however much it was, and leaves no ACK to be sent") {
  for (const Role role : {Role::kClient, Role::kServer}) {
    Running running(role, SessionLimits());
    for (int i = 0; i < 8; ++i)
      REQUIRE(running.Give(Data(1, Pattern(10000))) == SessionError::kNone);
    CHECK(running.session.HasOutput());
    if (role == Role::kClient) {
      running.AskToResume();
      REQUIRE(running.Give(Resumed(1, 1)) == SessionError::kNone);
    } else {
      REQUIRE(running.Accept(1, 1) == SessionError::kNone);
      CHECK(TypesOf(running.TakeAll()) == "RESUMED");
    }
    CHECK_FALSE(running.session.HasOutput());
  }
}

TEST_CASE("padding may stand around RESUMED, and frames behind it in the same record") {
  Running client(Role::kClient);
  client.AskToResume();
  const std::string pad = MakeFrame(FrameType::kPad, 0, "zzzz");
  CHECK(client.Give(pad) == SessionError::kNone);
  CHECK_FALSE(client.session.attached());
  CHECK(client.Give(pad + Resumed(1, 1) + Data(1, "x") + Ping(3)) == SessionError::kNone);
  CHECK(client.streams[1]->data == "x");
  CHECK(TypesOf(client.TakeAll()) == "PING ACK");
}

TEST_CASE("what was on its way to a transport that is gone is dropped, and nothing is said twice") {
  Running server(Role::kServer);
  for (const int times_lost : {2, 0}) {  // 0: the server learns of it by the RESUME
    REQUIRE(server.Give(Ping(1)) == SessionError::kNone);                       // PONG is due
    REQUIRE(server.session.Tick(server.now_ms + 5000) == SessionError::kNone);  // and a PING
    for (int i = 0; i < times_lost; ++i) server.session.TransportLost();
    REQUIRE(server.Accept(server.session.epoch() + 1, 1) == SessionError::kNone);
    CHECK(TypesOf(server.TakeAll()) == "RESUMED");
    server.now_ms += 5000;
  }
  REQUIRE(server.Give(Data(1, "x")) == SessionError::kNone);  // ACK is due
  server.session.TransportLost();
  REQUIRE(server.Accept(3, 1) == SessionError::kNone);
  const auto frames = server.TakeAll();
  CHECK(TypesOf(frames) == "RESUMED");  // which is as good as an ACK
  CHECK(frames[0].payload == Number32(3) + Number64(2));
  for (int i = 0; i < 127; ++i) REQUIRE(server.Give(Data(1, "x")) == SessionError::kNone);
  CHECK_FALSE(server.session.HasOutput());
  REQUIRE(server.Give(Data(1, "x")) == SessionError::kNone);
  CHECK(TypesOf(server.TakeAll()) == "ACK");
}
