#include "gateway/agent/server_link.h"

#include <utility>

#include "gateway/agent/log.h"
#include "gateway/net/redis_client.h"

namespace redwall::agent {
namespace {

constexpr std::size_t kMaxLoginReply = 4096;

}  // namespace

ServerLink::ServerLink(Core& core, net::TunnelConnection& connection, tunnel::StreamId stream,
                       ServerRoute& route, const proxy::Gate& gate, audit::Subject subject,
                       ServerLinkOwner& owner)
    : Link(core), route_(route), upstream_(route.upstream()), owner_(owner) {
  connection_ = &connection;
  stream_ = stream;
  const std::string user = upstream_->route.user.empty() ? "default" : upstream_->route.user;
  StartConversation(core_.MakeEnvironment(gate, AsText(upstream_->login.bytes()), &route_),
                    std::move(subject), user);
  dial_.emplace(
      core_.loop(), upstream_->route.redis, core_.limits().timeout_ms,
      [this](Result<net::Socket, net::DialError> socket) { OnConnected(std::move(socket)); });
}

void ServerLink::OnConnected(Result<net::Socket, net::DialError> socket) {
  if (!socket) {
    owner_.OnUpstreamTrouble("route '" + route() + "': Redis can't be reached at " +
                             socket.error().sentence +
                             "; is it running, and does it listen there?");
    dial_.reset();
    route_.OnUnreachable();
    return Fail(tunnel::ResetCode::kUpstreamUnreachable);
  }
  connected_ = true;
  route_.OnConnected();
  socket_ = std::move(*socket);
  dial_.reset();
  socket_->SetHandler(this);
  socket_->StartReading();
  // Before the login: a Redis that doesn't answer it must not use up the agent's unanswered OPENs.
  session()->Accept(stream_);
  if (upstream_->login.empty()) return BecomeOpen();
  state_ = State::kLogin;
  socket_->Write(upstream_->login.bytes());
}

// Redis's answer to AUTH. An error that isn't about the credentials (maxclients) is the client's to
// see.
void ServerLink::ReadLogin(std::string_view bytes) {
  std::size_t used = 0;
  const resp::ScanStatus status = login_scanner_.Scan(bytes, used);
  login_reply_.append(bytes.substr(0, used));
  if (status == resp::ScanStatus::kError || login_reply_.size() > kMaxLoginReply)
    return Fail(tunnel::ResetCode::kUpstreamGone);
  if (status == resp::ScanStatus::kNeedMore) return;
  const std::string_view text = login_scanner_.frame().text;
  if (login_scanner_.frame().type == '+') {
    BecomeOpen();
    if (used < bytes.size()) conversation_->OnReply(bytes.substr(used), core_.loop().now());
  } else if (text.starts_with("ERR max number of clients") || text.starts_with("DENIED")) {
    conversation_->OnReply(login_reply_, core_.loop().now());
    Leave();
  } else {
    owner_.OnUpstreamTrouble("route '" + route() + "': Redis refused the credentials in " +
                             upstream_->route.password_file + ": " + net::TellableLoginError(text));
    Fail(tunnel::ResetCode::kLogin);
  }
}

void ServerLink::BecomeOpen() {
  state_ = State::kOpen;
  const std::string waiting = std::exchange(waiting_, {});
  if (!waiting.empty()) conversation_->OnRequest(waiting, core_.loop().now());
  if (client_ended_) conversation_->OnRequestEnd(core_.loop().now());
  Update();
}

void ServerLink::OnData(ByteView bytes) {
  credit_held_ += bytes.size();
  if (state_ != State::kOpen) {
    waiting_.append(AsText(bytes));
    return;
  }
  conversation_->OnRequest(AsText(bytes), core_.loop().now());
  Update();
}

void ServerLink::OnFinish() {
  client_ended_ = true;
  if (state_ == State::kOpen) conversation_->OnRequestEnd(core_.loop().now());
  Update();
}

void ServerLink::OnReset(tunnel::ResetCode) {
  CloseStream(tunnel::ResetCode::kNone);
  Done();
}

void ServerLink::OnRead(MutableBytes bytes) {
  if (state_ == State::kLogin) {
    ReadLogin(AsText(bytes));
  } else if (state_ == State::kOpen) {
    conversation_->OnReply(AsText(bytes), core_.loop().now());
  }
  Update();
}

void ServerLink::OnReadEnd() {
  closed_by_redis_ = !client_ended_ && !conversation_->leaving();
  if (state_ == State::kLogin) return Fail(tunnel::ResetCode::kUpstreamGone);
  Leave();
}

void ServerLink::OnError(int) {
  closed_by_redis_ = true;
  Fail(tunnel::ResetCode::kUpstreamGone);
}

void ServerLink::OnTunnelGone() {
  connection_ = nullptr;
  Done();
}

void ServerLink::CloseIfIdle() {
  if (state_ == State::kOpen && conversation_->idle() && session()->backlog(stream_) == 0) Leave();
}

// After anything happened: credit, reading, and whether it is over.
void ServerLink::Update() {
  Wake();
  if (state_ != State::kOpen) return;
  if (conversation_->finished()) {
    if (!conversation_->failure().empty())
      LogInfo("route '" + route() +
              "': a client was disconnected: " + std::string(conversation_->failure()));
    return Leave();
  }
  const std::size_t backlog = session()->backlog(stream_);
  if (socket_->queued() == 0 && conversation_->takes_requests() && backlog < kMaxAnswers)
    ReturnCredit();
  if (backlog < tunnel::Session::kHighWater) {
    socket_->StartReading();
  } else {
    socket_->StopReading();
  }
  if (client_ended_ && !fin_passed_on_ && conversation_->takes_requests()) {
    fin_passed_on_ = true;
    socket_->Shutdown();
  }
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
  dial_.reset();
  conversation_->OnClosed();
  socket_.reset();
  if (connected_) route_.OnDisconnected(closed_by_redis_);
  owner_.OnLinkDone(this);
}

}  // namespace redwall::agent
