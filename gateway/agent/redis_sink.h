// RedisSink: a LineCopy that adds the audit's lines to a stream of a Redis of its own, so that the
// audits of several sites come together.
//
//     Take ─▶ CopyQueue ─ Wakeup ─▶ one short talk after the other: AUTH, a pipeline of
//             XADD <stream> MAXLEN ~ <maxlen> * side <s> agent <a> seq <n> line <the line>
//
// Talks are at least kGatherMs apart unless many lines wait, and further where the last one failed.
// What Redis didn't say it took is added again: after trouble a line may be there twice, and its
// seq tells. Lines stand in the stream in the order of the audit, except that a line that Redis
// refused alone comes later.
#ifndef REDWALL_GATEWAY_AGENT_REDIS_SINK_H_
#define REDWALL_GATEWAY_AGENT_REDIS_SINK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret.h"
#include "gateway/audit/copy.h"
#include "gateway/audit/copy_queue.h"
#include "gateway/net/address.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_client.h"
#include "gateway/net/timer.h"
#include "gateway/net/wakeup.h"

namespace redwall::agent {

class RedisSink final : public audit::LineCopy {
 public:
  struct Options {
    net::Address redis;
    std::string stream = "redwall:audit";
    std::uint64_t maxlen = 1000000;  // entries, about
    crypto::Secret login;            // the AUTH command, encoded (ReadLogin); may be empty
    std::string side, agent;         // as in the lines
    std::size_t max_bytes = audit::kMaxCopyBytes;
    std::size_t max_lines = 500;  // a talk
    std::uint64_t timeout_ms = 5000;
    std::uint64_t first_retry_ms = 200, last_retry_ms = 5000;  // doubled from failure to failure
  };
  static constexpr std::uint64_t kGatherMs = 100;
  static constexpr std::size_t kMaxTalk = 256 * 1024;  // bytes of lines

  // On the loop's thread, as all but Take, TakeLoss and TakeChange. The thread that calls Take has
  // ended when it is destroyed.
  RedisSink(net::Loop& loop, Options options);
  ~RedisSink() override;
  RedisSink(const RedisSink&) = delete;
  RedisSink& operator=(const RedisSink&) = delete;

  void Take(std::string_view finished_lines) override;
  std::optional<Loss> TakeLoss() override { return queue_.TakeLoss(); }
  std::optional<Change> TakeChange() override { return queue_.TakeChange(); }
  void Finish(std::uint64_t patience_ms) override;
  const std::string& name() const override { return name_; }

  // After a reload. A talk that is under way is given up and begun again.
  void ReplaceLogin(crypto::Secret login);

 private:
  using Replies = Result<std::vector<net::Reply>, net::RedisError>;
  void Schedule();
  void Talk();
  void OnReplies(const Replies& replies);
  // Keeps what Redis refused; true where it refused nothing.
  bool Sort(const std::vector<net::Reply>& replies, std::string& error);
  void Fail(const std::string& error);

  net::Loop& loop_;
  Options options_;
  const std::string name_;
  audit::CopyQueue queue_;
  net::Wakeup wakeup_;
  net::Timer next_;
  std::int64_t talked_ms_;
  std::uint64_t retry_ms_ = 0;  // 0: the last talk went well
  std::string batch_;           // of the talk under way, or to be tried again
  std::optional<net::RedisClient> client_;
  bool finishing_ = false;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_REDIS_SINK_H_
