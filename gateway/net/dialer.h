// Dial: connects to an address: resolves the name anew each time and tries what it resolves to, one
// after the other.
#ifndef REDWALL_GATEWAY_NET_DIALER_H_
#define REDWALL_GATEWAY_NET_DIALER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/result.h"
#include "gateway/net/address.h"
#include "gateway/net/loop.h"
#include "gateway/net/socket.h"

namespace redwall::net {

struct DialError {
  std::string sentence;  // "127.0.0.1:6379: connection refused"
  // The machine is there, and nobody listens at that address.
  bool refused = false;
};

// One attempt. `done` is called once, never from inside the constructor; destroying the Dial before
// that gives up the attempt without a call. `done` may destroy it.
class Dial {
 public:
  using Done = std::function<void(Result<Socket, DialError>)>;
  Dial(Loop& loop, const Address& address, std::uint64_t timeout_ms, Done done);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

 private:
  struct Attempt;
  Attempt* attempt_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_DIALER_H_
