#include "gateway/agent/link.h"

#include <utility>

namespace redwall::agent {

void Link::StartConversation(const proxy::Environment& environment, audit::Subject subject,
                             std::string user) {
  conversation_ = std::make_unique<proxy::Conversation>(environment, *this, std::move(subject),
                                                        std::move(user));
}

void Link::OnRulesChanged(bool policy_is_new) {
  if (conversation_ == nullptr) return;
  if (policy_is_new) conversation_->OnPolicyChanged(core_.loop().now());
  conversation_->OnCommandsKnown(core_.loop().now());
  Update();
}

void Link::SendToStream(std::string_view bytes) {
  if (session() != nullptr) session()->Send(stream_, AsBytes(bytes));
}

void Link::CloseStream(tunnel::ResetCode code) {
  if (session() == nullptr) return;
  session()->Close(stream_, code);
  Wake();
  connection_ = nullptr;
}

void Link::LeaveStream() {
  if (session() == nullptr) return;
  session()->Finish(stream_);
  session()->Detach(stream_);
  Wake();
  connection_ = nullptr;
}

void Link::ReturnCredit() {
  if (credit_held_ == 0 || session() == nullptr) return;
  session()->Consumed(stream_, std::exchange(credit_held_, 0));
  Wake();
}

void Link::Wake() {
  if (connection_ != nullptr) connection_->Wake();
  core_.RequestTurnEnd();
}

}  // namespace redwall::agent
