#include "gateway/agent/node_ports.h"

#include <algorithm>
#include <utility>

#include "base/fnv.h"

namespace redwall::agent {
namespace {

constexpr std::size_t kNamesPerNode = 4;
constexpr std::size_t kMaxHost = 240;  // bytes; as OPEN can carry it
constexpr std::string_view kAllInUse = "all of \"node_ports\" are in use";

}  // namespace

struct NodePorts::Node {
  net::Address address;
  std::uint16_t port = 0;     // here
  ClientPurpose purpose;      // of its connections; each has a copy
  std::uint64_t named = 0;    // when it was, last
  std::int64_t named_us = 0;  // likewise, monotonic
  std::unique_ptr<net::Listener> listener;

  bool in_use() const { return purpose.topology.use_count() > 1; }
};

NodePorts::NodePorts(net::Loop& loop, const ClientListener& listener, OnAccept on_accept)
    : loop_(loop),
      route_(listener.route),
      listen_host_(listener.listen.host),
      announced_host_(listener.announce.empty() ? listener.listen.host : listener.announce),
      ports_(listener.node_ports),
      on_accept_(std::move(on_accept)) {
  const bool sentinel = listener.role == ClientListener::Role::kSentinel;
  topology_ = std::make_shared<const proxy::TopologyRewriter>(
      *this, proxy::OwnNode{}, sentinel ? proxy::NodeKind::kSentinel : proxy::NodeKind::kRedis);
}

NodePorts::~NodePorts() = default;

void NodePorts::StopListening() {
  stopped_ = true;
  for (const auto& [port, node] : nodes_) node->listener.reset();
}

NodePorts::Node* NodePorts::Find(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

std::optional<proxy::LocalAddress> NodePorts::LocalOf(std::string_view host, std::uint16_t port,
                                                      proxy::NodeKind kind) {
  const net::Address address{std::string(host), port, {}};
  const std::string name = address.ToString();
  Node* node = host.empty() || port == 0 ? nullptr : Find(name);
  if (node == nullptr) node = Add(address, name, kind);
  if (node == nullptr) return std::nullopt;
  node->named = ++named_;
  node->named_us = loop_.now().mono_us;
  return proxy::LocalAddress{announced_host_, node->port};
}

void NodePorts::SameNode(std::string_view host, std::string_view other, std::uint16_t port) {
  const std::string one = net::Address{std::string(host), port, {}}.ToString();
  const std::string two = net::Address{std::string(other), port, {}}.ToString();
  Node* const known = Find(one) != nullptr ? Find(one) : Find(two);
  if (known == nullptr || names_.size() >= kNamesPerNode * count()) return;
  names_.try_emplace(one, known);
  names_.try_emplace(two, known);
}

// Null: no port can be had, or the address makes no sense.
NodePorts::Node* NodePorts::Add(const net::Address& address, const std::string& name,
                                proxy::NodeKind kind) {
  const auto parsed = net::Address::Parse(name);
  if (stopped_ || address.host.size() > kMaxHost || !parsed || parsed->is_unix() ||
      parsed->port == 0)
    return nullptr;
  auto node = std::make_unique<Node>();
  node->address = address;
  node->purpose = {route_, Target::Node(address),
                   std::make_shared<const proxy::TopologyRewriter>(
                       *this, proxy::OwnNode{address.host, address.port}, kind)};
  node->port = static_cast<std::uint16_t>(ports_.first + Fnv1a(name) % count());
  std::string trouble = Listen(*node);
  if (trouble == kAllInUse && MakeRoom()) trouble = Listen(*node);
  if (!trouble.empty()) {
    full_.Warn("route '" + route_ + "': there is no port for the node " + name + ": " + trouble,
               loop_.now_ms());
    return nullptr;
  }
  Node* const made = node.get();
  opened_.Info(
      "route '" + route_ + "': the node " + name + " is at " + made->listener->address() + " here",
      loop_.now_ms());
  nodes_.emplace(made->port, std::move(node));
  names_[name] = made;
  return made;
}

// From the port on that its address tells: the first one that is free. Returns what went wrong, or
// nothing.
std::string NodePorts::Listen(Node& node) {
  const unsigned start = static_cast<unsigned>(node.port - ports_.first);
  for (unsigned i = 0; i < count(); ++i) {
    const auto port = static_cast<std::uint16_t>(ports_.first + (start + i) % count());
    if (nodes_.contains(port)) continue;
    auto listener = net::Listener::Open(
        loop_, net::Address{listen_host_, port, {}}, 0,
        [this, &node](net::Socket socket) { on_accept_(std::move(socket), node.purpose); },
        [this](const std::string& trouble) { crowded_.Warn(trouble, loop_.now_ms()); });
    if (!listener && listener.error().in_use) continue;
    if (!listener) return listener.error().sentence;
    node.port = port;
    node.listener = std::move(*listener);
    return {};
  }
  return std::string(kAllInUse);
}

bool NodePorts::MakeRoom() {
  const Node* oldest = nullptr;
  for (const auto& [port, node] : nodes_)
    if (!node->in_use() && node->named_us != loop_.now().mono_us &&
        (oldest == nullptr || node->named < oldest->named))
      oldest = node.get();
  if (oldest == nullptr) return false;
  Remove(oldest);
  return true;
}

void NodePorts::Remove(const Node* node) {
  std::erase_if(names_, [node](const auto& name) { return name.second == node; });
  nodes_.erase(node->port);
}

}  // namespace redwall::agent
