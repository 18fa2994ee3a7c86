#include "gateway/net/wakeup.h"

#include <uv.h>

#include <utility>

namespace redwall::net {

struct Wakeup::Handle {
  uv_async_t async{};
  std::function<void()> function;
};

Wakeup::Wakeup(Loop& loop, std::function<void()> function)
    : handle_(new Handle{{}, std::move(function)}) {
  uv_async_init(loop.uv(), &handle_->async, [](uv_async_t* async) {
    // A copy: the function may destroy its owner.
    const std::function<void()> call = static_cast<Handle*>(async->data)->function;
    call();
  });
  handle_->async.data = handle_;
  uv_unref(reinterpret_cast<uv_handle_t*>(&handle_->async));
}

Wakeup::~Wakeup() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->async),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Wakeup::Send() { uv_async_send(&handle_->async); }

}  // namespace redwall::net
