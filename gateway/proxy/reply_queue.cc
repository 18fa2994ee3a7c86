#include "gateway/proxy/reply_queue.h"

#include <utility>

namespace redwall::proxy {
namespace {

constexpr std::size_t kFirstSize = 4;
constexpr std::size_t kKeepSlots = 128;  // a longer queue gives its memory back when it runs empty
constexpr std::size_t kKeepString = 1024;  // likewise a slot's answer, bytes

}  // namespace

Slot& ReplyQueue::Push() {
  if (size_ == slots_.size()) {
    std::vector<Slot> larger(slots_.empty() ? kFirstSize : 2 * slots_.size());
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(at(i));
    slots_ = std::move(larger);
    head_ = 0;
  }
  Slot& slot = slots_[(head_ + size_++) & (slots_.size() - 1)];
  std::string answer = std::move(slot.answer);
  slot = Slot{};
  if (answer.capacity() > kKeepString) return slot;
  answer.clear();
  slot.answer = std::move(answer);
  return slot;
}

void ReplyQueue::Pop() {
  head_ = (head_ + 1) & (slots_.size() - 1);
  if (--size_ == 0 && slots_.size() > kKeepSlots) {
    std::vector<Slot>().swap(slots_);
    head_ = 0;
  }
}

}  // namespace redwall::proxy
