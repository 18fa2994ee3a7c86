// A plain TCP forwarder, as small as it can be: what two hops cost that do nothing.
//
//     forwarder LISTEN_PORT TARGET_PORT      both on 127.0.0.1; runs until it is killed
//
// One thread, epoll, one connection to the target for each client. What is read is written at once;
// what the other end doesn't take waits, and meanwhile nothing more is read.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

int poller = -1;

// One end of a forwarded connection.
struct End {
  int fd;
  End* peer = nullptr;
  std::string waiting = {};  // for this end, not yet taken by it
  bool ended = false;        // it will say no more
  bool dead = false;         // retired at the end of the turn
};

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in Loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// An end is read unless it has ended or its peer is behind, and told when it takes what waits.
void Watch(End& end, int operation = EPOLL_CTL_MOD) {
  epoll_event event{};
  event.data.ptr = &end;
  if (!end.ended && end.peer->waiting.empty()) event.events |= EPOLLIN;
  if (!end.waiting.empty()) event.events |= EPOLLOUT;
  if (epoll_ctl(poller, operation, end.fd, &event) != 0) Die("epoll_ctl");
}

bool TryAgain() { return errno == EAGAIN || errno == EINTR; }

// False: the connection is over.
bool OnWritable(End& end) {
  const ssize_t size =
      send(end.fd, end.waiting.data(), end.waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (size < 0) return TryAgain();
  end.waiting.erase(0, static_cast<std::size_t>(size));
  if (!end.waiting.empty()) return true;
  if (end.peer->ended) shutdown(end.fd, SHUT_WR);
  Watch(end);
  Watch(*end.peer);
  return true;
}

bool OnReadable(End& end) {
  static std::array<char, 65536> buffer;
  const ssize_t size = recv(end.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return TryAgain();
  End& peer = *end.peer;
  if (size == 0) {
    end.ended = true;
    if (peer.ended) return false;
    shutdown(peer.fd, SHUT_WR);  // nothing waits for it, or this end wouldn't have been read
    Watch(end);
    return true;
  }
  ssize_t sent =
      send(peer.fd, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && !TryAgain()) return false;
  if (sent == size) return true;
  if (sent < 0) sent = 0;
  peer.waiting.assign(buffer.data() + sent, static_cast<std::size_t>(size - sent));
  Watch(end);
  Watch(peer);
  return true;
}

void Accept(int listener, const sockaddr_in& target) {
  const int client = accept(listener, nullptr, nullptr);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  // On loopback a connection is there at once or not at all: no need to wait for it by epoll.
  if (server < 0 || connect(server, reinterpret_cast<const sockaddr*>(&target), sizeof target)) {
    std::perror("connect");
    if (server >= 0) close(server);
    close(client);
    return;
  }
  const int on = 1;
  for (const int fd : {client, server}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  End *first = new End{client}, *second = new End{server, first};
  first->peer = second;
  Watch(*first, EPOLL_CTL_ADD);
  Watch(*second, EPOLL_CTL_ADD);
}

void Serve(End& end, std::uint32_t events, std::vector<End*>& over) {
  if (end.dead) return;
  bool alive = true;
  if (events & EPOLLOUT) alive = OnWritable(end);
  // Without interest in reading, a hang-up is told all the same: the connection is over then.
  if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
    alive = !end.ended && end.peer->waiting.empty() ? OnReadable(end) : (events & EPOLLIN) != 0;
  }
  if (alive) return;
  end.dead = end.peer->dead = true;
  over.push_back(&end);
}

int Listen(const char* port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const sockaddr_in address = Loopback(port);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address)) Die("bind");
  if (listen(listener, 4096)) Die("listen");
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event)) Die("epoll_ctl");
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("forwarder LISTEN_PORT TARGET_PORT\n", stderr), 2;
  poller = epoll_create1(0);
  const int listener = Listen(argv[1]);
  const sockaddr_in target = Loopback(argv[2]);
  std::array<epoll_event, 256> events;
  std::vector<End*> over;
  for (;;) {
    const int count = epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        Accept(listener, target);
      } else {
        Serve(*static_cast<End*>(event.data.ptr), event.events, over);
      }
    }
    for (End* end : over) {
      for (End* each : {end->peer, end}) {
        close(each->fd);
        delete each;
      }
    }
    over.clear();
  }
}
