// Listener: accepts connections on a TCP or unix address.
#ifndef REDWALL_GATEWAY_NET_LISTENER_H_
#define REDWALL_GATEWAY_NET_LISTENER_H_

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "gateway/net/address.h"
#include "gateway/net/loop.h"
#include "gateway/net/socket.h"

namespace redwall::net {

struct ListenError {
  std::string sentence;  // names the address, the cause and what to do
};

class Listener {
 public:
  using OnAccept = std::function<void(Socket)>;

  // Binds and listens. A host name is resolved here and now (only at start). A unix socket's file
  // is replaced when nobody listens on it any more; `mode` is its permission bits, 0: what the
  // umask leaves.
  static Result<std::unique_ptr<Listener>, ListenError> Open(Loop& loop, const Address& address,
                                                             unsigned mode, OnAccept on_accept);
  ~Listener();  // stops; removes a unix socket's file
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // With the real port where 0 was asked for.
  const std::string& address() const { return address_; }

 private:
  struct Handle;
  Listener(Handle* handle, std::string address) : handle_(handle), address_(std::move(address)) {}
  Handle* handle_;
  std::string address_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_LISTENER_H_
