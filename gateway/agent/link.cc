#include "gateway/agent/link.h"

#include <utility>

namespace redwall::agent {

void Link::StartConversation(const proxy::Environment& environment, audit::Subject subject,
                             std::string user) {
  passage_ = std::make_unique<proxy::Conversation>(environment, *this, std::move(subject),
                                                   std::move(user));
}

void Link::StartRawPassage(const std::string& route, audit::Subject subject) {
  auto passage = std::make_unique<proxy::RawPassage>(core_.recorder(), *this);
  raw_ = RawRecord{route, std::move(subject), core_.loop().now().mono_us, passage.get()};
  passage_ = std::move(passage);
  RecordRaw("connection-open", *raw_, {});
}

void Link::ClosePassage() {
  if (passage_ != nullptr) passage_->OnClosed();
  if (!raw_) return;
  const RawRecord record = *std::exchange(raw_, std::nullopt);
  const std::int64_t us = core_.loop().now().mono_us - record.since_us;
  RecordRaw("connection", record,
            {{"bytes_in", record.passage->bytes_in()},
             {"bytes_out", record.passage->bytes_out()},
             {"us", static_cast<std::uint64_t>(us)}});
}

void Link::RecordRaw(std::string_view event, const RawRecord& record, Core::Numbers counts) {
  counts.insert(counts.begin(), {"stream", record.subject.stream});
  core_.RecordEvent(event,
                    {{"session", record.subject.session},
                     {"identity", record.subject.identity},
                     {"route", record.route},
                     {"client", record.subject.client}},
                    std::move(counts));
}

void Link::OnRulesChanged(bool policy_is_new) {
  if (passage_ == nullptr) return;
  if (policy_is_new) passage_->OnPolicyChanged(core_.loop().now());
  passage_->OnCommandsKnown(core_.loop().now());
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
