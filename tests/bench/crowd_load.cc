// Many clients that GET, each again as soon as it is answered; prints what redis-benchmark --csv
// prints.
//
//     crowd_load PORT CLIENTS COMMANDS KEYS SIZE [CA CERT KEY]     127.0.0.1; with files by TLS
//
// Unlike redis-benchmark's, these clients don't connect all at once: one comes when the one before
// has got an answer. A thousand handshakes at the same moment are more than some gateways can take
// (spiped listens with a queue of ten), and are not what is measured. Keys are key:%012d below
// KEYS, in turn; each reply must be a value of SIZE bytes.
//
// One thread, epoll.
#include <memory>

#include "tests/bench/load.h"

namespace redwall::bench {
namespace {

class Load {
 public:
  Load(std::size_t port, std::size_t clients, std::size_t commands, std::size_t keys,
       std::size_t size, SSL_CTX* context)
      : commands_(commands), keys_(keys), poller_(epoll_create1(0)) {
    head_ = "$" + std::to_string(size) + "\r\n";
    reply_ = head_.size() + size + 2;
    latencies_.reserve(commands);
    for (std::size_t i = 0; i < clients; ++i) {
      auto link = std::make_unique<Link>(port, context);
      link->Write("*1\r\n$4\r\nPING\r\n");
      while (link->buffer().size() < kPong.size()) link->Read();
      if (link->buffer() != kPong) Die("PING was answered by " + link->buffer());
      link->buffer().clear();
      clients_.push_back({std::move(link), 0});
    }
    for (Client& client : clients_) Watch(client);
  }

  void Run() {
    const std::uint64_t start = NowNs();
    for (Client& client : clients_) Ask(client);
    std::array<epoll_event, 256> events;
    while (latencies_.size() < commands_) {
      const int count = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), 30'000);
      if (count == 0) Die("nothing has arrived for 30 seconds");
      for (int i = 0; i < count; ++i) {
        Take(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr));
      }
    }
    PrintFigures("GET", latencies_, static_cast<double>(NowNs() - start) / 1e9);
  }

 private:
  static constexpr std::string_view kPong = "+PONG\r\n";

  struct Client {
    std::unique_ptr<Link> link;
    std::uint64_t asked;  // when, nanoseconds
  };

  void Watch(Client& client) {
    client.link->Unblock();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    if (epoll_ctl(poller_, EPOLL_CTL_ADD, client.link->fd(), &event)) Die("epoll_ctl");
  }

  void Ask(Client& client) {
    if (asked_ == commands_) return;
    char command[64];
    const int size = std::snprintf(command, sizeof command,
                                   "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012zu\r\n", asked_++ % keys_);
    client.asked = NowNs();
    client.link->Write({command, static_cast<std::size_t>(size)});
  }

  void Take(Client& client) {
    std::string& buffer = client.link->buffer();
    while (client.link->Read()) {
    }
    if (buffer.size() < reply_) return;
    if (buffer.size() > reply_ || !buffer.starts_with(head_)) Die("a reply isn't the value");
    buffer.clear();
    latencies_.push_back(NowNs() - client.asked);
    Ask(client);
  }

  std::size_t commands_, keys_;
  int poller_;
  std::string head_;       // of each reply
  std::size_t reply_ = 0;  // bytes of each reply
  std::vector<Client> clients_;
  std::vector<std::uint64_t> latencies_;  // nanoseconds, one a reply
  std::size_t asked_ = 0;
};

}  // namespace
}  // namespace redwall::bench

int main(int argc, char** argv) {
  using namespace redwall::bench;
  if (argc != 6 && argc != 9) Die("crowd_load PORT CLIENTS COMMANDS KEYS SIZE [CA CERT KEY]");
  Load load(Number(argv[1]), Number(argv[2]), Number(argv[3]), Number(argv[4]), Number(argv[5]),
            ContextOf(argc, argv, 6));
  load.Run();
}
