// The reply half of ClusterRouter: frames of the nodes, and whose they are.
#include <algorithm>
#include <utility>

#include "gateway/proxy/cluster_router.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kUnasked = "a node of the cluster sent a reply that nobody asked for";
constexpr std::string_view kLoginRefused = "ERR redwall: a node refused the route's credentials";

// What may be logged of an error: its first word, if that is a code ("WRONGPASS"). The rest may
// quote what was sent, passwords included.
std::string_view ErrorCode(std::string_view error) {
  const std::string_view word = error.substr(0, error.find_first_of(" \r\n"));
  const bool code = !word.empty() && std::all_of(word.begin(), word.end(),
                                                 [](char c) { return c >= 'A' && c <= 'Z'; });
  return code ? word : "an error";
}

}  // namespace

void ClusterRouter::OnNodeReply(NodeId node, std::string_view bytes) {
  if (finished_ || node >= links_.size()) return;
  Link& link = *links_[node];
  if (link.state != Link::State::kGreeting && link.state != Link::State::kOpen) return;
  if (link.input.empty()) {
    const std::size_t used = Consume(node, bytes);
    if (link.state != Link::State::kClosed) link.input.append(bytes.substr(used));
  } else {
    link.input.append(bytes);
  }
  Pump();
}

// Goes on with whatever can go on by now.
void ClusterRouter::Pump() {
  bool progress = true;
  while (progress && !finished_) {
    progress = SettleFront();
    for (NodeId node = 0; node < links_.size() && !finished_; ++node) {
      Link& link = *links_[node];
      if (link.input.empty()) continue;
      std::string input = std::exchange(link.input, {});
      const std::size_t used = Consume(node, input);
      progress |= used > 0;
      input.erase(0, used);
      if (link.state != Link::State::kClosed) link.input.swap(input);
    }
    if (finished_) return;
    SettleEnded();
    const std::size_t held = held_.size();
    TakeHeld();
    progress |= held != held_.size();
  }
  if (finished_ || !request_end_) return;
  const bool waits_for_first_map = map_ == nullptr && !held_.empty();
  // Redis doesn't keep what blocks for a client that has gone.
  if (requests_.empty() ? !waits_for_first_map : front().blocking) finished_ = true;
}

// Returns how much of the input is done with: less than all where the rest has to wait.
std::size_t ClusterRouter::Consume(NodeId node, std::string_view input) {
  Link& link = *links_[node];
  std::size_t done = 0;
  while (!finished_ && done < input.size()) {
    if (link.frame == Link::Frame::kNone ? !MayBegin(node, input[done]) : !MayGoOn(node)) break;
    std::size_t used = 0;
    const resp::ScanStatus status = link.scanner.Scan(input.substr(done), used);
    if (status == resp::ScanStatus::kError) {
      Fail("what came from a node of the cluster isn't the Redis protocol");
      break;
    }
    Deliver(node, input.substr(done, used));
    done += used;
    if (finished_ || status != resp::ScanStatus::kFrame) continue;
    EndFrame(node);
    if (link.state == Link::State::kClosed) return input.size();
  }
  return done;
}

// Whether the frame that begins so may be taken now; if so, what it is.
bool ClusterRouter::MayBegin(NodeId node, char first) {
  Link& link = *links_[node];
  if (link.state == Link::State::kGreeting) {
    link.frame = Link::Frame::kGreeting;
    return true;
  }
  const bool in_resp2 =
      first == '*' && session_.protocol() == 2 && (link.pubsub.subscribed() || IsSubscribing(node));
  if (first == '>' || in_resp2 || (first == '+' && link.monitor)) {
    link.attaches = Find(link.last_taken) != nullptr;
    if (!link.attaches && writer_ != kNoNode) return false;
    link.withholds = link.attaches || ShardChannelsBeside(node) > 0;
    link.frame = Link::Frame::kPush;
    return true;
  }
  if (link.expected.empty()) {
    Fail(kUnasked);
    return false;
  }
  link.frame = link.expected.front().kind;
  if (MayGoOn(node)) return true;
  link.frame = Link::Frame::kNone;
  return false;
}

// A reply whose turn hasn't come waits; unless the one whose turn it is stands behind it on the
// same connection, or it has to be whole before it can be joined.
bool ClusterRouter::MayGoOn(NodeId node) {
  const Link& link = *links_[node];
  const bool may_write = writer_ == kNoNode || writer_ == node;
  if (link.frame == Link::Frame::kPush) return link.attaches || may_write;
  if (link.frame != Link::Frame::kPart) return true;
  const std::uint64_t id = link.expected.front().request;
  const Request* const request = Find(id);
  if (request == nullptr) {
    Fail(kUnasked);
    return false;
  }
  if (request->join != Join::kNone) return true;
  return id == front().id ? may_write : FrontWaitsOn(node);
}

bool ClusterRouter::FrontWaitsOn(NodeId node) const {
  const Request& request = requests_.front();
  if (request.step < request.steps.size())
    return request.step_sent && request.steps[request.step].node == node;
  return std::any_of(request.parts.begin(), request.parts.end(), [node](const Part& part) {
    return part.node == node && part.state == Part::State::kSent;
  });
}

bool ClusterRouter::IsSubscribing(NodeId node) const {
  return !requests_.empty() && requests_.front().purpose == Purpose::kSubscribe &&
         FrontWaitsOn(node);
}

void ClusterRouter::Deliver(NodeId node, std::string_view piece) {
  Link& link = *links_[node];
  switch (link.frame) {
    case Link::Frame::kGreeting:
    case Link::Frame::kSwallowed:
    case Link::Frame::kStep:
    case Link::Frame::kNone:
      return;
    case Link::Frame::kPush:
      return PassMessage(node, piece);
    case Link::Frame::kPart:
      break;
  }
  const Link::Expected& expected = link.expected.front();
  Request& request = *Find(expected.request);
  Part& part = request.parts[expected.part];
  const bool is_error = link.scanner.frame().type == '-' && !part.passed &&
                        part.reply.size() + piece.size() <= limits_.max_error;
  if (request.join != Join::kNone || request.id != front().id || is_error)
    return Gather(request, part, piece);
  if (!request.silent) {
    output_ += part.reply;
    output_ += piece;
    writer_ = node;
  }
  gathered_ -= part.reply.size();
  std::string().swap(part.reply);
  part.passed = true;
}

void ClusterRouter::PassMessage(NodeId node, std::string_view piece) {
  Link& link = *links_[node];
  if (!link.attaches) writer_ = node;
  if (!link.withholds) {
    output_ += piece;
    return;
  }
  link.withheld += piece;
  if (link.attaches) {
    if (gathered_ + link.withheld.size() > limits_.max_gathered)
      Fail("too many messages wait for replies before them");
  } else if (link.withheld.size() > limits_.max_error) {
    link.withholds = false;  // no confirmation of a channel that a client could want
    output_ += std::exchange(link.withheld, {});
  }
}

// The frame that `output_` was in the middle of is whole.
void ClusterRouter::EndWriting() {
  writer_ = kNoNode;
  gathered_ -= messages_.size();
  output_ += std::exchange(messages_, {});
}

void ClusterRouter::Gather(Request& request, Part& part, std::string_view piece) {
  if (part.too_large) return;
  if (gathered_ + piece.size() <= limits_.max_gathered) {
    gathered_ += piece.size();
    part.reply += piece;
    return;
  }
  // Behind a redirect, something that isn't to be joined had to be put aside.
  if (request.join == Join::kNone) return Fail("too much waits for replies before it");
  part.too_large = true;
  gathered_ -= part.reply.size();
  std::string().swap(part.reply);
}

void ClusterRouter::EndFrame(NodeId node) {
  Link& link = *links_[node];
  switch (std::exchange(link.frame, Link::Frame::kNone)) {
    case Link::Frame::kGreeting:
      return EndGreeting(node);
    case Link::Frame::kSwallowed:
      link.expected.pop_front();
      return;
    case Link::Frame::kStep:
      return EndStep(node);
    case Link::Frame::kPart:
      return EndPart(node);
    case Link::Frame::kPush:
      return EndPush(node);
    case Link::Frame::kNone:
      return;
  }
}

void ClusterRouter::EndGreeting(NodeId node) {
  Link& link = *links_[node];
  const resp::ReplyScanner::Frame& frame = link.scanner.frame();
  if (frame.type == '>') return;
  const bool login = std::exchange(link.logs_in, false);
  if ((frame.type == '-' || frame.type == '!') && link.refusal_code.empty()) {
    link.refusal_code = ErrorCode(frame.text);
    link.refusal = login ? kLoginRefused : frame.text;
  }
  if (--link.greetings > 0) return;
  if (link.refusal_code.empty()) {
    BecomeOpen(node);
  } else {
    Refuse(node);
  }
}

void ClusterRouter::EndStep(NodeId node) {
  Link& link = *links_[node];
  link.expected.pop_front();
  const resp::ReplyScanner::Frame& frame = link.scanner.frame();
  if (requests_.empty() || front().step >= front().steps.size()) return Fail(kUnasked);
  Request& request = front();
  if (frame.type == '+' || request.steps[request.step].may_fail) {
    ++request.step;
    request.step_sent = false;
    return;
  }
  const std::string error = frame.type == '-' ? std::string(frame.text)
                                              : "ERR redwall: a node's answer wasn't understood";
  if (!RerouteStep(request, error)) FailFront(error);
}

void ClusterRouter::EndPart(NodeId node) {
  Link& link = *links_[node];
  const Link::Expected expected = link.expected.front();
  link.expected.pop_front();
  Request& request = *Find(expected.request);
  if (request.id == streaming_) return Fail("a node answered a command that wasn't whole");
  Part& part = request.parts[expected.part];
  part.type = link.scanner.frame().type;
  part.state = Part::State::kAnswered;
  if (request.left > 0) --request.left;
  // Its lines may follow at once.
  if (request.purpose == Purpose::kMonitor) link.monitor = part.type == '+';
  if (part.passed) {
    if (writer_ == node) EndWriting();
  } else {
    link.last_taken = request.id;
  }
}

// A message, a confirmation of SUBSCRIBE or its like, an invalidation; in RESP2, where a connection
// is subscribed, perhaps a reply.
void ClusterRouter::EndPush(NodeId node) {
  Link& link = *links_[node];
  const resp::ReplyScanner::Frame& frame = link.scanner.frame();
  const resp::Verb verb = ConfirmedVerb(frame.text);
  if (verb != resp::Verb::kOther) link.pubsub.Confirm(verb, frame.last_integer);
  EndMessage(node, verb);
  if (link.expected.empty() || link.expected.front().kind != Link::Frame::kPart) return;
  Request* const request = Find(link.expected.front().request);
  if (request == nullptr) return;
  Part& part = request->parts[link.expected.front().part];
  if (request->purpose == Purpose::kSubscribe) {
    if (verb != request->verb || --part.confirmations > 0) return;
  } else if (frame.type != '*' || verb != resp::Verb::kOther || IsPubsubMessage(frame.text)) {
    return;
  }
  part.passed = true;
  EndPart(node);
}

// Its last bytes have come. Where several nodes have shard channels of this client's, it is told
// their sum.
void ClusterRouter::EndMessage(NodeId node, resp::Verb confirmed) {
  Link& link = *links_[node];
  std::string message = std::exchange(link.withheld, {});
  link.withholds = false;
  const bool counts =
      confirmed == resp::Verb::kSsubscribe || confirmed == resp::Verb::kSunsubscribe;
  const std::string its = "\n:" + std::to_string(link.scanner.frame().last_integer) + "\r\n";
  const std::int64_t beside = counts ? ShardChannelsBeside(node) : 0;
  if (beside > 0 && message.ends_with(its)) {
    message.resize(message.size() - its.size() + 1);
    message += ":" + std::to_string(link.pubsub.shard_channels() + beside) + "\r\n";
  }
  if (!link.attaches) {
    output_ += message;
    return EndWriting();
  }
  Request* const before = Find(link.last_taken);
  if (before == nullptr && writer_ == kNoNode) {
    output_ += message;
  } else {
    (before != nullptr ? before->after : messages_) += message;
    gathered_ += message.size();
  }
}

}  // namespace redwall::proxy
