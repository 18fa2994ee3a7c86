// The texts in which Redis and Sentinel name nodes, written anew with local addresses; all else in
// them stays byte for byte.
//
// Each function appends to `out`. False: it can't be done, and the resolver's outcome says why;
// what `out` then has is of no use. Formats are those of Redis 7.0.
#ifndef REDWALL_GATEWAY_PROXY_TOPOLOGY_TEXT_H_
#define REDWALL_GATEWAY_PROXY_TOPOLOGY_TEXT_H_

#include <string>
#include <string_view>

#include "gateway/proxy/node_resolver.h"

namespace redwall::proxy {

// "MOVED 3999 10.0.0.1:7000", "ASK ..." (clusterRedirectClient), and Valkey's "REDIRECT
// 10.0.0.1:7000". Any other error, and one that only begins so, is copied.
bool RewriteError(std::string_view text, NodeResolver& nodes, std::string& out);

// CLUSTER NODES and each element of CLUSTER REPLICAS: lines of
// `id ip:port@cport[,hostname] flags ...` (clusterGenNodeDescription). The port of the cluster bus
// stays: no client speaks to it.
bool RewriteNodeLines(std::string_view text, NodeResolver& nodes, std::string& out);

// INFO, a Sentinel's too: master_host and master_port, slaveN:ip=,port=, masterN:...address=, and
// listenerN:...bind=,port= (7.2). tcp_port stays: it is no address.
bool RewriteInfo(std::string_view text, NodeResolver& nodes, std::string& out);

// What a Sentinel publishes on a channel (sentinelEvent): +switch-master, and `type name ip port [@
// master ip port] ...` on any other. Other texts are copied.
bool RewriteEvent(std::string_view channel, std::string_view text, NodeResolver& nodes,
                  std::string& out);

// What Sentinels tell each other on kHelloChannel (sentinelSendHello). Other texts are copied.
inline constexpr std::string_view kHelloChannel = "__sentinel__:hello";
bool RewriteHello(std::string_view text, NodeResolver& nodes, std::string& out);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_TOPOLOGY_TEXT_H_
