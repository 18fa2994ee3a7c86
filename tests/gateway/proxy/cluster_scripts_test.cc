// Scripts: their answers may look like redirects, and by then they have run.
#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/proxy/scripted_nodes.h"

namespace redwall::proxy {
namespace {

std::string Encode(std::initializer_list<std::string_view> arguments) {
  return ScriptedNodes::Encode(arguments);
}

std::size_t Count(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// a's slot is 15495, and 10.0.0.2's.
const std::string kMoved = "-MOVED 15495 10.0.0.1:7000\r\n",
                  kBack = "-MOVED 15495 10.0.0.2:7000\r\n";
constexpr const char* kNames[] = {"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"};

TEST_CASE("A script without keys isn't repeated, whatever it answers") {
  for (const char* name : kNames) {
    for (const std::string& made_up : {kMoved, kBack, "-ASK" + kBack.substr(6)}) {
      ScriptedNodes site;
      site.Request(Encode({name, "x", "0"}));
      CHECK(site.Reply(0, made_up) == made_up);
      CHECK(site.dialed.size() == 1);
      CHECK(Count(site.sent[0], name) == 1);
    }
  }
}

TEST_CASE("A script with keys is redirected once") {
  for (const char* name : kNames) {
    for (const std::string& redirect : {kMoved, "-ASK" + kMoved.substr(6)}) {
      ScriptedNodes site;
      site.Request(Encode({name, "x", "1", "a"}));
      CHECK(site.Reply(0, redirect).empty());
      REQUIRE(site.dialed.size() == 2);
      site.router->OnNodeOpen(1);
      CHECK(Count(site.sent[1], name) == 1);
      if (redirect != kMoved) CHECK(site.Reply(1, "+OK\r\n").empty());
      // It was made up: the other node says so before it executes anything.
      CHECK(site.Reply(1, kBack) == kBack);
      CHECK(Count(site.sent[0], name) == 1);
      CHECK(site.router->idle());
    }
  }
}

TEST_CASE("A script isn't repeated by the node that answered, nor by the next map") {
  for (const std::string& made_up :
       {kBack, std::string("-MOVED 15495 :7000\r\n"), "-ASK" + kBack.substr(6),
        std::string("-MOVED 15495 nowhere.example:1\r\n")}) {
    ScriptedNodes site;
    site.Request(Encode({"EVAL", "x", "1", "a"}));
    CHECK(site.Reply(0, made_up) == made_up);
    CHECK(site.dialed.size() == 1);
    CHECK(Count(site.sent[0], "EVAL") == 1);
  }
}

TEST_CASE("A long script that answers MOVED isn't said to be worth another try") {
  ScriptedNodes site({.max_kept = 100});
  site.Request(Encode({"EVAL", std::string(200, 'x'), "1", "a"}));
  CHECK(site.Reply(0, kMoved) == kMoved);
}

}  // namespace
}  // namespace redwall::proxy
