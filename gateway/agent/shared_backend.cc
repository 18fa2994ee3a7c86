#include "gateway/agent/shared_backend.h"

#include <string>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::size_t kMostAtOnce = 64 * 1024;  // bytes of replies; then it may be told to stop

}  // namespace

SharedBackend::SharedBackend(Setting setting, BackendHandler& handler)
    : TurnTask(setting.pool->setting().loop, Order::kSockets),
      setting_(std::move(setting)),
      limits_{.request = setting_.request},
      handler_(handler),
      client_(limits_, *this, setting_.table) {
  Attach();
}

SharedBackend::~SharedBackend() {
  Detach();
  setting_.budget.used -= charged_;
}

void SharedBackend::Attach() {
  pipeline_ = setting_.pool->Choose();
  if (pipeline_ != nullptr) {
    seat_ = pipeline_->Join(*this);
  } else {
    client_.Leave();
  }
  RequestTurnEnd();
}

void SharedBackend::Detach() {
  if (pipeline_ != nullptr) std::exchange(pipeline_, nullptr)->Leave(*this, seat_);
}

void SharedBackend::Write(std::string_view bytes) {
  if (has_own()) return own_->Write(bytes);
  client_.OnRequest(bytes);
  RequestTurnEnd();
}

// What the client can't send on yet counts, too.
std::size_t SharedBackend::queued() const {
  if (has_own()) return own_->queued();
  return client_.takes_requests() ? 0 : 1;
}

void SharedBackend::StartReading() {
  if (has_own()) return own_->StartReading();
  if (!std::exchange(reading_, true)) RequestTurnEnd();
}

void SharedBackend::StopReading() {
  if (has_own()) return own_->StopReading();
  reading_ = false;
}

void SharedBackend::Shutdown() {
  shutdown_ = true;
  if (has_own()) return own_->Shutdown();
  client_.OnRequestEnd();
  RequestTurnEnd();
}

void SharedBackend::ResetOnClose() {
  reset_ = true;
  if (own_ != nullptr) own_->ResetOnClose();
}

// A pipeline that was lost is replaced when the client has something to say again.
bool SharedBackend::HasRoom() {
  if (pipeline_ == nullptr && !failure_) Attach();
  return pipeline_ != nullptr && pipeline_->HasRoom();
}

void SharedBackend::ToShared(std::string_view commands, std::size_t count) {
  pipeline_->Write(seat_, commands, count);
}

void SharedBackend::OnLost(const BackendFailure* failure) {
  pipeline_ = nullptr;
  if (failure != nullptr) failure_ = *failure;
  client_.OnSharedLost();
  RequestTurnEnd();
}

void SharedBackend::OnLoginWanted() {
  pipeline_ = nullptr;
  client_.Leave();
  RequestTurnEnd();
}

void SharedBackend::OnConnected() {
  setting_.pool->setting().health.OnReached(own_->address());
  if (!announced_) handler_.OnConnected();
}

void SharedBackend::OnReady() {
  own_->Write(client_.OnOwnOpen());
  if (!reading_) own_->StopReading();
  if (shutdown_) own_->Shutdown();
  if (!Charge()) {
    setting_.on_client_lost("the agent's memory for clients is used up (max_held_bytes)");
    return handler_.OnError();
  }
  if (!std::exchange(announced_, true)) return handler_.OnReady();
  handler_.OnDrained();
}

void SharedBackend::OpenOwn() {
  Detach();
  const SharedPool::Setting& pool = setting_.pool->setting();
  BackendHandler& handler = *this;
  own_ = std::make_unique<RedisConnection>(pool.loop, pool.address, pool.timeout_ms, pool.login,
                                           handler);
  if (reset_) own_->ResetOnClose();
}

// False: all clients together hold too much, and this one more than its share.
bool SharedBackend::Charge() { return setting_.budget.Charge(client_.memory(), charged_); }

// False: this object is no more.
bool SharedBackend::Announce() {
  if (announced_ || pipeline_ == nullptr || !pipeline_->is_open()) return true;
  const std::weak_ptr<const bool> alive = alive_;
  announced_ = true;
  handler_.OnConnected();
  handler_.OnReady();
  return !alive.expired();
}

// Likewise.
bool SharedBackend::GiveReplies() {
  const std::weak_ptr<const bool> alive = alive_;
  while (reading_ && client_.has_replies()) {
    const std::string replies = client_.TakeReplies(kMostAtOnce);
    handler_.OnRead(replies);
    if (alive.expired()) return false;
  }
  return true;
}

// Each call of the handler may be the last of this object.
void SharedBackend::OnTurnEnd() {
  if (own_ != nullptr) return;
  // One that was lost before it could be announced.
  const bool sharing = client_.state() == proxy::SharedClient::State::kSharing;
  if (!announced_ && sharing && pipeline_ == nullptr && !failure_) Attach();
  if (!Announce() || !GiveReplies()) return;
  client_.OnRoom();
  if (!GiveReplies()) return;
  if (client_.finished()) {
    if (client_.failure().empty()) return handler_.OnReadEnd();
    setting_.on_client_lost(client_.failure());
    return handler_.OnError();
  }
  if (failure_ && !client_.has_replies()) return handler_.OnFailed(BackendFailure(*failure_));
  if (!Charge()) {
    setting_.on_client_lost("the agent's memory for clients is used up (max_held_bytes)");
    return handler_.OnError();
  }
  if (client_.wants_own()) return OpenOwn();
  if (announced_) handler_.OnDrained();
}

}  // namespace redwall::agent
