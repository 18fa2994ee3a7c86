// A session in the middle of its life, for tests of what the loss of its transport does to it.
#ifndef REDWALL_TESTS_GATEWAY_TUNNEL_RUNNING_SESSION_H_
#define REDWALL_TESTS_GATEWAY_TUNNEL_RUNNING_SESSION_H_

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/gateway/tunnel/session_harness.h"

namespace redwall::tunnel {

inline constexpr std::uint32_t kLinger = 60000;

inline std::array<std::byte, 32> Proof(char letter = 'P') {
  std::array<std::byte, 32> proof{};
  proof.fill(static_cast<std::byte>(letter));
  return proof;
}

// After the handshake. A client has opened stream 1, a server has accepted it, and nothing waits to
// be sent: the client has sent one replayed frame, OPEN, the server one, OPENED, and none is
// acknowledged.
struct Running : Harness {
  explicit Running(Role role, SessionLimits limits = SmallLimits(), std::uint32_t linger = kLinger)
      : Harness(role, limits, linger) {
    Shake();
    if (role == Role::kClient) {
      OpenOne(false);
      TakeAll();
      REQUIRE(Give(Opened(1)) == SessionError::kNone);
    } else {
      REQUIRE(Give(Open(1)) == SessionError::kNone);
      session.Accept(1);
      TakeAll();
    }
    REQUIRE_FALSE(session.HasOutput());
  }
  // Client: up to where RESUMED is waited for.
  void AskToResume() {
    session.TransportLost();
    session.BeginResume();
    session.SendResume(Proof());
    REQUIRE(TakeAll().size() == 1);
  }
  ResumePayload ResumeOf(std::uint32_t epoch, std::uint64_t handled) const {
    return {session.id(), epoch, handled, Proof()};
  }
  SessionError Accept(std::uint32_t epoch, std::uint64_t handled) {
    return session.AcceptResume(ResumeOf(epoch, handled), now_ms);
  }
};

inline void CheckDead(Harness& harness) {
  CHECK_FALSE(harness.session.HasOutput());
  CHECK(harness.Take().empty());
  CHECK_FALSE(harness.session.CanOpen());
  CHECK(harness.Give(Ping(1)) != SessionError::kNone);
}

inline std::string TypesOf(const std::vector<Frame>& frames) {
  const char* const names[] = {"PAD",     "DATA",        "OPEN",    "OPENED", "RST",
                               "CREDIT",  "MAX_STREAMS", "PING",    "ACK",    "HELLO",
                               "SESSION", "RESUME",      "RESUMED", "GOAWAY", "POLICY"};
  std::string types;
  for (const Frame& frame : frames)
    types += (types.empty() ? "" : " ") + std::string(names[static_cast<int>(frame.type)]);
  return types;
}

}  // namespace redwall::tunnel

#endif  // REDWALL_TESTS_GATEWAY_TUNNEL_RUNNING_SESSION_H_
