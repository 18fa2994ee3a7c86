#include "gateway/proxy/conversation.h"

#include <type_traits>
#include <utility>

#include "resp/writer.h"

namespace redwall::proxy {

Conversation::Conversation(const Environment& environment, Outlet& outlet, audit::Subject subject,
                           std::string user)
    : environment_(environment),
      outlet_(outlet),
      subject_(std::move(subject)),
      ip_(IpAddress::OfPeer(subject_.client)),
      parser_(environment.limits->request),
      scanner_(environment.limits->reply),
      first_user_(std::move(user)),
      user_(first_user_, !first_user_.empty()) {}

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
  withheld_ = std::string();
  EndTransaction();
  Charge();
}

void Conversation::OnPolicyChanged(const Now& now) {
  if (finished_) return;
  const bool may =
      (!monitor_ || MayStill("monitor", now)) && (!raw_ || MayStill("psync", now)) &&
      (!pubsub_.subscribed() ||
       (MayStill("subscribe", now) && MayStill("psubscribe", now) && MayStill("ssubscribe", now)));
  if (!may) return Fail("the policy no longer allows what this connection does");
  // What is queued was judged by the old policy, and isn't executed under the new one.
  if (transaction_.open && transaction_.commands > 0) transaction_.dirty = true;
}

void Conversation::OnCommandsKnown(const Now& now) {
  if (finished_ || !held_back_ || awaited_ != answered_ || in_frame_) return;
  held_back_ = false;
  OnRequest({}, now);
}

// By the rules now in force, with channels that can't be told: which ones these are isn't kept.
bool Conversation::MayStill(std::string_view command, const Now& now) const {
  std::string bytes;
  resp::WriteCommand({command, "?"}, bytes);
  resp::CommandParser parser;
  static_cast<void>(parser.Parse(bytes));
  const auto may = [&](const policy::Rules& rules) {
    const std::vector<resp::KeyRef> none;
    const policy::Sender sender = SenderNow(now);
    const policy::Request request{parser.command(), rules.table().Find(command), none,
                                  resp::KeyStatus::kUnknown, sender};
    return rules.Judge(request).action == policy::Action::kAllow;
  };
  const Gate& gate = *environment_.gate;
  return may(*gate.rules) && (gate.pushed == nullptr || may(*gate.pushed));
}

// What one large command or reply needed isn't kept for the connection's life: idle ones are many.
void Conversation::GiveMemoryBack() {
  constexpr std::size_t kKeep = 1024;  // bytes
  const auto trim = [](auto& buffer) {
    if (buffer.capacity() * sizeof(buffer[0]) > kKeep)
      std::remove_reference_t<decltype(buffer)>().swap(buffer);
  };
  trim(scratch_);
  trim(keys_);
  if (withheld_.empty()) trim(withheld_);
  if (parser_.between_commands()) static_cast<void>(parser_.Parse({}));  // a large table
}

// Brings the budget up to date.
void Conversation::Charge() {
  constexpr std::size_t kSlotCost = sizeof(Slot) + 256;  // with a usual audit record
  if (environment_.budget == nullptr) return;
  const std::size_t held = held_.size() + withheld_.size() + queue_.size() * kSlotCost +
                           planned_ * sizeof(ExecPlan::Item);
  if (!environment_.budget->Charge(held, charged_) && !finished_)
    Fail("the memory for incomplete requests and missing replies (max_held_bytes) is used up");
}

void Conversation::Fail(std::string_view why) {
  if (failure_.empty()) failure_ = why;
  finished_ = true;
  intake_ = Intake::kClosed;
}

}  // namespace redwall::proxy
