#include "gateway/agent/server_link.h"

#include <utility>

namespace redwall::agent {

ServerLink::ServerLink(Core& core, net::TunnelConnection& connection, tunnel::StreamId stream,
                       ServerRoute& route, Target target, bool sentinel, const proxy::Gate& gate,
                       audit::Subject subject, ServerLinkOwner& owner)
    : Link(core),
      route_(route),
      upstream_(route.upstream()),
      target_(std::move(target)),
      sentinel_(sentinel),
      owner_(owner) {
  connection_ = &connection;
  stream_ = stream;
  if (upstream_->route.kind == Route::Kind::kTcp) {
    StartRawPassage(name(), std::move(subject));
    return;
  }
  const std::string& user = upstream_->credentials(sentinel_).user;
  StartConversation(
      core_.MakeEnvironment(gate, AsText(upstream_->login_for(sentinel_).bytes()), &route_),
      std::move(subject), user.empty() ? "default" : user);
}

void ServerLink::Start(const std::optional<Discovery::Found>& found) {
  if (!found) return;  // OnDiscovered calls again
  if (!*found) {
    owner_.OnUpstreamTrouble(found->error().sentence);
    return Fail(found->error().code);
  }
  // It was judged as the other kind of server when nothing was known of it.
  if (route_.IsSentinel(target_) != sentinel_) return Fail(tunnel::ResetCode::kUpstreamGone);
  address_ = **found;
  state_ = State::kConnecting;
  backend_ = route_.Connect(
      {target_, address_, sentinel_, stream_, core_.limits().conversation, core_.budget()}, *this);
}

void ServerLink::OnRulesChanged(bool policy_is_new) {
  if (backend_ != nullptr) backend_->OnTable(route_.table());
  Link::OnRulesChanged(policy_is_new);
}

void ServerLink::OnDiscovered() {
  if (state_ == State::kLocating) return Start(route_.Find(target_));
  if (state_ == State::kDone) return;
  if (route_.StillServes(target_, address_)) {
    if (target_.kind == Target::Kind::kSingle) backend_->OnMap(route_.cluster_map());
    return;
  }
  route_.OnMovedAway(address_);
  Fail(tunnel::ResetCode::kUpstreamGone);
}

// Before the login: a Redis that doesn't answer it must not use up the agent's unanswered OPENs.
void ServerLink::OnConnected() {
  connected_ = true;
  // One endpoint for a cluster is there before any of its nodes was reached.
  route_.OnConnected(target_.kind == Target::Kind::kSingle ? nullptr : &address_);
  session()->Accept(stream_);
}

void ServerLink::OnFailed(const BackendFailure& failure) {
  if (failure.code == tunnel::ResetCode::kUpstreamUnreachable) {
    owner_.OnUpstreamTrouble("route '" + name() + "': " + route_.server() +
                             " can't be reached at " + failure.sentence +
                             "; is it running, and does it listen there?");
    route_.OnUnreachable(address_, failure);
  } else if (!failure.sentence.empty()) {
    owner_.OnUpstreamTrouble("route '" + name() + "': " + failure.sentence);
  }
  if (failure.reply.empty()) return Fail(failure.code);
  passage_->OnReply(failure.reply, core_.loop().now());
  Leave();
}

void ServerLink::OnReady() {
  state_ = State::kOpen;
  const std::string waiting = std::exchange(waiting_, {});
  if (!waiting.empty()) passage_->OnRequest(waiting, core_.loop().now());
  if (client_ended_) passage_->OnRequestEnd(core_.loop().now());
  Update();
}

void ServerLink::OnData(ByteView bytes) {
  credit_held_ += bytes.size();
  if (state_ != State::kOpen) {
    waiting_.append(AsText(bytes));
    return;
  }
  passage_->OnRequest(AsText(bytes), core_.loop().now());
  Update();
}

void ServerLink::OnFinish() {
  client_ended_ = true;
  if (state_ == State::kOpen) passage_->OnRequestEnd(core_.loop().now());
  Update();
}

void ServerLink::OnReset(tunnel::ResetCode code) {
  // What passes unseen is never ended as if it were whole.
  const bool cut = code == tunnel::ResetCode::kClientGone || passage_->outlives_server();
  if (cut && backend_ != nullptr) backend_->ResetOnClose();
  CloseStream(tunnel::ResetCode::kNone);
  Done();
}

void ServerLink::OnRead(std::string_view bytes) {
  passage_->OnReply(bytes, core_.loop().now());
  Update();
}

void ServerLink::OnReadEnd() {
  if (passage_->outlives_server()) {
    server_ended_ = true;
    if (session() != nullptr) session()->Finish(stream_);
    return Update();
  }
  closed_by_redis_ = !client_ended_ && !passage_->leaving();
  Leave();
}

void ServerLink::OnError() {
  closed_by_redis_ = true;
  Fail(tunnel::ResetCode::kUpstreamGone);
}

void ServerLink::OnTunnelGone() {
  connection_ = nullptr;
  if (backend_ != nullptr && passage_->outlives_server() && !fin_passed_on_)
    backend_->ResetOnClose();
  Done();
}

void ServerLink::CloseIfIdle() {
  if (state_ == State::kOpen && passage_->idle() && session()->backlog(stream_) == 0) Leave();
}

// After anything happened: credit, reading, and whether it is over.
void ServerLink::Update() {
  Wake();
  if (state_ != State::kOpen) return;
  if (passage_->finished()) {
    if (!passage_->failure().empty()) route_.OnClientLost(passage_->failure());
    return Leave();
  }
  const std::size_t backlog = session()->backlog(stream_);
  if (backend_->queued() == 0 && passage_->takes_requests() && backlog < kMaxAnswers)
    ReturnCredit();
  if (backlog < tunnel::Session::kHighWater && !server_ended_) {
    backend_->StartReading();
  } else {
    backend_->StopReading();
  }
  if (client_ended_ && !fin_passed_on_ && passage_->takes_requests()) {
    fin_passed_on_ = true;
    backend_->Shutdown();
  }
  if (server_ended_ && fin_passed_on_ && backend_->queued() == 0) Leave();
}

void ServerLink::Fail(tunnel::ResetCode code) {
  CloseStream(code);
  Done();
}

void ServerLink::Leave() {
  LeaveStream();
  Done();
}

void ServerLink::Done() {
  if (state_ == State::kDone) return;
  state_ = State::kDone;
  ClosePassage();
  backend_.reset();
  if (connected_) route_.OnDisconnected(closed_by_redis_);
  owner_.OnLinkDone(this);
}

}  // namespace redwall::agent
