#include "gateway/proxy/cluster_router.h"

#include "resp/writer.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kAsking = "*1\r\n$6\r\nASKING\r\n";

}  // namespace

ClusterRouter::ClusterRouter(const ClusterLimits& limits, ClusterOutlet& outlet,
                             std::shared_ptr<const resp::CommandTable> table,
                             std::shared_ptr<const ClusterMap> map, std::string_view login,
                             std::uint32_t choice)
    : limits_(limits),
      outlet_(outlet),
      table_(std::move(table)),
      map_(std::move(map)),
      choice_(choice),
      session_(login),
      parser_(limits.request) {}

ClusterRouter::~ClusterRouter() = default;

void ClusterRouter::OnRequest(std::string_view bytes) {
  if (finished_ || intake_ == Intake::kClosed) return;
  if (held_.empty()) {
    held_.append(bytes.substr(TakeRequests(bytes)));
  } else {
    held_.append(bytes);
  }
  Pump();
}

void ClusterRouter::OnRequestEnd() {
  request_end_ = true;
  Pump();
}

void ClusterRouter::OnMap(std::shared_ptr<const ClusterMap> map) {
  map_wanted_ = false;
  if (map != nullptr) {
    map_ = std::move(map);
    moved_.clear();
  }
  if (finished_ || map_ == nullptr) return;
  // What is under way may yet be sent again, by the new map.
  draining_ = !requests_.empty();
  for (NodeId node = 0; node < links_.size(); ++node) {
    const Link& link = *links_[node];
    const bool gone = map_->Find(link.address.host, link.address.port) == ClusterMap::kNone;
    const bool unused = link.state == Link::State::kOpen && link.expected.empty() &&
                        link.input.empty() && link.frame == Link::Frame::kNone && !LivesOn(node);
    if (gone && unused) CloseLink(node);
  }
  if (session_.broadcast()) ConnectToAll();
  ResendWaiting();
  Pump();
}

bool ClusterRouter::reads(NodeId node) const {
  return node >= links_.size() || links_[node]->input.size() < limits_.max_waiting;
}

bool ClusterRouter::idle() const {
  if (!requests_.empty() || !held_.empty() || transaction_.open || watch_.on || monitor_)
    return false;
  if (session_.tracking() != TrackingMode::kOff) return false;
  return intake_ != Intake::kStreaming && SubscribedNode() == kNoNode;
}

std::size_t ClusterRouter::memory() const {
  std::size_t bytes = held_.size() + kept_ + unsent_ + gathered_ + transaction_.bytes;
  for (const auto& link : links_) bytes += link->input.size() + link->withheld.size();
  return bytes;
}

void ClusterRouter::Fail(std::string_view why) {
  if (finished_) return;
  finished_ = true;
  failure_ = why;
  std::string().swap(held_);
}

void ClusterRouter::Want() {
  if (map_wanted_) return;
  map_wanted_ = true;
  outlet_.WantMap();
}

ClusterRouter::Request& ClusterRouter::Push(Purpose purpose, Join join) {
  Request& request = requests_.emplace_back();
  request.id = next_id_++;
  request.purpose = purpose;
  request.join = join;
  request.silent = silent_;
  return request;
}

ClusterRouter::Request& ClusterRouter::PushExclusive(Purpose purpose, Join join) {
  Request& request = Push(purpose, join);
  request.exclusive = true;
  return request;
}

ClusterRouter::Request& ClusterRouter::PushAnswer(std::string_view answer) {
  Request& request = Push(Purpose::kLocal, Join::kNone);
  request.answer = answer;
  return request;
}

void ClusterRouter::PushError(std::string_view text) {
  std::string answer;
  resp::WriteError(text, answer);
  PushAnswer(answer);
}

void ClusterRouter::PushUnserved() {
  Want();
  PushError("CLUSTERDOWN Hash slot not served");
}

void ClusterRouter::AddPart(Request& request, NodeId node, std::int32_t slot,
                            std::string_view bytes) {
  Part& part = request.parts.emplace_back();
  part.node = node;
  part.slot = slot;
  part.bytes = bytes;
  // What is larger than all that may be kept is sent once, and so is what isn't whole.
  part.kept = bytes.size() <= limits_.max_kept && intake_ != Intake::kStreaming;
  if (part.kept) kept_ += bytes.size();
  ++request.left;
}

void ClusterRouter::Start(Request& request) {
  if (request.keyed) ++keyed_;
  if (!request.steps.empty()) return;
  for (std::size_t i = 0; i < request.parts.size(); ++i) SendPart(request, i);
}

void ClusterRouter::SendPart(Request& request, std::size_t index) {
  Part& part = request.parts[index];
  Link& link = *links_[part.node];
  part.state = Part::State::kSent;
  if (!request.prefix.empty()) {
    link.expected.push_back({Link::Frame::kSwallowed});
    Write(link, part.node, request.prefix);
  }
  if (part.asking) {
    link.expected.push_back({Link::Frame::kSwallowed});
    Write(link, part.node, kAsking);
  }
  link.expected.push_back({Link::Frame::kPart, request.id, static_cast<std::uint32_t>(index)});
  Write(link, part.node, part.bytes);
  if (!part.kept) std::string().swap(part.bytes);
}

void ClusterRouter::Write(Link& link, NodeId node, std::string_view bytes) {
  // What it closed before this was written isn't answered: nobody could say what became of it.
  if (link.ended) return Fail("a node of the cluster has closed the connection");
  if (link.state == Link::State::kOpen) return outlet_.ToNode(node, bytes);
  link.unsent += bytes;
  unsent_ += bytes.size();
  if (link.state != Link::State::kClosed) return;
  link.state = Link::State::kConnecting;
  outlet_.Connect(node, link.address);
}

ClusterRouter::Request* ClusterRouter::Find(std::uint64_t id) {
  if (requests_.empty() || id < front().id || id >= next_id_) return nullptr;
  return &requests_[id - front().id];
}

}  // namespace redwall::proxy
