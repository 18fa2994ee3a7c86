// Listener: accepts connections on a TCP or unix address.
//
// Where the system has no descriptor (or no memory) for a newcomer, nobody is accepted for
// kPauseMs: who comes meanwhile waits in the kernel, and the loop goes on serving those who are
// there.
#ifndef REDWALL_GATEWAY_NET_LISTENER_H_
#define REDWALL_GATEWAY_NET_LISTENER_H_

#include <cstdint>
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
  bool in_use = false;   // another program has the address
};

class Listener {
 public:
  using OnAccept = std::function<void(Socket)>;
  // Called with a sentence before each pause.
  using OnTrouble = std::function<void(const std::string&)>;
  static constexpr std::uint64_t kPauseMs = 100;

  // Binds and listens. A host name is resolved here and now (only at start). A unix socket's file
  // is replaced when nobody listens on it any more; `mode` is its permission bits, 0: what the
  // umask leaves.
  static Result<std::unique_ptr<Listener>, ListenError> Open(Loop& loop, const Address& address,
                                                             unsigned mode, OnAccept on_accept,
                                                             OnTrouble on_trouble = {});
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
