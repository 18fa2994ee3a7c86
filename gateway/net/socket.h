// Socket: a connected TCP or unix stream.
//
// The Socket owns its libuv handle: destroying the Socket closes it, and the handle's memory is
// released in libuv's close callback, nowhere else. The handler is not called any more once the
// Socket is destroyed, which may be done from inside a callback.
//
// Writes gather until the end of the turn, and for as long as an earlier write is under way.
#ifndef REDWALL_GATEWAY_NET_SOCKET_H_
#define REDWALL_GATEWAY_NET_SOCKET_H_

#include <cstddef>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "gateway/net/loop.h"
#include "gateway/net/out_buffer.h"

namespace redwall::net {

class SocketHandler {
 public:
  virtual void OnRead(MutableBytes bytes) = 0;  // in the loop's read buffer; may be altered
  virtual void OnReadEnd() = 0;                 // the peer's FIN
  virtual void OnError(int uv_error) = 0;       // the connection is broken; once
  virtual void OnDrained() = 0;                 // all that was written has been taken by the kernel

 protected:
  ~SocketHandler() = default;
};

class Socket {
 public:
  // Takes over a handle that was accepted or connected; see listener.h and dialer.h.
  struct Handle;
  explicit Socket(Handle* handle);
  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  void SetHandler(SocketHandler* handler);
  void StartReading();
  void StopReading();

  void Write(ByteView bytes);
  // For writers that produce their bytes in place: room in the buffer, then how much was used.
  MutableBytes Reserve(std::size_t size);
  void Commit(std::size_t size);
  // Bytes that the kernel hasn't taken yet.
  std::size_t queued() const;
  // Hands what gathered to the kernel now, not at the end of the turn.
  void Flush();

  // The kernel takes no more than about so many bytes that it can't send yet (TCP_NOTSENT_LOWAT):
  // the rest stays where it can still be put in order. Nothing where the protocol hasn't got that.
  void LimitUnsent(int bytes);

  // FIN, once all that was written has gone.
  void Shutdown();
  // Destroying the socket from now on resets the connection (RST) where the protocol has that.
  void ResetOnClose();

  // "127.0.0.1:1234", "unix"; "unknown" where the peer had left by the first call. Always the same.
  std::string peer_address() const;

 private:
  struct HandleCloser {
    void operator()(Handle* handle) const;
  };
  std::unique_ptr<Handle, HandleCloser> handle_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_SOCKET_H_
