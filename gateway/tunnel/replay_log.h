// ReplayLog: the replayed frames that one side has made, in order, until the other has acknowledged
// them.
//
//       acknowledged │ sent, not acknowledged │ not sent
//     ──(forgotten)──┼────────────────────────┼──────────▶ appended here
//                 base()                    sent()
//
// Frames have implicit sequence numbers from 0. Bytes are kept in blocks; a frame never straddles
// two, so it can be handed out as one view. The log never drops a frame that isn't acknowledged: it
// is the owner who stops appending (size_bytes()).
#ifndef REDWALL_GATEWAY_TUNNEL_REPLAY_LOG_H_
#define REDWALL_GATEWAY_TUNNEL_REPLAY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "gateway/tunnel/frame.h"

namespace redwall::tunnel {

class ReplayLog {
 public:
  // Appends a frame; `payload` is copied. Precondition: payload.size() == header.length <=
  // kMaxPayload.
  void Append(const FrameHeader& header, ByteView payload);

  // Copies whole frames that weren't sent yet to the front of `out`, as many as fit, and counts
  // them as sent. Returns the bytes written.
  std::size_t TakeUnsent(MutableBytes out);

  // The peer has handled `frames` frames in all. False when that is more than were sent, or fewer
  // than before.
  bool Acknowledge(std::uint64_t frames);

  // A new transport: everything from base() on is to be sent again.
  void Rewind();

  std::uint64_t base() const { return base_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t end() const { return end_; }  // the sequence number that the next frame gets
  std::size_t size_bytes() const { return size_bytes_; }
  std::size_t unsent_bytes() const { return unsent_bytes_; }

 private:
  static constexpr std::size_t kBlockSize = 64 * 1024;
  static constexpr std::size_t kSpares = 4;
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t used = 0;
  };
  struct Cursor {
    std::size_t block = 0;  // index into blocks_
    std::size_t offset = 0;
  };
  // The frame at the cursor; moves the cursor over block ends first. Precondition: there is one.
  ByteView FrameAt(Cursor& cursor) const;
  std::byte* Reserve(std::size_t size);

  std::deque<Block> blocks_;
  std::vector<Block> spares_;  // kSpares at most, so that a steady state allocates nothing
  Cursor first_, unsent_;
  std::uint64_t base_ = 0, sent_ = 0, end_ = 0;
  std::size_t size_bytes_ = 0, unsent_bytes_ = 0;
};

}  // namespace redwall::tunnel

#endif  // REDWALL_GATEWAY_TUNNEL_REPLAY_LOG_H_
