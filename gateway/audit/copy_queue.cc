#include "gateway/audit/copy_queue.h"

#include <algorithm>
#include <utility>

namespace redwall::audit {
namespace {

// The longest part of whole lines with at most so many lines and bytes.
std::string_view WholeLines(std::string_view text, std::size_t max_lines, std::size_t max_bytes) {
  std::size_t size = 0;
  for (std::size_t lines = 0; lines < max_lines; ++lines) {
    const std::size_t end = text.find('\n', size);
    if (end == std::string_view::npos || end + 1 > max_bytes) break;
    size = end + 1;
  }
  return text.substr(0, size);
}

}  // namespace

std::uint64_t CountLines(std::string_view lines) {
  return static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
}

void CopyQueue::Take(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Count(CountLines(lines), "it came after the end");
  std::string_view fitting;
  if (!dropping_) {
    const std::size_t room = max_bytes_ - std::min(Held(), max_bytes_);
    fitting = lines.size() <= room ? lines : WholeLines(lines, lines.size(), room);
    lines_ += fitting;
  }
  if (fitting.size() == lines.size()) return;
  dropping_ = true;
  Count(
      CountLines(lines.substr(fitting.size())),
      "the queue of " + std::to_string(max_bytes_) + " bytes was full" +
          (trouble_.empty() ? ", lines come faster than they can be passed on" : ": " + trouble_));
}

std::string CopyQueue::Next(std::size_t max_lines, std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  const std::string_view all = std::string_view(lines_).substr(gone_);
  std::string_view some = WholeLines(all, max_lines, max_bytes);
  if (some.empty()) some = WholeLines(all, 1, all.size());
  std::string out(some);
  gone_ += out.size();
  passing_ += out.size();
  passing_lines_ += CountLines(out);
  // Moved to the front only when that costs less than what was given away.
  if (gone_ >= lines_.size() - gone_) lines_.erase(0, std::exchange(gone_, 0));
  // A burst is over: its memory isn't kept.
  if (lines_.empty() && lines_.capacity() > max_bytes_ / 8) lines_.shrink_to_fit();
  return out;
}

void CopyQueue::Done(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  // After Close nothing is counted as being passed on.
  passing_ -= std::min(bytes.size(), passing_);
  passing_lines_ -= std::min(CountLines(bytes), passing_lines_);
  if (Held() <= max_bytes_ / 2) dropping_ = false;
}

void CopyQueue::Lose(std::uint64_t lines, const std::string& why) {
  const std::lock_guard lock(mutex_);
  Count(lines, why);
}

void CopyQueue::Close(const std::string& why) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t left = passing_lines_ + CountLines(std::string_view(lines_).substr(gone_));
  lines_.clear();
  gone_ = passing_ = 0;
  passing_lines_ = 0;
  dropping_ = false;
  closed_ = true;
  Count(left, why + (trouble_.empty() ? "" : ": " + trouble_));
}

std::size_t CopyQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return lines_.size() - gone_;
}

std::size_t CopyQueue::held() const {
  const std::lock_guard lock(mutex_);
  return Held();
}

void CopyQueue::SetTrouble(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  trouble_ = sentence;
}

std::optional<LineCopy::Loss> CopyQueue::TakeLoss() {
  const std::lock_guard lock(mutex_);
  if (loss_.lost == 0 || dropping_) return std::nullopt;
  return std::exchange(loss_, {});
}

std::optional<LineCopy::Change> CopyQueue::TakeChange() {
  const std::lock_guard lock(mutex_);
  std::string now = trouble_;
  if (dropping_) {
    now += now.empty() ? "" : "; ";
    now += "its queue is full, and lines are lost to it";
  }
  if (now == told_) return std::nullopt;
  told_ = now;
  return LineCopy::Change{now.empty(), std::move(now)};
}

// The first cause is the one that is told: the others follow from it.
void CopyQueue::Count(std::uint64_t lines, const std::string& why) {
  if (lines == 0) return;
  if (loss_.lost == 0) loss_.why = why;
  loss_.lost += lines;
}

}  // namespace redwall::audit
