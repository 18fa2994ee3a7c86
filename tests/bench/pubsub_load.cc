// Publishes messages to many subscribers and prints how fast they arrive, as redis-benchmark --csv
// prints it; a delivery is one message at one subscriber, its latency counts from the PUBLISH.
//
//     pubsub_load PORT SUBSCRIBERS MESSAGES [CA CERT KEY]     127.0.0.1; with files by TLS
//
// One thread, epoll. At most kWindow messages are under way: the next one is published when all
// subscribers have the one kWindow before it. Each message is compared with what was published, and
// each PUBLISH must have reached all subscribers.
#include <charconv>
#include <memory>

#include "tests/bench/load.h"

namespace redwall::bench {
namespace {

constexpr std::size_t kWindow = 16;
constexpr std::size_t kValue = 100;  // bytes of a message: when it was published, and padding
constexpr std::size_t kDigits = 20;
constexpr std::string_view kHead = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$100\r\n";
constexpr std::size_t kFrame = kHead.size() + kValue + 2;
constexpr std::string_view kSubscribed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";

class Load {
 public:
  Load(std::size_t port, std::size_t subscribers, std::size_t messages, SSL_CTX* context)
      : messages_(messages), poller_(epoll_create1(0)), publisher_(port, context) {
    arrivals_.resize(messages);
    latencies_.reserve(messages * subscribers);
    for (std::size_t i = 0; i < subscribers; ++i) {
      auto link = std::make_unique<Link>(port, context);
      link->Write("*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n");
      while (link->buffer().size() < kSubscribed.size()) link->Read();
      if (link->buffer() != kSubscribed) Die("SUBSCRIBE was answered by " + link->buffer());
      link->buffer().clear();
      subscribers_.push_back({std::move(link), 0});
    }
    for (Subscriber& subscriber : subscribers_) Watch(*subscriber.link, &subscriber);
    Watch(publisher_, nullptr);
  }

  void Run() {
    const std::uint64_t start = NowNs();
    std::array<epoll_event, 256> events;
    while (complete_ < messages_ || confirmed_ < messages_) {
      Publish();
      const int count = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), 30'000);
      if (count == 0) Die("nothing has arrived for 30 seconds");
      for (int i = 0; i < count; ++i) {
        auto* subscriber = static_cast<Subscriber*>(events[static_cast<std::size_t>(i)].data.ptr);
        subscriber == nullptr ? TakeReplies() : TakeMessages(*subscriber);
      }
    }
    seconds_ = static_cast<double>(NowNs() - start) / 1e9;
  }

  void Print() { PrintFigures("PUBLISH", latencies_, seconds_); }

 private:
  struct Subscriber {
    std::unique_ptr<Link> link;
    std::size_t received;
  };

  void Watch(Link& link, Subscriber* subscriber) {
    link.Unblock();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = subscriber;
    if (epoll_ctl(poller_, EPOLL_CTL_ADD, link.fd(), &event)) Die("epoll_ctl");
  }

  void Publish() {
    while (values_.size() < messages_ && values_.size() < complete_ + kWindow) {
      std::string value = std::to_string(NowNs());
      value.insert(0, kDigits - value.size(), '0');
      value.resize(kValue, 'x');
      publisher_.Write("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$100\r\n" + value + "\r\n");
      values_.push_back(std::move(value));
    }
  }

  void TakeMessages(Subscriber& subscriber) {
    std::string& buffer = subscriber.link->buffer();
    while (subscriber.link->Read()) {
    }
    const std::uint64_t now = NowNs();
    std::string_view rest = buffer;
    for (; rest.size() >= kFrame; rest.remove_prefix(kFrame)) {
      const std::string_view value = rest.substr(kHead.size(), kValue);
      if (!rest.starts_with(kHead) || subscriber.received >= values_.size() ||
          value != values_[subscriber.received]) {
        Die("a message isn't the next one");
      }
      std::uint64_t published = 0;
      std::from_chars(value.data(), value.data() + kDigits, published);
      latencies_.push_back(now - published);
      if (++arrivals_[subscriber.received++] == subscribers_.size()) ++complete_;
    }
    buffer.erase(0, buffer.size() - rest.size());
  }

  void TakeReplies() {
    const std::string expected = ":" + std::to_string(subscribers_.size()) + "\r\n";
    std::string& buffer = publisher_.buffer();
    while (publisher_.Read()) {
    }
    std::string_view rest = buffer;
    for (; rest.size() >= expected.size(); rest.remove_prefix(expected.size()), ++confirmed_) {
      if (!rest.starts_with(expected)) Die("PUBLISH was answered by " + std::string(rest));
    }
    buffer.erase(0, buffer.size() - rest.size());
  }

  std::size_t messages_;
  int poller_;
  Link publisher_;
  std::vector<Subscriber> subscribers_;
  std::vector<std::string> values_;       // published
  std::vector<std::size_t> arrivals_;     // of each message: how many have it
  std::vector<std::uint64_t> latencies_;  // nanoseconds, one a delivery
  std::size_t complete_ = 0;              // messages that all have, which are the first ones
  std::size_t confirmed_ = 0;             // PUBLISH commands answered
  double seconds_ = 0;
};

}  // namespace
}  // namespace redwall::bench

int main(int argc, char** argv) {
  using namespace redwall::bench;
  if (argc != 4 && argc != 7) Die("pubsub_load PORT SUBSCRIBERS MESSAGES [CA CERT KEY]");
  Load load(Number(argv[1]), Number(argv[2]), Number(argv[3]), ContextOf(argc, argv, 4));
  load.Run();
  load.Print();
}
