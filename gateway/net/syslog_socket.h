// SyslogSocket: messages to the machine's system logger, as syslog(3) sends them, but telling
// whether they were taken: syslog(3) loses them without a word when nobody listens.
//
//     <134>Nov 23 01:47:18 redwall[4711]: message
//
// The form is RFC 3164's as syslog(3) and logger(1) write it for the local socket, without a host
// name. Calls block (a system logger that is busy makes its senders wait), for at most kMaxWaitMs:
// for a thread, not for a loop.
#ifndef REDWALL_GATEWAY_NET_SYSLOG_SOCKET_H_
#define REDWALL_GATEWAY_NET_SYSLOG_SOCKET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redwall::net {

class SyslogSocket {
 public:
  static constexpr const char* kDefaultPath = "/dev/log";
  static constexpr int kMaxWaitMs = 1000;
  enum class Sent : std::uint8_t {
    kYes,
    kNo,       // try again later
    kTooLong,  // and always will be
  };

  // `facility`: a value of <syslog.h>, LOG_LOCAL0. All messages are LOG_INFO.
  explicit SyslogSocket(int facility, std::string path = kDefaultPath);
  ~SyslogSocket();
  SyslogSocket(const SyslogSocket&) = delete;
  SyslogSocket& operator=(const SyslogSocket&) = delete;

  // Connects first where it isn't connected, also when the logger was started again. `error`: a
  // sentence where it isn't kYes. `message` has no line's end.
  Sent Send(std::string_view message, std::string& error);

 private:
  bool Connect(std::string& error);
  void Close();
  int Write(std::string_view packet);

  const int facility_;
  const std::string path_;
  int fd_ = -1;
  bool stream_ = false;  // some loggers listen so; a message then ends with a zero byte
};

// "local0", "daemon", "auth", ...: the value of <syslog.h>; nothing for what isn't a facility.
std::optional<int> ParseSyslogFacility(std::string_view name);
// "auth, authpriv, cron, daemon, ...": for an error's text.
std::string SyslogFacilities();

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_SYSLOG_SOCKET_H_
