#include "resp/command_facts.h"

#include <doctest/doctest.h>

#include <string_view>

namespace redwall::resp {
namespace {

const CommandInfo& Info(std::string_view name) {
  const CommandInfo* info = CommandTable::Builtin().Find(name);
  REQUIRE(info != nullptr);
  return *info;
}

TEST_CASE("What changes data, runs a script that may, or sends a message may write") {
  for (const char* name : {"set", "del", "xreadgroup", "sort", "eval", "fcall", "publish",
                           "spublish", "pfcount", "migrate", "flushall", "restore"})
    CHECK_MESSAGE(MayWrite(Info(name)), name);
  for (const char* name :
       {"get", "ping", "scan", "xread", "sort_ro", "eval_ro", "subscribe", "info", "multi"})
    CHECK_MESSAGE(!MayWrite(Info(name)), name);
}

TEST_CASE("XREADGROUP writes to what its specification says it reads") {
  CHECK(WritesUntold(Info("xreadgroup")));
  for (const char* name : {"set", "sort", "bitfield", "georadius", "get", "xread", "copy"})
    CHECK_MESSAGE(!WritesUntold(Info(name)), name);
}

}  // namespace
}  // namespace redwall::resp
