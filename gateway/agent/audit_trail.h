// AuditTrail: an agent's audit at work. Opens the journal, flushes the recorder at the end of each
// turn before anything is sent, feeds the copies, and tells the operator's log about trouble.
#ifndef REDWALL_GATEWAY_AGENT_AUDIT_TRAIL_H_
#define REDWALL_GATEWAY_AGENT_AUDIT_TRAIL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/agent/config.h"
#include "gateway/agent/redis_sink.h"
#include "gateway/audit/recorder.h"
#include "gateway/net/loop.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class AuditTrail final : public net::TurnTask {
 public:
  // `side`: "client" or "server". Where the configuration has no audit: one that records nothing;
  // the files that its other parts name are read all the same.
  static Result<std::unique_ptr<AuditTrail>, ConfigError> Make(net::Loop& loop,
                                                               const std::string& side,
                                                               const std::string& agent,
                                                               const CommonConfig& config);
  // Writes what is left, and gives the copies a last chance.
  ~AuditTrail() override;

  audit::Recorder& recorder() { return *recorder_; }
  void Reopen();  // SIGUSR1

  // The passwords for copies to Redis, read again; for Replace.
  using Logins = std::vector<crypto::Secret>;
  Result<Logins, ConfigError> ReadLogins() const;
  void Replace(Logins logins);

 private:
  AuditTrail(net::Loop& loop, const CommonConfig& config);
  Result<void, ConfigError> Open(const std::string& side, const std::string& agent);
  Result<std::vector<audit::LineCopy*>, ConfigError> MakeCopies(const std::string& side,
                                                                const std::string& agent);
  void OnTurnEnd() override;
  void TellTrouble();
  void SetTimer(const Now& now);

  net::Loop& loop_;
  const CommonConfig config_;
  std::vector<std::unique_ptr<audit::LineCopy>> copies_;  // outlive the recorder
  std::vector<RedisSink*> redis_copies_;                  // of these
  std::unique_ptr<audit::Recorder> recorder_;
  net::Timer timer_;
  std::int64_t timer_due_us_ = -1;  // -1: it isn't running
  bool in_trouble_ = false;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_AUDIT_TRAIL_H_
