// TopologyRewriter: Redis's replies that name nodes, written anew with the addresses that these
// nodes have here; everything else stays byte for byte.
//
// One for each listener that stands for a node; conversations share it. What is rewritten is told
// in topology_kind.h (replies), topology_text.h (errors, messages): RESP2 and RESP3. Where a node
// has no local address, or a reply isn't what Redis answers, nothing of it is let out: an error
// stands in its place.
#ifndef REDWALL_GATEWAY_PROXY_TOPOLOGY_REWRITER_H_
#define REDWALL_GATEWAY_PROXY_TOPOLOGY_REWRITER_H_

#include <string>
#include <string_view>
#include <utility>

#include "gateway/proxy/node_addresses.h"
#include "gateway/proxy/node_resolver.h"
#include "gateway/proxy/topology_kind.h"

namespace redwall::proxy {

class TopologyRewriter {
 public:
  // `addresses` is borrowed. `own`: the node that the conversations are with. `kind`: what that is;
  // of a Sentinel every message is looked at, of a Redis what Sentinels say to each other.
  TopologyRewriter(NodeAddresses& addresses, OwnNode own, NodeKind kind)
      : addresses_(addresses), own_(std::move(own)), kind_(kind) {}

  // `frame`: one whole reply to a command of this kind, or an error in its place; errors are
  // rewritten for kNone, too. Into `out`, which is empty, and of no use unless this is
  // kDone.
  Rewrite Reply(TopologyKind kind, std::string_view frame, std::string& out) const;
  // One whole message of a subscription, RESP2's array or RESP3's push, or any other push.
  Rewrite Message(std::string_view frame, std::string& out) const;

  NodeKind kind() const { return kind_; }

 private:
  NodeAddresses& addresses_;
  const OwnNode own_;
  const NodeKind kind_;
};

// What a client is told instead of a reply, without the leading '-'.
std::string_view Describe(Rewrite outcome);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_TOPOLOGY_REWRITER_H_
