// PendingRecords: what the audit's lines of a connection's commands begin with, until their replies
// have come: one behind the other in one piece of memory, so that a steady state allocates nothing.
//
//     popped │ front ... the last that was kept │ the one at hand
//
// Each is its command's: who keeps them remembers their sizes. Views are valid until the next call.
#ifndef REDWALL_GATEWAY_PROXY_PENDING_RECORDS_H_
#define REDWALL_GATEWAY_PROXY_PENDING_RECORDS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace redwall::proxy {

class PendingRecords {
 public:
  // Drops the one at hand. The next one is to be appended to what is returned.
  std::string& Begin() {
    text_.resize(hand_);
    return text_;
  }
  std::string_view at_hand() const { return std::string_view(text_).substr(hand_); }
  // The one at hand becomes the last of the queue. Returns its size; 0: there is none.
  std::size_t Keep() {
    const std::size_t size = text_.size() - hand_;
    hand_ = text_.size();
    return size;
  }
  // The first of the queue, of which the size is known.
  std::string_view front(std::size_t size) const {
    return std::string_view(text_).substr(first_, size);
  }
  // Precondition: it is no more than what was kept.
  void Pop(std::size_t size) {
    first_ += size;
    if (first_ == text_.size()) {
      text_.clear();
      if (text_.capacity() > kKeep) std::string().swap(text_);
    } else if (first_ >= kKeep && first_ >= text_.size() / 2) {
      text_.erase(0, first_);
      hand_ -= first_;
    } else {
      return;
    }
    if (text_.empty()) hand_ = 0;
    first_ = 0;
  }

 private:
  static constexpr std::size_t kKeep = 32 * 1024;  // bytes, by a connection that may be idle

  std::string text_;
  std::size_t first_ = 0, hand_ = 0;  // where they begin
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_PENDING_RECORDS_H_
