#include "gateway/proxy/conversation.h"

#include <type_traits>
#include <utility>

namespace redwall::proxy {

Conversation::Conversation(const Environment& environment, Outlet& outlet, audit::Subject subject,
                           std::string user)
    : environment_(environment),
      outlet_(outlet),
      subject_(std::move(subject)),
      parser_(environment.limits->request),
      scanner_(environment.limits->reply),
      first_user_(std::move(user)),
      user_(first_user_) {}

Conversation::~Conversation() { OnClosed(); }

bool Conversation::idle() const {
  return queue_.empty() && !in_frame_ && held_.empty() && !transaction_.open && !raw_ &&
         !monitor_ && !pubsub_.subscribed() &&
         (intake_ == Intake::kCommands || intake_ == Intake::kClosed);
}

void Conversation::OnClosed() {
  finished_ = true;
  intake_ = Intake::kClosed;
  while (!queue_.empty()) FinishSlot(audit::CommandEnd::Result::kNone, {});
  held_ = std::string();
  EndTransaction();
  Charge();
}

// What one large command or reply needed isn't kept for the connection's life: idle ones are many.
void Conversation::GiveMemoryBack() {
  constexpr std::size_t kKeep = 1024;  // bytes
  const auto trim = [](auto& buffer) {
    if (buffer.capacity() * sizeof(buffer[0]) > kKeep)
      std::remove_reference_t<decltype(buffer)>().swap(buffer);
  };
  trim(scratch_);
  trim(record_);
  trim(keys_);
  if (withheld_.empty()) trim(withheld_);
  if (parser_.between_commands()) static_cast<void>(parser_.Parse({}));  // a large table
}

// Brings the budget up to date.
void Conversation::Charge() {
  constexpr std::size_t kSlotCost = sizeof(Slot) + 256;  // with a usual audit record
  if (environment_.budget == nullptr) return;
  Budget& budget = *environment_.budget;
  const std::size_t held =
      held_.size() + queue_.size() * kSlotCost + planned_ * sizeof(ExecPlan::Item);
  budget.used += held - charged_;  // wraps around where it falls, and comes out right
  charged_ = held;
  if (budget.used > budget.limit && held > Budget::kFairShare && !finished_)
    Fail("the memory for incomplete requests and missing replies (max_held_bytes) is used up");
}

void Conversation::Fail(std::string_view why) {
  if (failure_.empty()) failure_ = why;
  finished_ = true;
  intake_ = Intake::kClosed;
}

}  // namespace redwall::proxy
