#include "gateway/net/redis_subscriber.h"

#include <uv.h>

#include <utility>

namespace redwall::net {
namespace {

std::string FormatSubscribe(const std::vector<std::string>& channels) {
  std::vector<std::string> command = {"SUBSCRIBE"};
  command.insert(command.end(), channels.begin(), channels.end());
  return FormatRedisCommand(command);
}

// ["message", channel, text] and ["subscribe", channel, count].
bool IsPush(const Reply& reply, std::string_view kind) {
  return reply.type == Reply::Type::kArray && reply.elements.size() == 3 &&
         reply.elements[0].is_text() && reply.elements[0].text == kind &&
         reply.elements[1].is_text();
}

}  // namespace

RedisSubscriber::RedisSubscriber(Loop& loop, const Address& address,
                                 const std::vector<std::string>& channels, const Options& options,
                                 Callbacks callbacks)
    : address_(address.ToString()),
      options_(options),
      channels_(channels.size()),
      request_(FormatSubscribe(channels)),
      callbacks_(std::move(callbacks)),
      reader_(options.limits),
      timer_(loop) {
  // Its own limit comes later than the timer, which knows more.
  dial_.emplace(loop, address, options.timeout_ms + 1,
                [this](Result<Socket, DialError> socket) { OnConnected(std::move(socket)); });
  timer_.Start(options.timeout_ms, 0, [this] {
    Fail("no subscription within " + std::to_string(options_.timeout_ms) + " ms");
  });
}

RedisSubscriber::~RedisSubscriber() {
  if (gone_ != nullptr) *gone_ = true;
}

void RedisSubscriber::OnConnected(Result<Socket, DialError> socket) {
  if (!socket)
    return Finish(
        {socket.error().sentence, RedisError::Stage::kConnecting, socket.error().refused});
  socket_ = std::move(*socket);
  dial_.reset();
  socket_->SetHandler(this);
  socket_->StartReading();
  state_ = options_.login.empty() ? State::kSubscribing : State::kLogin;
  socket_->Write(options_.login.empty() ? AsBytes(request_) : options_.login);
}

void RedisSubscriber::OnRead(MutableBytes bytes) {
  bool gone = false;
  gone_ = &gone;
  reader_.Feed(bytes);
  if (state_ == State::kListening) WaitForWord();
  while (!gone && state_ != State::kDone) {
    Reply reply;
    const RedisReader::Status status = reader_.Next(reply);
    if (status == RedisReader::Status::kNeedMore) break;
    if (status == RedisReader::Status::kError) {
      Fail(reader_.error());
    } else {
      reader_.Renew();
      Take(reply);
    }
  }
  if (!gone) gone_ = nullptr;
}

void RedisSubscriber::Take(const Reply& reply) {
  switch (state_) {
    case State::kLogin:
      return TakeLogin(reply);
    case State::kSubscribing:
      return TakeConfirmation(reply);
    case State::kListening:
      // Answers to PING, and what else it may say, are words all the same.
      if (IsPush(reply, "message") && reply.elements[2].is_text()) {
        const auto call = callbacks_.message;  // this object may be gone after it
        call(reply.elements[1].text, reply.elements[2].text);
      }
      return;
    case State::kDialing:
    case State::kDone:
      return;
  }
}

void RedisSubscriber::TakeLogin(const Reply& reply) {
  if (const std::string trouble = LoginTrouble(reply); !trouble.empty()) return Fail(trouble);
  state_ = State::kSubscribing;
  socket_->Write(AsBytes(request_));
}

void RedisSubscriber::TakeConfirmation(const Reply& reply) {
  if (reply.type == Reply::Type::kError)
    return Fail("the subscription was refused: " + reply.quoted());
  if (!IsPush(reply, "subscribe"))
    return Fail("the subscription was answered with something else; is this a Redis?");
  if (++confirmed_ < channels_) return;
  state_ = State::kListening;
  WaitForWord();
  const auto call = callbacks_.subscribed;  // this object may be gone after it
  call();
}

void RedisSubscriber::WaitForWord() {
  pinged_ = false;
  timer_.Start(options_.quiet_ms, 0, [this] { OnQuiet(); });
}

void RedisSubscriber::OnQuiet() {
  if (pinged_)
    return Fail("no answer to PING within " + std::to_string(options_.timeout_ms) + " ms");
  pinged_ = true;
  socket_->Write(AsBytes(FormatRedisCommand({"PING"})));
  timer_.Start(options_.timeout_ms, 0, [this] { OnQuiet(); });
}

void RedisSubscriber::OnReadEnd() { Fail("the connection was closed"); }

void RedisSubscriber::OnError(int uv_error) { Fail(uv_strerror(uv_error)); }

void RedisSubscriber::Fail(const std::string& cause) {
  const RedisError::Stage stage = state_ == State::kDialing ? RedisError::Stage::kConnecting
                                  : state_ == State::kLogin ? RedisError::Stage::kLogin
                                                            : RedisError::Stage::kAsking;
  Finish({address_ + ": " + cause, stage});
}

void RedisSubscriber::Finish(const RedisError& error) {
  state_ = State::kDone;
  timer_.Stop();
  dial_.reset();
  socket_.reset();
  const auto call = callbacks_.ended;  // this object may be gone after it
  call(error);
}

}  // namespace redwall::net
