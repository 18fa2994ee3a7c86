// CopyQueue: the finished lines that a LineCopy hasn't passed on yet, bounded, and what is to be
// told of it. Any thread may call anything.
//
// Lines count as held from Take until Done, also while they are being passed on.
#ifndef REDWALL_GATEWAY_AUDIT_COPY_QUEUE_H_
#define REDWALL_GATEWAY_AUDIT_COPY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/audit/copy.h"

namespace redwall::audit {

class CopyQueue {
 public:
  explicit CopyQueue(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  CopyQueue(const CopyQueue&) = delete;
  CopyQueue& operator=(const CopyQueue&) = delete;

  // Adds whole lines, as many as there is room for.
  void Take(std::string_view lines);
  // Whole lines from the front, at least one where there is one, else at most so many lines and
  // bytes. They are no longer waiting(), and held until Done.
  std::string Next(std::size_t max_lines, std::size_t max_bytes);
  // This, which Next gave (a line may come in pieces), is passed on, or counted by Lose.
  void Done(std::string_view bytes);
  // Lines that never can be passed on.
  void Lose(std::uint64_t lines, const std::string& why);
  // At the end: what is held is lost, and so is all that comes later.
  void Close(const std::string& why);

  std::size_t waiting() const;
  std::size_t held() const;

  // Why nothing can be passed on; empty: it can (again).
  void SetTrouble(const std::string& sentence);
  std::optional<LineCopy::Loss> TakeLoss();
  std::optional<LineCopy::Change> TakeChange();

 private:
  std::size_t Held() const { return lines_.size() - gone_ + passing_; }
  void Count(std::uint64_t lines, const std::string& why);

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::string lines_;
  std::size_t gone_ = 0;     // bytes at the front of lines_ that Next has given away
  std::size_t passing_ = 0;  // bytes that Next has given away and Done not heard of
  std::uint64_t passing_lines_ = 0;
  bool dropping_ = false;  // until half of the queue is free
  bool closed_ = false;
  LineCopy::Loss loss_;
  std::string trouble_;
  std::string told_;  // by TakeChange
};

// How many lines' ends there are.
std::uint64_t CountLines(std::string_view lines);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_COPY_QUEUE_H_
