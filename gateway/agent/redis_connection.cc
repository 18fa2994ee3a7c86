#include "gateway/agent/redis_connection.h"

#include <utility>

#include "gateway/net/redis_client.h"

namespace redwall::agent {
namespace {

constexpr std::size_t kMaxLoginReply = 4096;

}  // namespace

RedisConnection::RedisConnection(net::Loop& loop, const net::Address& address,
                                 std::uint64_t timeout_ms, Login login, BackendHandler& handler)
    : address_(address), login_(std::move(login)), handler_(handler) {
  dial_.emplace(loop, address_, timeout_ms, [this](Result<net::Socket, net::DialError> socket) {
    OnConnected(std::move(socket));
  });
}

void RedisConnection::OnConnected(Result<net::Socket, net::DialError> socket) {
  if (!socket) {
    return handler_.OnFailed({tunnel::ResetCode::kUpstreamUnreachable,
                              socket.error().sentence,
                              {},
                              socket.error().refused});
  }
  socket_ = std::move(*socket);
  dial_.reset();
  socket_->SetHandler(this);
  socket_->StartReading();
  logging_in_ = !login_.command->empty();
  const bool ready = !logging_in_;
  if (logging_in_) socket_->Write(login_.command->bytes());
  handler_.OnConnected();
  if (ready) handler_.OnReady();
}

// Redis's answer to AUTH. An error that isn't about the credentials (maxclients) is the client's to
// see.
void RedisConnection::ReadLogin(std::string_view bytes) {
  std::size_t used = 0;
  const resp::ScanStatus status = login_scanner_.Scan(bytes, used);
  login_reply_.append(bytes.substr(0, used));
  if (status == resp::ScanStatus::kError || login_reply_.size() > kMaxLoginReply)
    return handler_.OnFailed({});
  if (status == resp::ScanStatus::kNeedMore) return;
  const std::string_view text = login_scanner_.frame().text;
  if (login_scanner_.frame().type == '+') {
    logging_in_ = false;
    login_reply_ = {};
    if (used < bytes.size())
      return handler_.OnFailed(
          {tunnel::ResetCode::kUpstreamGone, "Redis said more than it was asked", {}});
    handler_.OnReady();
  } else if (text.starts_with("ERR max number of clients") || text.starts_with("DENIED")) {
    handler_.OnFailed({tunnel::ResetCode::kNone, {}, login_reply_});
  } else {
    handler_.OnFailed({tunnel::ResetCode::kLogin,
                       "Redis refused the credentials in " + login_.password_file + ": " +
                           net::TellableLoginError(text),
                       {}});
  }
}

void RedisConnection::OnRead(MutableBytes bytes) {
  if (logging_in_) return ReadLogin(AsText(bytes));
  handler_.OnRead(AsText(bytes));
}

void RedisConnection::OnReadEnd() {
  if (logging_in_) return handler_.OnFailed({});
  handler_.OnReadEnd();
}

void RedisConnection::OnError(int) {
  if (logging_in_) return handler_.OnFailed({});
  handler_.OnError();
}

void RedisConnection::Write(std::string_view bytes) {
  if (socket_) socket_->Write(AsBytes(bytes));
}

void RedisConnection::StartReading() {
  if (socket_) socket_->StartReading();
}

void RedisConnection::StopReading() {
  if (socket_) socket_->StopReading();
}

void RedisConnection::ResetOnClose() {
  if (socket_) socket_->ResetOnClose();
}

void RedisConnection::Shutdown() {
  if (socket_) socket_->Shutdown();
}

}  // namespace redwall::agent
