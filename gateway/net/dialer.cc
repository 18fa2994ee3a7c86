#include "gateway/net/dialer.h"

#include <netdb.h>
#include <uv.h>

#include <memory>
#include <optional>
#include <utility>

#include "gateway/net/socket_handle.h"
#include "gateway/net/timer.h"

namespace redwall::net {

// Lives for as long as a Dial owns it, libuv has a request of its under way, or one of its calls is
// running (holds).
struct Dial::Attempt {
  Loop& loop;
  Address address;
  Done done;  // empty: nobody waits any more
  std::optional<Timer> timer;
  uv_getaddrinfo_t resolve{};
  uv_connect_t connect{};
  addrinfo* found = nullptr;
  addrinfo* next = nullptr;
  std::optional<Socket> socket;
  Socket::Handle* handle = nullptr;
  int last_error = UV_EADDRNOTAVAIL;
  int holds = 0;
  bool resolving = false;
  bool owned = true;  // by a Dial

  Attempt(Loop& l, Address a, Done d) : loop(l), address(std::move(a)), done(std::move(d)) {}
  ~Attempt() {
    if (found != nullptr) uv_freeaddrinfo(found);
  }

  void Release() {
    if (--holds == 0 && !owned) delete this;
  }

  void Finish(Result<Socket, DialError> result) {
    timer.reset();
    const Done call = std::exchange(done, nullptr);
    if (call) call(std::move(result));
  }

  void FinishFailed(const std::string& cause, bool refused = false) {
    socket.reset();
    Finish(DialError{address.ToString() + ": " + cause, refused});
  }
  void FinishFailed(int error) {
    FinishFailed(uv_strerror(error), error == UV_ECONNREFUSED || error == UV_ENOENT);
  }

  void Start() {
    if (address.is_unix()) return ConnectUnix();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    resolve.data = this;
    const auto resolved = [](uv_getaddrinfo_t* request, int status, addrinfo* list) {
      auto* self = static_cast<Attempt*>(request->data);
      self->resolving = false;
      self->found = self->next = list;
      if (self->done) {
        if (status == 0) {
          self->ConnectNext();
        } else {
          self->FinishFailed(std::string("the name can't be resolved (") + uv_strerror(status) +
                             ")");
        }
      }
      self->Release();
    };
    ++holds;
    resolving = true;
    const int error = uv_getaddrinfo(loop.uv(), &resolve, resolved, address.host.c_str(),
                                     std::to_string(address.port).c_str(), &hints);
    if (error != 0) {
      --holds;
      resolving = false;
      FailSoon(uv_strerror(error));
    }
  }

  // For failures inside the constructor, which must not call back.
  void FailSoon(std::string cause) {
    timer.emplace(loop);
    timer->Start(0, 0, [this, cause = std::move(cause)] {
      ++holds;
      FinishFailed(cause);
      Release();
    });
  }

  void NewSocket() {
    handle = Socket::Handle::Make(loop, address.is_unix());
    socket.emplace(handle);
    connect.data = this;
  }

  static void OnConnected(uv_connect_t* request, int status) {
    auto* self = static_cast<Attempt*>(request->data);
    if (self->done) self->Connected(status);
    self->Release();
  }

  void Connected(int status) {
    if (status == 0) {
      handle->SetNoDelay();
      Socket connected = std::move(*socket);
      socket.reset();
      return Finish(std::move(connected));
    }
    last_error = status;
    if (address.is_unix()) return FinishFailed(status);
    ConnectNext();
  }

  void ConnectUnix() {
    NewSocket();
    ++holds;
    uv_pipe_connect(&connect, &handle->uv.pipe, address.path.c_str(), OnConnected);
  }

  void ConnectNext() {
    while (next != nullptr) {
      NewSocket();
      const sockaddr* to = next->ai_addr;
      next = next->ai_next;
      last_error = uv_tcp_connect(&connect, &handle->uv.tcp, to, OnConnected);
      if (last_error == 0) {
        ++holds;
        return;
      }
    }
    FinishFailed(last_error);
  }
};

Dial::Dial(Loop& loop, const Address& address, std::uint64_t timeout_ms, Done done)
    : attempt_(new Attempt(loop, address, std::move(done))) {
  attempt_->timer.emplace(loop);
  Attempt* const attempt = attempt_;
  attempt->timer->Start(timeout_ms, 0, [attempt] {
    ++attempt->holds;
    attempt->FinishFailed("no answer in time");
    attempt->Release();
  });
  attempt->Start();
}

Dial::~Dial() {
  ++attempt_->holds;
  attempt_->done = nullptr;
  attempt_->timer.reset();
  attempt_->socket.reset();  // a connect under way then calls back with UV_ECANCELED
  attempt_->owned = false;
  if (attempt_->resolving) uv_cancel(reinterpret_cast<uv_req_t*>(&attempt_->resolve));
  attempt_->Release();
}

}  // namespace redwall::net
