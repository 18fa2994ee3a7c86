#include "gateway/net/syslog_socket.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace redwall::net {
namespace {

// A folder with the socket of a system logger that the test plays.
class Logger {
 public:
  explicit Logger(int type) : type_(type) {
    REQUIRE(mkdtemp(folder_) != nullptr);
    Start();
  }
  ~Logger() {
    Stop();
    rmdir(folder_);
  }
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  std::string path() const { return std::string(folder_) + "/log"; }

  void Start() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    fd_ = socket(AF_UNIX, type_ | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    if (type_ == SOCK_STREAM) REQUIRE(listen(fd_, 4) == 0);
  }
  void Stop() {
    if (peer_ >= 0) close(peer_);
    if (fd_ >= 0) close(fd_);
    peer_ = fd_ = -1;
    unlink(path().c_str());
  }
  // What came in one read.
  std::string Read() {
    if (type_ == SOCK_STREAM && peer_ < 0) peer_ = accept(fd_, nullptr, nullptr);
    std::string out(300000, '\0');
    const ssize_t size = read(type_ == SOCK_STREAM ? peer_ : fd_, out.data(), out.size());
    REQUIRE(size > 0);
    out.resize(static_cast<std::size_t>(size));
    return out;
  }

 private:
  const int type_;
  char folder_[32] = "/tmp/redwall-syslog-XXXXXX";
  int fd_ = -1, peer_ = -1;
};

using Sent = SyslogSocket::Sent;

TEST_CASE("A message has the form that system loggers know") {
  Logger logger(SOCK_DGRAM);
  SyslogSocket socket(LOG_LOCAL3, logger.path());
  std::string error;
  REQUIRE(socket.Send(R"({"v":1,"seq":7})", error) == Sent::kYes);
  const std::string got = logger.Read();
  CAPTURE(got);
  // local3 (19) * 8 + info (6)
  const std::string process = "redwall[" + std::to_string(getpid()) + "]: ";
  const std::string form = "<158>Mmm dd hh:mm:ss " + process + R"({"v":1,"seq":7})";
  REQUIRE(got.size() == form.size());
  CHECK(got.substr(0, 5) == "<158>");
  CHECK(got.substr(20) == form.substr(20));
  for (const std::size_t colon : {14, 17}) CHECK(got[colon] == ':');
  for (const std::size_t digit : {10, 12, 13, 15, 16, 18, 19})
    CHECK(std::string_view("0123456789").find(got[digit]) != std::string_view::npos);
}

TEST_CASE("A logger with a stream socket gets messages that end with a zero byte") {
  Logger logger(SOCK_STREAM);
  SyslogSocket socket(LOG_DAEMON, logger.path());
  std::string error;
  REQUIRE(socket.Send("one", error) == Sent::kYes);
  REQUIRE(socket.Send("two", error) == Sent::kYes);
  const std::string got = logger.Read();
  REQUIRE(got.size() > 5);
  CHECK(got.starts_with("<30>"));
  CHECK(got.find("]: one\0<30>", 0, 11) != std::string::npos);
  CHECK(got.ends_with(std::string("]: two\0", 7)));
}

TEST_CASE("A logger that isn't there is an error, and found once it is") {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    CAPTURE(type);
    Logger logger(type);
    SyslogSocket socket(LOG_USER, logger.path());
    std::string error;
    logger.Stop();
    CHECK(socket.Send("lost?", error) == Sent::kNo);
    CHECK(error == logger.path() + ": no system logger can be reached: No such file or directory");
    logger.Start();
    CHECK(socket.Send("first", error) == Sent::kYes);
    CHECK(logger.Read().find("]: first") != std::string::npos);
    // Started again: at the old socket nobody reads any more.
    logger.Stop();
    logger.Start();
    CHECK(socket.Send("second", error) == Sent::kYes);
    CHECK(logger.Read().find("]: second") != std::string::npos);
  }
}

TEST_CASE("A message that is too long for a datagram is told apart from trouble") {
  Logger logger(SOCK_DGRAM);
  SyslogSocket socket(LOG_USER, logger.path());
  std::string error;
  CHECK(socket.Send(std::string(64u << 20, 'x'), error) == Sent::kTooLong);
  CHECK(error.find("bytes is too long") != std::string::npos);
  CHECK(socket.Send("short", error) == Sent::kYes);
  CHECK(logger.Read().ends_with("]: short"));
}

TEST_CASE("A logger that doesn't read is trouble, and what it took is whole") {
  Logger logger(SOCK_DGRAM);
  SyslogSocket socket(LOG_USER, logger.path());
  std::string error;
  int sent = 0;
  while (socket.Send("message " + std::to_string(sent), error) == Sent::kYes)
    REQUIRE(++sent < 100000);
  CHECK(error == logger.path() + ": the system logger doesn't keep up");
  for (int i = 0; i < sent; ++i) CHECK(logger.Read().ends_with("]: message " + std::to_string(i)));
  CHECK(socket.Send("again", error) == Sent::kYes);
  CHECK(logger.Read().ends_with("]: again"));
}

TEST_CASE("Facilities by name") {
  CHECK(ParseSyslogFacility("local0") == LOG_LOCAL0);
  CHECK(ParseSyslogFacility("local7") == LOG_LOCAL7);
  CHECK(ParseSyslogFacility("daemon") == LOG_DAEMON);
  CHECK(ParseSyslogFacility("authpriv") == LOG_AUTHPRIV);
  for (const char* name : {"", "local8", "LOCAL0", "kern", "local", "*"})
    CHECK(!ParseSyslogFacility(name));
  CHECK(SyslogFacilities().starts_with("auth, authpriv, "));
  CHECK(SyslogFacilities().find("local7") != std::string::npos);
}

}  // namespace
}  // namespace redwall::net
