// POLICY: the server's policy on its way to the client. Cuts: session_cut_test.cc.
#include <doctest/doctest.h>

#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/gateway/tunnel/running_session.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

constexpr std::size_t kMega = std::size_t{1} << 20;

std::shared_ptr<const std::string> Shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// A server whose client asked for policies (or said so much of it).
struct PushingServer : Harness {
  explicit PushingServer(std::uint32_t features = kFeaturePolicy,
                         SessionLimits limits = SmallLimits())
      : Harness(Role::kServer, limits, kLinger) {
    HelloPayload hello = GenerousHello();
    hello.features = features;
    Shake(hello);
  }
  void Push(std::string text) { session.SendPolicy(Shared(std::move(text))); }
};

struct TakingClient : Harness {
  explicit TakingClient(bool takes = true)
      : Harness(Role::kClient, SmallLimits(), kLinger, 1, takes) {
    Shake();
  }
};

// The text of the POLICY frames of one generation; where `ends`, the last of them must say so.
std::string TextOf(const std::vector<Frame>& frames, std::uint32_t generation, bool ends = true) {
  std::string text;
  bool last = false;
  for (const Frame& frame : frames) {
    if (frame.type != FrameType::kPolicy) continue;
    const auto policy = DecodePolicy(AsBytes(frame.payload));
    REQUIRE(policy);
    if (policy->generation != generation) continue;
    CHECK_FALSE(last);
    CHECK(frame.stream == 0);
    text += policy->piece;
    last = (frame.flags & kFlagLast) != 0;
  }
  CHECK(last == ends);
  return text;
}

}  // namespace

TEST_CASE("a client says in HELLO whether it takes policies, and a server says nothing of it") {
  for (const bool takes : {false, true}) {
    Harness client(Role::kClient, SmallLimits(), 0, 1, takes);
    const auto frames = client.Take();
    REQUIRE(frames.size() == 1);
    const auto hello = DecodeHello(AsBytes(frames[0].payload));
    REQUIRE(hello);
    CHECK(hello->features == (takes ? kFeaturePolicy : 0));
  }
  Harness server(Role::kServer);
  REQUIRE(server.Give(Hello(Harness::GenerousHello())) == SessionError::kNone);
  CHECK(DecodeHello(AsBytes(server.Take().at(0).payload))->features == 0);
}

TEST_CASE("a policy is pushed to a client that asked for it, whatever else it asked for") {
  for (const std::uint32_t features : {1u, 0xffffffffu}) {
    PushingServer server(features);
    CHECK(server.session.peer_takes_policy());
    CHECK_FALSE(server.session.HasOutput());
    server.Push("a policy");
    CHECK(server.session.HasOutput());
    const auto frames = server.TakeAll();
    CHECK(TypesOf(frames) == "POLICY");
    CHECK(TextOf(frames, 1) == "a policy");
    CHECK_FALSE(server.session.HasOutput());
  }
}

TEST_CASE("and to nobody else, nor by a client, nor before HELLO") {
  for (const std::uint32_t features : {0u, 0xfffffffeu}) {
    PushingServer server(features);
    CHECK_FALSE(server.session.peer_takes_policy());
    server.Push("a policy");
    CHECK_FALSE(server.session.HasOutput());
  }
  Harness early(Role::kServer);
  early.session.SendPolicy(Shared("a policy"));
  CHECK_FALSE(early.session.HasOutput());
  TakingClient client;
  client.session.SendPolicy(Shared("a policy"));
  CHECK_FALSE(client.session.HasOutput());
}

TEST_CASE("a policy that is sent in OnReady stands behind HELLO and SESSION, in the same record") {
  Harness server(Role::kServer);
  server.on_ready = [&] { server.session.SendPolicy(Shared("early")); };
  HelloPayload hello = Harness::GenerousHello();
  hello.features = kFeaturePolicy;
  REQUIRE(server.Give(Hello(hello)) == SessionError::kNone);
  CHECK(TypesOf(server.Take()) == "HELLO SESSION POLICY");
}

TEST_CASE("an empty text is pushed like any other, and so is none") {
  PushingServer server;
  server.Push("");
  CHECK(TextOf(server.TakeAll(), 1).empty());
  server.session.SendPolicy(nullptr);
  CHECK(TextOf(server.TakeAll(), 2).empty());
  TakingClient client;
  REQUIRE(client.Give(PolicyPiece(1, "one", kFlagLast) + PolicyPiece(2, "", kFlagLast)) ==
          SessionError::kNone);
  CHECK(client.policies == std::vector<std::string>{"one", ""});
}

TEST_CASE("what a server sends is what a client takes, at every size around a piece's") {
  std::vector<std::size_t> sizes = {0, 1, kMega - 1, kMega};
  for (std::size_t size = kMaxRecord / 2 - 20; size <= kMaxRecord / 2 + 4; ++size)
    sizes.push_back(size);
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    SessionLimits roomy = SmallLimits();
    roomy.max_replay = 2 * kMega;
    PushingServer server(kFeaturePolicy, roomy);
    TakingClient client;
    server.Push(Pattern(size));
    std::vector<std::byte> out(kMaxRecord);
    while (server.session.HasOutput()) {
      const std::size_t filled = server.session.Fill(out);
      REQUIRE(filled > 0);
      REQUIRE(client.Give(AsText(ByteView(out).first(filled))) == SessionError::kNone);
    }
    REQUIRE(client.policies.size() == 1);
    CHECK(client.policies[0] == Pattern(size));
  }
}

TEST_CASE("a text may come in any two pieces") {
  const std::string text = "{\"version\": 1, \"default\": \"allow\"}";
  for (std::size_t at = 0; at <= text.size(); ++at) {
    for (const bool one_record : {false, true}) {
      TakingClient client;
      const std::string first = PolicyPiece(7, text.substr(0, at));
      const std::string second = PolicyPiece(7, text.substr(at), kFlagLast);
      if (one_record) {
        REQUIRE(client.Give(first + Ping(1) + second) == SessionError::kNone);
      } else {
        REQUIRE(client.Give(first) == SessionError::kNone);
        CHECK(client.policies.empty());
        REQUIRE(client.Give(second) == SessionError::kNone);
      }
      CHECK(client.policies == std::vector<std::string>{text});
    }
  }
}

TEST_CASE("a newer text takes the place of one that isn't out yet, at both ends") {
  PushingServer server;
  server.Push(Pattern(40000));
  auto frames = server.Take();
  server.Push("newer");
  const auto rest = server.TakeAll();
  frames.insert(frames.end(), rest.begin(), rest.end());
  CHECK(TextOf(frames, 1, false).size() < 40000);
  CHECK(TextOf(frames, 2) == "newer");
  TakingClient client;
  for (const Frame& frame : frames)
    REQUIRE(client.Give(MakeFrame(frame.type, 0, frame.payload, frame.flags)) ==
            SessionError::kNone);
  CHECK(client.policies == std::vector<std::string>{"newer"});
}

TEST_CASE("a large text leaves streams their turn, and they leave it its own") {
  SessionLimits roomy = SmallLimits();
  roomy.max_replay = 8 * kMega;
  PushingServer server(kFeaturePolicy, roomy);
  REQUIRE(server.Give(Open(1, 1 << 22)) == SessionError::kNone);
  server.session.Accept(1);
  server.TakeAll();
  server.Push(Pattern(kMega));
  server.session.Send(1, AsBytes(Pattern(2 * kMega)));
  std::size_t policy = 0, data = 0;
  for (int record = 0; record < 60; ++record) {
    for (const Frame& frame : server.Take()) {
      if (frame.type == FrameType::kPolicy) policy += frame.payload.size();
      if (frame.type == FrameType::kData) data += frame.payload.size();
    }
  }
  CHECK(policy > data / 4);
  CHECK(data > policy / 4);
  // A small answer doesn't wait for the whole text.
  server.session.Finish(1);
  int records = 0;
  PushingServer other(kFeaturePolicy, roomy);
  REQUIRE(other.Give(Open(1, 1 << 20)) == SessionError::kNone);
  other.session.Accept(1);
  other.Push(Pattern(kMega));
  other.Take();
  other.session.Send(1, AsBytes("+PONG"));
  while (CountFrames(other.Take(), FrameType::kData) == 0) REQUIRE(++records < 8);
}

TEST_CASE("a policy counts towards what is kept, and waits where the client acknowledges nothing") {
  PushingServer server;  // max_replay is 128 KiB
  server.Push(Pattern(kMega));
  CHECK(server.session.held_bytes() == kMega);
  const auto before = server.TakeAll();
  CHECK(TextOf(before, 1, false).size() < 160 * 1024);
  CHECK(server.session.replay_bytes() < 160 * 1024);
  CHECK(server.session.held_bytes() > kMega);
  CHECK_FALSE(server.session.HasOutput());
  std::string text;
  std::uint64_t count = CountFrames(before, FrameType::kPolicy);
  std::vector<Frame> all = before;
  while (server.session.held_bytes() > 0) {
    REQUIRE(server.Give(Ack(count)) == SessionError::kNone);
    const auto more = server.TakeAll();
    count += CountFrames(more, FrameType::kPolicy);
    all.insert(all.end(), more.begin(), more.end());
  }
  CHECK(TextOf(all, 1) == Pattern(kMega));
}

TEST_CASE("a policy that is lost on its way is sent again, in the same frames") {
  PushingServer server;
  server.Push(Pattern(30000));
  const auto first = server.TakeAll();
  REQUIRE(CountFrames(first, FrameType::kPolicy) == 4);
  for (std::uint32_t handled = 0; handled <= 4; ++handled) {
    const std::uint32_t epoch = handled + 1;
    REQUIRE(server.session.AcceptResume({server.session.id(), epoch, handled, Proof()},
                                        server.now_ms) == SessionError::kNone);
    const auto again = server.TakeAll();
    REQUIRE(again.size() == 1 + 4 - handled);
    CHECK(again[0].type == FrameType::kResumed);
    for (std::size_t i = 1; i < again.size(); ++i) {
      CHECK(again[i].payload == first[handled + i - 1].payload);
      CHECK(again[i].flags == first[handled + i - 1].flags);
    }
  }
  CHECK(server.session.replay_bytes() == 0);
}

TEST_CASE("a policy may be pushed while the transport is away, and comes once there is another") {
  PushingServer server;
  server.session.TransportLost();
  server.Push("while away");
  CHECK_FALSE(server.session.HasOutput());
  REQUIRE(server.session.AcceptResume({server.session.id(), 1, 0, Proof()}, server.now_ms) ==
          SessionError::kNone);
  const auto frames = server.TakeAll();
  CHECK(TypesOf(frames) == "RESUMED POLICY");
  CHECK(TextOf(frames, 1) == "while away");
}

TEST_CASE("the client's half of a text outlives the transport") {
  TakingClient client;
  REQUIRE(client.Give(PolicyPiece(1, "first ")) == SessionError::kNone);
  client.session.TransportLost();
  CHECK(client.session.BeginResume().handled == 1);
  client.session.SendResume(Proof());
  client.TakeAll();
  REQUIRE(client.Give(Resumed(1, 0) + PolicyPiece(1, "second", kFlagLast)) == SessionError::kNone);
  CHECK(client.policies == std::vector<std::string>{"first second"});
}

TEST_CASE("a policy that nobody asked for, or from a client, ends the session") {
  TakingClient without(false);
  CHECK(without.Give(PolicyPiece(1, "{}", kFlagLast)) == SessionError::kUnexpectedFrame);
  CHECK(without.policies.empty());
  CheckDead(without);
  PushingServer server;
  CHECK(server.Give(PolicyPiece(1, "{}", kFlagLast)) == SessionError::kUnexpectedFrame);
  CHECK(server.policies.empty());
  CheckDead(server);
}

TEST_CASE("pieces that are malformed or out of order end the session") {
  const std::string whole = PolicyPiece(5, "{}", kFlagLast), half = PolicyPiece(5, "{");
  const struct {
    std::string record;
    SessionError error;
  } bad[] = {
      {MakeFrame(FrameType::kPolicy, 0), SessionError::kBadFrame},
      {MakeFrame(FrameType::kPolicy, 0, "123", kFlagLast), SessionError::kBadFrame},
      {MakeFrame(FrameType::kPolicy, 1, "1234", kFlagLast), SessionError::kBadFrame},
      {PolicyPiece(0, "{}", kFlagLast), SessionError::kBadPolicy},
      {whole + whole, SessionError::kBadPolicy},
      {whole + half, SessionError::kBadPolicy},
      {whole + PolicyPiece(4, "{}", kFlagLast), SessionError::kBadPolicy},
      {half + PolicyPiece(4, "}", kFlagLast), SessionError::kBadPolicy},
  };
  for (std::size_t i = 0; i < std::size(bad); ++i) {
    CAPTURE(i);
    const auto& [record, error] = bad[i];
    TakingClient client;
    CHECK(client.Give(record) == error);
    CheckDead(client);
  }
  CHECK_FALSE(Describe(SessionError::kBadPolicy).empty());
  CHECK(Describe(SessionError::kBadPolicy) != Describe(SessionError::kBadFrame));
}

TEST_CASE("a text of 1 MiB is taken, one byte more ends the session") {
  for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
    TakingClient client;
    const std::string piece(16000, 'x');
    std::size_t left = kMega;
    for (; left > piece.size(); left -= piece.size())
      REQUIRE(client.Give(PolicyPiece(3, piece)) == SessionError::kNone);
    const SessionError error =
        client.Give(PolicyPiece(3, std::string(left + more, 'x'), kFlagLast));
    CHECK(error == (more == 0 ? SessionError::kNone : SessionError::kBadPolicy));
    CHECK(client.policies.size() == (more == 0 ? 1 : 0));
    // A new generation begins anew, and may be as large.
    if (more == 0) CHECK(client.Give(PolicyPiece(4, piece)) == SessionError::kNone);
  }
}
