// The process around an agent: signals, pid file, daemon, and the user it becomes.
#ifndef REDWALL_GATEWAY_AGENT_PROCESS_H_
#define REDWALL_GATEWAY_AGENT_PROCESS_H_

#include <functional>

#include "base/result.h"
#include "gateway/agent/config.h"
#include "gateway/net/listener.h"
#include "gateway/net/loop.h"

namespace redwall::agent {

class Agent {
 public:
  virtual ~Agent() = default;
  virtual Result<void, net::ListenError> Start() = 0;
  // SIGHUP: policy, keys and authorized agents, all or nothing.
  virtual void Reload() = 0;
  // SIGUSR1: the audit's file.
  virtual void Reopen() = 0;
  // SIGTERM: takes nothing new; calls `drained` once nothing is under way.
  virtual void Drain(std::function<void()> drained) = 0;
};

// `--daemon`: Begin forks before there is a loop; the parent waits until the child says Ready, or
// fails with the child's status, so that what is wrong is still said on the terminal.
class Daemon {
 public:
  [[nodiscard]] bool Begin();
  void Ready();  // lets the terminal go; nothing without Begin

 private:
  int ready_fd_ = -1;
};

// Runs until a signal ends it; returns the exit status: 0 done, 1 it couldn't start. SIGTERM and
// SIGINT drain for config.limits.drain_ms at most; a second one ends at once.
int RunAgent(net::Loop& loop, Agent& agent, const CommonConfig& config, Daemon& daemon);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_PROCESS_H_
