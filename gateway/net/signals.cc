#include "gateway/net/signals.h"

#include <utility>

namespace redwall::net {

struct Signals::Handle {
  uv_signal_t signal{};
  std::function<void()> function;
};

Signals::~Signals() {
  for (Handle* handle : handles_) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle->signal),
             [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
  }
}

void Signals::On(int signal, std::function<void()> function) {
  auto* handle = new Handle{{}, std::move(function)};
  uv_signal_init(loop_.uv(), &handle->signal);
  handle->signal.data = handle;
  uv_signal_start(
      &handle->signal,
      [](uv_signal_t* caught, int) { static_cast<Handle*>(caught->data)->function(); }, signal);
  handles_.push_back(handle);
}

}  // namespace redwall::net
