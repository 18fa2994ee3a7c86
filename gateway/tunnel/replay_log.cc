#include "gateway/tunnel/replay_log.h"

#include <cstring>
#include <utility>

namespace redwall::tunnel {

std::byte* ReplayLog::Reserve(std::size_t size) {
  if (blocks_.empty() || kBlockSize - blocks_.back().used < size) {
    if (!spares_.empty()) {
      blocks_.push_back(Block{std::move(spares_.back().bytes), 0});
      spares_.pop_back();
    } else {
      blocks_.push_back(Block{std::make_unique_for_overwrite<std::byte[]>(kBlockSize), 0});
    }
  }
  Block& block = blocks_.back();
  std::byte* at = block.bytes.get() + block.used;
  block.used += size;
  return at;
}

void ReplayLog::Append(const FrameHeader& header, ByteView payload) {
  const std::size_t size = kFrameHeaderSize + payload.size();
  std::byte* at = Reserve(size);
  WriteHeader(header, at);
  if (!payload.empty()) std::memcpy(at + kFrameHeaderSize, payload.data(), payload.size());
  ++end_;
  size_bytes_ += size;
  unsent_bytes_ += size;
}

ByteView ReplayLog::FrameAt(Cursor& cursor) const {
  while (cursor.offset == blocks_[cursor.block].used) {
    ++cursor.block;
    cursor.offset = 0;
  }
  const std::byte* at = blocks_[cursor.block].bytes.get() + cursor.offset;
  return {at, kFrameHeaderSize + LoadBigEndian<std::uint16_t>(at + 2)};
}

std::size_t ReplayLog::TakeUnsent(MutableBytes out) {
  std::size_t written = 0;
  while (sent_ < end_) {
    const ByteView frame = FrameAt(unsent_);
    if (frame.size() > out.size() - written) break;
    std::memcpy(out.data() + written, frame.data(), frame.size());
    written += frame.size();
    unsent_.offset += frame.size();
    unsent_bytes_ -= frame.size();
    ++sent_;
  }
  return written;
}

bool ReplayLog::Acknowledge(std::uint64_t frames) {
  if (frames < base_ || frames > sent_) return false;
  while (base_ < frames) {
    const ByteView frame = FrameAt(first_);
    first_.offset += frame.size();
    size_bytes_ -= frame.size();
    ++base_;
  }
  // Blocks before the first kept frame go; the last one stays if frames may still be appended to
  // it.
  while (!blocks_.empty() &&
         (first_.block > 0 || (base_ == end_ && first_.offset == blocks_[0].used))) {
    if (spares_.size() < kSpares) spares_.push_back(std::move(blocks_.front()));
    blocks_.pop_front();
    if (first_.block > 0) {
      --first_.block;
    } else {
      first_.offset = 0;
    }
    if (unsent_.block > 0) {
      --unsent_.block;
    } else {
      unsent_.offset = 0;
    }
  }
  return true;
}

void ReplayLog::Rewind() {
  unsent_ = first_;
  sent_ = base_;
  unsent_bytes_ = size_bytes_;
}

}  // namespace redwall::tunnel
