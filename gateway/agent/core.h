// Core: what all parts of an agent share.
#ifndef REDWALL_GATEWAY_AGENT_CORE_H_
#define REDWALL_GATEWAY_AGENT_CORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gateway/agent/audit_trail.h"
#include "gateway/agent/config.h"
#include "gateway/agent/log.h"
#include "gateway/net/listener.h"
#include "gateway/net/loop.h"
#include "gateway/policy/policy.h"
#include "gateway/proxy/conversation.h"

namespace redwall::agent {

// Something that may be on the call stack when it ends, and is therefore deleted at the end of the
// turn.
class Retirable {
 public:
  virtual ~Retirable() = default;
};

// A policy's hash in events: BLAKE2b-256 in hex, as `b2sum -l 256` tells it of the file.
std::string HashOfPolicy(std::string_view text);

class Core final : public net::TurnTask {
 public:
  // `side`: "client" or "server".
  static Result<std::unique_ptr<Core>, ConfigError> Make(net::Loop& loop, const std::string& side,
                                                         const CommonConfig& config);
  ~Core() override;

  net::Loop& loop() { return loop_; }
  const Limits& limits() const { return config_.limits; }
  const std::string& name() const { return name_; }
  audit::Recorder& recorder() { return audit_->recorder(); }
  const std::shared_ptr<const policy::Policy>& policy() const { return policy_; }

  // Of all clients together.
  proxy::Budget& budget() { return budget_; }
  // What a conversation needs. All is borrowed; `unknown` may be null.
  proxy::Environment MakeEnvironment(const proxy::Gate& gate, std::string_view login,
                                     proxy::UnknownCommands* unknown);

  // Reads the policy's file again, and the passwords for the audit's copies. On an error the old
  // ones stay.
  Result<void, ConfigError> ReloadPolicy();
  void ReopenAudit() { audit_->Reopen(); }
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  // Which policy is in force, for an event: its file and the hash of that.
  Fields PolicyFields() const;
  using Numbers = std::vector<std::pair<std::string_view, std::uint64_t>>;
  void RecordEvent(std::string_view name, Fields fields, Numbers numbers = {});

  // What a listener says of newcomers that it can't take: for the log, once in a while.
  net::Listener::OnTrouble LogCrowd();

  // Deletes at the end of the turn.
  void Retire(std::unique_ptr<Retirable> object);

 private:
  Core(net::Loop& loop, const CommonConfig& config, std::string name,
       std::shared_ptr<const policy::Policy> policy, std::unique_ptr<AuditTrail> audit);
  void OnTurnEnd() override;
  void WarnAboutPolicy() const;

  net::Loop& loop_;
  const CommonConfig config_;
  proxy::Budget budget_;
  std::string name_;
  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<AuditTrail> audit_;
  LimitedLog crowded_;
  std::vector<std::unique_ptr<Retirable>> retired_;
};

// Reads the policy of a configuration; the one that allows everything where it names none.
Result<std::shared_ptr<const policy::Policy>, ConfigError> ReadPolicy(const CommonConfig& config);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CORE_H_
