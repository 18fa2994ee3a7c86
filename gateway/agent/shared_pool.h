// SharedPool: the few connections to one Redis, with one set of credentials, over which clients
// that need none of their own send their commands. docs/operations.md, "Shared connections".
//
// There is one pool for each set of credentials that a route has: connections are never shared
// across these. A connection is opened when a client wants one, and a new one after a loss.
//
//     Pipeline: CONNECTING ─ logged in ─▶ OPEN ─────────────────────┐
//                   │  └─ without credentials: PING ─▶ GREETING ─ any answer ─▶ OPEN
//                   │                                  │ NOAUTH     │ broken, or says what
//                   ▼ failed                           ▼            ▼ nobody waits for
//                 LOST                                LOST         LOST
//
// Without credentials PING tells whether Redis wants any: then nobody can share anything, as each
// client logs in by itself; and what Redis holds against a client that hasn't logged in (a request
// of more than ten arguments ends the connection) would hit the others.
#ifndef REDWALL_GATEWAY_AGENT_SHARED_POOL_H_
#define REDWALL_GATEWAY_AGENT_SHARED_POOL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "gateway/agent/backend.h"
#include "gateway/agent/health.h"
#include "gateway/agent/redis_connection.h"
#include "gateway/net/loop.h"
#include "gateway/proxy/shared_connection.h"
#include "resp/limits.h"

namespace redwall::agent {

class SharedPool;

// Whoever has a client's commands go over a pipeline. Called from the pipeline's own callbacks: it
// may neither leave nor write from inside.
class PipelineUser : public proxy::SharedReader {
 public:
  // It is open, or takes more than before.
  virtual void OnRoom() = 0;
  // It is no more, and doesn't know its users any longer. `failure`: it never came to be open.
  virtual void OnLost(const BackendFailure* failure) = 0;
  // Each client has to log in by itself. Else as OnLost.
  virtual void OnLoginWanted() = 0;

 protected:
  ~PipelineUser() = default;
};

class SharedPipeline final : private BackendHandler {
 public:
  // So many bytes that Redis hasn't taken, and replies that it owes, stop the clients.
  static constexpr std::size_t kMaxQueued = 256 * 1024;
  static constexpr std::size_t kMaxExpected = 65536;

  explicit SharedPipeline(SharedPool& pool);

  // The user leaves it before it is destroyed, unless it was told OnLost or OnLoginWanted.
  using Seat = proxy::SharedConnection::Seat;
  Seat Join(PipelineUser& user);
  void Leave(PipelineUser& user, Seat seat);
  bool is_open() const { return state_ == State::kOpen; }
  // Where not, OnRoom follows.
  bool HasRoom();
  // Whole commands, so many.
  void Write(Seat seat, std::string_view commands, std::size_t count);
  std::size_t user_count() const { return users_.size(); }

 private:
  enum class State : std::uint8_t { kConnecting, kGreeting, kOpen, kLost };

  void OnConnected() override;
  void OnReady() override;
  void OnFailed(const BackendFailure& failure) override;
  void OnRead(std::string_view bytes) override;
  void OnReadEnd() override;
  void OnError() override { OnReadEnd(); }
  void OnDrained() override { TellRoom(); }
  void ReadGreeting(std::string_view bytes);
  void Open();
  void TellRoom();
  void Lose(const BackendFailure* failure, bool login_wanted = false);

  SharedPool& pool_;
  State state_ = State::kConnecting;
  bool full_ = false;  // somebody was told so
  std::string greeting_;
  resp::ReplyScanner greeting_scanner_;
  proxy::SharedConnection replies_;
  std::unordered_set<PipelineUser*> users_;
  RedisConnection connection_;
};

class SharedPool final : private net::TurnTask {
 public:
  static constexpr std::size_t kConnections = 4;
  static constexpr std::int64_t kLoginWantedMs = 10000;  // so long Redis isn't asked again

  // All that is referred to outlives it.
  struct Setting {
    net::Loop& loop;
    Health& health;
    net::Address address;
    std::uint64_t timeout_ms;
    RedisConnection::Login login;
    resp::ReplyLimits reply;
    std::function<void(std::string_view why)> on_trouble;  // for the log
  };
  explicit SharedPool(Setting setting);
  ~SharedPool() override;

  // The one with the fewest users. Null: Redis wants each client to log in by itself.
  SharedPipeline* Choose();
  std::size_t size() const { return pipelines_.size(); }
  const Setting& setting() const { return setting_; }

 private:
  friend class SharedPipeline;
  void Drop(SharedPipeline* pipeline);
  void OnTurnEnd() override { dropped_.clear(); }

  const Setting setting_;
  std::vector<std::unique_ptr<SharedPipeline>> pipelines_;
  std::vector<std::unique_ptr<SharedPipeline>> dropped_;  // may be on the stack
  std::int64_t login_wanted_until_ms_ = 0;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SHARED_POOL_H_
