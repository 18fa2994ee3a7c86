// Timer: libuv's, with a function and an owner. Destroying it stops it.
#ifndef REDWALL_GATEWAY_NET_TIMER_H_
#define REDWALL_GATEWAY_NET_TIMER_H_

#include <cstdint>
#include <functional>

#include "gateway/net/loop.h"

namespace redwall::net {

class Timer {
 public:
  explicit Timer(Loop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was set before. `repeat_ms` 0: once. The function may set, stop or destroy the
  // timer.
  void Start(std::uint64_t delay_ms, std::uint64_t repeat_ms, std::function<void()> function);
  void Stop();
  bool running() const;

 private:
  struct Handle;
  Handle* handle_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_TIMER_H_
