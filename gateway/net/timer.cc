#include "gateway/net/timer.h"

#include <utility>

namespace redwall::net {

struct Timer::Handle {
  uv_timer_t timer{};
  std::function<void()> function;
};

Timer::Timer(Loop& loop) : handle_(new Handle) {
  uv_timer_init(loop.uv(), &handle_->timer);
  handle_->timer.data = handle_;
}

Timer::~Timer() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Timer::Start(std::uint64_t delay_ms, std::uint64_t repeat_ms, std::function<void()> function) {
  handle_->function = std::move(function);
  uv_timer_start(
      &handle_->timer,
      [](uv_timer_t* timer) {
        // A copy: the function may replace itself.
        const std::function<void()> call = static_cast<Handle*>(timer->data)->function;
        call();
      },
      delay_ms, repeat_ms);
}

bool Timer::running() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle_->timer)) != 0;
}

void Timer::Stop() { uv_timer_stop(&handle_->timer); }

}  // namespace redwall::net
