// Wakeup: how another thread gets a function called on the loop's thread.
#ifndef REDWALL_GATEWAY_NET_WAKEUP_H_
#define REDWALL_GATEWAY_NET_WAKEUP_H_

#include <functional>

#include "gateway/net/loop.h"

namespace redwall::net {

class Wakeup {
 public:
  // Made and destroyed on the loop's thread. `function` may destroy it. It doesn't keep the loop
  // running.
  Wakeup(Loop& loop, std::function<void()> function);
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Any thread, while this object lives. `function` is called at least once after it; several may
  // become one call.
  void Send();

 private:
  struct Handle;
  Handle* handle_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_WAKEUP_H_
