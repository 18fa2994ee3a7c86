#include "gateway/net/out_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace redwall::net {
namespace {

// What an idle connection keeps, and most replies fit into. Thousands of connections may be idle.
constexpr std::size_t kLeast = 1024;

}  // namespace

MutableBytes OutBuffer::Reserve(std::size_t size) {
  if (capacity_ - end_ < size) {
    const std::size_t used = end_ - begin_;
    const std::size_t capacity = std::max({kLeast, 2 * used, used + size});
    auto memory = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (used > 0) std::memcpy(memory.get(), memory_.get() + begin_, used);
    memory_ = std::move(memory);
    capacity_ = capacity;
    begin_ = 0;
    end_ = used;
  }
  return {memory_.get() + end_, capacity_ - end_};
}

void OutBuffer::Append(ByteView bytes) {
  if (bytes.empty()) return;
  std::memcpy(Reserve(bytes.size()).data(), bytes.data(), bytes.size());
  end_ += bytes.size();
}

void OutBuffer::Drop(std::size_t size) {
  begin_ += size;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (capacity_ <= kLeast) return;
  memory_.reset();
  capacity_ = 0;
}

}  // namespace redwall::net
