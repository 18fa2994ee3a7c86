#include "gateway/proxy/topology_records.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/proxy/topology_text.h"

namespace redwall::proxy {
namespace {

using resp::Element;

bool IsAggregate(const Element& element) { return element.is_array() || element.is_map(); }

// What fields may say of a node. Two of them are an address each: ip with port, and so on.
enum Field : std::size_t {
  kIp,
  kEndpoint,
  kHostname,
  kPort,
  kTlsPort,
  kName,
  kFlags,
  kMasterHost,
  kMasterPort,
  kAnnounceIp,
  kAnnouncePort,
  kOther,  // and how many there are
};
constexpr std::string_view kFieldNames[kOther] = {
    "ip",    "endpoint",    "hostname",    "port",        "tls-port",     "name",
    "flags", "master-host", "master-port", "announce-ip", "announce-port"};

Field FieldOf(std::string_view name) {
  std::size_t i = 0;
  while (i < kOther && kFieldNames[i] != name) ++i;
  return static_cast<Field>(i);
}

using Values = std::array<std::string_view, kOther>;

// The values of `count` / 2 fields; those that aren't there, or aren't texts, are empty.
Values ReadFields(resp::ReplyCursor cursor, std::uint64_t count) {
  Values values;
  Element name;
  for (; count > 1 && cursor.Next(name); count -= 2) {
    const Field field = FieldOf(TextOf(name));
    resp::ReplyCursor ahead = cursor;
    Element value;
    std::string_view raw;
    if (field != kOther && ahead.Next(value)) values[field] = TextOf(value);
    if (!cursor.Skip(raw)) break;
  }
  return values;
}

// A port that isn't given is no port. False: it is given, and isn't one.
bool OptionalPort(std::string_view text, std::uint16_t& port) {
  port = 0;
  return text.empty() || ReadPort(text, port);
}

bool IsKnown(std::string_view host) { return !host.empty() && host != "?"; }

// Which of the names of a node it is asked for by: the preferred one, where that says something. An
// empty one stands for the host that the client is connected to; "?" is a name that isn't known.
std::string_view NameToAsk(std::string_view preferred, std::string_view ip,
                           std::string_view hostname, const NodeResolver& nodes) {
  if (IsKnown(preferred)) return preferred;
  if (preferred.empty() && IsKnown(nodes.own().host)) return nodes.own().host;
  return IsKnown(ip) ? ip : hostname;
}

// What stands for the addresses in a node's fields.
struct Locals {
  LocalAddress node, master, announced;
  bool named_by_address = false;  // the field "name" is the address, too
};

bool Resolve(const Values& values, NodeResolver& nodes, Locals& locals) {
  std::uint16_t port = 0, tls_port = 0, master_port = 0, announce_port = 0;
  if (!OptionalPort(values[kPort], port) || !OptionalPort(values[kTlsPort], tls_port) ||
      !OptionalPort(values[kMasterPort], master_port) ||
      !OptionalPort(values[kAnnouncePort], announce_port))
    return nodes.Malformed();
  if (port == 0) port = tls_port;
  const bool has_endpoint = values[kEndpoint].data() != nullptr;
  const std::string_view host = NameToAsk(has_endpoint ? values[kEndpoint] : values[kIp],
                                          values[kIp], values[kHostname], nodes);
  nodes.SameNode(host, values[kIp], port);
  nodes.SameNode(host, values[kHostname], port);
  locals.named_by_address =
      !values[kIp].empty() && values[kName] == BracketedAddress(values[kIp], port);
  const bool sentinel = values[kFlags].find("sentinel") != std::string_view::npos;
  return nodes.Resolve(host, port, locals.node,
                       sentinel ? NodeKind::kSentinel : NodeKind::kRedis) &&
         nodes.Resolve(values[kMasterHost], master_port, locals.master) &&
         nodes.Resolve(values[kAnnounceIp], announce_port, locals.announced, NodeKind::kSentinel);
}

// Precondition: the field is one of an address.
void PutField(ReplyEditor& reply, Field field, const Element& old, const Locals& locals) {
  switch (field) {
    case kHostname:
      return reply.PutText(old, TextOf(old).empty() ? std::string_view() : locals.node.host);
    case kIp:
    case kEndpoint:
      return reply.PutText(old, locals.node.host);
    case kPort:
    case kTlsPort:
      return reply.PutNumber(old, locals.node.port);
    case kName:
      return reply.PutText(old, BracketedAddress(locals.node.host, locals.node.port));
    case kMasterHost:
      return reply.PutText(old, locals.master.host);
    case kMasterPort:
      return reply.PutNumber(old, locals.master.port);
    case kAnnounceIp:
      return reply.PutText(old, locals.announced.host);
    default:
      return reply.PutNumber(old, locals.announced.port);
  }
}

// `count` elements, fields and values in turn; their header is copied already.
bool PutFields(ReplyEditor& reply, std::uint64_t count, const Locals& locals) {
  for (Element name, value; count > 1; count -= 2) {
    if (!reply.Next(name)) return false;
    if (IsAggregate(name) || name.streamed) return reply.nodes.Malformed();
    reply.Copy(name);
    const Field field = FieldOf(TextOf(name));
    if (field == kOther || field == kFlags || (field == kName && !locals.named_by_address)) {
      if (!reply.CopyTrees()) return false;
      continue;
    }
    if (!reply.Next(value)) return false;
    if (IsAggregate(value) || value.streamed) return reply.nodes.Malformed();
    if (value.null) {
      reply.Copy(value);
    } else {
      PutField(reply, field, value, locals);
    }
  }
  return true;
}

// One node, of which the next element is the header.
bool RewriteNode(ReplyEditor& reply) {
  Element header;
  if (!reply.EnterFields(header)) return false;
  Locals locals;
  return Resolve(ReadFields(reply.here(), header.count), reply.nodes, locals) &&
         PutFields(reply, header.count, locals);
}

bool RewriteNodes(ReplyEditor& reply) {
  Element header;
  if (!reply.EnterArray(header)) return false;
  for (std::uint64_t i = 0; i < header.count; ++i)
    if (!RewriteNode(reply)) return false;
  return true;
}

// The host of a node in CLUSTER SLOTS may be null, and gets a text all the same: a client takes
// null as the host that it is connected to, which needn't be that of the node's listener.
bool RewriteSlotsNode(ReplyEditor& reply) {
  Element header, host, port_element;
  if (!reply.EnterArray(header)) return false;
  if (header.count < 2) return reply.nodes.Malformed();
  if (!reply.Next(host) || !reply.Next(port_element)) return false;
  Values values{};
  std::uint64_t metadata = 0;  // elements of it
  resp::ReplyCursor ahead = reply.here();
  std::string_view id;
  if (Element fields; header.count > 3 && ahead.Skip(id) && ahead.Next(fields) &&
                      IsAggregate(fields) && fields.count % 2 == 0) {
    metadata = fields.count;
    values = ReadFields(ahead, metadata);
  }
  std::uint16_t port = 0;
  if ((!host.null && !host.is_string()) || !PortOf(port_element, port))
    return reply.nodes.Malformed();

  Locals locals;
  const std::string_view name =
      NameToAsk(TextOf(host), values[kIp], values[kHostname], reply.nodes);
  reply.nodes.SameNode(name, values[kIp], port);
  reply.nodes.SameNode(name, values[kHostname], port);
  if (!reply.nodes.Resolve(name, port, locals.node)) return false;
  reply.PutText(host, locals.node.host);
  reply.PutNumber(port_element, locals.node.port);
  if (header.count < 4) return reply.CopyTrees(header.count - 2);
  Element fields;
  if (!reply.CopyTrees() || !reply.EnterFields(fields)) return false;
  return PutFields(reply, fields.count, locals) && reply.CopyTrees(header.count - 4);
}

// Host and port, the next two elements.
bool RewritePair(ReplyEditor& reply) {
  Element host, port_element;
  std::uint16_t port = 0;
  LocalAddress local;
  if (!reply.Next(host) || !reply.Next(port_element)) return false;
  if (!host.is_string() || !PortOf(port_element, port)) return reply.nodes.Malformed();
  if (!reply.nodes.Resolve(TextOf(host), port, local)) return false;
  reply.PutText(host, local.host);
  reply.PutNumber(port_element, local.port);
  return true;
}

// [[ip, port, offset]...]
bool RewriteReplicas(ReplyEditor& reply) {
  Element list, replica;
  if (!reply.EnterArray(list)) return false;
  for (std::uint64_t i = 0; i < list.count; ++i) {
    if (!reply.EnterArray(replica)) return false;
    if (replica.count < 2) return reply.nodes.Malformed();
    if (!RewritePair(reply) || !reply.CopyTrees(replica.count - 2)) return false;
  }
  return true;
}

// [script, type, text] or [script, master, role, state, from ip, from port, to ip, to port]
bool RewriteScriptArguments(ReplyEditor& reply) {
  constexpr std::uint64_t kEvent = 3, kReconfiguration = 8;
  Element list, type, text;
  if (!reply.EnterArray(list)) return false;
  if (list.count == kReconfiguration)
    return reply.CopyTrees(4) && RewritePair(reply) && RewritePair(reply);
  if (list.count != kEvent) return reply.CopyTrees(list.count);
  if (!reply.CopyTrees() || !reply.Next(type) || !reply.Next(text)) return false;
  if (!type.is_string() || !text.is_string()) return reply.nodes.Malformed();
  reply.Copy(type);
  std::string anew;
  if (!RewriteEvent(TextOf(type), TextOf(text), reply.nodes, anew)) return false;
  reply.PutText(text, anew);
  return true;
}

}  // namespace

bool RewriteSlots(ReplyEditor& reply) {
  Element ranges, range;
  if (!reply.EnterArray(ranges)) return false;
  for (std::uint64_t i = 0; i < ranges.count; ++i) {
    if (!reply.EnterArray(range)) return false;
    if (range.count < 2) return reply.nodes.Malformed();
    if (!reply.CopyTrees(2)) return false;
    for (std::uint64_t node = 2; node < range.count; ++node)
      if (!RewriteSlotsNode(reply)) return false;
  }
  return true;
}

bool RewriteShards(ReplyEditor& reply) {
  Element shards, fields, name;
  if (!reply.EnterArray(shards)) return false;
  for (std::uint64_t i = 0; i < shards.count; ++i) {
    if (!reply.EnterFields(fields)) return false;
    for (std::uint64_t left = fields.count; left > 1; left -= 2) {
      if (!reply.Next(name)) return false;
      if (IsAggregate(name) || name.streamed) return reply.nodes.Malformed();
      reply.Copy(name);
      if (TextOf(name) == "nodes" ? !RewriteNodes(reply) : !reply.CopyTrees()) return false;
    }
  }
  return true;
}

bool RewriteRole(ReplyEditor& reply) {
  Element fields, role;
  if (!reply.EnterArray(fields)) return false;
  if (fields.count < 2) return reply.nodes.Malformed();
  if (!reply.Next(role)) return false;
  reply.Copy(role);
  if (TextOf(role) == "master" && fields.count >= 3)
    return reply.CopyTrees() && RewriteReplicas(reply) && reply.CopyTrees(fields.count - 3);
  if (TextOf(role) == "slave" && fields.count >= 3)
    return RewritePair(reply) && reply.CopyTrees(fields.count - 3);
  if (TextOf(role) != "sentinel") return reply.nodes.Malformed();
  return reply.CopyTrees(fields.count - 1);
}

bool RewriteSentinelAddress(ReplyEditor& reply) {
  Element pair;
  if (!reply.EnterArray(pair)) return false;
  return pair.count == 2 ? RewritePair(reply) : reply.nodes.Malformed();
}

bool RewriteInstances(ReplyEditor& reply) {
  resp::ReplyCursor ahead = reply.here();
  Element outer, first;
  if (!ahead.Next(outer) || !IsAggregate(outer)) return reply.nodes.Malformed();
  if (outer.count == 0) return reply.CopyTrees();
  const bool one = outer.is_map() || (ahead.Next(first) && first.is_string());
  return one ? RewriteNode(reply) : RewriteNodes(reply);
}

bool RewriteScripts(ReplyEditor& reply) {
  Element scripts, fields, name;
  if (!reply.EnterArray(scripts)) return false;
  for (std::uint64_t i = 0; i < scripts.count; ++i) {
    if (!reply.EnterFields(fields)) return false;
    for (std::uint64_t left = fields.count; left > 1; left -= 2) {
      if (!reply.Next(name)) return false;
      if (IsAggregate(name) || name.streamed) return reply.nodes.Malformed();
      reply.Copy(name);
      if (TextOf(name) == "argv" ? !RewriteScriptArguments(reply) : !reply.CopyTrees())
        return false;
    }
  }
  return true;
}

}  // namespace redwall::proxy
