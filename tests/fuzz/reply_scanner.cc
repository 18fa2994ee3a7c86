// What a Redis server answers. The first byte of the input chooses limits and how the rest is cut;
// the frames must not depend on it.
#include "resp/reply_scanner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

using redwall::resp::ReplyLimits;
using redwall::resp::ReplyScanner;
using redwall::resp::ScanStatus;

void Require(bool holds) {
  if (!holds) std::abort();
}

// All that can be known of the frames, as text.
std::string Run(std::string_view bytes, const ReplyLimits& limits, std::size_t piece) {
  ReplyScanner scanner(limits);
  std::string trace;
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t size = std::min(piece, bytes.size() - done);
    const auto copy = std::make_unique<char[]>(size);
    bytes.copy(copy.get(), size, done);
    std::size_t used = 0;
    const ScanStatus status = scanner.Scan({copy.get(), size}, used);
    Require(used > 0 && used <= size && (used == size || status == ScanStatus::kFrame));
    if (status == ScanStatus::kError) return trace + "error";
    done += used;
    if (status != ScanStatus::kFrame) continue;
    Require(scanner.between_frames());
    const ReplyScanner::Frame& frame = scanner.frame();
    Require(frame.type != 0 && frame.type != '|' && frame.text.size() <= 64);
    trace += std::to_string(done) + frame.type + std::string(frame.text) + ' ' +
             std::to_string(frame.last_integer) + ' ' + std::to_string(frame.elements) + '\n';
  }
  return trace + (scanner.between_frames() ? "between" : "inside");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ReplyLimits limits;
  if (data[0] & 0x80) {
    limits.max_depth = 3;
    limits.max_line = 5;
  }
  const std::string whole = Run(bytes, limits, bytes.size() + 1);
  Require(whole == Run(bytes, limits, 1));
  Require(whole == Run(bytes, limits, 1 + (data[0] & 0x1f)));
  return 0;
}
