// Nodes that say anything at all, and limits.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/gateway/proxy/scripted_nodes.h"

namespace redwall::proxy {
namespace {

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ScriptedNodes::Encode(arguments);
}

// b's slot is node 0's, a's is node 1's.
TEST_CASE("A redirect that a script made up isn't followed to where it likes") {
  ScriptedNodes site;
  site.Request(Encode({"GET", "a"}));
  CHECK(site.Reply(0, "-MOVED 3300 10.0.0.1:7000\r\n") == "-MOVED 3300 10.0.0.1:7000\r\n");
  site.Request(Encode({"GET", "a"}));
  CHECK(site.Reply(0, "-MOVED 15495 evil.example:6379\r\n").empty());
  CHECK(site.dialed.size() == 1);
  for (const char* odd :
       {"-MOVED\r\n", "-MOVED 1\r\n", "-MOVED x 10.0.0.1:7000\r\n", "-MOVED 15495 10.0.0.1:x\r\n",
        "-MOVED 99999 10.0.0.1:1\r\n", "-ASK 15495 10.0.0.1\r\n", "-ASK  :\r\n"}) {
    ScriptedNodes other;
    other.Request(Encode({"GET", "a"}));
    CHECK(other.Reply(0, odd) == odd);
  }
}

TEST_CASE("What isn't RESP, and what nobody asked for, ends it") {
  for (const char* bad : {"?", "$x\r\n", "+OK\r\n+more\r\n", "$1\r\na\r\n:1\r\n", "*-2\r\n"}) {
    ScriptedNodes site;
    site.Request(Encode({"GET", "a"}));
    site.Reply(0, bad);
    CHECK(site.router->finished());
    CHECK(!site.router->failure().empty());
  }
}

TEST_CASE("Confirmations and messages that make no sense crash nothing") {
  for (const char* push : {">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:5\r\n", ">0\r\n", ">1\r\n_\r\n",
                           ">3\r\n$12\r\nsunsubscribe\r\n$1\r\nx\r\n:-7\r\n",
                           ">3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:9223372036854775807\r\n"}) {
    ScriptedNodes site;
    site.Request(Encode({"GET", "a"}));
    CHECK(site.Reply(0, push) == push);
    CHECK(site.Reply(0, "*0\r\n") == "*0\r\n");
    site.Request(Encode({"GET", "b"}) + Encode({"UNSUBSCRIBE"}) + Encode({"SUNSUBSCRIBE"}));
    site.Reply(0, push);
    site.Reply(1, push);
  }
  ScriptedNodes site;
  site.Request(Encode({"MULTI"}) + Encode({"SET", "a", "1"}));
  site.Reply(0, ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:5\r\n");
  site.Reply(0, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:5\r\n*0\r\n");
  site.Reply(0, "+OK\r\n");
}

TEST_CASE("Messages stay whole, whatever becomes of the reply that they stand behind") {
  const std::string part = "*1\r\n$1\r\nx\r\n", push = ">1\r\n$4\r\nnews\r\n";
  for (std::size_t cut = 1; cut < push.size(); ++cut) {
    // Both nodes have a message behind their part, and one of them a reply that has begun.
    ScriptedNodes site;
    site.Request(Encode({"MGET", "a", "b"}) + Encode({"GET", "b"}) + Encode({"GET", "a"}));
    std::string got = site.Reply(0, part + push.substr(0, cut));
    got += site.Reply(1, part + push.substr(0, cut));
    got += site.Reply(1, push.substr(cut) + "$5\r\nab");
    got += site.Reply(0, push.substr(cut) + "$1\r\ny\r\n");
    got += site.Reply(1, "cde\r\n");
    const std::string joined = "*2\r\n$1\r\nx\r\n$1\r\nx\r\n";
    CHECK(got == joined + push + "$5\r\nabcde\r\n" + push + "$1\r\ny\r\n");
  }
}

TEST_CASE("A node that answers before the command is whole ends it") {
  ScriptedNodes site;
  site.Request(Encode({"SET", "a", std::string(100000, 'v')}).substr(0, 50000));
  site.Reply(0, "+OK\r\n");
  CHECK(site.router->finished());
}

TEST_CASE("MULTI that is refused, and answers that aren't QUEUED") {
  ScriptedNodes site;
  site.Request(Encode({"MULTI"}) + Encode({"SET", "a", "1"}));
  CHECK(site.Reply(0, "-NOPERM no MULTI\r\n") == "+OK\r\n-NOPERM no MULTI\r\n");
  CHECK(site.sent[0].find("SET") == std::string::npos);
  site.Request(Encode({"EXEC"}));
  CHECK(site.router->TakeReplies().starts_with("-EXECABORT "));
}

// No byte of a value may get to a node without its command's head: it would be read as commands.
TEST_CASE("A long value behind a MULTI that failed isn't sent without its command") {
  const std::string value = std::string(70000, 'x') + "\r\n*1\r\n$8\r\nFLUSHALL\r\n";
  const std::string set = Encode({"SET", "a", value});
  for (const bool refused : {false, true}) {
    for (const std::size_t cut : {100u, 40000u, 70040u}) {
      ScriptedNodes site;
      site.Request(Encode({"MULTI"}));
      if (refused) {
        site.Request(Encode({"SET", "a", "1"}));
        site.Reply(0, "-NOPERM no MULTI\r\n");
      } else {
        site.router->OnRequest(Encode({"SET", "a", "1"}));
        site.router->OnNodeClosed(0);
      }
      site.router->OnRequest(set.substr(0, cut));
      site.router->OnRequest(set.substr(cut));
      site.sent[0].clear();
      site.router->OnNodeOpen(0);
      CHECK(site.sent[0] == Encode({"MULTI"}));
      site.Reply(0, "+OK\r\n");
      CHECK(site.sent[0] == Encode({"MULTI"}) + set);
      CHECK(site.Reply(0, "+QUEUED\r\n").ends_with("+QUEUED\r\n"));
      CHECK(!site.router->finished());
    }
  }
}

TEST_CASE("Errors of any length pass") {
  for (const std::size_t size : {10u, 99u, 100u, 101u, 5000u}) {
    ScriptedNodes site({.max_error = 100});
    site.Request(Encode({"GET", "a"}) + Encode({"GET", "a"}));
    const std::string error = "-ERR " + std::string(size, 'e') + "\r\n";
    std::string got;
    for (const char c : error + error) got += site.Reply(0, {&c, 1});
    CHECK(got == error + error);
  }
}

TEST_CASE("Replies that are too large to be joined") {
  for (const std::size_t size : {20u, 89u, 90u, 91u, 5000u}) {
    ScriptedNodes site({.max_gathered = 200});
    site.Request(Encode({"MGET", "a", "b"}) + Encode({"PING"}));
    const std::string reply = "*1\r\n$4\r\n" + std::string(4, 'v') + "\r\n";
    const std::string large =
        "*1\r\n$" + std::to_string(size) + "\r\n" + std::string(size, 'v') + "\r\n";
    std::string got = site.Reply(0, large);
    got += site.Reply(1, large);
    got += site.Reply(1, "+PONG\r\n") + site.Reply(0, "");
    CHECK(got.starts_with(2 * large.size() <= 200 ? "*2\r\n" : "-ERR redwall: "));
    CHECK(got.ends_with("+PONG\r\n"));
    CHECK(!site.router->finished());
  }
}

TEST_CASE("What may be kept bounds what is taken") {
  for (const std::size_t kept : {1u, 26u, 27u, 1000u}) {
    ScriptedNodes site({.max_kept = kept});
    const std::string get = Encode({"GET", "a"});
    REQUIRE(get.size() == 20);
    std::string all;
    for (int i = 0; i < 10; ++i) all += get;
    site.Request(all);
    std::string got;
    for (int i = 0; i < 10; ++i) {
      CHECK(!site.router->finished());
      got += site.Reply(0, "$-1\r\n");
    }
    CHECK(got.size() == 50);
    CHECK(site.sent[0] == all);
  }
  ScriptedNodes site({.max_requests = 3});
  site.Request(Encode({"GET", "a"}) + Encode({"GET", "a"}));
  CHECK(site.router->takes_requests());
  site.Request(Encode({"GET", "a"}));
  CHECK(!site.router->takes_requests());
}

TEST_CASE("A command that is too long to be kept isn't sent again") {
  ScriptedNodes site({.max_kept = 100});
  site.Request(Encode({"SET", "a", std::string(101, 'v')}));
  CHECK(site.Reply(0, "-MOVED 15495 10.0.0.1:7000\r\n").starts_with("-TRYAGAIN "));
  site.router->OnMap(nullptr);
  site.Request(Encode({"SET", "a", "v"}));
  CHECK(site.Reply(0, "-MOVED 15495 10.0.0.1:7000\r\n").empty());
}

}  // namespace
}  // namespace redwall::proxy
