#include "gateway/proxy/shared_connection.h"

#include <algorithm>
#include <limits>

namespace redwall::proxy {
namespace {

constexpr std::string_view kTypes = "+-:$*";  // of RESP2

}  // namespace

SharedConnection::Seat SharedConnection::Sit(SharedReader& reader) {
  if (free_.empty()) {
    free_.push_back(static_cast<Seat>(places_.size()));
    places_.emplace_back();
  }
  const Seat seat = free_.back();
  free_.pop_back();
  places_[seat] = {&reader, 0};
  return seat;
}

void SharedConnection::Leave(Seat seat) {
  places_[seat].reader = nullptr;
  if (places_[seat].expected == 0) free_.push_back(seat);
}

void SharedConnection::Expect(Seat seat, std::size_t count) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  places_[seat].expected += count;
  expected_ += count;
  while (count > 0) {
    if (runs_.empty() || runs_.back().seat != seat || runs_.back().count == kMost)
      runs_.push_back({seat, 0});
    const std::size_t some = std::min(count, kMost - runs_.back().count);
    runs_.back().count += static_cast<std::uint32_t>(some);
    count -= some;
  }
}

bool SharedConnection::OnReply(std::string_view bytes) {
  while (!bytes.empty() && !dead_) {
    // All other types are RESP3's, which is never asked for here; and a push has no turn.
    const bool known = !scanner_.between_frames() || kTypes.find(bytes[0]) != kTypes.npos;
    if (!known || runs_.empty()) break;
    std::size_t used = 0;
    const resp::ScanStatus status = scanner_.Scan(bytes, used);
    if (status == resp::ScanStatus::kError) break;
    const bool ends = status == resp::ScanStatus::kFrame;
    SharedReader* const reader = places_[runs_.front().seat].reader;
    if (reader != nullptr) reader->OnReply(bytes.substr(0, used), ends);
    if (ends) EndReply();
    bytes.remove_prefix(used);
  }
  dead_ = dead_ || !bytes.empty();
  return !dead_;
}

void SharedConnection::EndReply() {
  Run& run = runs_.front();
  const Seat seat = run.seat;
  if (--run.count == 0) runs_.pop_front();
  --expected_;
  Place& place = places_[seat];
  if (--place.expected == 0 && place.reader == nullptr) free_.push_back(seat);
}

}  // namespace redwall::proxy
