#include "gateway/proxy/topology_rewriter.h"

#include <cstdint>

#include "gateway/proxy/pubsub_state.h"
#include "gateway/proxy/reply_editor.h"
#include "gateway/proxy/topology_records.h"
#include "gateway/proxy/topology_text.h"

namespace redwall::proxy {
namespace {

using resp::Element;

using RewriteText = bool (*)(std::string_view, NodeResolver&, std::string&);

bool PutRewritten(ReplyEditor& reply, const Element& old, RewriteText rewrite) {
  std::string anew;
  if (!rewrite(TextOf(old), reply.nodes, anew)) return false;
  reply.PutText(old, anew);
  return true;
}

// Every text in the reply, however deep: they are all of one kind, or too short to be.
bool RewriteTexts(ReplyEditor& reply, RewriteText rewrite) {
  for (Element element; !reply.at_end();) {
    if (!reply.Next(element)) return false;
    if (element.streamed || element.type == '.') return reply.nodes.Malformed();
    if (!element.is_string() || element.type == '+') {
      reply.Copy(element);
    } else if (!PutRewritten(reply, element, rewrite)) {
      return false;
    }
  }
  return true;
}

bool RewriteErrorReply(ReplyEditor& reply) {
  Element error;
  if (!reply.Next(error)) return false;
  if (error.streamed) return reply.nodes.Malformed();
  std::string anew;
  if (!RewriteError(error.text, reply.nodes, anew)) return false;
  if (anew == error.text) {
    reply.Copy(error);
  } else {
    reply.PutText(error, anew);
  }
  return true;
}

bool RewriteAggregate(TopologyKind kind, ReplyEditor& reply) {
  switch (kind) {
    case TopologyKind::kClusterSlots:
      return RewriteSlots(reply);
    case TopologyKind::kClusterShards:
      return RewriteShards(reply);
    case TopologyKind::kClusterNodes:
      return RewriteTexts(reply, &RewriteNodeLines);
    case TopologyKind::kRole:
      return RewriteRole(reply);
    case TopologyKind::kInfo:
      return RewriteTexts(reply, &RewriteInfo);
    case TopologyKind::kSentinelAddress:
      return RewriteSentinelAddress(reply);
    case TopologyKind::kSentinelInstances:
      return RewriteInstances(reply);
    case TopologyKind::kSentinelScripts:
      return RewriteScripts(reply);
    case TopologyKind::kNone:
      break;
  }
  return reply.CopyTrees();
}

bool RewriteReply(TopologyKind kind, ReplyEditor& reply) {
  Element first;
  if (!reply.here().Next(first)) return reply.nodes.Malformed();
  if (first.type == '-' || first.type == '!') return RewriteErrorReply(reply);
  if (first.null || first.type == '+') return reply.CopyTrees();  // "QUEUED", no such master
  const bool is_text = first.type == '$' || first.type == '=';
  if (is_text && (kind == TopologyKind::kClusterNodes || kind == TopologyKind::kInfo))
    return RewriteAggregate(kind, reply);
  if (kind == TopologyKind::kNone || first.is_array() || first.is_map())
    return RewriteAggregate(kind, reply);
  return reply.nodes.Malformed();
}

// [message, channel, text], [pmessage, pattern, channel, text]
bool RewriteMessage(NodeKind from, ReplyEditor& reply) {
  Element header, kind;
  resp::ReplyCursor ahead = reply.here();
  if (!ahead.Next(header)) return reply.nodes.Malformed();
  const bool is_message = header.is_array() && (header.count == 3 || header.count == 4) &&
                          ahead.Next(kind) && IsPubsubMessage(TextOf(kind));
  if (!is_message) return reply.CopyTrees();
  if (!reply.EnterArray(header) || !reply.CopyTrees(header.count - 2)) return false;
  Element channel, text;
  if (!reply.Next(channel)) return false;
  if (!channel.is_string()) return reply.nodes.Malformed();
  reply.Copy(channel);
  const bool hello = TextOf(channel) == kHelloChannel;
  if (from != NodeKind::kSentinel && !hello) return reply.CopyTrees();
  if (!reply.Next(text)) return false;
  if (!text.is_string()) return reply.nodes.Malformed();
  if (hello) return PutRewritten(reply, text, &RewriteHello);
  std::string anew;
  if (!RewriteEvent(TextOf(channel), TextOf(text), reply.nodes, anew)) return false;
  reply.PutText(text, anew);
  return true;
}

Rewrite Finish(bool done, ReplyEditor& reply) {
  if (!done || !reply.at_end()) static_cast<void>(reply.nodes.Malformed());
  return reply.nodes.outcome();
}

}  // namespace

Rewrite TopologyRewriter::Reply(TopologyKind kind, std::string_view frame, std::string& out) const {
  NodeResolver nodes(addresses_, own_);
  ReplyEditor reply(frame, nodes, out);
  const Rewrite outcome = Finish(RewriteReply(kind, reply), reply);
  if (kind != TopologyKind::kNone || outcome != Rewrite::kMalformed) return outcome;
  // Nobody has to understand it.
  out.assign(frame);
  return Rewrite::kDone;
}

Rewrite TopologyRewriter::Message(std::string_view frame, std::string& out) const {
  NodeResolver nodes(addresses_, own_);
  ReplyEditor reply(frame, nodes, out);
  return Finish(RewriteMessage(kind_, reply), reply);
}

std::string_view Describe(Rewrite outcome) {
  switch (outcome) {
    case Rewrite::kNoAddress:
      return "ERR redwall: a node that this reply names has no local port; give the listener more "
             "node_ports";
    case Rewrite::kMalformed:
      return "ERR redwall: this reply names nodes in a way that isn't known, so that their "
             "addresses can't be rewritten";
    case Rewrite::kDone:
      break;
  }
  return {};
}

}  // namespace redwall::proxy
