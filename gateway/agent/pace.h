// Pace: when a discovery asks anew: by itself from time to time, and on demand, but never more
// often than the limit, whoever demands it.
#ifndef REDWALL_GATEWAY_AGENT_PACE_H_
#define REDWALL_GATEWAY_AGENT_PACE_H_

#include <cstdint>
#include <functional>

#include "gateway/net/loop.h"
#include "gateway/net/timer.h"

namespace redwall::agent {

class Pace {
 public:
  static constexpr std::int64_t kPauseMs = 250;   // at least, from one question to the next
  static constexpr std::int64_t kFreshMs = 250;   // so long an answer is the last word
  static constexpr std::int64_t kIdleMs = 60000;  // so long after the last use somebody may care

  // `ask` is called from the loop only. It begins a question, and OnOver says when that is over.
  Pace(net::Loop& loop, std::function<void()> ask);

  // As soon as the limit lets it. One that is under way counts as one.
  void AskSoon();
  // Likewise, but what is under way began too early to know: another one follows it.
  void AskAnew();
  // What is under way was given up: another one as soon as the limit lets it.
  void Restart();
  // What was asked for is used.
  void Use() { used_ms_ = loop_.now_ms(); }
  // The question is over. The next one follows after `delay_ms`, or, where that is 0, on demand.
  void OnOver(std::uint64_t delay_ms);

  bool is_used() const { return loop_.now_ms() - used_ms_ < kIdleMs; }
  // No question is under way, or planned.
  bool is_resting() const { return !asking_ && !timer_.running(); }
  // The last question is over, and was so just now.
  bool is_fresh() const { return !asking_ && loop_.now_ms() - over_ms_ < kFreshMs; }

 private:
  void Plan(std::int64_t delay_ms);
  void Begin();

  net::Loop& loop_;
  const std::function<void()> ask_;
  std::int64_t began_ms_, over_ms_, used_ms_;
  bool asking_ = false, again_ = false;
  net::Timer timer_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_PACE_H_
