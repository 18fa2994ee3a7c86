// Replies that name nodes, rewritten.
//
// The first byte of the input says what the rest is: a reply of some kind or a message, as the
// bytes that came (tests/support/record_topology.py writes such seeds), or, with its highest bit
// set, what a reply of that kind is made of. In the first case nothing may be assumed of them, and
// what comes out must be one whole frame of the same nature. In the second case the other site's
// addresses are known: none of them may come out.
#include "gateway/proxy/topology_rewriter.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "resp/reply_cursor.h"
#include "resp/reply_scanner.h"
#include "resp/writer.h"

namespace redwall {
namespace {

using proxy::NodeKind;
using proxy::Rewrite;
using proxy::TopologyKind;

constexpr std::string_view kTheirs = "10.66.";  // what every address at the other site begins with
constexpr int kMessage = static_cast<int>(TopologyKind::kSentinelScripts) + 1;

void Require(bool holds) {
  if (!holds) std::abort();
}

// A few nodes have no local address.
struct Nodes final : proxy::NodeAddresses {
  std::optional<proxy::LocalAddress> LocalOf(std::string_view host, std::uint16_t port,
                                             NodeKind) override {
    Require(port != 0 && host.find_first_of(" \r\n") == std::string_view::npos);
    if (port % 61 == 0) return std::nullopt;
    return proxy::LocalAddress{"127.0.0.1", static_cast<std::uint16_t>(17000 + port % 64)};
  }
  void SameNode(std::string_view host, std::string_view other, std::uint16_t port) override {
    Require(port != 0 && host != other && !host.empty() && !other.empty());
  }
};

bool IsWholeFrame(std::string_view bytes) {
  resp::ReplyScanner scanner;
  std::size_t used = 0;
  return !bytes.empty() && scanner.Scan(bytes, used) == resp::ScanStatus::kFrame &&
         used == bytes.size();
}

// How many elements there are, and of which types, as far as these stay the same: null may become a
// text.
std::string ShapeOf(std::string_view frame) {
  std::string shape;
  resp::ReplyCursor cursor(frame);
  for (resp::Element e; cursor.Next(e);) {
    const bool is_text = e.null || e.is_string();
    shape += is_text ? '$' : e.type;
    if (!is_text) shape += std::to_string(e.count);
  }
  Require(cursor.ok());
  return shape;
}

Rewrite Run(int kind, NodeKind from, std::string_view frame, std::string& out) {
  Nodes nodes;
  const proxy::TopologyRewriter rewriter(nodes, {"10.66.0.1", 7000}, from);
  const auto copy = std::make_unique<char[]>(frame.size());
  frame.copy(copy.get(), frame.size());
  const std::string_view exact(copy.get(), frame.size());
  return kind == kMessage ? rewriter.Message(exact, out)
                          : rewriter.Reply(static_cast<TopologyKind>(kind), exact, out);
}

void RunBytes(int kind, NodeKind from, std::string_view frame) {
  std::string out;
  const Rewrite outcome = Run(kind, from, frame, out);
  if (outcome != Rewrite::kDone || !IsWholeFrame(frame)) return;
  Require(IsWholeFrame(out));
  Require(ShapeOf(out) == ShapeOf(frame));
}

// Makes replies of the input: every address is of the other site, and nothing else looks like one.
class Maker {
 public:
  explicit Maker(std::string_view input) : input_(input) {}

  std::string Frame(int kind) {
    const std::string text = Text(kind);
    if (!text.empty() || kind == 3 || kind == 5) return String(text);
    switch (static_cast<TopologyKind>(kind)) {
      case TopologyKind::kClusterSlots:
        return List([&] { return "*3\r\n:0\r\n:1\r\n" + SlotsNode(); });
      case TopologyKind::kClusterShards:
        return List(
            [&] { return Header(1) + Bulk("nodes") + List([&] { return Fields(false); }); });
      case TopologyKind::kRole:
        if (Take() % 2 == 0) return "*3\r\n" + Bulk("slave") + Bulk(Host()) + ":" + Port() + "\r\n";
        return "*3\r\n" + Bulk("master") + ":1\r\n" +
               List([&] { return "*2\r\n" + Bulk(Host()) + Bulk(Port()); });
      case TopologyKind::kSentinelAddress:
        return "*2\r\n" + Bulk(Host()) + Bulk(Port());
      case TopologyKind::kSentinelInstances:
        return List([&] { return Fields(true); });
      case TopologyKind::kSentinelScripts:
        return List([&] {
          return Header(1) + Bulk("argv") + "*8\r\n" + Bulk(Word()) + Bulk(Word()) + Bulk(Word()) +
                 Bulk(Word()) + Bulk(Host()) + Bulk(Port()) + Bulk(Host()) + Bulk(Port());
        });
      default:
        return Message();
    }
  }

 private:
  unsigned Take() {
    if (input_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(input_.front());
    input_.remove_prefix(1);
    return byte;
  }
  std::string Word() {
    std::string word;
    for (unsigned size = Take() % 8; size > 0; --size) word += static_cast<char>('a' + Take() % 26);
    return word;
  }
  std::string Host() {
    switch (Take() % 8) {
      case 0:
        return "10.66.0.9.example";
      case 1:
        return "10.66.::1";  // has colons, as an IPv6 address has
      default:
        return "10.66.0." + std::to_string(Take());
    }
  }
  std::string Port() { return std::to_string(Take() % 16 == 0 ? 0 : 6000 + Take()); }
  static std::string Bulk(std::string_view text) {
    std::string out;
    resp::WriteBulk(text, out);
    return out;
  }
  std::string String(const std::string& text) {
    if (Take() % 2 == 0) return Bulk(text);
    return "=" + std::to_string(text.size() + 4) + "\r\ntxt:" + text + "\r\n";
  }
  template <class MakeOne>
  std::string List(MakeOne make) {
    const unsigned count = Take() % 4;
    std::string out = "*" + std::to_string(count) + "\r\n";
    for (unsigned i = 0; i < count; ++i) out += make();
    return out;
  }
  // Of so many fields with their values.
  std::string Header(unsigned fields) {
    return Take() % 2 == 0 ? "%" + std::to_string(fields) + "\r\n"
                           : "*" + std::to_string(2 * fields) + "\r\n";
  }
  std::string MaybeHost() {
    switch (Take() % 8) {
      case 0:
        return "$-1\r\n";
      case 1:
        return Bulk("?");
      case 2:
        return Bulk("");
      default:
        return Bulk(Host());
    }
  }
  std::string SlotsNode() {
    std::string node = "*4\r\n" + MaybeHost() + ":" + Port() + "\r\n" + Bulk(Word());
    node += Header(2) + Bulk("ip") + Bulk(Host()) + Bulk("hostname");
    return node + MaybeHost();
  }
  std::string Fields(bool sentinel) {
    const std::string host = Host(), port = Port();
    std::string name = host.find(':') == host.npos ? host : "[" + host + "]";
    name += ":" + port;
    std::string fields = Header(7) + Bulk("ip") + Bulk(host) + Bulk("port") + Bulk(port);
    fields += sentinel ? Bulk("name") + Bulk(name) : Bulk("endpoint") + MaybeHost();
    fields += Bulk("hostname") + Bulk(Host()) + Bulk("master-host") + Bulk(Host());
    fields += Bulk("master-port") + Bulk(Port()) + Bulk(Word()) + Bulk(Word());
    return fields;
  }
  // Of the kinds that are texts; empty for the others.
  std::string Text(int kind) {
    std::string text;
    const unsigned lines = Take() % 4;
    for (unsigned i = 0; i < lines; ++i) {
      if (kind == static_cast<int>(TopologyKind::kClusterNodes)) {
        text += "id " + Host() + ":" + Port() + "@1";
        text += Take() % 2 == 0 ? "," + Host() : std::string();
        text += " " + Word() + " - 0\n";
      } else if (kind == static_cast<int>(TopologyKind::kInfo)) {
        const std::string n = std::to_string(i);
        text += "slave" + n + ":ip=" + Host() + ",port=" + Port() + ",x=" + Word() + "\r\n";
        text += "master" + n + ":name=m,address=" + Host() + ":" + Port() + ",y=1\r\n" + Word() +
                "\r\n";
        if (i == 0) text += "master_host:" + Host() + "\r\nmaster_port:" + Port() + "\r\n";
      }
    }
    return text;
  }
  std::string Message() {
    const std::string host = Host(), port = Port();
    const std::string master = "m " + Host() + " " + Port();
    std::string channel = "+sdown", text = "master " + master;
    switch (Take() % 4) {
      case 0:
        channel = "+switch-master";
        text = master + " " + host + " " + port;
        break;
      case 1:
        text = "slave " + host + ":" + port + " " + host + " " + port + " @ " + master;
        if (host.find(':') != host.npos)
          text = "slave [" + host + "]:" + port + " " + host + " " + port + " @ " + master;
        break;
      case 2:
        channel = "__sentinel__:hello";
        text = host + "," + port + ",id,0,m," + Host() + "," + Port() + ",0";
        break;
      default:
        break;
    }
    const bool pattern = Take() % 2 == 0;
    const std::string end = Bulk(channel) + Bulk(text);
    const char type = Take() % 2 == 0 ? '*' : '>';
    return type + (pattern ? "4\r\n" + Bulk("pmessage") + Bulk("*") : "3\r\n" + Bulk("message")) +
           end;
  }

  std::string_view input_;
};

void RunMade(int kind, std::string_view input) {
  const std::string frame = kind == 0 ? "" : Maker(input).Frame(kind);
  if (frame.empty()) return;
  Require(IsWholeFrame(frame));
  std::string out;
  const Rewrite outcome = Run(kind, NodeKind::kSentinel, frame, out);
  Require(outcome != Rewrite::kMalformed);
  if (outcome != Rewrite::kDone) return;
  Require(IsWholeFrame(out) && ShapeOf(out) == ShapeOf(frame));
  Require(out.find(kTheirs) == std::string::npos);
}

}  // namespace
}  // namespace redwall

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int kind = data[0] & 0x0f;
  if (kind > redwall::kMessage) return 0;
  if ((data[0] & 0x80) != 0) {
    redwall::RunMade(kind, rest);
  } else {
    redwall::RunBytes(
        kind, (data[0] & 0x10) != 0 ? redwall::NodeKind::kSentinel : redwall::NodeKind::kRedis,
        rest);
  }
  return 0;
}
