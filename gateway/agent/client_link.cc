#include "gateway/agent/client_link.h"

#include <algorithm>
#include <utility>

#include "gateway/agent/session_name.h"
#include "resp/writer.h"

namespace redwall::agent {
namespace {

constexpr std::int64_t kMaxFlushMs = 30000;

bool IsRaw(const tunnel::HelloPayload& server, const std::string& route) {
  return std::any_of(server.routes.begin(), server.routes.end(), [&](const auto& told) {
    return told.kind == tunnel::RouteKind::Kind::kTcp && told.name == route;
  });
}

// What a client whose Redis can't be had is told before its connection is closed; empty: nothing.
// LOADING is what Redis itself says while it can't serve yet, and what client libraries try again.
std::string ErrorFor(tunnel::ResetCode code, const std::string& route) {
  const std::string why = " redwall: route '" + route + "': " + std::string(tunnel::Describe(code));
  switch (code) {
    case tunnel::ResetCode::kUpstreamUnreachable:
      return "LOADING" + why;
    case tunnel::ResetCode::kNotPermitted:
      return "NOPERM" + why;
    case tunnel::ResetCode::kUnknownRoute:
    case tunnel::ResetCode::kUnknownTarget:
    case tunnel::ResetCode::kLogin:
      return "ERR" + why;
    default:
      return {};
  }
}

}  // namespace

ClientLink::ClientLink(Core& core, net::Socket socket, ClientPurpose purpose,
                       ClientLinkOwner& owner)
    : Link(core),
      purpose_(std::move(purpose)),
      address_(socket.peer_address()),
      owner_(owner),
      since_ms_(core.loop().now_ms()) {
  socket_ = std::move(socket);
  socket_->SetHandler(this);
}

void ClientLink::Open(net::TunnelConnection& connection, const proxy::Gate& gate,
                      const std::string& identity) {
  tunnel::Session& session = *connection.session();
  connection_ = &connection;
  stream_ = session.Open(purpose_.route, address_, this, purpose_.target.ToText());
  audit::Subject subject{SessionName(session.id()), stream_, identity, address_};
  if (IsRaw(session.peer(), purpose_.route)) {
    StartRawPassage(purpose_.route, std::move(subject));
  } else {
    proxy::Environment environment = core_.MakeEnvironment(gate, {}, nullptr);
    environment.topology = purpose_.topology.get();
    StartConversation(environment, std::move(subject), {});
  }
  state_ = State::kOpen;
  socket_->StartReading();
  Wake();
}

void ClientLink::Refuse(std::string_view error) {
  std::string reply;
  resp::WriteError(error, reply);
  SendToClient(reply);
  Flush();
}

void ClientLink::OnRead(MutableBytes bytes) {
  if (state_ != State::kOpen) return;  // what a client says while its last bytes go out
  passage_->OnRequest(AsText(bytes), core_.loop().now());
  Update();
}

void ClientLink::OnReadEnd() {
  client_ended_ = true;
  if (state_ == State::kWaiting) return Finish();
  if (state_ == State::kOpen) passage_->OnRequestEnd(core_.loop().now());
  Update();
}

void ClientLink::OnError(int) {
  CloseStream(tunnel::ResetCode::kClientGone);
  Finish();
}

void ClientLink::OnDrained() {
  if (state_ == State::kFlushing) return Finish();
  ReturnCredit();
  Update();
}

void ClientLink::OnData(ByteView bytes) {
  credit_held_ += bytes.size();
  if (state_ == State::kOpen) passage_->OnReply(AsText(bytes), core_.loop().now());
  if (socket_->queued() == 0) ReturnCredit();
  Update();
}

// The server agent has nothing more for this client: Redis closed the connection.
void ClientLink::OnFinish() {
  if (state_ == State::kOpen && passage_->outlives_server() && !client_ended_) {
    server_ended_ = true;
    return socket_->Shutdown();
  }
  LeaveStream();
  Flush();
}

void ClientLink::OnReset(tunnel::ResetCode code) {
  if (code != tunnel::ResetCode::kNone && code != tunnel::ResetCode::kShutdown)
    owner_.OnRefused("a client of route '" + purpose_.route +
                     "' was disconnected: " + std::string(Describe(code)));
  if (CutRaw()) return;
  TellWhy(code);
  CloseStream(tunnel::ResetCode::kNone);
  Flush();
}

// A client that was promised a node of a cluster goes by its connection alone, as where a node is
// down.
void ClientLink::TellWhy(tunnel::ResetCode code) {
  const bool speaks_redis = state_ == State::kOpen && !passage_->outlives_server();
  if (!speaks_redis || answered_ || purpose_.target.kind == Target::Kind::kNode) return;
  const std::string error = ErrorFor(code, purpose_.route);
  if (error.empty()) return;
  std::string reply;
  resp::WriteError(error, reply);
  SendToClient(reply);
}

// A connection that nobody looks into is never ended as if it were whole. True: it is over.
bool ClientLink::CutRaw() {
  if (state_ != State::kOpen || !passage_->outlives_server() || server_ended_) return false;
  socket_->ResetOnClose();
  CloseStream(tunnel::ResetCode::kNone);
  Finish();
  return true;
}

void ClientLink::OnTunnelGone() {
  connection_ = nullptr;
  if (CutRaw()) return;
  if (state_ == State::kOpen) Flush();
}

void ClientLink::CloseIfIdle() {
  const bool idle = state_ == State::kWaiting || (state_ == State::kOpen && passage_->idle());
  if (!idle) return;
  CloseStream(tunnel::ResetCode::kShutdown);
  Flush();
}

void ClientLink::OnTick(std::int64_t now_ms) {
  if (state_ == State::kFlushing && now_ms - since_ms_ > kMaxFlushMs) Finish();
}

// After anything happened: whether to go on reading, and whether it is over.
void ClientLink::Update() {
  Wake();
  if (state_ != State::kOpen) return;
  if (passage_->finished()) {
    if (!passage_->failure().empty())
      owner_.OnRefused("client " + address_ +
                       " was disconnected: " + std::string(passage_->failure()));
    CloseStream(tunnel::ResetCode::kProtocol);
    return Flush();
  }
  if (client_ended_) {
    if (!fin_passed_on_ && passage_->takes_requests() && session() != nullptr) {
      session()->Finish(stream_);
      fin_passed_on_ = true;
    }
    if (fin_passed_on_ && server_ended_) {
      LeaveStream();
      Flush();
    }
    return;
  }
  const bool read = passage_->listens() && socket_->queued() < kMaxAnswers &&
                    session()->backlog(stream_) < tunnel::Session::kHighWater;
  if (read) {
    socket_->StartReading();
  } else {
    socket_->StopReading();
  }
}

void ClientLink::SendToClient(std::string_view bytes) {
  answered_ = true;
  if (socket_) socket_->Write(AsBytes(bytes));
}

void ClientLink::Flush() {
  if (state_ == State::kDone) return;
  ClosePassage();
  state_ = State::kFlushing;
  since_ms_ = core_.loop().now_ms();
  if (!client_ended_) socket_->StartReading();  // so that its going away is noticed
  if (socket_->queued() == 0) return Finish();
  socket_->Shutdown();
}

void ClientLink::Finish() {
  if (state_ == State::kDone) return;
  state_ = State::kDone;
  ClosePassage();
  CloseStream(tunnel::ResetCode::kClientGone);
  socket_.reset();
  owner_.OnLinkDone(this);
}

}  // namespace redwall::agent
