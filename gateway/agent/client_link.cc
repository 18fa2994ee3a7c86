#include "gateway/agent/client_link.h"

#include <utility>

#include "gateway/agent/session_name.h"
#include "resp/writer.h"

namespace redwall::agent {
namespace {

constexpr std::int64_t kMaxFlushMs = 30000;

}  // namespace

ClientLink::ClientLink(Core& core, net::Socket socket, const std::string& route,
                       ClientLinkOwner& owner)
    : Link(core),
      route_(route),
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
  stream_ = session.Open(route_, address_, this);
  StartConversation(core_.MakeEnvironment(gate, {}, nullptr),
                    {SessionName(session.id()), stream_, identity, address_}, {});
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
  conversation_->OnRequest(AsText(bytes), core_.loop().now());
  Update();
}

void ClientLink::OnReadEnd() {
  client_ended_ = true;
  if (state_ == State::kWaiting) return Finish();
  if (state_ == State::kOpen) conversation_->OnRequestEnd(core_.loop().now());
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
  if (state_ == State::kOpen) conversation_->OnReply(AsText(bytes), core_.loop().now());
  if (socket_->queued() == 0) ReturnCredit();
  Update();
}

// The server agent has nothing more for this client: Redis closed the connection.
void ClientLink::OnFinish() {
  LeaveStream();
  Flush();
}

void ClientLink::OnReset(tunnel::ResetCode code) {
  if (code != tunnel::ResetCode::kNone && code != tunnel::ResetCode::kShutdown)
    owner_.OnRefused("a client of route '" + route_ +
                     "' was disconnected: " + std::string(Describe(code)));
  CloseStream(tunnel::ResetCode::kNone);
  Flush();
}

void ClientLink::OnTunnelGone() {
  connection_ = nullptr;
  if (state_ == State::kOpen) Flush();
}

void ClientLink::CloseIfIdle() {
  const bool idle = state_ == State::kWaiting || (state_ == State::kOpen && conversation_->idle());
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
  if (conversation_->finished()) {
    if (!conversation_->failure().empty())
      owner_.OnRefused("client " + address_ +
                       " was disconnected: " + std::string(conversation_->failure()));
    CloseStream(tunnel::ResetCode::kProtocol);
    return Flush();
  }
  if (client_ended_) {
    if (!fin_passed_on_ && conversation_->takes_requests() && session() != nullptr) {
      session()->Finish(stream_);
      fin_passed_on_ = true;
    }
    return;
  }
  const bool read = conversation_->listens() && socket_->queued() < kMaxAnswers &&
                    session()->backlog(stream_) < tunnel::Session::kHighWater;
  if (read) {
    socket_->StartReading();
  } else {
    socket_->StopReading();
  }
}

void ClientLink::SendToClient(std::string_view bytes) {
  if (socket_) socket_->Write(AsBytes(bytes));
}

void ClientLink::Flush() {
  if (state_ == State::kDone) return;
  if (conversation_ != nullptr) conversation_->OnClosed();
  state_ = State::kFlushing;
  since_ms_ = core_.loop().now_ms();
  if (!client_ended_) socket_->StartReading();  // so that its going away is noticed
  if (socket_->queued() == 0) return Finish();
  socket_->Shutdown();
}

void ClientLink::Finish() {
  if (state_ == State::kDone) return;
  state_ = State::kDone;
  if (conversation_ != nullptr) conversation_->OnClosed();
  CloseStream(tunnel::ResetCode::kClientGone);
  socket_.reset();
  owner_.OnLinkDone(this);
}

}  // namespace redwall::agent
