#include "resp/command_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/support/command_builder.h"

namespace redwall::resp {
namespace {

const CommandTable& Table() { return CommandTable::Builtin(); }

// The full name that a command line is found under; "(none)" where it isn't known.
std::string Found(const std::vector<std::string>& arguments, std::size_t argc = 0) {
  const CommandBuilder builder(arguments, argc == 0 ? arguments.size() : argc);
  const CommandInfo* info = Table().Find(builder.command());
  return info == nullptr ? "(none)" : info->name;
}
std::string FoundLine(const char* line) { return Found(CommandBuilder::Split(line)); }

CommandInfo Named(std::string name) {
  CommandInfo info;
  info.name = std::move(name);
  return info;
}

bool Has(const CommandInfo& info, std::string_view category) {
  return (info.categories & CategoryBit(category)) != 0;
}

TEST_CASE("commands are found in any case") {
  CHECK(FoundLine("get a") == "get");
  CHECK(FoundLine("GeT a") == "get");
  CHECK(FoundLine("GEORADIUSBYMEMBER_RO a") == "georadiusbymember_ro");
  CHECK(FoundLine("gett a") == "(none)");
  CHECK(FoundLine("ge a") == "(none)");
  CHECK(Found({""}) == "(none)");
  CHECK(Found({std::string(1 << 20, 'g')}) == "(none)");
  // Folding is for letters only: '@' and '`', '[' and '{' differ by the same bit.
  CHECK(Table().Find("client\x5csetname") == nullptr);
}

TEST_CASE("a sub-command is found under its container, and a container alone as itself") {
  CHECK(FoundLine("config set a b") == "config|set");
  CHECK(FoundLine("CONFIG SeT a b") == "config|set");
  CHECK(FoundLine("config") == "config");
  CHECK(FoundLine("command") == "command");
  CHECK(FoundLine("command docs") == "command|docs");
  CHECK(FoundLine("command nothing") == "(none)");
  CHECK(Found({"config", ""}) == "(none)");
  CHECK(Found({"config", std::string(1000, 'x')}) == "(none)");
  CHECK(FoundLine("get set") == "get");
}

TEST_CASE("a full name is no name that a client can call a command by") {
  CHECK(FoundLine("config|set a b") == "(none)");
  CHECK(FoundLine("client|id") == "(none)");
  CHECK(FoundLine("config set|") == "(none)");
  CHECK(Table().Find("config|set")->name == "config|set");
  CHECK(Table().Find("CONFIG|Set")->name == "config|set");
  CHECK(Table().Find("config")->container);
  CHECK(Table().Find("config|") == nullptr);
  CHECK(Table().Find("") == nullptr);
}

TEST_CASE("a name counts up to its first NUL, as where Redis compares names") {
  CHECK(Found({std::string("flushall\0x", 10)}) == "flushall");
  CHECK(Found({std::string("flushall\0", 9) + std::string(1000, 'x')}) == "flushall");
  CHECK(Found({"config", std::string("SET\0x", 5), "a", "b"}) == "config|set");
  CHECK(Found({std::string("config\0x", 8), "set", "a", "b"}) == "config|set");
  CHECK(Found({std::string("\0get", 4)}) == "(none)");
}

TEST_CASE("a head is found as soon as the deciding arguments are here") {
  CHECK(Found({"get"}, 2) == "get");
  CHECK(Found({"config"}, 4) == "(none)");
  CHECK(Found({"config", "set"}, 4) == "config|set");
  CHECK(Found({"xgroup", "create"}, 0x7fffffff) == "xgroup|create");
}

TEST_CASE("ids are dense and every command is found by its own name") {
  CHECK(Table().size() == 389);
  for (std::size_t id = 0; id < Table().size(); ++id) {
    const CommandInfo& info = Table().at(static_cast<std::uint16_t>(id));
    CAPTURE(info.name);
    CHECK(info.id == id);
    CHECK(Table().Find(info.name) == &info);
    std::string upper = info.name;
    for (char& c : upper)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    CHECK(Table().Find(upper) == &info);
    const std::size_t bar = info.name.find('|');
    if (bar == std::string::npos) {
      CHECK(Found({upper}) == info.name);
    } else {
      CHECK(Found({upper.substr(0, bar), upper.substr(bar + 1)}) == info.name);
      CHECK(Table().Find(info.name.substr(0, bar))->container);
    }
  }
}

TEST_CASE("the facts are those of COMMAND") {
  const CommandInfo& get = *Table().Find("get");
  CHECK(get.arity == 2);
  CHECK(get.flags == (kFlagReadonly | kFlagFast));
  CHECK(get.categories == (CategoryBit("read") | CategoryBit("string") | CategoryBit("fast")));
  REQUIRE(get.key_specs.size() == 1);
  CHECK(get.key_specs[0].index == 1);
  CHECK(get.key_specs[0].read);
  CHECK(!get.key_specs[0].write);

  const CommandInfo& store = *Table().Find("zunionstore");
  CHECK(store.arity == -4);
  CHECK(store.flags == (kFlagWrite | kFlagDenyoom | kFlagMovableKeys));
  REQUIRE(store.key_specs.size() == 2);
  CHECK(store.key_specs[0].write);
  CHECK(!store.key_specs[0].read);
  CHECK(store.key_specs[1].find == KeySpec::Find::kKeynum);
  CHECK(store.key_specs[1].index == 2);
  CHECK(store.key_specs[1].first == 1);

  const CommandInfo& migrate = *Table().Find("migrate");
  REQUIRE(migrate.key_specs.size() == 2);
  CHECK(migrate.key_specs[1].keyword == "KEYS");
  CHECK(migrate.key_specs[1].index == -2);
  CHECK(migrate.key_specs[1].incomplete);
  CHECK(Table().Find("spublish")->key_specs.at(0).not_key);
  CHECK(Table().Find("config|set")->flags ==
        (kFlagAdmin | kFlagNoscript | kFlagLoading | kFlagStale));
}

TEST_CASE("categories are found in any case and have one bit each") {
  CHECK(CategoryNames().size() == 22);
  CHECK(CategoryNames().back() == "handshake");
  for (std::size_t i = 0; i < CategoryNames().size(); ++i)
    CHECK(CategoryBit(CategoryNames()[i]) == Categories{1} << i);
  CHECK(CategoryBit("DangerouS") == CategoryBit("dangerous"));
  CHECK(CategoryBit("") == 0);
  CHECK(CategoryBit("danger") == 0);
  CHECK(CategoryBit("@read") == 0);
  CHECK(CategoryBit("readx") == 0);
}

TEST_CASE("@handshake is what clients send by themselves, and nothing else") {
  const std::set<std::string> expected = {"hello",
                                          "auth",
                                          "ping",
                                          "echo",
                                          "select",
                                          "quit",
                                          "reset",
                                          "readonly",
                                          "command",
                                          "command|count",
                                          "command|docs",
                                          "command|list",
                                          "command|help",
                                          "command|info",
                                          "command|getkeys",
                                          "client|setname",
                                          "client|setinfo",
                                          "client|getname",
                                          "client|id",
                                          "command|getkeysandflags"};
  std::set<std::string> found;
  for (std::size_t id = 0; id < Table().size(); ++id) {
    const CommandInfo& info = Table().at(static_cast<std::uint16_t>(id));
    if (Has(info, "handshake")) found.insert(info.name);
  }
  CHECK(found == expected);
}

TEST_CASE("verbs stand at the commands that change a connection, and only there") {
  CHECK(Table().Find("multi")->verb == Verb::kMulti);
  CHECK(Table().Find("psync")->verb == Verb::kPsync);
  CHECK(Table().Find("punsubscribe")->verb == Verb::kPunsubscribe);
  CHECK(Table().Find("client|reply")->verb == Verb::kClientReply);
  CHECK(Table().Find("client|setname")->verb == Verb::kClientSetname);
  CHECK(Table().Find("client")->verb == Verb::kOther);
  std::set<Verb> seen;
  std::size_t with_verb = 0;
  for (std::size_t id = 0; id < Table().size(); ++id) {
    const Verb verb = Table().at(static_cast<std::uint16_t>(id)).verb;
    if (verb == Verb::kOther) continue;
    seen.insert(verb);
    ++with_verb;
  }
  CHECK(with_verb == 21);
  CHECK(seen.size() == with_verb);
}

TEST_CASE("what keeps off the key space has no keys and none of the categories that reach it") {
  std::size_t count = 0;
  for (std::size_t id = 0; id < Table().size(); ++id) {
    const CommandInfo& info = Table().at(static_cast<std::uint16_t>(id));
    if (info.touches_keyspace) continue;
    ++count;
    CAPTURE(info.name);
    for (const KeySpec& spec : info.key_specs) CHECK(spec.not_key);
    CHECK((info.flags & (kFlagMovableKeys | kFlagWrite | kFlagReadonly)) == 0);
    for (const char* category : {"keyspace", "read", "write", "scripting"})
      CHECK(!Has(info, category));
    const bool only_a_time = info.name == "lastsave";  // @dangerous for Redis
    for (const char* category : {"dangerous", "admin"}) CHECK(Has(info, category) == only_a_time);
  }
  CHECK(count == 50);
}

TEST_CASE("commands that show or change data without naming a key touch the key space") {
  for (const char* name : {"flushall",
                           "flushdb",
                           "scan",
                           "keys",
                           "randomkey",
                           "dbsize",
                           "swapdb",
                           "shutdown",
                           "debug",
                           "eval",
                           "fcall",
                           "info",
                           "config|get",
                           "monitor",
                           "sync",
                           "psync",
                           "save",
                           "bgsave",
                           "slowlog|get",
                           "script|load",
                           "replicaof",
                           "failover",
                           "module|load",
                           "cluster|getkeysinslot",
                           "client|tracking",
                           "client|list",
                           "function|restore",
                           "memory|stats",
                           "latency|latest",
                           "acl|log",
                           "role",
                           "get"}) {
    CAPTURE(name);
    REQUIRE(Table().Find(name) != nullptr);
    CHECK(Table().Find(name)->touches_keyspace);
  }
  for (const char* name : {"ping", "multi", "exec", "client|id", "subscribe", "select", "wait"}) {
    CAPTURE(name);
    CHECK(!Table().Find(name)->touches_keyspace);
  }
}

TEST_CASE("arity holds exactly where Redis runs the command") {
  const CommandInfo& get = *Table().Find("get");
  CHECK(!ArityHolds(get, 1));
  CHECK(ArityHolds(get, 2));
  CHECK(!ArityHolds(get, 3));
  const CommandInfo& del = *Table().Find("del");
  CHECK(!ArityHolds(del, 1));
  CHECK(ArityHolds(del, 2));
  CHECK(ArityHolds(del, 0x7fffffff));
  const CommandInfo& set = *Table().Find("config|set");
  CHECK(!ArityHolds(set, 3));
  CHECK(ArityHolds(set, 4));
  CHECK(ArityHolds(set, 5));
}

TEST_CASE("a server's own table gets redwall's facts by name") {
  CommandInfo fine = Named("PING");
  CommandInfo posing = Named("echo");
  posing.key_specs.emplace_back().begin = KeySpec::Begin::kIndex;
  const CommandTable table({fine, posing, Named("client"), Named("client|setinfo"),
                            Named("client|no-touch"), Named("json.get"), Named("flushall")});
  CHECK(table.size() == 7);
  CHECK(!table.Find("ping")->touches_keyspace);
  CHECK(Has(*table.Find("ping"), "handshake"));
  CHECK(table.Find("echo")->touches_keyspace);  // with keys, it isn't the ECHO that is trusted
  CHECK(table.Find("client")->container);
  CHECK(!table.Find("client|setinfo")->touches_keyspace);
  CHECK(table.Find("client|no-touch")->touches_keyspace);
  CHECK(table.Find("json.get")->key_shape == KeyShape::kOpaque);
  CHECK(table.Find("flushall")->key_shape == KeyShape::kNone);
  CHECK(table.Find("get") == nullptr);
}

TEST_CASE("a server's table can't hurt: twins, names without end, too many commands") {
  CommandInfo first = Named("twin");
  first.arity = 1;
  const CommandTable twins({first, Named("TWIN"), Named(""), Named("lost|child")});
  CHECK(twins.Find("twin")->arity == 1);
  CHECK(twins.size() == 3);
  CHECK(twins.Find(CommandBuilder({"lost", "child"}).command()) == nullptr);

  const std::string longest(128, 'n');
  const CommandTable names({Named(longest), Named(longest + "n")});
  CHECK(names.size() == 1);
  CHECK(names.Find(longest) == &names.at(0));
  CHECK(names.Find(longest + "n") == nullptr);
  CHECK(names.Find(std::string(127, 'n')) == nullptr);

  std::vector<CommandInfo> many;
  for (int i = 0; i <= 65536; ++i) many.push_back(Named("c" + std::to_string(i)));
  const CommandTable full(std::move(many));
  CHECK(full.size() == 65536);
  CHECK(full.Find("c65535")->id == 65535);
  CHECK(full.Find("c65536") == nullptr);

  const CommandTable none{std::vector<CommandInfo>{}};
  CHECK(none.size() == 0);
  CHECK(none.Find("get") == nullptr);
}

TEST_CASE("flags are found as COMMAND spells them") {
  CHECK(FlagBit("write") == kFlagWrite);
  CHECK(FlagBit("no_auth") == kFlagNoAuth);
  CHECK(FlagBit("allow_busy") == kFlagAllowBusy);
  CHECK(FlagBit("WRITE") == 0);
  CHECK(FlagBit("skip_monitor") == 0);
  CHECK(FlagBit("") == 0);
}

// Redis's facts, as a server with other names for some commands has them.
CommandTable Renamed(const std::vector<CommandTable::Alias>& aliases) {
  std::vector<CommandInfo> commands;
  for (std::size_t id = 0; id < Table().size(); ++id)
    commands.push_back(Table().at(static_cast<std::uint16_t>(id)));
  return CommandTable(std::move(commands), aliases);
}

// The own name of what a command line means in a table.
std::string Meant(const CommandTable& table, const char* line) {
  const CommandBuilder builder(CommandBuilder::Split(line));
  const CommandInfo* info = table.Find(builder.command());
  return info == nullptr ? "(none)" : info->name;
}

TEST_CASE("an alias finds the facts of the command, sub-commands included") {
  const CommandTable table =
      Renamed({{"XyZ", "FlushAll"}, {"cfg", "config"}, {"m", "multi"}, {"put", "set"}});
  CHECK(table.size() == Table().size());
  CHECK(Meant(table, "xyz") == "flushall");
  CHECK(Meant(table, "XYZ async") == "flushall");
  CHECK(table.Find("xyz") == table.Find("flushall"));
  CHECK(&table.at(table.Find("xyz")->id) == table.Find("flushall"));
  CHECK(table.Find("m")->verb == Verb::kMulti);
  CHECK(table.Find("put")->key_shape == KeyShape::kSet);
  CHECK(Has(*table.Find("xyz"), "dangerous"));

  CHECK(Meant(table, "cfg") == "config");
  CHECK(Meant(table, "CFG Set a b") == "config|set");
  CHECK(Meant(table, "cfg nothing") == "(none)");
  CHECK(Meant(table, "cfg|set a b") == "(none)");
  CHECK(table.Find("cfg|set") == table.Find("config|set"));
  // The own names stay: nobody is harmed where Redis doesn't have them any more.
  CHECK(Meant(table, "flushall") == "flushall");
  CHECK(Meant(table, "config set a b") == "config|set");
  for (std::size_t id = 0; id < table.size(); ++id) {
    const CommandInfo& info = table.at(static_cast<std::uint16_t>(id));
    CHECK(table.Find(info.name) == &info);
  }
}

TEST_CASE("a name that has come to mean another command means nothing else") {
  const CommandTable table = Renamed({{"get", "flushall"}, {"flushall", "get"}});
  CHECK(Meant(table, "get a") == "flushall");
  CHECK(Meant(table, "flushall a") == "get");

  // The sub-commands of the name's former owner go with it, and those of the new one come.
  const CommandTable containers = Renamed({{"config", "client"}, {"acl", "ping"}});
  CHECK(Meant(containers, "config id") == "client|id");
  CHECK(Meant(containers, "config set a b") == "(none)");
  CHECK(containers.Find("config|set") == nullptr);
  CHECK(Meant(containers, "client id") == "client|id");
  CHECK(Meant(containers, "acl whoami") == "ping");
  CHECK(containers.Find("acl|whoami") == nullptr);
}

TEST_CASE("aliases can't hurt: of nothing, of an alias, without end, twice") {
  const std::string longest(128, 'n');
  const CommandTable table = Renamed({{"a", "nothing"},
                                      {"b", "get"},
                                      {"c", "b"},
                                      {"b", "set"},
                                      {"", "get"},
                                      {"d|e", "get"},
                                      {"f", "config|set"},
                                      {longest, "config"},
                                      {longest + "n", "get"},
                                      {"ping", "ping"}});
  CHECK(Meant(table, "a") == "(none)");
  CHECK(Meant(table, "b x") == "get");
  CHECK(Meant(table, "c") == "(none)");
  CHECK(table.Find("") == nullptr);
  CHECK(table.Find("d|e") == nullptr);
  CHECK(Meant(table, "f") == "(none)");
  CHECK(Meant(table, longest.c_str()) == "config");
  CHECK(Meant(table, (longest + " set a b").c_str()) == "(none)");
  CHECK(table.Find(longest + "n") == nullptr);
  CHECK(Meant(table, "ping") == "ping");

  std::vector<CommandTable::Alias> many;
  for (int i = 0; i < 70000; ++i) many.push_back({"n" + std::to_string(i), "get"});
  const CommandTable full = Renamed(many);
  std::size_t found = 0;
  for (const CommandTable::Alias& alias : many) found += full.Find(alias.name) != nullptr;
  CHECK(found == 65536);
  CHECK(Meant(full, "get a") == "get");

  const CommandTable copy = table;
  CHECK(copy.Find("b") == &copy.at(copy.Find("get")->id));
}

}  // namespace
}  // namespace redwall::resp
