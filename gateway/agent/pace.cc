#include "gateway/agent/pace.h"

#include <algorithm>
#include <utility>

namespace redwall::agent {

Pace::Pace(net::Loop& loop, std::function<void()> ask)
    : loop_(loop),
      ask_(std::move(ask)),
      began_ms_(loop.now_ms() - kPauseMs),
      over_ms_(loop.now_ms() - kFreshMs),
      used_ms_(loop.now_ms()),
      timer_(loop) {}

void Pace::AskSoon() {
  if (!asking_) Plan(0);
}

void Pace::AskAnew() {
  if (asking_) {
    again_ = true;
  } else {
    Plan(0);
  }
}

void Pace::Restart() {
  asking_ = false;
  Plan(0);
}

void Pace::Plan(std::int64_t delay_ms) {
  const std::int64_t wait = std::max(delay_ms, began_ms_ + kPauseMs - loop_.now_ms());
  timer_.Start(static_cast<std::uint64_t>(std::max<std::int64_t>(wait, 0)), 0, [this] { Begin(); });
}

void Pace::Begin() {
  asking_ = true;
  again_ = false;
  began_ms_ = loop_.now_ms();
  ask_();
}

void Pace::OnOver(std::uint64_t delay_ms) {
  asking_ = false;
  over_ms_ = loop_.now_ms();
  if (again_) return Plan(0);
  if (delay_ms > 0) Plan(static_cast<std::int64_t>(delay_ms));
}

}  // namespace redwall::agent
