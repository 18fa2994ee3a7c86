// What the load drivers here share: connections, plain or by TLS, and the line of figures that
// redis-benchmark --csv prints. Whatever isn't as expected ends the program with a sentence.
#ifndef REDWALL_TESTS_BENCH_LOAD_H_
#define REDWALL_TESTS_BENCH_LOAD_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace redwall::bench {

[[noreturn]] inline void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

inline std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// A connection, by TLS where there is a context. Blocking until Unblock().
class Link {
 public:
  Link(std::size_t port, SSL_CTX* context) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address)) Die("connect");
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) Die("the TLS handshake failed");
  }

  int fd() const { return fd_; }
  void Unblock() { fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK); }

  // What is written is small enough to be taken whole.
  void Write(std::string_view bytes) {
    const int size = static_cast<int>(bytes.size());
    const int written = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), size)
                                        : static_cast<int>(write(fd_, bytes.data(), bytes.size()));
    if (written != size) Die("a write failed");
  }

  // Appends to buffer() what is there; false: nothing is.
  bool Read() {
    static std::array<char, 65536> room;
    const int size = ssl_ != nullptr ? SSL_read(ssl_, room.data(), room.size())
                                     : static_cast<int>(read(fd_, room.data(), room.size()));
    if (size <= 0) {
      const bool later = ssl_ != nullptr ? SSL_get_error(ssl_, size) == SSL_ERROR_WANT_READ
                                         : size < 0 && errno == EAGAIN;
      if (!later) Die("a connection was closed");
      return false;
    }
    buffer_.append(room.data(), static_cast<std::size_t>(size));
    return true;
  }

  std::string& buffer() { return buffer_; }

 private:
  int fd_;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

inline SSL_CTX* TlsContext(char** files) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context, files[0], nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, files[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, files[2], SSL_FILETYPE_PEM) != 1) {
    Die("the certificates can't be used");
  }
  return context;
}

// Prints what `latencies` (nanoseconds, one for each of what is counted) and the time make.
inline void PrintFigures(const char* test, std::vector<std::uint64_t>& latencies, double seconds) {
  std::sort(latencies.begin(), latencies.end());
  const auto count = static_cast<double>(latencies.size());
  const auto milliseconds = [&](double share) {
    const auto at = static_cast<std::size_t>(share * (count - 1));
    return static_cast<double>(latencies[at]) / 1e6;
  };
  const double sum = std::accumulate(latencies.begin(), latencies.end(), 0.0);
  std::puts(
      "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\","
      "\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"");
  std::printf("\"%s\",\"%.2f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\"\n", test,
              count / seconds, sum / count / 1e6, milliseconds(0), milliseconds(0.5),
              milliseconds(0.95), milliseconds(0.99), milliseconds(1));
}

// The context that PORT ... [CA CERT KEY] asks for, the files being the arguments from `first` on;
// null where there are none.
inline SSL_CTX* ContextOf(int argc, char** argv, int first) {
  return argc == first + 3 ? TlsContext(argv + first) : nullptr;
}

inline std::size_t Number(const char* text) {
  const int value = std::atoi(text);
  if (value < 1) Die("numbers are at least 1");
  return static_cast<std::size_t>(value);
}

}  // namespace redwall::bench

#endif  // REDWALL_TESTS_BENCH_LOAD_H_
