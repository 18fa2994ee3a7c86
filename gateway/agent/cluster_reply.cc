#include "gateway/agent/cluster_reply.h"

#include <algorithm>
#include <bitset>
#include <charconv>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "gateway/agent/host_text.h"

namespace redwall::agent {
namespace {

using net::Reply;

constexpr std::size_t kMaxId = 64;  // bytes; Redis's ids have 40

// The words of a line, by position; those from kSlots on are slots.
enum Word : std::size_t { kId, kAddress, kFlags, kMaster, kLink = 7, kSlots };

// What is before the first `separator`, which `text` is then behind of.
std::string_view Cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

bool IsId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxId &&
         text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

std::optional<std::uint16_t> ReadSlot(std::string_view text) {
  std::uint16_t slot = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slot);
  if (error != std::errc() || end != text.data() + text.size() || slot >= kClusterSlots)
    return std::nullopt;
  return slot;
}

// "5461-10922" or "5461". Nothing, too, for a slot on its way ("[93-<-id]"): whose it is doesn't
// change before it has arrived.
std::optional<SlotRange> ReadRange(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = ReadSlot(text.substr(0, dash));
  const auto last = dash == text.npos ? first : ReadSlot(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return SlotRange{*first, *last};
}

// "10.0.0.1:7000@17000,node1.example,shard-id=..."; up to Redis 3 without the second port, up to
// Redis 6 without what follows it. False where it can't be that; an empty host is one not known.
bool ReadAddress(std::string_view text, ClusterNode& node) {
  const std::string_view main = Cut(text, ',');
  const std::string_view hostname = Cut(text, ',');
  const std::string_view endpoint = main.substr(0, main.find('@'));
  const std::size_t colon = endpoint.rfind(':');
  if (colon == endpoint.npos) return false;
  const std::string_view ip = endpoint.substr(0, colon), port = endpoint.substr(colon + 1);
  if (!ip.empty() && !IsHost(ip)) return false;
  node.ip = ip;
  if (IsHost(hostname)) node.hostname = hostname;
  const auto number = ReadPort(port);
  node.address.port = number.value_or(0);
  if (!number) node.no_address = true;
  return true;
}

void ReadFlags(std::string_view flags, ClusterNode& node) {
  node.failed = HasFlag(flags, "fail");
  node.suspected = HasFlag(flags, "fail?");
  node.no_address = node.no_address || HasFlag(flags, "noaddr");
  node.handshake = HasFlag(flags, "handshake");
}

// Whether a flat list of names and values has that name.
bool Names(const Reply& map, std::string_view name) {
  for (std::size_t i = 0; i < map.elements.size(); i += 2)
    if (map.elements[i].is_text() && map.elements[i].text == name) return true;
  return false;
}

class NodesReader {
 public:
  NodesReader(const Reply& slots, const net::Address& asked) : asked_(asked) { ReadNames(slots); }

  Result<ClusterNodes, ClusterReplyError> Run(std::string_view text) {
    std::size_t lines = 0;
    while (!text.empty()) {
      std::string_view line = Cut(text, '\n');
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty()) continue;
      if (++lines > kMaxClusterNodes)
        return ClusterReplyError{"names more than " + std::to_string(kMaxClusterNodes) + " nodes"};
      if (!ReadLine(line))
        return ClusterReplyError{"tells of more than " + std::to_string(kClusterSlots) + " slots"};
    }
    if (found_.nodes.empty())
      return ClusterReplyError{"has no node in its answer to CLUSTER NODES that can be read"};
    return std::move(found_);
  }

 private:
  void ReadNames(const Reply& slots);
  void ReadName(const Reply& node);
  bool ReadLine(std::string_view line);
  std::string HostOf(const ClusterNode& node, bool myself) const;

  const net::Address& asked_;
  std::map<std::string, std::string, std::less<>> names_;  // by id; empty: the host that was asked
  // What they say of how the cluster calls nodes that they don't name.
  bool nameless_ = false, by_hostname_ = false;
  ClusterNodes found_;
  std::size_t slots_ = 0;  // of all lines; one that is told twice counts twice
};

// Of [[first, last, [name, port, id, ...], ...], ...].
void NodesReader::ReadNames(const Reply& slots) {
  for (const Reply& range : slots.elements)
    for (std::size_t i = 2; i < range.elements.size(); ++i) ReadName(range.elements[i]);
}

void NodesReader::ReadName(const Reply& node) {
  if (node.elements.size() < 3 || !node.elements[2].is_text()) return;
  const Reply& name = node.elements[0];
  const std::string& id = node.elements[2].text;
  const bool told = name.is_text() && IsHost(name.text);
  if (name.type == Reply::Type::kNil) nameless_ = true;
  // It says the number besides where that isn't the name; a hostname that isn't set is "?".
  if (node.elements.size() > 3 && Names(node.elements[3], "ip")) by_hostname_ = true;
  if ((!told && name.type != Reply::Type::kNil) || !IsId(id)) return;
  if (names_.size() < kMaxClusterNodes) names_.emplace(id, told ? name.text : std::string());
}

// False: too many slots. A line that makes no sense is passed over.
bool NodesReader::ReadLine(std::string_view line) {
  std::string_view words[kSlots];
  for (std::string_view& word : words) {
    word = Cut(line, ' ');
    if (word.empty()) return true;
  }
  ClusterNode node;
  if (!IsId(words[kId]) || !ReadAddress(words[kAddress], node)) return true;
  node.id = words[kId];
  ReadFlags(words[kFlags], node);
  if (IsId(words[kMaster])) node.master_id = words[kMaster];
  while (!line.empty()) {
    const auto range = ReadRange(Cut(line, ' '));
    if (!range) continue;
    slots_ += range->last - range->first + 1u;
    if (slots_ > kClusterSlots) return false;
    node.slots.push_back(*range);
  }
  node.address.host = HostOf(node, HasFlag(words[kFlags], "myself"));
  if (node.address.host.empty()) node.no_address = true;
  found_.nodes.push_back(std::move(node));
  return true;
}

// Nodes without slots are not in CLUSTER SLOTS: they are called as the others are.
std::string NodesReader::HostOf(const ClusterNode& node, bool myself) const {
  const auto name = names_.find(node.id);
  if (name != names_.end() && !name->second.empty()) return name->second;
  if (name != names_.end() || nameless_) return asked_.host;
  if (by_hostname_ && !node.hostname.empty()) return node.hostname;
  return node.ip.empty() && myself ? asked_.host : node.ip;
}

}  // namespace

bool ClusterNode::is_target() const {
  if (address.host.empty() || address.port == 0) return false;
  return !slots.empty() || !(failed || no_address || handshake);
}

bool ClusterNode::IsAt(const net::Address& where) const {
  if (where.is_unix() || where.host.empty() || where.port == 0 || where.port != address.port)
    return false;
  return where.host == address.host || where.host == ip || where.host == hostname;
}

std::size_t ClusterNodes::CountSlots() const {
  std::bitset<kClusterSlots> served;
  for (const ClusterNode& node : nodes)
    for (const SlotRange& range : node.slots)
      for (std::size_t slot = range.first; slot <= range.last; ++slot) served.set(slot);
  return served.count();
}

bool ClusterNodes::HasMajority() const {
  std::size_t owners = 0, reached = 0;
  for (const ClusterNode& node : nodes) {
    if (node.slots.empty()) continue;
    ++owners;
    if (!node.failed && !node.suspected) ++reached;
  }
  return reached * 2 > owners;
}

Result<ClusterNodes, ClusterReplyError> ReadClusterNodes(const Reply& nodes, const Reply& slots,
                                                         const net::Address& asked) {
  if (nodes.type == Reply::Type::kError)
    return ClusterReplyError{"answered CLUSTER NODES with an error: " + nodes.quoted()};
  if (!nodes.is_text()) return ClusterReplyError{"didn't answer CLUSTER NODES with a text"};
  return NodesReader(slots, asked).Run(nodes.text);
}

}  // namespace redwall::agent
