// The inside of Socket, shared with Listener and Dialer, which make them.
#ifndef REDWALL_GATEWAY_NET_SOCKET_HANDLE_H_
#define REDWALL_GATEWAY_NET_SOCKET_HANDLE_H_

#include <uv.h>

#include "gateway/net/out_buffer.h"
#include "gateway/net/socket.h"

namespace redwall::net {

// Lives from Make until the close callback of its libuv handle.
struct Socket::Handle final : TurnTask {
  static Handle* Make(Loop& loop, bool is_unix);
  ~Handle() override = default;

  // Takes over the descriptor of a connected socket. Not 0: libuv's number for what failed, and the
  // descriptor is still the caller's.
  int Open(int fd);

  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&uv); }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&uv); }
  void SetNoDelay();
  void Close();  // the last call
  void OnTurnEnd() override { Flush(); }
  void Flush();
  void MaybeShutdown();
  void Fail(int error);
  const std::string& PeerAddress();

  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv{};
  Loop& loop;
  bool is_unix;
  SocketHandler* handler = nullptr;
  OutBuffer gathering;  // to be written
  OutBuffer in_flight;  // libuv writes from it
  uv_write_t write{};
  uv_shutdown_t shutdown{};
  bool writing = false, reading = false, shutdown_wanted = false, shutdown_begun = false;
  bool failed = false, closing = false, reset = false;
  std::string peer;  // empty: nobody has asked

 private:
  Handle(Loop& l, bool u) : TurnTask(l, Order::kSockets), loop(l), is_unix(u) {}
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_SOCKET_HANDLE_H_
