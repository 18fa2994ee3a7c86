// NodeResolver: the addresses in one reply, one after the other, and what went wrong with them.
#ifndef REDWALL_GATEWAY_PROXY_NODE_RESOLVER_H_
#define REDWALL_GATEWAY_PROXY_NODE_RESOLVER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/proxy/node_addresses.h"

namespace redwall::proxy {

// The node that a client is connected to, as the other site calls it.
struct OwnNode {
  std::string host;  // empty: not known
  std::uint16_t port = 0;
};

// What became of a reply.
enum class Rewrite : std::uint8_t {
  kDone,
  kNoAddress,  // for one of the nodes in it there is no local address
  kMalformed,  // it isn't what Redis answers to this command
};

// Decimal digits, up to 65535. False: no port.
bool ReadPort(std::string_view text, std::uint16_t& port);
// "host:port", where the host may itself have colons, as in Redis's own texts. False: it isn't
// that.
bool SplitAddress(std::string_view text, std::string_view& host, std::uint16_t& port);
// "host:port", with brackets around a host with colons: what a Sentinel calls a replica.
std::string BracketedAddress(std::string_view host, std::uint16_t port);

// Borrows all that it is given.
class NodeResolver {
 public:
  NodeResolver(NodeAddresses& addresses, const OwnNode& own) : addresses_(addresses), own_(own) {}

  // Into `local`; false: there is none, and outcome() says so. No host, and "?", stand for the host
  // of the own node. Port 0 is no address (a node without one): no host is left of it, and no port.
  bool Resolve(std::string_view host, std::uint16_t port, LocalAddress& local,
               NodeKind kind = NodeKind::kRedis);
  void SameNode(std::string_view host, std::string_view other, std::uint16_t port);
  const OwnNode& own() const { return own_; }

  // Notes it, and is false.
  bool Malformed() { return Fail(Rewrite::kMalformed); }
  Rewrite outcome() const { return outcome_; }

 private:
  bool Fail(Rewrite outcome) {
    if (outcome_ == Rewrite::kDone) outcome_ = outcome;
    return false;
  }

  NodeAddresses& addresses_;
  const OwnNode& own_;
  Rewrite outcome_ = Rewrite::kDone;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_NODE_RESOLVER_H_
