#include "gateway/agent/copies.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace redwall::agent {
namespace {

constexpr std::uint64_t kPatience = 60000;  // ms until a test is given up; none waits for it

std::string ReadAll(int fd) {
  std::string out;
  char piece[65536];
  ssize_t size;
  while ((size = read(fd, piece, sizeof piece)) > 0)
    out.append(piece, static_cast<std::size_t>(size));
  return out;
}

TEST_CASE("A descriptor gets the lines as they are, also through a pipe that is full meanwhile") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  std::string expected;
  {
    audit::SinkThread copy("stdout", MakeDescriptorSink(ends[1], "standard output"));
    for (int i = 0; i < 20000; ++i) {
      const std::string line = "{\"v\":1,\"seq\":" + std::to_string(i) + "}\n";
      expected += line;
      copy.Take(line);  // a pipe holds 64 KiB, and nobody has read yet
    }
    std::string got;
    char piece[65536];
    while (got.size() < expected.size()) {
      const ssize_t size = read(ends[0], piece, sizeof piece);
      REQUIRE(size > 0);
      got.append(piece, static_cast<std::size_t>(size));
    }
    CHECK(got == expected);
    copy.Finish(kPatience);
    CHECK(!copy.TakeLoss());
  }
  close(ends[1]);
  CHECK(ReadAll(ends[0]).empty());
  close(ends[0]);
}

TEST_CASE("A pipe without a reader is trouble that is told") {
  signal(SIGPIPE, SIG_IGN);  // as in an agent
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  close(ends[0]);
  const auto sink = MakeDescriptorSink(ends[1], "standard output");
  const auto outcome = sink->Write("line\n");
  CHECK(outcome.taken == 0);
  CHECK(outcome.lost == 0);
  CHECK(outcome.error == "standard output: Broken pipe");
  close(ends[1]);
}

TEST_CASE("The system logger gets a message a line; one that is too long is counted") {
  char folder[] = "/tmp/redwall-copies-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/log";
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);

  audit::SinkThread copy("syslog", MakeSyslogSink(LOG_LOCAL0, path));
  copy.Take("{\"seq\":1}\n{\"seq\":2}\n");
  copy.Take("{\"long\":\"" + std::string(4u << 20, 'x') + "\"}\n");
  copy.Take("{\"seq\":4}\n");
  for (const char* expected : {"{\"seq\":1}", "{\"seq\":2}", "{\"seq\":4}"}) {
    char message[1000];
    const ssize_t size = read(fd, message, sizeof message);
    REQUIRE(size > 0);
    const std::string got(message, static_cast<std::size_t>(size));
    CHECK(got.starts_with("<134>"));
    CHECK(got.ends_with("]: " + std::string(expected)));
  }
  copy.Finish(kPatience);
  const auto loss = copy.TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 1);
  CHECK(loss->why.find("is too long") != std::string::npos);
  close(fd);
  unlink(path.c_str());

  const auto gone = MakeSyslogSink(LOG_LOCAL0, path)->Write("line\n");
  CHECK(gone.taken == 0);
  CHECK(gone.error == path + ": no system logger can be reached: No such file or directory");
  rmdir(folder);
}

}  // namespace
}  // namespace redwall::agent
