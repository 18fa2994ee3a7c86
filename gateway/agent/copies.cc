#include "gateway/agent/copies.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "gateway/net/syslog_socket.h"

namespace redwall::agent {
namespace {

class DescriptorSink final : public audit::BlockingSink {
 public:
  DescriptorSink(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

  Outcome Write(std::string_view lines) override {
    const ssize_t written = write(fd_, lines.data(), lines.size());
    if (written > 0) return {static_cast<std::size_t>(written), 0, {}, {}};
    const int code = written < 0 ? errno : ENOSPC;
    if (code == EINTR) return {};
    return {0, 0, {}, name_ + ": " + std::generic_category().message(code)};
  }

 private:
  const int fd_;  // not owned
  const std::string name_;
};

class SyslogSink final : public audit::BlockingSink {
 public:
  SyslogSink(int facility, const std::string& path) : socket_(facility, path) {}

  Outcome Write(std::string_view lines) override {
    Outcome outcome;
    while (outcome.taken < lines.size()) {
      const std::string_view line =
          lines.substr(outcome.taken, lines.find('\n', outcome.taken) - outcome.taken);
      std::string error;
      const auto sent = socket_.Send(line, error);
      if (sent == net::SyslogSocket::Sent::kNo) {
        outcome.error = std::move(error);
        break;
      }
      if (sent == net::SyslogSocket::Sent::kTooLong) {
        ++outcome.lost;
        outcome.why = std::move(error);
      }
      outcome.taken += line.size() + 1;
    }
    return outcome;
  }

 private:
  net::SyslogSocket socket_;
};

}  // namespace

std::unique_ptr<audit::BlockingSink> MakeDescriptorSink(int fd, std::string name) {
  return std::make_unique<DescriptorSink>(fd, std::move(name));
}

std::unique_ptr<audit::BlockingSink> MakeSyslogSink(int facility, const std::string& path) {
  return std::make_unique<SyslogSink>(facility, path);
}

std::unique_ptr<audit::LineCopy> MakeStdoutCopy() {
  return std::make_unique<audit::SinkThread>("stdout",
                                             MakeDescriptorSink(STDOUT_FILENO, "standard output"));
}

std::unique_ptr<audit::LineCopy> MakeSyslogCopy(int facility) {
  return std::make_unique<audit::SinkThread>(
      "syslog", MakeSyslogSink(facility, net::SyslogSocket::kDefaultPath));
}

}  // namespace redwall::agent
