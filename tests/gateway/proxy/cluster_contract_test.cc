// What the router promises its owner: what is said to the log, and which nodes it speaks of.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/gateway/proxy/scripted_nodes.h"

namespace redwall::proxy {
namespace {

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ScriptedNodes::Encode(arguments);
}

TEST_CASE("What a node says of the login goes neither to the client nor to the log") {
  for (const std::string prefix : {"ERR unknown command 'AUTH', with args beginning with: ", ""}) {
    ScriptedNodes site({}, Encode({"AUTH", "hush"}));
    site.Request(Encode({"GET", "a"}));
    CHECK(site.Reply(0, "-" + prefix + "'hush'\r\n") ==
          "-ERR redwall: a node refused the route's credentials\r\n");
    CHECK(site.refused == std::vector<std::string>{prefix.empty() ? "an error" : "ERR"});
  }
}

TEST_CASE("What a node says of the client's own login is the client's, not the log's") {
  ScriptedNodes site({}, Encode({"AUTH", "hush"}));
  site.Request(Encode({"GET", "a"}));
  site.Reply(0, "+OK\r\n$-1\r\n");
  site.Request(Encode({"AUTH", "mine"}));
  CHECK(site.Reply(1, "+OK\r\n").empty());
  CHECK(site.Reply(0, "+OK\r\n").empty());
  CHECK(site.Reply(1, "+OK\r\n") == "+OK\r\n");
  site.router->OnNodeClosed(0);
  site.Request(Encode({"GET", "a"}));
  CHECK(site.sent[0].ends_with(site.login + Encode({"AUTH", "mine"})));
  CHECK(site.Reply(0, "+OK\r\n").empty());
  CHECK(site.Reply(0, "-WRONGPASS 'mine'\r\n") == "-WRONGPASS 'mine'\r\n");
  CHECK(site.refused == std::vector<std::string>{"WRONGPASS"});
}

TEST_CASE("A node that has closed isn't closed again") {
  ScriptedNodes site;
  site.Request(Encode({"GET", "b"}) + Encode({"GET", "a"}));
  site.Reply(0, "$-1\r\n");
  site.Reply(1, "$-1\r\n");
  site.Request(Encode({"MULTI"}) + Encode({"SET", "b", "1"}));
  site.Reply(1, ">1\r\n$4\r\nne");
  site.Reply(0, ">1\r\n$4\r\nnews\r\n-ERR no\r\n");
  site.router->OnNodeClosed(0);
  site.Reply(1, "ws\r\n");
  CHECK(std::find(site.closed.begin(), site.closed.end(), 0u) == site.closed.end());
}

}  // namespace
}  // namespace redwall::proxy
