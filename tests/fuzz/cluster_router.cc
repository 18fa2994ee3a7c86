// A client and the nodes of a cluster that all say anything at all, with a ClusterRouter between.
//
// The input is a list of pieces: a byte that says what happens (its lowest three bits) and how much
// (the rest), then that many bytes. The router may not crash, keep more than its limits, go on
// after its end, or send a node anything but commands, each from its beginning.
#include "gateway/proxy/cluster_router.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace redwall {
namespace {

std::shared_ptr<const proxy::ClusterMap> MakeMap(std::uint16_t border) {
  const std::vector<proxy::ClusterNode> nodes{{"n0", 1}, {"n1", 1}, {"n2", 1}};
  return std::make_shared<const proxy::ClusterMap>(
      nodes, std::vector<proxy::ClusterMap::Range>{{0, border, 0}, {border, 16383, 1}},
      std::vector<proxy::ClusterMap::Replica>{{2, 0}});
}

struct Nodes final : proxy::ClusterOutlet {
  void Connect(proxy::NodeId node, const proxy::ClusterNode&) override {
    if (!connecting.insert(node).second || open.contains(node)) std::abort();
    sent[node].clear();
  }
  void ToNode(proxy::NodeId node, std::string_view bytes) override {
    if (!open.contains(node)) std::abort();
    std::string& rest = sent[node].append(bytes);
    resp::CommandParser parser{resp::RequestLimits()};
    while (!rest.empty()) {
      if (rest[0] != '*') std::abort();
      const resp::ParseStatus status = parser.Parse(rest);
      if (status == resp::ParseStatus::kNeedMore || status == resp::ParseStatus::kHead) return;
      if (status != resp::ParseStatus::kCommand) std::abort();
      rest.erase(0, parser.consumed());
    }
  }
  void CloseNode(proxy::NodeId node) override {
    if (connecting.erase(node) + open.erase(node) == 0) std::abort();
  }
  void WantMap() override { wanted = true; }
  void OnNodeRefused(proxy::NodeId, std::string_view) override {}

  std::set<proxy::NodeId> connecting, open;
  std::map<proxy::NodeId, std::string> sent;  // the command that isn't whole yet
  bool wanted = false;
};

void Happen(int what, std::string_view piece, Nodes& nodes, proxy::ClusterRouter& router) {
  const auto first = [](const std::set<proxy::NodeId>& some, std::size_t skip) {
    auto it = some.begin();
    while (skip-- > 0 && std::next(it) != some.end()) ++it;
    return *it;
  };
  if (what <= 1) return router.OnRequest(piece);
  if (what == 6) {
    nodes.wanted = false;
    return router.OnMap(piece.size() % 2 == 0 ? MakeMap(8192) : MakeMap(3000));
  }
  if (what == 7 && !nodes.open.empty()) {
    const proxy::NodeId node = first(nodes.open, piece.size());
    nodes.open.erase(node);
    return router.OnNodeClosed(node);
  }
  if (!nodes.connecting.empty() && what != 5) {
    const proxy::NodeId node = first(nodes.connecting, 0);
    nodes.connecting.erase(node);
    if (what == 7) return router.OnNodeClosed(node);
    nodes.open.insert(node);
    return router.OnNodeOpen(node);
  }
  if (!nodes.open.empty())
    router.OnNodeReply(first(nodes.open, static_cast<std::size_t>(what) - 2), piece);
}

void Run(std::string_view input) {
  proxy::ClusterLimits limits;
  limits.request.max_inspected = 4096;
  limits.request.stream_threshold = 64;
  limits.max_requests = 8;
  limits.max_kept = 512;
  limits.max_unsent = 256;
  limits.max_gathered = 1024;
  limits.max_error = 64;
  Nodes nodes;
  std::shared_ptr<const resp::CommandTable> table(&resp::CommandTable::Builtin(), [](auto*) {});
  const std::string_view login = input.size() % 2 == 0 ? "" : "*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n";
  proxy::ClusterRouter router(limits, nodes, table, MakeMap(8192), login, 0);
  while (input.size() > 1 && !router.finished()) {
    const auto head = static_cast<unsigned char>(input[0]);
    const std::string_view piece = input.substr(1, head / 8);
    input.remove_prefix(1 + piece.size());
    Happen(head % 8, piece, nodes, router);
    router.TakeReplies();
    (void)router.idle();
    (void)router.takes_requests();
    // Two of the largest commands, what waits of three nodes, and what the limits say.
    if (router.memory() > 64 * 1024) std::abort();
  }
  router.OnRequestEnd();
  router.TakeReplies();
}

}  // namespace
}  // namespace redwall

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  redwall::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
