// What may go over a connection that clients share.
#include "gateway/proxy/shared_commands.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/command_builder.h"

namespace redwall::proxy {
namespace {

using resp::CommandBuilder;
using resp::CommandInfo;
using resp::CommandTable;

bool MayShare(const std::vector<std::string>& arguments) {
  const CommandBuilder builder(arguments);
  return proxy::MayShare(CommandTable::Builtin().Find(builder.command()), builder.command());
}
bool MayShare(std::string_view text) { return MayShare(CommandBuilder::Split(text)); }

TEST_CASE("Plain commands are shared, in any case") {
  for (const char* text :
       {"GET a", "get a", "SET a b EX 10", "INCR a", "HGET a b", "LPUSH a b", "ZADD a 1 b", "PING",
        "PING x", "ECHO a", "DEL a b", "PUBLISH c m", "OBJECT ENCODING a", "XADD s * a b", "GET"}) {
    CAPTURE(text);
    CHECK(MayShare(text));
  }
}

TEST_CASE("What is of the connection, blocks, runs scripts, administers or is large is not") {
  for (const char* text : {"SELECT 0",
                           "MULTI",
                           "EXEC",
                           "DISCARD",
                           "WATCH a",
                           "UNWATCH",
                           "SUBSCRIBE c",
                           "PSUBSCRIBE c",
                           "SSUBSCRIBE c",
                           "UNSUBSCRIBE",
                           "MONITOR",
                           "BLPOP a 0",
                           "BRPOP a 0",
                           "BLMOVE a b LEFT RIGHT 0",
                           "BLMPOP 0 1 a LEFT",
                           "BZPOPMIN a 0",
                           "XREAD STREAMS a 0",
                           "XREADGROUP GROUP g c STREAMS a >",
                           "WAIT 1 0",
                           "CLIENT ID",
                           "CLIENT REPLY OFF",
                           "CLIENT SETNAME a",
                           "CLIENT TRACKING ON",
                           "CLIENT",
                           "HELLO 3",
                           "AUTH a",
                           "RESET",
                           "QUIT",
                           "EVAL x 0",
                           "EVALSHA x 0",
                           "EVAL_RO x 0",
                           "FCALL f 0",
                           "FCALL_RO f 0",
                           "SCRIPT LOAD x",
                           "FUNCTION LIST",
                           "SYNC",
                           "PSYNC ? -1",
                           "REPLCONF ACK 1",
                           "DEBUG SLEEP 1",
                           "SHUTDOWN",
                           "CONFIG GET a",
                           "ACL WHOAMI",
                           "KEYS *",
                           "SCAN 0",
                           "SMEMBERS a",
                           "HGETALL a",
                           "HKEYS a",
                           "HVALS a",
                           "LRANGE a 0 1",
                           "ZRANGE a 0 1",
                           "SORT a",
                           "SORT_RO a",
                           "DUMP a",
                           "XRANGE a - +",
                           "SINTER a b",
                           "SUNION a b",
                           "INFO",
                           "COMMAND",
                           "OBJECT",
                           "OBJECT HELP",
                           "FLUSHALL",
                           "READONLY",
                           "ASKING",
                           "MIGRATE h 1 k 0 1",
                           "CLUSTER INFO",
                           "NONSENSE a",
                           "GETX",
                           "OBJECT NONSENSE a"}) {
    CAPTURE(text);
    CHECK_FALSE(MayShare(text));
  }
}

TEST_CASE("So many keys at once, and no more") {
  std::vector<std::string> arguments(128, "k");
  arguments[0] = "MGET";
  CHECK(MayShare(arguments));
  arguments.emplace_back("k");
  CHECK_FALSE(MayShare(arguments));
  arguments[0] = "DEL";  // is answered by a number
  CHECK(MayShare(arguments));
}

TEST_CASE("Each name is a command that no flag of Redis's says to be other than it has to be") {
  const SharedNames names = NamesThatMayBeShared();
  REQUIRE(names.size > 90);
  for (std::size_t i = 0; i < names.size; ++i) {
    CAPTURE(names.first[i]);
    const CommandInfo* const info = CommandTable::Builtin().Find(names.first[i]);
    REQUIRE(info != nullptr);
    CHECK(info->verb == resp::Verb::kOther);
    CHECK_FALSE(info->container);
    const std::uint32_t never = resp::kFlagAdmin | resp::kFlagBlocking | resp::kFlagNoscript |
                                resp::kFlagNoMulti | resp::kFlagNoAuth;
    CHECK((info->flags & never) == 0);
  }
}

TEST_CASE("A server that says something else of a command is believed") {
  CommandInfo get = *CommandTable::Builtin().Find("get");
  const CommandBuilder builder({"GET", "a"});
  CHECK(proxy::MayShare(&get, builder.command()));
  get.flags |= resp::kFlagBlocking;
  CHECK_FALSE(proxy::MayShare(&get, builder.command()));
  get.flags = resp::kFlagAdmin;
  CHECK_FALSE(proxy::MayShare(&get, builder.command()));
}

TEST_CASE("Another name for a command is that command") {
  std::vector<CommandInfo> infos;
  for (std::size_t id = 0; id < CommandTable::Builtin().size(); ++id)
    infos.push_back(CommandTable::Builtin().at(static_cast<std::uint16_t>(id)));
  const CommandTable table(infos, {{"get", "multi"}, {"fetch", "strlen"}});
  const CommandBuilder get({"GET", "a"}), fetch({"FETCH", "a"});
  CHECK_FALSE(proxy::MayShare(table.Find(get.command()), get.command()));
  CHECK(proxy::MayShare(table.Find(fetch.command()), fetch.command()));
}

}  // namespace
}  // namespace redwall::proxy
