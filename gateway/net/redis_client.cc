#include "gateway/net/redis_client.h"

#include <uv.h>

#include <utility>

namespace redwall::net {
namespace {

using Stage = RedisError::Stage;

constexpr std::size_t kMaxQuoted = 256;  // bytes of an error of Redis's that go into a sentence
constexpr std::size_t kMaxCode = 32;     // likewise, of an error's first word

// Errors that quote nothing.
constexpr std::string_view kTellable[] = {
    "WRONGPASS ",
    "NOAUTH ",
    "NOPERM ",
    "LOADING ",
    "MASTERDOWN ",
    "DENIED ",
    "ERR max number of clients",
    "ERR AUTH <password> called without",
    "ERR Client sent AUTH",
    "ERR wrong number of arguments for 'auth'",
};

}  // namespace

std::string TellableLoginError(std::string_view text) {
  for (const std::string_view known : kTellable)
    if (text.starts_with(known)) return std::string(text.substr(0, kMaxQuoted));
  constexpr std::string_view kUnknown = "ERR unknown command";
  if (text.starts_with(kUnknown)) return std::string(kUnknown) + " (is AUTH renamed there?)";
  // A code is upper case; anything else may be what was sent.
  const std::string_view code = text.substr(0, text.find(' '));
  const bool is_code = !code.empty() && code.size() <= kMaxCode &&
                       code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == code.npos;
  return (is_code ? std::string(code) : std::string("an error")) +
         " (its text isn't shown: it may hold the password)";
}

std::string LoginTrouble(const Reply& reply) {
  if (reply.type == Reply::Type::kError)
    return "the login was refused: " + TellableLoginError(reply.text);
  if (reply.type != Reply::Type::kStatus || reply.text != "OK")
    return "the login was answered with something else than OK; is this a Redis?";
  return {};
}

RedisClient::RedisClient(Loop& loop, const Address& address,
                         const std::vector<std::vector<std::string>>& commands,
                         const RedisClientOptions& options, Done done)
    : address_(address.ToString()),
      expected_(commands.size()),
      login_(options.login),
      done_(std::move(done)),
      reader_(options.limits),
      deadline_(loop) {
  for (const std::vector<std::string>& command : commands) requests_ += FormatRedisCommand(command);
  // Its own limit comes later than the deadline, which knows more.
  dial_.emplace(loop, address, options.timeout_ms + 1,
                [this](Result<Socket, DialError> socket) { OnConnected(std::move(socket)); });
  const std::uint64_t timeout_ms = options.timeout_ms;
  deadline_.Start(timeout_ms, 0, [this, timeout_ms] {
    Fail("no answer within " + std::to_string(timeout_ms) + " ms" +
         (socket_ ? "" : ": the connection wasn't even accepted"));
  });
}

void RedisClient::OnConnected(Result<Socket, DialError> socket) {
  if (!socket)
    return Finish(RedisError{socket.error().sentence, Stage::kConnecting, socket.error().refused});
  socket_ = std::move(*socket);
  dial_.reset();
  socket_->SetHandler(this);
  socket_->StartReading();
  if (login_.empty()) return Ask();
  logging_in_ = true;
  socket_->Write(login_);
}

void RedisClient::Ask() {
  if (expected_ == 0) return Finish(std::move(replies_));
  socket_->Write(AsBytes(requests_));
}

void RedisClient::OnRead(MutableBytes bytes) {
  reader_.Feed(bytes);
  while (true) {
    Reply reply;
    switch (reader_.Next(reply)) {
      case RedisReader::Status::kNeedMore:
        return;
      case RedisReader::Status::kError:
        return Fail(reader_.error());
      case RedisReader::Status::kReply:
        if (!Take(std::move(reply))) return;
    }
  }
}

// False: the talk is over, and this object may be gone.
bool RedisClient::Take(Reply reply) {
  if (logging_in_) {
    if (const std::string trouble = LoginTrouble(reply); !trouble.empty()) {
      Fail(trouble);
      return false;
    }
    logging_in_ = false;
    const bool over = expected_ == 0;
    Ask();
    return !over;
  }
  replies_.push_back(std::move(reply));
  if (replies_.size() < expected_) return true;
  Finish(std::move(replies_));
  return false;
}

void RedisClient::OnReadEnd() {
  if (logging_in_) return Fail("the connection was closed before the login was answered");
  Fail("the connection was closed after " + std::to_string(replies_.size()) + " of " +
       std::to_string(expected_) + " answers");
}

void RedisClient::OnError(int uv_error) { Fail(uv_strerror(uv_error)); }

void RedisClient::Fail(const std::string& cause) {
  const Stage stage = !socket_ ? Stage::kConnecting : logging_in_ ? Stage::kLogin : Stage::kAsking;
  Finish(RedisError{address_ + ": " + cause, stage});
}

void RedisClient::Finish(Result<std::vector<Reply>, RedisError> outcome) {
  deadline_.Stop();
  dial_.reset();
  socket_.reset();
  const Done call = std::exchange(done_, nullptr);
  call(std::move(outcome));  // this object may be gone after it
}

}  // namespace redwall::net
