// Replies that name nodes in fields of their own: CLUSTER SLOTS and SHARDS, ROLE, SENTINEL.
//
// Each function takes one whole reply that is an aggregate. False: it can't be done; the resolver's
// outcome says why.
#ifndef REDWALL_GATEWAY_PROXY_TOPOLOGY_RECORDS_H_
#define REDWALL_GATEWAY_PROXY_TOPOLOGY_RECORDS_H_

#include "gateway/proxy/reply_editor.h"

namespace redwall::proxy {

// [[first, last, node...]...], a node: [host, port, id, {ip, hostname}]
// (clusterReplyMultiBulkSlots)
bool RewriteSlots(ReplyEditor& reply);
// [{slots: [...], nodes: [{id, port, tls-port, ip, endpoint, hostname...}...]}...]
// (addNodeDetailsToShardReply)
bool RewriteShards(ReplyEditor& reply);
// [master, offset, [[ip, port, offset]...]], [slave, host, port, state, offset], [sentinel, names]
// (roleCommand)
bool RewriteRole(ReplyEditor& reply);
// [ip, port]
bool RewriteSentinelAddress(ReplyEditor& reply);
// One set of fields and values, or an array of them (addReplySentinelRedisInstance)
bool RewriteInstances(ReplyEditor& reply);
// [{argv: [...], flags, pid, ...}...]: what a script is called with is the text of an event, or the
// addresses of a master before and after a failover (sentinelCallClientReconfScript)
bool RewriteScripts(ReplyEditor& reply);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_TOPOLOGY_RECORDS_H_
