#include "base/network.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace redwall {
namespace {

IpAddress Ip(const std::string& text) {
  const auto address = IpAddress::Parse(text);
  REQUIRE(address.has_value());
  return *address;
}

TEST_CASE("An address is read with or without a peer's brackets and port") {
  CHECK(Ip("192.0.2.7").ToString() == "192.0.2.7");
  CHECK(Ip("2001:DB8:0::7").ToString() == "2001:db8::7");
  CHECK(Ip("192.0.2.7").is_v4());
  CHECK_FALSE(Ip("::1").is_v4());
  CHECK(IpAddress::OfPeer("192.0.2.7:6479") == Ip("192.0.2.7"));
  CHECK(IpAddress::OfPeer("[2001:db8::7]:6479") == Ip("2001:db8::7"));
  for (const char* text : {"unix", "unknown", "", ":1", "host:1", "[::1", "1.2.3:1"})
    CHECK_FALSE(IpAddress::OfPeer(text).has_value());
  for (const std::string& text : {std::string("10.0.0.1\0x", 10), std::string("10.0.0.1 "),
                                  std::string("010.0.0.1.1"), std::string("fe80::1%eth0")})
    CHECK_FALSE(IpAddress::Parse(text).has_value());
}

TEST_CASE("An IPv4 address in IPv6 clothes is that IPv4 address") {
  CHECK(Ip("::ffff:192.0.2.7") == Ip("192.0.2.7"));
  CHECK(Ip("::ffff:192.0.2.7").ToString() == "192.0.2.7");
  CHECK(IpAddress::OfPeer("[::ffff:192.0.2.7]:1") == Ip("192.0.2.7"));
  const auto network = Network::Parse("::ffff:10.0.0.0/104");
  REQUIRE(network.ok());
  CHECK(network->ToString() == "10.0.0.0/8");
  CHECK(network->Contains(Ip("10.255.0.1")));
}

TEST_CASE("A network holds its own addresses and no others") {
  struct Case {
    std::string network;
    std::vector<std::string> inside, outside;
  };
  const Case cases[] = {
      {"10.0.0.0/8",
       {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"},
       {"9.255.255.255", "11.0.0.0", "::a00:1"}},
      {"192.0.2.128/25", {"192.0.2.128", "192.0.2.255"}, {"192.0.2.127", "192.0.3.0"}},
      {"192.0.2.7", {"192.0.2.7"}, {"192.0.2.6", "192.0.2.8"}},
      {"192.0.2.7/32", {"192.0.2.7"}, {"192.0.2.6", "::c000:207"}},
      {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"}, {"::1", "2001:db8::1"}},
      {"128.0.0.0/1", {"128.0.0.1", "255.0.0.0"}, {"127.255.255.255"}},
      {"2001:db8::/32", {"2001:db8::", "2001:db8:ffff::1"}, {"2001:db9::", "10.0.0.1"}},
      {"2001:db8::7/128", {"2001:db8::7"}, {"2001:db8::6"}},
      {"2001:db8::7", {"2001:db8::7"}, {"2001:db8::8"}},
      {"::/0", {"::", "2001:db8::1", "ffff::"}, {"10.0.0.1", "::ffff:10.0.0.1"}},
      {"fe80::/10", {"fe80::1", "febf::"}, {"fec0::", "fe00::"}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.network);
    const auto network = Network::Parse(each.network);
    REQUIRE(network.ok());
    for (const std::string& text : each.inside) {
      CAPTURE(text);
      CHECK(network->Contains(Ip(text)));
    }
    for (const std::string& text : each.outside) {
      CAPTURE(text);
      CHECK_FALSE(network->Contains(Ip(text)));
    }
  }
}

TEST_CASE("What is no network is quoted, with the reason and the forms that are") {
  struct Case {
    std::string text, why;
  };
  const std::string no_address = "expected an IPv4 or IPv6 address, no name, no port";
  const Case cases[] = {
      {"", no_address},
      {"localhost", no_address},
      {"10.0.0/8", no_address},
      {"10.0.0.1:80", no_address},
      {"[::1]/128", no_address},
      {"/8", no_address},
      {"10.0.0.0/", "the prefix is a number from 0 to 32"},
      {"10.0.0.0/33", "the prefix is a number from 0 to 32"},
      {"10.0.0.0/-1", "the prefix is a number from 0 to 32"},
      {"10.0.0.0/8x", "the prefix is a number from 0 to 32"},
      {"10.0.0.0/255.0.0.0", "the prefix is a number from 0 to 32"},
      {"10.0.0.0/99999999999", "the prefix is a number from 0 to 32"},
      {"2001:db8::/129", "the prefix is a number from 0 to 128"},
      {"10.1.2.3/8",
       "bits behind the prefix are set; write 10.0.0.0/8 for the network, or 10.1.2.3 for that "
       "address alone"},
      {"10.0.0.1/0",
       "bits behind the prefix are set; write 0.0.0.0/0 for the network, or 10.0.0.1 for that "
       "address alone"},
      {"2001:db8::1/64",
       "bits behind the prefix are set; write 2001:db8::/64 for the network, or 2001:db8::1 for "
       "that address alone"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    const auto network = Network::Parse(each.text);
    REQUIRE_FALSE(network.ok());
    CHECK(network.error().sentence == "'" + each.text + "' is not a network: " + each.why +
                                          " (10.0.0.0/8, 2001:db8::/32, or a single address)");
  }
}

}  // namespace
}  // namespace redwall
