// NodeAddresses: which local address stands for a node at the other site.
//
// Where a route leads to a cluster or to Sentinels, each node there has a listener of its own here.
// Replies that name nodes are rewritten to these (topology_rewriter.h), so that a client never
// learns an address that it couldn't reach.
#ifndef REDWALL_GATEWAY_PROXY_NODE_ADDRESSES_H_
#define REDWALL_GATEWAY_PROXY_NODE_ADDRESSES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redwall::proxy {

struct LocalAddress {
  std::string host;  // an IP address without brackets, or a name; no white space, no comma
  std::uint16_t port = 0;
};

enum class NodeKind : std::uint8_t { kRedis, kSentinel };

class NodeAddresses {
 public:
  // The local address that stands for a node; nullopt: none can be had, as where all of
  // `node_ports` are in use. Host and port are as the other site calls them: an IP address, or a
  // name. An empty host: that of the node that the client is connected to, where it isn't known.
  // They come from a reply, which a script at Redis may have made up: whoever opens the connection
  // decides whether it is one that may be opened. Asked again for the same node it is to answer
  // the same. The host is valid for the call. May not come back into the conversation.
  virtual std::optional<LocalAddress> LocalOf(std::string_view host, std::uint16_t port,
                                              NodeKind kind) = 0;
  // Both names are one node's, and are to have one local address: a node's host name and its IP
  // address, of which one reply has this and another that. Called before LocalOf.
  virtual void SameNode(std::string_view host, std::string_view other, std::uint16_t port) = 0;

 protected:
  ~NodeAddresses() = default;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_NODE_ADDRESSES_H_
