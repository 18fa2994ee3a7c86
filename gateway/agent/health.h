// Health: which servers can't be reached at present.
//
// A server that refused a connection, or didn't answer one in time, is down. Meanwhile it is tried
// by connections that carry nothing, a second apart, until one succeeds: so it comes back by
// itself. A server that is up is left alone. Who wants one that didn't answer is told so at once,
// and doesn't wait for the same time-out again; one that refused may be asked again, since that
// takes no time and it may just have been started.
#ifndef REDWALL_GATEWAY_AGENT_HEALTH_H_
#define REDWALL_GATEWAY_AGENT_HEALTH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/net/address.h"
#include "gateway/net/dialer.h"
#include "gateway/net/loop.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class Health {
 public:
  // `back` is called when a server that was down can be reached again.
  Health(net::Loop& loop, std::uint64_t timeout_ms, std::function<void(const net::Address&)> back);
  ~Health();

  // Why it can't be reached ("10.0.0.1:6379: connection refused"); nothing: it isn't known to be
  // down.
  std::optional<std::string> WhyDown(const net::Address& address) const;
  // Whether it is down and doesn't even refuse: a connection to it would wait for its time-out.
  bool Hangs(const net::Address& address) const;
  // What a connection to it came to. A failure of the agent's own probe says the same.
  void OnReached(const net::Address& address);
  void OnUnreachable(const net::Address& address, const std::string& why, bool refused = false);
  // Forgets all but these: the others are no longer the route's, and needn't be tried. Not to be
  // called from `back`.
  void Retain(const std::vector<net::Address>& addresses);

 private:
  struct Down;
  void Probe(Down& down);

  net::Loop& loop_;
  const std::uint64_t timeout_ms_;
  const std::function<void(const net::Address&)> back_;
  std::map<std::string, std::unique_ptr<Down>> down_;  // by address
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_HEALTH_H_
