// ByteQueue: bytes that wait, first in, first out, in one contiguous piece. Gives its memory back
// when it runs empty: most streams never need one.
#ifndef REDWALL_GATEWAY_TUNNEL_BYTE_QUEUE_H_
#define REDWALL_GATEWAY_TUNNEL_BYTE_QUEUE_H_

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace redwall::tunnel {

class ByteQueue {
 public:
  void Append(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  // Precondition: size <= size().
  void Drop(std::size_t size) {
    head_ += size;
    if (head_ == bytes_.size()) {
      head_ = 0;
      std::vector<std::byte>().swap(bytes_);
    } else if (head_ >= kWorthMoving &&
               head_ >= bytes_.size() / 2) {  // moves each byte at most once on average
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  ByteView bytes() const { return ByteView(bytes_).subspan(head_); }
  std::size_t size() const { return bytes_.size() - head_; }
  bool empty() const { return size() == 0; }

 private:
  static constexpr std::size_t kWorthMoving = 16 * 1024;
  std::vector<std::byte> bytes_;
  std::size_t head_ = 0;
};

}  // namespace redwall::tunnel

#endif  // REDWALL_GATEWAY_TUNNEL_BYTE_QUEUE_H_
