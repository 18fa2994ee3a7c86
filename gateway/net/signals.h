// Signals: the operating system's signals as calls on the loop.
#ifndef REDWALL_GATEWAY_NET_SIGNALS_H_
#define REDWALL_GATEWAY_NET_SIGNALS_H_

#include <functional>
#include <vector>

#include "gateway/net/loop.h"

namespace redwall::net {

class Signals {
 public:
  explicit Signals(Loop& loop) : loop_(loop) {}
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  void On(int signal, std::function<void()> function);

 private:
  struct Handle;
  Loop& loop_;
  std::vector<Handle*> handles_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_SIGNALS_H_
