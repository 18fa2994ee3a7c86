// What Sentinels publish: to their own clients, and to each other.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/proxy/topology_text.h"

namespace redwall::proxy {
namespace {

// The parts of a text between separators. They can be replaced; all else stays.
class Parts {
 public:
  Parts(std::string_view text, char separator) : separator_(separator) {
    while (parts_.size() + 1 < kMost) {
      const std::size_t end = text.find(separator);
      if (end == std::string_view::npos) break;
      parts_.emplace_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    parts_.emplace_back(text);
  }
  std::size_t size() const { return parts_.size(); }
  std::string& operator[](std::size_t i) { return parts_[i]; }
  void AppendTo(std::string& out) const {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (i > 0) out.push_back(separator_);
      out.append(parts_[i]);
    }
  }

 private:
  static constexpr std::size_t kMost = 20;  // the rest is one part; Redis's have fewer

  const char separator_;
  std::vector<std::string> parts_;
};

// Where host and port are two parts in a row. False: they are none, or there is no local address;
// the resolver's outcome tells which.
bool Replace(Parts& parts, std::size_t host, std::size_t port_part, NodeResolver& nodes,
             NodeKind kind = NodeKind::kRedis) {
  std::uint16_t port = 0;
  LocalAddress local;
  if (port_part >= parts.size() || !ReadPort(parts[port_part], port)) return false;
  if (!nodes.Resolve(parts[host], port, local, kind)) return false;
  parts[host] = local.host;
  parts[port_part] = std::to_string(local.port);
  return true;
}

// `type name ip port`, and behind it perhaps ` @ master ip port` and more.
bool ReplaceInstance(std::string_view channel, Parts& parts, NodeResolver& nodes) {
  const bool sentinel = parts[0] == "sentinel";
  if (parts.size() < 4 || (!sentinel && parts[0] != "master" && parts[0] != "slave")) return true;
  std::uint16_t port = 0;
  if (!ReadPort(parts[3], port)) return true;
  const bool named_by_address = parts[1] == BracketedAddress(parts[2], port);
  if (!Replace(parts, 2, 3, nodes, sentinel ? NodeKind::kSentinel : NodeKind::kRedis)) return false;
  if (named_by_address) {
    static_cast<void>(ReadPort(parts[3], port));
    parts[1] = BracketedAddress(parts[2], port);
  }
  const auto is = [&](std::size_t i, std::string_view word) {
    return i < parts.size() && parts[i] == word;
  };
  if (is(4, "@") && parts.size() > 7 && ReadPort(parts[7], port))
    return Replace(parts, 6, 7, nodes);
  // "... ip 10.0.0.4 port 26379 for RUNID"
  if (channel == "+sentinel-address-switch" && is(4, "ip") && is(6, "port"))
    return Replace(parts, 5, 7, nodes, NodeKind::kSentinel);
  return true;
}

// Finished where the replacements that failed have failed for a reason; else `text` isn't what it
// was taken for.
bool Finish(bool replaced, std::string_view text, const Parts& parts, const NodeResolver& nodes,
            std::string& out) {
  if (nodes.outcome() == Rewrite::kNoAddress) return false;
  if (replaced) {
    parts.AppendTo(out);
  } else {
    out.append(text);
  }
  return true;
}

}  // namespace

bool RewriteEvent(std::string_view channel, std::string_view text, NodeResolver& nodes,
                  std::string& out) {
  Parts parts(text, ' ');
  bool replaced = false;
  if (channel == "+switch-master") {  // name oldip oldport newip newport
    replaced = parts.size() == 5 && Replace(parts, 1, 2, nodes) && Replace(parts, 3, 4, nodes);
  } else {
    replaced = ReplaceInstance(channel, parts, nodes);
  }
  return Finish(replaced, text, parts, nodes, out);
}

// ip,port,runid,epoch,master,masterip,masterport,masterepoch
bool RewriteHello(std::string_view text, NodeResolver& nodes, std::string& out) {
  Parts parts(text, ',');
  const bool replaced = parts.size() == 8 && Replace(parts, 0, 1, nodes, NodeKind::kSentinel) &&
                        Replace(parts, 5, 6, nodes);
  return Finish(replaced, text, parts, nodes, out);
}

}  // namespace redwall::proxy
