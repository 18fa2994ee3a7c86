// Discovery: where the servers of a route are at present.
//
// A plain route has one address. The nodes of a cluster, and the master that Sentinels name,
// change; they are asked for, and until the first answer nothing is known of them. A client agent
// names what it wants (Target) and never gets to an address that this agent's own configuration,
// the cluster or the Sentinels don't name.
#ifndef REDWALL_GATEWAY_AGENT_DISCOVERY_H_
#define REDWALL_GATEWAY_AGENT_DISCOVERY_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/agent/cluster_reply.h"
#include "gateway/agent/config.h"
#include "gateway/agent/health.h"
#include "gateway/agent/target.h"
#include "gateway/net/address.h"
#include "gateway/net/loop.h"
#include "gateway/tunnel/frame.h"

namespace redwall::agent {

// A route with what was read for it.
struct Upstream {
  Route route;
  crypto::Secret login;           // the AUTH command, encoded; may be empty
  crypto::Secret sentinel_login;  // likewise, for Sentinels

  const crypto::Secret& login_for(bool sentinel) const { return sentinel ? sentinel_login : login; }
  const Credentials& credentials(bool sentinel) const {
    return sentinel ? route.sentinel_credentials : route.credentials;
  }
};

class Discovery {
 public:
  struct Failure {
    tunnel::ResetCode code;
    std::string sentence;  // for the log: "route 'orders': no node of the cluster answers: ..."
  };
  using Found = Result<net::Address, Failure>;

  // What a discovery is made with. `changed` is called when what Find and StillServes say may be
  // another thing than before, never from inside a call of this class.
  struct Setting {
    net::Loop& loop;
    Health& health;
    std::uint64_t timeout_ms;
    std::function<void()> changed;
  };
  // For a route of this kind. The upstream, and all of `setting`, outlive it.
  static std::unique_ptr<Discovery> Make(const Setting& setting,
                                         std::shared_ptr<const Upstream> upstream);
  virtual ~Discovery() = default;

  // Where who wants this target is to connect to, or why it can't be had. Nothing: that is being
  // found out, and `changed` is called when it is, within about the time-out. For kSingle the
  // address means nothing: all nodes are known.
  virtual std::optional<Found> Find(const Target& target) = 0;
  // Whether a connection to that address, which Find gave for this target, may go on: false once
  // another server is the master.
  virtual bool StillServes(const Target&, const net::Address&) const { return true; }
  // The nodes of a cluster, as they were told last; null where there is no cluster, or nothing is
  // known yet.
  virtual std::shared_ptr<const ClusterNodes> nodes() const { return nullptr; }
  // Whether it is a Sentinel, which has credentials of its own.
  virtual bool IsSentinel(const net::Address&) const { return false; }
  // A connection was refused or broken, or a server says that another one is right: what is known
  // is asked for anew, soon. Of a cluster `changed` is called when that is over, also where nothing
  // is new.
  virtual void Doubt() {}
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_DISCOVERY_H_
