#include "gateway/net/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cstring>
#include <utility>

#include "gateway/net/socket_handle.h"

namespace redwall::net {
namespace {

constexpr int kBacklog = 511;  // as Redis

ListenError Failure(const Address& address, int error) {
  std::string sentence = "can't listen on " + address.ToString() + ": " + uv_strerror(error);
  if (error == UV_EADDRINUSE)
    sentence +=
        "; another program has this address: stop it, or choose another one (-s, \"listen\")";
  if (error == UV_EADDRNOTAVAIL)
    sentence += "; this machine has no such address: `ip addr` shows those that it has";
  if (address.is_unix() && error == UV_EACCES) {  // libuv says so of a missing folder, too
    sentence = "can't listen on " + address.ToString() +
               ": its folder must exist, and this user must be allowed to write there";
  } else if (error == UV_EACCES) {
    sentence += "; ports below 1024 need the right to bind them (CAP_NET_BIND_SERVICE)";
  }
  return {std::move(sentence)};
}

// Removes the file of a unix socket on which nobody listens. False: somebody does.
bool RemoveStale(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return true;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool alive = connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  if (!alive) unlink(path.c_str());
  return !alive;
}

}  // namespace

struct Listener::Handle {
  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv{};
  Loop& loop;
  Address address;
  OnAccept on_accept;

  Handle(Loop& l, Address a, OnAccept f) : loop(l), address(std::move(a)), on_accept(std::move(f)) {
    if (address.is_unix()) {
      uv_pipe_init(loop.uv(), &uv.pipe, 0);
    } else {
      uv_tcp_init(loop.uv(), &uv.tcp);
    }
    stream()->data = this;
  }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&uv); }
  void Close() {
    on_accept = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&uv),
             [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
  }

  int BindUnix(unsigned mode) {
    if (!RemoveStale(address.path)) return UV_EADDRINUSE;
    const int error = uv_pipe_bind(&uv.pipe, address.path.c_str());
    if (error == 0 && mode != 0 && chmod(address.path.c_str(), mode) != 0) return UV_EACCES;
    return error;
  }

  int BindTcp() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) !=
        0)
      return UV_EADDRNOTAVAIL;
    const int error = uv_tcp_bind(&uv.tcp, found->ai_addr, 0);
    freeaddrinfo(found);
    return error;
  }

  void Accept() {
    Socket::Handle* accepted = Socket::Handle::Make(loop, address.is_unix());
    Socket socket(accepted);
    if (uv_accept(stream(), accepted->stream()) != 0) return;
    accepted->SetNoDelay();
    if (on_accept) on_accept(std::move(socket));
  }

  std::string RealAddress() {
    if (address.is_unix()) return address.ToString();
    sockaddr_storage real{};
    int size = sizeof real;
    if (uv_tcp_getsockname(&uv.tcp, reinterpret_cast<sockaddr*>(&real), &size) != 0)
      return address.ToString();
    return FormatSockaddr(reinterpret_cast<const sockaddr*>(&real));
  }
};

Result<std::unique_ptr<Listener>, ListenError> Listener::Open(Loop& loop, const Address& address,
                                                              unsigned mode, OnAccept on_accept) {
  auto* handle = new Handle(loop, address, std::move(on_accept));
  int error = address.is_unix() ? handle->BindUnix(mode) : handle->BindTcp();
  if (error == 0) {
    error = uv_listen(handle->stream(), kBacklog, [](uv_stream_t* stream, int status) {
      if (status == 0) static_cast<Handle*>(stream->data)->Accept();
    });
  }
  if (error != 0) {
    handle->Close();
    return Failure(address, error);
  }
  return std::unique_ptr<Listener>(new Listener(handle, handle->RealAddress()));
}

Listener::~Listener() {
  if (handle_->address.is_unix()) unlink(handle_->address.path.c_str());
  handle_->Close();
}

}  // namespace redwall::net
