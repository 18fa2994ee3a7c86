#include "gateway/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "gateway/net/address.h"
#include "gateway/net/socket_handle.h"

namespace redwall::net {

Socket::Handle* Socket::Handle::Make(Loop& loop, bool is_unix) {
  auto* made = new Handle(loop, is_unix);
  if (is_unix) {
    uv_pipe_init(loop.uv(), &made->uv.pipe, 0);
  } else {
    uv_tcp_init(loop.uv(), &made->uv.tcp);
  }
  made->handle()->data = made;
  return made;
}

int Socket::Handle::Open(int fd) {
  return is_unix ? uv_pipe_open(&uv.pipe, fd) : uv_tcp_open(&uv.tcp, fd);
}

void Socket::Handle::SetNoDelay() {
  if (!is_unix) uv_tcp_nodelay(&uv.tcp, 1);
}

void Socket::Handle::Close() {
  if (closing) return;
  closing = true;
  handler = nullptr;
  const uv_close_cb release = [](uv_handle_t* handle) {
    delete static_cast<Handle*>(handle->data);
  };
  if (reset && !is_unix && !shutdown_begun && uv_tcp_close_reset(&uv.tcp, release) == 0) return;
  uv_close(handle(), release);
}

void Socket::Handle::Fail(int error) {
  if (failed || closing) return;
  failed = true;
  uv_read_stop(stream());
  if (handler != nullptr) handler->OnError(error);
}

void Socket::Handle::Flush() {
  if (writing || failed || closing) return;
  if (gathering.empty()) return MaybeShutdown();
  const ByteView bytes = gathering.bytes();
  uv_buf_t buffer = uv_buf_init(const_cast<char*>(reinterpret_cast<const char*>(bytes.data())),
                                static_cast<unsigned>(bytes.size()));
  const int written = uv_try_write(stream(), &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) return Fail(written);
  if (written > 0) gathering.Drop(static_cast<std::size_t>(written));
  if (gathering.empty()) {
    MaybeShutdown();
    if (handler != nullptr) handler->OnDrained();
    return;
  }
  std::swap(gathering, in_flight);
  const ByteView rest = in_flight.bytes();
  buffer = uv_buf_init(const_cast<char*>(reinterpret_cast<const char*>(rest.data())),
                       static_cast<unsigned>(rest.size()));
  const auto done = [](uv_write_t* request, int status) {
    auto* self = static_cast<Handle*>(request->handle->data);
    self->writing = false;
    self->in_flight = OutBuffer();  // rarely needed, so it keeps nothing
    if (self->closing) return;
    if (status < 0) return self->Fail(status);
    if (self->gathering.empty() && self->handler != nullptr) self->handler->OnDrained();
    if (!self->closing) self->Flush();
  };
  const int error = uv_write(&write, stream(), &buffer, 1, done);
  if (error < 0) return Fail(error);
  writing = true;
}

void Socket::Handle::MaybeShutdown() {
  if (!shutdown_wanted || shutdown_begun || writing || !gathering.empty() || failed || closing)
    return;
  shutdown_begun = true;
  // A peer that is gone is noticed by the read side.
  uv_shutdown(&shutdown, stream(), [](uv_shutdown_t*, int) {});
}

// The kernel forgets it when the peer resets the connection. Asked once, so that all hear the same.
const std::string& Socket::Handle::PeerAddress() {
  if (!peer.empty()) return peer;
  sockaddr_storage address{};
  int size = sizeof address;
  if (is_unix) {
    peer = "unix";
  } else if (uv_tcp_getpeername(&uv.tcp, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    peer = "unknown";
  } else {
    peer = FormatSockaddr(reinterpret_cast<const sockaddr*>(&address));
  }
  return peer;
}

void Socket::HandleCloser::operator()(Handle* handle) const { handle->Close(); }

Socket::Socket(Handle* handle) : handle_(handle) {}
Socket& Socket::operator=(Socket&& other) noexcept = default;
Socket::~Socket() = default;

void Socket::SetHandler(SocketHandler* handler) { handle_->handler = handler; }

void Socket::StartReading() {
  if (handle_->reading || handle_->failed) return;
  handle_->reading = true;
  const auto allocate = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    const MutableBytes memory = static_cast<Handle*>(handle->data)->loop.read_buffer();
    *buffer =
        uv_buf_init(reinterpret_cast<char*>(memory.data()), static_cast<unsigned>(memory.size()));
  };
  const auto read = [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
    auto* self = static_cast<Handle*>(stream->data);
    if (self->closing || self->handler == nullptr || size == 0) return;
    if (size == UV_EOF) {
      uv_read_stop(stream);
      self->reading = false;
      self->handler->OnReadEnd();
    } else if (size < 0) {
      self->Fail(static_cast<int>(size));
    } else {
      self->handler->OnRead(
          {reinterpret_cast<std::byte*>(buffer->base), static_cast<std::size_t>(size)});
    }
  };
  const int error = uv_read_start(handle_->stream(), allocate, read);
  if (error < 0) handle_->Fail(error);
}

void Socket::StopReading() {
  if (!handle_->reading) return;
  handle_->reading = false;
  uv_read_stop(handle_->stream());
}

void Socket::Write(ByteView bytes) {
  if (handle_->failed || handle_->shutdown_wanted || bytes.empty()) return;
  handle_->gathering.Append(bytes);
  handle_->RequestTurnEnd();
}

MutableBytes Socket::Reserve(std::size_t size) { return handle_->gathering.Reserve(size); }

void Socket::Commit(std::size_t size) { handle_->gathering.Commit(size); }

std::size_t Socket::queued() const { return handle_->gathering.size() + handle_->in_flight.size(); }

void Socket::Flush() { handle_->Flush(); }

void Socket::Shutdown() {
  handle_->shutdown_wanted = true;
  handle_->RequestTurnEnd();
}

void Socket::LimitUnsent(int bytes) {
  uv_os_fd_t fd = -1;
  if (handle_->is_unix || uv_fileno(handle_->handle(), &fd) != 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

void Socket::ResetOnClose() { handle_->reset = true; }

std::string Socket::peer_address() const { return handle_->PeerAddress(); }

}  // namespace redwall::net
