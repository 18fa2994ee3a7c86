// A peer that breaks the rules: each way has its error, and the session is dead afterwards.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/gateway/tunnel/session_harness.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

// Gives a record that must end the session with `error`, and sees that it stays ended.
void CheckFatal(Harness& harness, std::string_view record, SessionError error) {
  REQUIRE(harness.Give(record) == error);
  CHECK_FALSE(harness.session.HasOutput());
  CHECK(harness.Take().empty());
  CHECK(harness.Give("") != SessionError::kNone);
  CHECK(harness.Give(Ping(1)) != SessionError::kNone);
  CHECK_FALSE(harness.session.CanOpen());
  for (const auto& [id, stream] : harness.streams) {
    harness.session.Send(id, AsBytes("x"));
    harness.session.Close(id, ResetCode::kNone);
  }
  harness.now_ms += 1000000;
  CHECK(harness.session.Tick(harness.now_ms) == SessionError::kNone);
  CHECK_FALSE(harness.session.HasOutput());
  CHECK(harness.Take().empty());
}

struct Violation {
  const char* what;
  std::string record;
  SessionError error;
};

// Each against a session of its own, after the handshake; a client has open 1, a server too.
void CheckAll(Role role, const std::vector<Violation>& violations) {
  for (const Violation& violation : violations) {
    CAPTURE(std::string(violation.what));
    Harness harness(role);
    harness.Shake();
    if (role == Role::kClient) {
      harness.OpenOne();
    } else {
      REQUIRE(harness.Give(Open(1)) == SessionError::kNone);
      harness.session.Accept(1);
    }
    harness.TakeAll();
    CheckFatal(harness, violation.record, violation.error);
  }
}

std::string AnyFrame(int type) { return MakeFrame(static_cast<FrameType>(type), 0); }

}  // namespace

TEST_CASE("before HELLO no frame may come but padding") {
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const int type : {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 255}) {
      CAPTURE(type);
      Harness harness(role);
      CHECK(harness.Give(MakeFrame(FrameType::kPad, 0, std::string(9, '\0'))) ==
            SessionError::kNone);
      CheckFatal(harness, AnyFrame(type), SessionError::kUnexpectedFrame);
      CHECK(harness.events.empty());
    }
  }
}

TEST_CASE("between HELLO and SESSION a client takes no replayed frame") {
  for (const std::string& record :
       {Data(1, "x"), Open(1), Opened(1), Rst(1), Credit(0, 1), MaxStreams(9),
        Goaway(ResetCode::kNone, 0), PolicyPiece(1, "{}", kFlagLast)}) {
    Harness harness(Role::kClient);
    REQUIRE(harness.Give(Hello(Harness::GenerousHello()) + Ping(1) + Ack(0)) ==
            SessionError::kNone);
    CheckFatal(harness, record, SessionError::kUnexpectedFrame);
  }
}

TEST_CASE("a frame from the wrong side ends the session") {
  CheckAll(Role::kClient, {{"OPEN from a server", Open(3), SessionError::kUnexpectedFrame}});
  CheckAll(Role::kServer,
           {{"OPENED from a client", Opened(1), SessionError::kUnexpectedFrame},
            {"SESSION from a client", SessionFrame(), SessionError::kUnexpectedFrame},
            {"MAX_STREAMS from a client", MaxStreams(9), SessionError::kUnexpectedFrame}});
}

TEST_CASE("HELLO, SESSION and OPENED come once, and there is no RESUME without a linger") {
  const std::string resume = std::string(16, 'S') + std::string(44, 'x');
  for (const Role role : {Role::kClient, Role::kServer}) {
    CheckAll(role,
             {{"a second HELLO", Hello({}), SessionError::kUnexpectedFrame},
              {"RESUME", MakeFrame(FrameType::kResume, 0, resume), SessionError::kUnexpectedFrame},
              {"RESUMED", MakeFrame(FrameType::kResumed, 0, std::string(12, 'x')),
               SessionError::kUnexpectedFrame}});
  }
  CheckAll(Role::kClient, {{"a second SESSION", SessionFrame(), SessionError::kUnexpectedFrame},
                           {"a second OPENED", Opened(1), SessionError::kUnexpectedFrame}});
}

TEST_CASE("an unknown frame ends the session, whatever its stream and length") {
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const int type : {0x0f, 0x10, 0x80, 0xff}) {
      const auto unknown = static_cast<FrameType>(type);
      CheckAll(role, {{"empty", MakeFrame(unknown, 0), SessionError::kUnknownFrame},
                      {"long", MakeFrame(unknown, 0, "payload"), SessionError::kUnknownFrame},
                      {"of a stream", MakeFrame(unknown, 1, "x"), SessionError::kUnknownFrame}});
    }
  }
}

TEST_CASE("a payload one byte too short or too long ends the session") {
  const auto lengths = [](FrameType type, StreamId stream, std::size_t right) {
    std::vector<Violation> violations;
    for (const std::size_t size : {std::size_t{0}, right - 1, right + 1, kMaxPayload})
      violations.push_back(
          {"length", MakeFrame(type, stream, std::string(size, '\0')), SessionError::kBadFrame});
    return violations;
  };
  for (const Role role : {Role::kClient, Role::kServer}) {
    CheckAll(role, lengths(FrameType::kRst, 1, 2));
    CheckAll(role, lengths(FrameType::kCredit, 0, 4));
    CheckAll(role, lengths(FrameType::kCredit, 1, 4));
    CheckAll(role, lengths(FrameType::kPing, 0, 8));
    CheckAll(role, lengths(FrameType::kAck, 0, 8));
    CheckAll(role, lengths(FrameType::kGoaway, 0, 10));
  }
  CheckAll(Role::kClient, lengths(FrameType::kOpened, 1, 4));
  CheckAll(Role::kClient, lengths(FrameType::kMaxStreams, 0, 4));
  CheckAll(Role::kServer, {{"OPEN without its texts", MakeFrame(FrameType::kOpen, 3, Number32(1)),
                            SessionError::kBadFrame}});
  for (const std::size_t size : {std::size_t{0}, std::size_t{19}, std::size_t{21}}) {
    Harness client(Role::kClient);
    REQUIRE(client.Give(Hello({})) == SessionError::kNone);
    CheckFatal(client, MakeFrame(FrameType::kSession, 0, std::string(size, 'S')),
               SessionError::kBadFrame);
  }
}

TEST_CASE("a HELLO that can't be read, or whose windows exceed 2^31-1, ends the session") {
  HelloPayload stream, session;
  stream.stream_window = 0x80000000;
  session.session_window = 0x80000000;
  for (const std::string& hello :
       {MakeFrame(FrameType::kHello, 0, "\x01"), Hello(stream), Hello(session)}) {
    for (const Role role : {Role::kClient, Role::kServer}) {
      Harness harness(role);
      CheckFatal(harness, hello, SessionError::kBadFrame);
      CHECK_FALSE(harness.session.ready());
    }
  }
  HelloPayload largest = Harness::GenerousHello();
  largest.stream_window = largest.session_window = 0x7fffffff;
  Harness harness(Role::kServer);
  CHECK(harness.Give(Hello(largest)) == SessionError::kNone);
}

TEST_CASE("frames of the session have stream 0") {
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const int type : {0, 6, 7, 8, 9, 10, 11, 12, 13}) {
      CAPTURE(type);
      CheckAll(role, {{"a session's frame on a stream",
                       MakeFrame(static_cast<FrameType>(type), 1, std::string(8, '\0')),
                       SessionError::kBadFrame}});
    }
  }
}

TEST_CASE("a record that ends inside a frame ends the session, at every cut") {
  const std::string whole = Ping(1) + Ping(2);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    Harness harness(Role::kServer);
    harness.Shake();
    if (cut % Ping(1).size() == 0) {
      CHECK(harness.Give(std::string_view(whole).substr(0, cut)) == SessionError::kNone);
    } else {
      CheckFatal(harness, std::string_view(whole).substr(0, cut), SessionError::kBadFrame);
    }
  }
}

TEST_CASE("a stream number that is even, used again, or was never opened ends the session") {
  CheckAll(Role::kServer, {{"OPEN 0", Open(0), SessionError::kBadStream},
                           {"OPEN even", Open(2), SessionError::kBadStream},
                           {"OPEN again", Open(1), SessionError::kBadStream},
                           {"OPEN lower", Open(5) + Open(3), SessionError::kBadStream},
                           {"OPEN too high", Open(0x80000001), SessionError::kBadStream}});
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const StreamId stream : {0u, 2u, 3u, 0xffffffffu}) {
      CheckAll(role, {{"DATA", Data(stream, "x"), SessionError::kBadStream},
                      {"FIN", Fin(stream), SessionError::kBadStream},
                      {"RST", Rst(stream), SessionError::kBadStream}});
      if (stream != 0) CheckAll(role, {{"CREDIT", Credit(stream, 1), SessionError::kBadStream}});
      if (role == Role::kClient)
        CheckAll(role, {{"OPENED", Opened(stream), SessionError::kBadStream}});
    }
  }
}

TEST_CASE("the highest stream number may be opened, and none after it") {
  Harness harness(Role::kServer);
  harness.Shake();
  CHECK(harness.Give(Open(0x7fffffff)) == SessionError::kNone);
  CHECK(harness.Give(Data(0x7fffffff, "x")) == SessionError::kNone);
  CheckFatal(harness, Open(1), SessionError::kBadStream);
}

TEST_CASE(
    "nothing comes on a stream after its FIN but RST and CREDIT, nor anything after its RST") {
  for (const Role role : {Role::kClient, Role::kServer}) {
    CheckAll(role, {{"DATA after FIN", Fin(1, "x") + Data(1, "y"), SessionError::kBadStream},
                    {"FIN after FIN", Fin(1) + Fin(1), SessionError::kBadStream},
                    {"DATA after RST", Rst(1) + Data(1, "y"), SessionError::kBadStream},
                    {"FIN after RST", Rst(1) + Fin(1), SessionError::kBadStream},
                    {"CREDIT after RST", Rst(1) + Credit(1, 1), SessionError::kBadStream},
                    {"RST after RST", Rst(1) + Rst(1), SessionError::kBadStream}});
    Harness harness(role);
    harness.Shake();
    role == Role::kClient ? (void)harness.OpenOne() : (void)harness.Give(Open(1));
    CHECK(harness.Give(Fin(1) + Credit(1, 1) + Rst(1)) == SessionError::kNone);
  }
  Harness client(Role::kClient);
  client.Shake();
  client.OpenOne(false);
  client.TakeAll();
  CheckFatal(client, Rst(1) + Opened(1), SessionError::kBadStream);
  CHECK(client.streams[1]->events == "reset:1");
}

TEST_CASE("a stream's credit may be used up, not overrun by a byte") {
  for (const int more : {-1, 0, 1}) {
    Harness harness(Role::kServer);
    harness.Shake();
    REQUIRE(harness.Give(Open(1) + Data(1, Pattern(8192))) == SessionError::kNone);
    const std::string rest = Data(1, Pattern(static_cast<std::size_t>(8192 + more)));
    if (more <= 0) {
      CHECK(harness.Give(rest) == SessionError::kNone);
      CHECK(harness.streams[1]->data.size() == static_cast<std::size_t>(16384 + more));
    } else {
      CheckFatal(harness, rest, SessionError::kCreditOverrun);
      CHECK(harness.streams[1]->data.size() == 8192);
    }
  }
}

TEST_CASE("the session's credit may be used up, not overrun by a byte, by open or closed streams") {
  for (const bool closed : {false, true}) {
    for (const int more : {-1, 0, 1}) {
      SessionLimits limits = SmallLimits();
      limits.session_window = 20000;
      Harness harness(Role::kServer, limits);
      harness.Shake();
      REQUIRE(harness.Give(Open(1) + Open(3) + Data(1, Pattern(16000))) == SessionError::kNone);
      // Its credit is due then, but was not given yet.
      if (closed) harness.session.Close(3, ResetCode::kShutdown);
      const std::string rest = Data(3, Pattern(static_cast<std::size_t>(4000 + more)));
      if (more <= 0) {
        CHECK(harness.Give(rest) == SessionError::kNone);
      } else {
        CheckFatal(harness, rest, SessionError::kCreditOverrun);
      }
    }
  }
}

TEST_CASE("credit may grow to 2^31-1, not beyond") {
  constexpr std::uint32_t kMost = 0x7fffffff;
  for (const StreamId stream : {0u, 1u}) {
    Harness harness(Role::kServer);
    HelloPayload hello = Harness::GenerousHello();
    hello.session_window = 1000;
    harness.Shake(hello);
    REQUIRE(harness.Give(Open(1, 1000)) == SessionError::kNone);
    CHECK(harness.Give(Credit(stream, kMost - 1001)) == SessionError::kNone);
    CHECK(harness.Give(Credit(stream, 1) + Credit(stream, 0)) == SessionError::kNone);
    CheckFatal(harness, Credit(stream, 1), SessionError::kCreditOverrun);
    for (const std::uint32_t credit : {kMost, kMost + 1, 0xffffffffu}) {
      Harness other(Role::kServer);
      other.Shake(hello);
      REQUIRE(other.Give(Open(1, 1000)) == SessionError::kNone);
      CheckFatal(other, Credit(stream, credit), SessionError::kCreditOverrun);
    }
  }
  CheckAll(Role::kServer, {{"OPEN", Open(3, kMost + 1), SessionError::kBadFrame}});
  Harness client(Role::kClient);
  client.Shake();
  const StreamId id = client.OpenOne(false);
  CheckFatal(client, Opened(id, kMost - (1 << 20) + 1), SessionError::kCreditOverrun);
  Harness another(Role::kClient);
  another.Shake();
  CHECK(another.Give(Opened(another.OpenOne(false), kMost - (1 << 20))) == SessionError::kNone);
}

TEST_CASE("an ACK for frames that were not sent, or lower than before, ends the session") {
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2},
                                    std::uint64_t{3}, ~std::uint64_t{0}}) {
    Harness harness(Role::kClient);
    harness.Shake();
    harness.OpenOne(false);
    harness.OpenOne(false);
    CHECK(CountFrames(harness.TakeAll(), FrameType::kOpen) == 2);
    harness.OpenOne(false);  // made, but not sent
    if (count > 2) {
      CheckFatal(harness, Ack(count), SessionError::kBadAck);
      continue;
    }
    CHECK(harness.Give(Ack(count)) == SessionError::kNone);
    CHECK(harness.Give(Ack(count)) == SessionError::kNone);
    if (count > 0) CheckFatal(harness, Ack(count - 1), SessionError::kBadAck);
  }
}

TEST_CASE("MAX_STREAMS may stay or grow, not shrink") {
  Harness harness(Role::kClient);
  harness.Shake();
  CHECK(harness.Give(MaxStreams(1024) + MaxStreams(1025) + MaxStreams(1025)) ==
        SessionError::kNone);
  CheckFatal(harness, MaxStreams(1024), SessionError::kBadFrame);
}

TEST_CASE("a client that opens one stream too many, or one too many unanswered, ends the session") {
  Harness unanswered(Role::kServer);
  unanswered.Shake();
  for (StreamId id = 1; id <= 7; id += 2) CHECK(unanswered.Give(Open(id)) == SessionError::kNone);
  CheckFatal(unanswered, Open(9), SessionError::kTooManyStreams);

  Harness answered(Role::kServer);
  answered.Shake();
  for (StreamId id = 1; id <= 15; id += 2) {
    CHECK(answered.Give(Open(id)) == SessionError::kNone);
    answered.session.Accept(id);
  }
  answered.TakeAll();
  CheckFatal(answered, Open(17), SessionError::kTooManyStreams);
  CHECK(answered.streams.size() == 8);
}

TEST_CASE("a stream that the client has reset still counts until its owner has closed it") {
  Harness harness(Role::kServer);
  harness.Shake();
  for (StreamId id = 1; id <= 15; id += 2) {
    CHECK(harness.Give(Open(id)) == SessionError::kNone);
    harness.session.Accept(id);
  }
  harness.session.Close(3, ResetCode::kNone);
  CHECK(harness.TakeAll().back().number() == 9);
  CHECK(harness.Give(Rst(1) + Open(17)) == SessionError::kNone);
  CheckFatal(harness, Open(19), SessionError::kTooManyStreams);
}

TEST_CASE("a peer that never acknowledges can't make the session keep ever more for it") {
  Harness harness(Role::kServer);
  harness.Shake();
  harness.refuse = ResetCode::kUnknownRoute;
  SessionError error = SessionError::kNone;
  std::size_t most = 0;
  for (StreamId id = 1; error == SessionError::kNone && id < 200000; id += 2) {
    error = harness.Give(Open(id));
    harness.TakeAll();
    most = std::max(most, harness.session.replay_bytes());
  }
  CHECK(error == SessionError::kNoAck);
  CHECK(most < 2 * SmallLimits().max_replay + 1024 * 1024 + 24 * 1024);
  CHECK_FALSE(harness.session.HasOutput());
}
