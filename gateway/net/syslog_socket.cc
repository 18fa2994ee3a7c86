#include "gateway/net/syslog_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

namespace redwall::net {
namespace {

struct Facility {
  std::string_view name;
  int value;
};
// LOG_KERN is not for processes.
constexpr Facility kFacilities[] = {
    {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},           {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},     {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},     {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7}, {"lpr", LOG_LPR},           {"mail", LOG_MAIL},
    {"news", LOG_NEWS},     {"syslog", LOG_SYSLOG},     {"user", LOG_USER},
    {"uucp", LOG_UUCP},
};

// "Nov  3 01:47:18", in local time: the form has no zone.
std::string Time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%b %e %H:%M:%S", &parts);
  return std::string(text, size);
}

std::string Cause(int code) { return std::generic_category().message(code); }

}  // namespace

SyslogSocket::SyslogSocket(int facility, std::string path)
    : facility_(facility), path_(std::move(path)) {}

SyslogSocket::~SyslogSocket() { Close(); }

SyslogSocket::Sent SyslogSocket::Send(std::string_view message, std::string& error) {
  std::string packet = "<" + std::to_string(facility_ | LOG_INFO) + ">" + Time() + " redwall[" +
                       std::to_string(getpid()) + "]: ";
  packet += message;
  // Twice: a logger that was started again is found only by connecting anew.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (fd_ < 0 && !Connect(error)) return Sent::kNo;
    const int code = Write(packet);
    if (code == 0) return Sent::kYes;
    error = path_ + ": " + Cause(code);
    if (code == EMSGSIZE) {
      error = path_ + ": a message of " + std::to_string(packet.size()) + " bytes is too long";
      return Sent::kTooLong;
    }
    if (code == EAGAIN || code == EWOULDBLOCK) {
      error = path_ + ": the system logger doesn't keep up";
      if (stream_) Close();  // half a message may have gone
      return Sent::kNo;
    }
    Close();
  }
  return Sent::kNo;
}

bool SyslogSocket::Connect(std::string& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) {
    error = path_ + ": this path is too long for a socket";
    return false;
  }
  std::memcpy(address.sun_path, path_.data(), path_.size());
  int code = 0;
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    fd_ = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
      code = errno;
      break;
    }
    const timeval wait{kMaxWaitMs / 1000, (kMaxWaitMs % 1000) * 1000};
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    stream_ = type == SOCK_STREAM;
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    code = errno;
    Close();
    if (code != EPROTOTYPE) break;  // the logger has the other type of socket
  }
  error = path_ + ": no system logger can be reached: " + Cause(code);
  return false;
}

void SyslogSocket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

// 0, or the error's number.
int SyslogSocket::Write(std::string_view packet) {
  // A datagram's length says where it ends.
  const std::string framed = stream_ ? std::string(packet) + '\0' : std::string();
  std::string_view rest = stream_ ? std::string_view(framed) : packet;
  while (!rest.empty()) {
    const ssize_t sent = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return 0;
}

std::optional<int> ParseSyslogFacility(std::string_view name) {
  for (const Facility& facility : kFacilities) {
    if (facility.name == name) return facility.value;
  }
  return std::nullopt;
}

std::string SyslogFacilities() {
  std::string out;
  for (const Facility& facility : kFacilities) {
    if (!out.empty()) out += ", ";
    out += facility.name;
  }
  return out;
}

}  // namespace redwall::net
