#include "gateway/proxy/topology_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace redwall::proxy {
namespace {

// Takes the text up to `separator`, and the separator, off the front of `rest`.
std::string_view TakeUpTo(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

// Each line of `text` to `rewrite`, without its end, which is copied.
template <class RewriteLine>
bool ForEachLine(std::string_view text, std::string& out, RewriteLine rewrite) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const bool ends = newline != std::string_view::npos;
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(ends ? newline + 1 : text.size());
    const bool cr = ends && line.ends_with('\r');
    if (cr) line.remove_suffix(1);
    if (!rewrite(line)) return false;
    if (cr) out.push_back('\r');
    if (ends) out.push_back('\n');
  }
  return true;
}

void AppendAddress(const LocalAddress& local, std::string& out) {
  out.append(local.host).append(":").append(std::to_string(local.port));
}

bool RewriteAddress(std::string_view text, NodeResolver& nodes, std::string& out) {
  std::string_view host;
  std::uint16_t port = 0;
  LocalAddress local;
  if (!SplitAddress(text, host, port)) return nodes.Malformed();
  if (!nodes.Resolve(host, port, local)) return false;
  AppendAddress(local, out);
  return true;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "name" and then digits: "slave0" for "slave".
bool IsNumbered(std::string_view field, std::string_view name) {
  return field.starts_with(name) && IsNumber(field.substr(name.size()));
}

bool RewriteNodeLine(std::string_view line, NodeResolver& nodes, std::string& out) {
  if (line.empty()) return true;
  std::string_view rest = line;
  out.append(TakeUpTo(rest, ' ')).push_back(' ');
  std::string_view names = TakeUpTo(rest, ' ');
  if (rest.empty()) return nodes.Malformed();
  const bool bus = names.find('@') != std::string_view::npos;
  const bool named = names.find(',') != std::string_view::npos;
  std::string_view address = TakeUpTo(names, bus ? '@' : ',');
  if (bus) TakeUpTo(names, ',');
  // Redis has no key=value in this place, nodes.conf has.
  std::string_view others = names;
  const std::string_view name = TakeUpTo(others, ',');
  const bool hostname = !name.empty() && name.find('=') == std::string_view::npos;

  std::string_view host;
  std::uint16_t port = 0;
  LocalAddress local;
  if (!SplitAddress(address, host, port)) return nodes.Malformed();
  if (hostname) nodes.SameNode(host, name, port);
  if (!nodes.Resolve(host.empty() && hostname ? name : host, port, local)) return false;
  AppendAddress(local, out);
  if (bus) out.append("@0");  // nodes speak there to each other alone
  if (named) {
    out.push_back(',');
    out.append(hostname ? std::string_view(local.host) : name);
    out.append(names.substr(name.size()));
  }
  out.append(" ").append(rest);
  return true;
}

// Fields of a line, `key=value` between commas; `rewrite` gets each with its key and value, and
// appends the value that it is to have.
template <class RewriteValue>
bool ForEachField(std::string_view fields, std::string& out, RewriteValue rewrite) {
  bool first = true;
  while (!fields.empty()) {
    if (!std::exchange(first, false)) out.push_back(',');
    const bool last = fields.find(',') == std::string_view::npos;
    const std::string_view field = TakeUpTo(fields, ',');
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos) {
      out.append(field);
    } else {
      out.append(field.substr(0, equals + 1));
      if (!rewrite(field.substr(0, equals), field.substr(equals + 1))) return false;
    }
    if (!last && fields.empty()) out.push_back(',');
  }
  return true;
}

std::string_view ValueOf(std::string_view fields, std::string_view key) {
  while (!fields.empty()) {
    const std::string_view field = TakeUpTo(fields, ',');
    if (field.starts_with(key) && field.substr(key.size()).starts_with('='))
      return field.substr(key.size() + 1);
  }
  return {};
}

// "slave0:ip=10.0.0.2,port=7003,state=online,..."
bool RewriteReplicaFields(std::string_view fields, NodeResolver& nodes, std::string& out) {
  std::uint16_t port = 0;
  LocalAddress local;
  if (!ReadPort(ValueOf(fields, "port"), port)) return nodes.Malformed();
  if (!nodes.Resolve(ValueOf(fields, "ip"), port, local)) return false;
  return ForEachField(fields, out, [&](std::string_view key, std::string_view value) {
    if (key == "ip") value = local.host;
    if (key == "port") {
      out.append(std::to_string(local.port));
    } else {
      out.append(value);
    }
    return true;
  });
}

// "master0:name=mymaster,status=ok,address=10.0.0.1:6379,slaves=1,sentinels=3", of a Sentinel.
bool RewriteMasterFields(std::string_view fields, NodeResolver& nodes, std::string& out) {
  return ForEachField(fields, out, [&](std::string_view key, std::string_view value) {
    if (key == "address") return RewriteAddress(value, nodes, out);
    out.append(value);
    return true;
  });
}

// "listener0:name=tcp,bind=10.0.0.1,bind=-::*,port=6379"
bool RewriteListenerFields(std::string_view fields, NodeResolver& nodes, std::string& out) {
  std::uint16_t port = 0;
  LocalAddress local;
  const std::string_view name = ValueOf(fields, "name");
  if (name != "tcp" && name != "tls") {  // a unix socket
    out.append(fields);
    return true;
  }
  if (!ReadPort(ValueOf(fields, "port"), port)) return nodes.Malformed();
  if (!nodes.Resolve(nodes.own().host, port, local)) return false;
  return ForEachField(fields, out, [&](std::string_view key, std::string_view value) {
    if (key == "bind") value = local.host;
    if (key == "port") {
      out.append(std::to_string(local.port));
    } else {
      out.append(value);
    }
    return true;
  });
}

// What a line of INFO is about, and what it says of that.
struct InfoLine {
  explicit InfoLine(std::string_view line) : name(TakeUpTo(line, ':')), value(line) {}
  std::string_view name, value;
};

// Of a replica: its master, told by two lines. False: there is none.
bool FindMaster(std::string_view text, std::string_view& host, std::string_view& port) {
  bool found = false;
  std::string ignored;
  return ForEachLine(text, ignored,
                     [&](std::string_view line) {
                       const InfoLine info(line);
                       if (info.name == "master_host") found = true, host = info.value;
                       if (info.name == "master_port") port = info.value;
                       return true;
                     }) &&
         found;
}

}  // namespace

bool RewriteError(std::string_view text, NodeResolver& nodes, std::string& out) {
  std::string_view rest = text;
  const std::string_view code = TakeUpTo(rest, ' ');
  const bool redirects = code == "REDIRECT";
  const bool has_slot = code == "MOVED" || code == "ASK";
  std::string_view host;
  std::uint16_t port = 0;
  const bool is_meant = (redirects || (has_slot && IsNumber(TakeUpTo(rest, ' ')))) &&
                        rest.find(' ') == std::string_view::npos &&
                        SplitAddress(rest, host, port) && port != 0;
  if (!is_meant) {
    out.append(text);
    return true;
  }
  out.append(text.substr(0, text.size() - rest.size()));
  return RewriteAddress(rest, nodes, out);
}

bool RewriteNodeLines(std::string_view text, NodeResolver& nodes, std::string& out) {
  return ForEachLine(text, out,
                     [&](std::string_view line) { return RewriteNodeLine(line, nodes, out); });
}

bool RewriteInfo(std::string_view text, NodeResolver& nodes, std::string& out) {
  std::string_view host, port_text;
  std::uint16_t port = 0;
  LocalAddress master;
  const bool replica = FindMaster(text, host, port_text);
  if (replica) {
    if (!ReadPort(port_text, port)) return nodes.Malformed();
    if (!nodes.Resolve(host, port, master)) return false;
  }
  return ForEachLine(text, out, [&](std::string_view line) {
    const InfoLine info(line);
    const bool has_value = info.name.size() < line.size();
    out.append(info.name);
    if (has_value) out.push_back(':');
    if (replica && info.name == "master_host") {
      out.append(master.host);
    } else if (replica && info.name == "master_port") {
      out.append(std::to_string(master.port));
    } else if (IsNumbered(info.name, "slave")) {
      return RewriteReplicaFields(info.value, nodes, out);
    } else if (IsNumbered(info.name, "master")) {
      return RewriteMasterFields(info.value, nodes, out);
    } else if (IsNumbered(info.name, "listener")) {
      return RewriteListenerFields(info.value, nodes, out);
    } else {
      out.append(info.value);
    }
    return true;
  });
}

}  // namespace redwall::proxy
