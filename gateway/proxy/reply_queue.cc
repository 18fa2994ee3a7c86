#include "gateway/proxy/reply_queue.h"

#include <utility>

namespace redwall::proxy {
namespace {

constexpr std::size_t kFirstSize = 4;
constexpr std::size_t kKeepSlots = 32;  // a longer queue gives its memory back when it runs empty
constexpr std::size_t kKeepString = 1024;  // likewise a slot's strings, bytes

void Clear(std::string& text) {
  if (text.capacity() > kKeepString) {
    std::string().swap(text);
  } else {
    text.clear();
  }
}

}  // namespace

Slot& ReplyQueue::Push() {
  if (size_ == slots_.size()) {
    std::vector<Slot> larger(slots_.empty() ? kFirstSize : 2 * slots_.size());
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(at(i));
    slots_ = std::move(larger);
    head_ = 0;
  }
  Slot& slot = slots_[(head_ + size_++) & (slots_.size() - 1)];
  std::string answer = std::move(slot.answer), record = std::move(slot.record);
  Clear(answer);
  Clear(record);
  slot = Slot{};
  slot.answer = std::move(answer);
  slot.record = std::move(record);
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
