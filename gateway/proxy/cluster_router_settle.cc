// The request whose turn it is: redirects, answers that are made here, and what they mean.
#include <charconv>
#include <utility>

#include "gateway/proxy/cluster_join.h"
#include "gateway/proxy/cluster_router.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kUnreachable =
    "-CLUSTERDOWN redwall: the node that serves this can't be reached\r\n";
constexpr std::string_view kUnserved = "-CLUSTERDOWN Hash slot not served\r\n";
constexpr std::string_view kMoving =
    "-TRYAGAIN redwall: the key's slot is moving to another node\r\n";
constexpr std::string_view kTooLarge =
    "-ERR redwall: the nodes' answers are too large to be joined\r\n";
constexpr unsigned kMaxAttempts = 3;  // to reach a node, each by a map that was asked for anew

template <class Number>
bool ReadWhole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

// "-MOVED 3999 127.0.0.1:6381", "-ASK ..."
std::optional<ClusterRouter::Redirect> ClusterRouter::ReadRedirect(std::string_view reply) {
  Redirect redirect;
  redirect.ask = reply.starts_with("-ASK ");
  if (!redirect.ask && !reply.starts_with("-MOVED ")) return std::nullopt;
  reply = reply.substr(0, reply.find('\r'));
  reply.remove_prefix(reply.find(' ') + 1);
  const std::size_t space = reply.find(' ');
  const std::size_t colon = reply.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space)
    return std::nullopt;
  redirect.host = reply.substr(space + 1, colon - space - 1);
  const bool good = ReadWhole(reply.substr(0, space), redirect.slot) &&
                    redirect.slot < resp::kHashSlots &&
                    ReadWhole(reply.substr(colon + 1), redirect.port);
  return good ? std::optional(redirect) : std::nullopt;
}

// True: something has changed.
bool ClusterRouter::SettleFront() {
  bool changed = false;
  while (!finished_ && !requests_.empty()) {
    Request& request = front();
    if (request.id == streaming_) break;
    if (request.step < request.steps.size()) return SettleSteps(request) || changed;
    if (request.left > 0) {
      if (!request.steps.empty()) {
        // They are all granted: now the command itself.
        request.steps.clear();
        request.step = 0;
        for (std::size_t i = 0; i < request.parts.size(); ++i) SendPart(request, i);
        return true;
      }
      return PassOn(request) || changed;
    }
    if (RerouteParts(request)) {
      changed = true;
      continue;
    }
    const bool passed = !request.parts.empty() && request.parts[0].passed;
    if (writer_ != kNoNode) break;
    if (passed) {
      Answered(request, request.parts[0].type);
    } else {
      const std::string answer = AnswerOf(request);
      Answered(request, answer.empty() ? '\0' : answer[0]);
      if (!request.silent) output_ += answer;
    }
    FinishFront();
    changed = true;
  }
  return changed;
}

// A reply that had begun before its turn came.
bool ClusterRouter::PassOn(Request& request) {
  if (request.join != Join::kNone || request.purpose == Purpose::kSubscribe) return false;
  Part& part = request.parts[0];
  if (part.reply.empty() || part.reply[0] == '-' || writer_ != kNoNode) return false;
  gathered_ -= part.reply.size();
  if (!request.silent) {
    output_ += part.reply;
    writer_ = part.node;
  }
  part.passed = true;
  std::string().swap(part.reply);
  return true;
}

bool ClusterRouter::SettleSteps(Request& request) {
  if (request.step_sent) return false;
  request.step_sent = true;
  const Request::Step& step = request.steps[request.step];
  Link& link = *links_[step.node];
  link.expected.push_back({Link::Frame::kStep});
  Write(link, step.node, step.bytes);
  return true;
}

// A transaction couldn't be opened where it has to be. What the node thinks of it is forgotten with
// the connection.
void ClusterRouter::FailFront(std::string_view error) {
  Request& request = front();
  const NodeId node = request.steps[request.step].node;
  request.steps.clear();
  request.step = 0;
  request.left = 0;
  std::string text;
  resp::WriteError(error, text);
  SetReply(request.parts[0], text);
  request.parts[0].state = Part::State::kAnswered;
  transaction_.dirty = true;
  transaction_.node = kNoNode;
  watch_.lost = watch_.on;
  if (links_[node]->expected.empty()) CloseLink(node);
}

void ClusterRouter::SetReply(Part& part, std::string_view reply) {
  gathered_ -= part.reply.size();
  part.reply = reply;
  gathered_ += part.reply.size();
}

// Sends again what of it wasn't executed. True: so answers are to come.
bool ClusterRouter::RerouteParts(Request& request) {
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    Part& part = request.parts[i];
    if (part.passed || part.too_large || request.purpose == Purpose::kLocal) continue;
    if (part.state == Part::State::kUnsent) {
      RetryUnsent(request, i);
    } else if (part.reply.starts_with('-')) {
      Reroute(request, i);
    }
  }
  return request.left > 0;
}

void ClusterRouter::Reroute(Request& request, std::size_t index) {
  Part& part = request.parts[index];
  if (part.reply.starts_with("-CLUSTERDOWN ")) Want();
  const std::string reply = part.reply;
  std::optional<Redirect> redirect = ReadRedirect(reply);
  // What names another slot isn't about this command: a script may return anything.
  if (!redirect || (part.slot >= 0 && part.slot != redirect->slot)) return;
  draining_ = true;
  if (!redirect->ask) Want();
  if (redirect->host.empty()) redirect->host = links_[part.node]->address.host;
  const std::size_t target = map_->Find(redirect->host, redirect->port);
  if (request.script && !MayRepeatScript(request, part, target)) return;
  const Purpose purpose = request.purpose;
  if (purpose == Purpose::kQueued || purpose == Purpose::kExec) {
    if (RerouteTransaction(request, part, *redirect)) part.state = Part::State::kDue;
    return;
  }
  if (purpose == Purpose::kWatch && watch_.on) {
    watch_.lost = true;
    return SetReply(part, "+OK\r\n");
  }
  const bool again = part.kept && request.redirects < limits_.max_redirects &&
                     !(purpose == Purpose::kWatch && redirect->ask);
  if (!again) return SetReply(part, kMoving);
  ++request.redirects;
  ++request.left;
  SetReply(part, {});
  request.redirected = true;
  if (part.slot < 0) part.slot = redirect->slot;
  const NodeId node = target == ClusterMap::kNone ? kNoNode : LinkTo(target);
  part.asking = redirect->ask && node != kNoNode;
  if (node == kNoNode) return WaitForMap(part);
  part.node = node;
  if (!redirect->ask) moved_[redirect->slot] = node;
  SendPart(request, index);
}

// Whether what was answered with a redirect to that node of the map may be sent there, though it
// may be its script that said so. No node redirects what has no keys, nor to itself; and what a
// script makes up otherwise is refuted by the node that it names, before that executes anything.
bool ClusterRouter::MayRepeatScript(const Request& request, const Part& part,
                                    std::size_t target) const {
  if (part.slot < 0 || !part.kept || request.redirected || target == ClusterMap::kNone)
    return false;
  return map_->nodes()[target] != links_[part.node]->address;
}

// Its node couldn't be reached: perhaps another one has taken its place.
void ClusterRouter::RetryUnsent(Request& request, std::size_t index) {
  Part& part = request.parts[index];
  part.state = Part::State::kAnswered;
  if (request.purpose == Purpose::kQueued) transaction_.dirty = true;
  if (!part.reply.empty()) return;
  const bool anywhere = part.slot < 0 && request.purpose == Purpose::kNone &&
                        request.join == Join::kNone && !IsConfined();
  const bool again = part.kept && request.redirects < kMaxAttempts &&
                     (part.slot >= 0 || anywhere) && request.purpose != Purpose::kQueued &&
                     request.purpose != Purpose::kExec;
  if (!again) return SetReply(part, kUnreachable);
  ++request.redirects;
  ++request.left;
  draining_ = true;
  part.asking = false;
  home_ = {};
  moved_.clear();
  WaitForMap(part);
}

void ClusterRouter::WaitForMap(Part& part) {
  part.state = Part::State::kWaits;
  waits_for_map_ = true;
  Want();
}

// There is a new map.
void ClusterRouter::ResendWaiting() {
  if (!std::exchange(waits_for_map_, false) || requests_.empty()) return;
  Request& request = front();
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    Part& part = request.parts[i];
    if (part.state != Part::State::kWaits) continue;
    part.node = part.slot >= 0 ? MasterOf(part.slot) : Home();
    if (part.node != kNoNode) {
      SendPart(request, i);
    } else {
      part.state = Part::State::kAnswered;
      --request.left;
      SetReply(part, kUnserved);
    }
  }
}

std::string ClusterRouter::AnswerOf(Request& request) {
  if (!request.answer.empty()) return std::move(request.answer);
  std::vector<std::string_view> replies;
  for (const Part& part : request.parts) {
    if (part.too_large) return std::string(kTooLarge);
    replies.push_back(part.reply);
  }
  if (request.join == Join::kScan) return RewriteScan(request);
  if (request.join == Join::kNone || request.purpose == Purpose::kState)
    return request.parts[0].reply;
  return JoinReplies(request.join, replies, request.order);
}

void ClusterRouter::Answered(Request& request, char type) {
  const bool granted = type != '-' && type != '!';
  const ClusterPart* const part = request.parts.empty() ? nullptr : &request.parts[0];
  switch (request.purpose) {
    case Purpose::kState:
      return AnsweredState(request, granted);
    case Purpose::kWatch:
      if (granted) watch_ = {true, watch_.lost, part->node, part->slot};
      return;
    case Purpose::kUnwatch:
      watch_ = Watch();
      return;
    case Purpose::kQueued:
    case Purpose::kExec:
      return AnsweredInTransaction(request, granted);
    case Purpose::kMonitor:
      monitor_ = granted;
      return;
    case Purpose::kReset:
      return AnsweredReset();
    case Purpose::kNone:
    case Purpose::kLocal:
    case Purpose::kAborted:
    case Purpose::kSubscribe:
      return;
  }
}

// The first node's word counts. One that says otherwise is left, and told anew when it is needed;
// the first one, too, where it may have granted one half (HELLO: AUTH, but not SETNAME).
void ClusterRouter::AnsweredState(Request& request, bool granted) {
  const bool halves = !granted && change_.items[ClusterSession::kAuth].has_value() &&
                      change_.items[ClusterSession::kName].has_value();
  for (const Part& part : request.parts) {
    const bool agrees = !part.reply.starts_with('-') == granted;
    if ((agrees && !halves) || links_[part.node]->state == Link::State::kClosed) continue;
    if (LivesOn(part.node)) return Fail("the nodes of the cluster don't agree on the connection");
    CloseLink(part.node);
  }
  if (granted) session_.Apply(std::move(change_));
  change_ = {};
}

void ClusterRouter::AnsweredReset() {
  for (NodeId node = 0; node < links_.size(); ++node) CloseLink(node);
  session_.Reset();
  EndTransaction();
  monitor_ = false;
  prefix_.clear();
}

void ClusterRouter::FinishFront() {
  Request& request = front();
  output_ += request.after;
  gathered_ -= request.after.size();
  for (const Part& part : request.parts) {
    if (part.kept) kept_ -= part.bytes.size();
    gathered_ -= part.reply.size();
  }
  if (request.keyed) --keyed_;
  if (request.closes) finished_ = true;
  requests_.pop_front();
  if (requests_.empty()) draining_ = waits_ = false;
}

}  // namespace redwall::proxy
