// OutBuffer: bytes that gather for one write. Grows without zeroing, and gives its memory back when
// it runs empty, but for a little.
#ifndef REDWALL_GATEWAY_NET_OUT_BUFFER_H_
#define REDWALL_GATEWAY_NET_OUT_BUFFER_H_

#include <cstddef>
#include <memory>

#include "base/bytes.h"

namespace redwall::net {

class OutBuffer {
 public:
  void Append(ByteView bytes);
  // Room for `size` more bytes at the end, to be written by the caller and then counted by Commit.
  MutableBytes Reserve(std::size_t size);
  void Commit(std::size_t size) { end_ += size; }
  void Drop(std::size_t size);  // from the front

  ByteView bytes() const { return {memory_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_OUT_BUFFER_H_
