#include "gateway/net/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "gateway/net/socket_handle.h"
#include "gateway/net/timer.h"

namespace redwall::net {
namespace {

constexpr int kBacklog = 511;  // as Redis
// So that a crowd of newcomers doesn't hold up those who are there.
constexpr int kAcceptsATurn = 64;

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
  return {std::move(sentence), error == UV_EADDRINUSE};
}

// Of the one connection that was to be accepted, which is gone. accept(2).
bool ConcernsOne(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes the file of a unix socket on which nobody listens. False: somebody does.
bool RemoveStale(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return true;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return true;
  const sockaddr_un address = UnixAddress(path);
  const bool alive =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  if (!alive) unlink(path.c_str());
  return !alive;
}

}  // namespace

// Accepts by itself, and not by uv_listen: where there is no descriptor for a newcomer, libuv
// closes it unheard, or calls back for it without an end.
struct Listener::Handle {
  uv_poll_t poll{};
  int fd = -1;  // -1: not any more, or not yet
  bool polled = false;
  Loop& loop;
  Address address;
  OnAccept on_accept;
  OnTrouble on_trouble;
  std::optional<Timer> pause;

  Handle(Loop& l, Address a, OnAccept accept, OnTrouble trouble)
      : loop(l),
        address(std::move(a)),
        on_accept(std::move(accept)),
        on_trouble(std::move(trouble)) {
    poll.data = this;
    pause.emplace(loop);
  }

  // The last call.
  void Close() {
    pause.reset();
    if (polled) uv_poll_stop(&poll);  // before its descriptor is closed
    if (fd >= 0) close(std::exchange(fd, -1));
    if (!polled) return delete this;  // libuv doesn't know it
    uv_close(reinterpret_cast<uv_handle_t*>(&poll),
             [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
  }

  // These return 0, or libuv's number for what failed.
  int Bind(unsigned mode) { return address.is_unix() ? BindUnix(mode) : BindTcp(); }

  int BindUnix(unsigned mode) {
    if (!RemoveStale(address.path)) return UV_EADDRINUSE;
    const sockaddr_un local = UnixAddress(address.path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return uv_translate_sys_error(errno);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
      return errno == ENOENT ? UV_EACCES : uv_translate_sys_error(errno);
    return mode != 0 && chmod(address.path.c_str(), mode) != 0 ? UV_EACCES : 0;
  }

  int BindTcp() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) !=
        0)
      return UV_EADDRNOTAVAIL;
    const int error = BindTo(*found);
    freeaddrinfo(found);
    return error;
  }

  int BindTo(const addrinfo& local) {
    const int yes = 1, no = 0;
    fd = socket(local.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return uv_translate_sys_error(errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (local.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    return bind(fd, local.ai_addr, local.ai_addrlen) == 0 ? 0 : uv_translate_sys_error(errno);
  }

  int Listen() {
    if (listen(fd, kBacklog) != 0) return uv_translate_sys_error(errno);
    const int error = uv_poll_init(loop.uv(), &poll, fd);
    polled = error == 0;
    return polled ? Poll() : error;
  }

  int Poll() {
    return uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<Handle*>(handle->data)->AcceptSome();
    });
  }

  // Whoever isn't taken now is at the next turn.
  void AcceptSome() {
    for (int i = 0; i < kAcceptsATurn && fd >= 0; ++i) {
      const int accepted = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0) {
        Take(accepted);
      } else if (errno == EAGAIN) {
        return;
      } else if (!ConcernsOne(errno)) {
        return Pause(errno);
      }
    }
  }

  void Take(int accepted) {
    Socket::Handle* taken = Socket::Handle::Make(loop, address.is_unix());
    Socket socket(taken);
    if (taken->Open(accepted) != 0) {
      close(accepted);
      return;
    }
    taken->SetNoDelay();
    on_accept(std::move(socket));
  }

  void Pause(int error) {
    uv_poll_stop(&poll);
    pause->Start(kPauseMs, 0, [this] { Poll(); });
    if (!on_trouble) return;
    on_trouble("a connection to " + RealAddress() +
               " has to wait: " + uv_strerror(uv_translate_sys_error(error)));
  }

  std::string RealAddress() const {
    sockaddr_storage real{};
    socklen_t size = sizeof real;
    if (address.is_unix() || getsockname(fd, reinterpret_cast<sockaddr*>(&real), &size) != 0)
      return address.ToString();
    return FormatSockaddr(reinterpret_cast<const sockaddr*>(&real));
  }
};

Result<std::unique_ptr<Listener>, ListenError> Listener::Open(Loop& loop, const Address& address,
                                                              unsigned mode, OnAccept on_accept,
                                                              OnTrouble on_trouble) {
  auto* handle = new Handle(loop, address, std::move(on_accept), std::move(on_trouble));
  int error = handle->Bind(mode);
  if (error == 0) error = handle->Listen();
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
