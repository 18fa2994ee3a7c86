#include "gateway/net/address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace redwall::net {
namespace {

std::string ErrorOf(const std::string& text) {
  const auto address = Address::Parse(text);
  return address ? "" : address.error().sentence;
}

TEST_CASE("Addresses are read as people write them, and written the same way") {
  struct Case {
    std::string text, host;
    std::uint16_t port;
    std::string path, written;
  };
  const Case cases[] = {
      {"127.0.0.1:6379", "127.0.0.1", 6379, "", "127.0.0.1:6379"},
      {"gw-b.example:0", "gw-b.example", 0, "", "gw-b.example:0"},
      {"localhost:65535", "localhost", 65535, "", "localhost:65535"},
      {"[::1]:7000", "::1", 7000, "", "[::1]:7000"},
      {"[0.0.0.0]:80", "0.0.0.0", 80, "", "0.0.0.0:80"},
      {"[host]:1", "host", 1, "", "host:1"},
      {"unix:/run/redis.sock", "", 0, "/run/redis.sock", "unix:/run/redis.sock"},
      {"unix:a:b", "", 0, "a:b", "unix:a:b"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    const auto address = Address::Parse(each.text);
    REQUIRE(address.ok());
    CHECK(address->host == each.host);
    CHECK(address->port == each.port);
    CHECK(address->path == each.path);
    CHECK(address->is_unix() == !each.path.empty());
    CHECK(address->ToString() == each.written);
  }
}

TEST_CASE("What is no address is quoted, with the reason and the forms that are") {
  struct Case {
    std::string text, why;
  };
  const Case cases[] = {
      {"", "the port is missing"},
      {"localhost", "the port is missing"},
      {":6379", "the host is missing"},
      {"[]:6379", "the host is missing"},
      {"::1:6379", "an IPv6 address stands in brackets"},
      {"[::1:6379", "the bracket isn't closed"},
      {"[::1]", "the bracket isn't closed"},
      {"host:", "the port is a number from 0 to 65535"},
      {"host:65536", "the port is a number from 0 to 65535"},
      {"host:-1", "the port is a number from 0 to 65535"},
      {"host:63x", "the port is a number from 0 to 65535"},
      {"host: 1", "the port is a number from 0 to 65535"},
      {"unix:", "the path is missing"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    CHECK(ErrorOf(each.text) == "'" + each.text + "' is not an address: " + each.why +
                                    " (host:port, [v6]:port or unix:/path)");
  }
}

TEST_CASE("A unix socket's path has at most 107 bytes") {
  CHECK(ErrorOf("unix:/" + std::string(105, 'x')).empty());
  CHECK(ErrorOf("unix:/" + std::string(106, 'x')).empty());
  CHECK(ErrorOf("unix:/" + std::string(107, 'x')).find("at most 107 bytes") != std::string::npos);
}

TEST_CASE("What the kernel says of a socket is written like an address") {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(6379);
  inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr);
  CHECK(FormatSockaddr(reinterpret_cast<const sockaddr*>(&v4)) == "10.1.2.3:6379");
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(1);
  inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
  CHECK(FormatSockaddr(reinterpret_cast<const sockaddr*>(&v6)) == "[2001:db8::7]:1");
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  CHECK(FormatSockaddr(reinterpret_cast<const sockaddr*>(&local)) == "unix");
}

}  // namespace
}  // namespace redwall::net
