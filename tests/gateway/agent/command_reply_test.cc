#include "gateway/agent/command_reply.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redwall::agent {
namespace {

using net::Reply;
using resp::CategoryBit;
using resp::CommandInfo;
using resp::CommandTable;
using resp::KeyShape;
using resp::KeySpec;

Reply Text(std::string_view text) { return {Reply::Type::kString, std::string(text), 0, {}}; }
Reply Status(std::string_view text) { return {Reply::Type::kStatus, std::string(text), 0, {}}; }
Reply Number(std::int64_t number) { return {Reply::Type::kInteger, {}, number, {}}; }
Reply Array(std::vector<Reply> elements) {
  return {Reply::Type::kArray, {}, 0, std::move(elements)};
}
Reply Words(const std::vector<std::string>& words) {
  Reply list = Array({});
  for (const std::string& word : words) list.elements.push_back(Status(word));
  return list;
}

// The three shapes of an entry.
Reply OldEntry(const std::string& name, const std::vector<std::string>& flags,
               std::vector<std::int64_t> keys = {0, 0, 0}) {
  return Array({Text(name), Number(-2), Words(flags), Number(keys.at(0)), Number(keys.at(1)),
                Number(keys.at(2))});
}
Reply Entry6(const std::string& name, const std::vector<std::string>& flags,
             std::vector<std::int64_t> keys, const std::vector<std::string>& categories) {
  Reply entry = OldEntry(name, flags, std::move(keys));
  entry.elements.push_back(Words(categories));
  return entry;
}
Reply Entry7(const std::string& name, const std::vector<std::string>& flags,
             std::vector<Reply> specs = {}, std::vector<Reply> subcommands = {}) {
  Reply entry = Entry6(name, flags, {0, 0, 0}, {"@slow"});
  entry.elements.push_back(Array({Text("nondeterministic_output")}));
  entry.elements.push_back(Array(std::move(specs)));
  entry.elements.push_back(Array(std::move(subcommands)));
  return entry;
}

Reply Index(std::int64_t index) {
  return Array({Text("type"), Text("index"), Text("spec"), Array({Text("index"), Number(index)})});
}
Reply Range(std::int64_t last, std::int64_t step, std::int64_t limit) {
  return Array({Text("type"), Text("range"), Text("spec"),
                Array({Text("lastkey"), Number(last), Text("keystep"), Number(step), Text("limit"),
                       Number(limit)})});
}
Reply Spec(const std::vector<std::string>& flags, Reply begin, Reply find) {
  return Array({Text("notes"), Text("about it"), Text("flags"), Words(flags), Text("begin_search"),
                std::move(begin), Text("find_keys"), std::move(find)});
}

ServerCommands Read(std::vector<Reply> entries) {
  auto read = ReadCommandReply(Array(std::move(entries)));
  if (!read) FAIL(read.error().sentence);
  return std::move(*read);
}
// The only entry's facts; null where it was left out.
const CommandInfo* Named(const ServerCommands& server, std::string_view name) {
  for (const CommandInfo& info : server.commands)
    if (info.name == name) return &info;
  return nullptr;
}
CommandInfo ReadOne(Reply entry) {
  const ServerCommands server = Read({std::move(entry)});
  CHECK(server.left_out == 0);
  return server.commands.at(0);
}
// How many of these are left out; a sound command stands before them.
std::size_t LeftOut(std::vector<Reply> entries) {
  entries.insert(entries.begin(), OldEntry("ping", {}));
  const std::size_t count = entries.size();
  const ServerCommands server = Read(std::move(entries));
  CHECK(server.commands.size() == count - server.left_out);
  return server.left_out;
}

bool SameSpec(const KeySpec& a, const KeySpec& b) {
  return a.begin == b.begin && a.index == b.index && a.keyword == b.keyword && a.find == b.find &&
         a.last == b.last && a.step == b.step && a.limit == b.limit && a.keynum == b.keynum &&
         a.first == b.first && a.read == b.read && a.write == b.write && a.not_key == b.not_key &&
         a.incomplete == b.incomplete;
}
bool SameSpecs(const std::vector<KeySpec>& a, const std::vector<KeySpec>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameSpec);
}

TEST_CASE("An entry of Redis 7: facts, key specifications, sub-commands") {
  Reply entry =
      Entry7("Mod.Store", {"write", "denyoom", "module", "movablekeys"},
             {Spec({"OW", "update"}, Index(1), Range(0, 1, 0)),
              Spec({"RO", "access", "incomplete"},
                   Array({Text("type"), Text("keyword"), Text("spec"),
                          Array({Text("keyword"), Text("KEYS"), Text("startfrom"), Number(-2)})}),
                   Array({Text("type"), Text("keynum"), Text("spec"),
                          Array({Text("keynumidx"), Number(0), Text("firstkey"), Number(1),
                                 Text("keystep"), Number(2)})})),
              Spec({"RW"}, Array({Text("type"), Text("unknown"), Text("spec"), Array({})}),
                   Array({Text("type"), Text("unknown"), Text("spec"), Array({})})),
              Spec({"not_key"}, Index(2), Range(-1, 1, 2))},
             {Entry7("mod.store|SUB", {"readonly", "fast"})});
  entry.elements[6] = Words({"@write", "@Set", "@handshake", "@custom", "read"});
  const ServerCommands server = Read({entry});
  CHECK(server.left_out == 0);
  REQUIRE(server.commands.size() == 2);
  const CommandInfo& info = server.commands[0];
  CHECK(info.name == "mod.store");
  CHECK(info.arity == -2);
  CHECK(info.flags == (resp::kFlagWrite | resp::kFlagDenyoom | resp::kFlagMovableKeys));
  CHECK(info.categories == (CategoryBit("write") | CategoryBit("set")));
  REQUIRE(info.key_specs.size() == 4);
  const KeySpec& first = info.key_specs[0];
  CHECK(first.begin == KeySpec::Begin::kIndex);
  CHECK(first.index == 1);
  CHECK(first.find == KeySpec::Find::kRange);
  CHECK(!first.read);
  CHECK(first.write);
  const KeySpec& second = info.key_specs[1];
  CHECK(second.begin == KeySpec::Begin::kKeyword);
  CHECK(second.keyword == "KEYS");
  CHECK(second.index == -2);
  CHECK(second.find == KeySpec::Find::kKeynum);
  CHECK(second.keynum == 0);
  CHECK(second.first == 1);
  CHECK(second.step == 2);
  CHECK(second.incomplete);
  CHECK(second.read);
  CHECK(info.key_specs[2].begin == KeySpec::Begin::kUnknown);
  CHECK(info.key_specs[2].find == KeySpec::Find::kUnknown);
  CHECK(info.key_specs[3].not_key);
  CHECK(info.key_specs[3].last == -1);
  CHECK(info.key_specs[3].limit == 2);
  CHECK(server.commands[1].name == "mod.store|sub");
  CHECK(server.commands[1].flags == (resp::kFlagReadonly | resp::kFlagFast));
}

TEST_CASE("A kind of search that redwall has never heard of leaves the keys untold") {
  const Reply newer = Array({Text("type"), Text("regex"), Text("spec"), Array({})});
  const CommandInfo info = ReadOne(
      Entry7("new", {}, {Spec({"RW"}, newer, Range(0, 1, 0)), Spec({"RW"}, Index(1), newer)}));
  CHECK(info.key_specs.at(0).begin == KeySpec::Begin::kUnknown);
  CHECK(info.key_specs.at(1).find == KeySpec::Find::kUnknown);
}

TEST_CASE("Keys that a module finds by code of its own are more than its varying specification") {
  const Reply varies = Spec({"RW", "access", "update", "variable_flags"}, Index(1), Range(0, 1, 0));
  CHECK(ReadOne(Entry7("mod.keys", {"movablekeys"}, {varies})).key_specs.at(0).incomplete);
  CHECK(!ReadOne(Entry7("mod.keys", {}, {varies})).key_specs.at(0).incomplete);
  // SET's specification varies too; redwall knows how to read SET.
  CHECK(!ReadOne(Entry7("set", {"movablekeys"}, {varies})).key_specs.at(0).incomplete);
}

TEST_CASE("An entry of Redis 6: the range becomes a specification") {
  struct Case {
    std::vector<std::string> flags;
    std::vector<std::int64_t> keys;
    std::int32_t index, last, step;
    bool read, write, incomplete;
  };
  const Case cases[] = {
      {{"readonly"}, {1, 1, 1}, 1, 0, 1, true, false, false},
      {{"write"}, {2, 4, 2}, 2, 2, 2, true, true, false},
      {{"readonly", "movablekeys"}, {1, -1, 1}, 1, -1, 1, true, false, true},
      {{}, {1, -2, 3}, 1, -2, 3, true, true, false},
  };
  for (const Case& each : cases) {
    const CommandInfo info = ReadOne(Entry6("mod.x", each.flags, each.keys, {"@fast"}));
    CHECK(info.categories == CategoryBit("fast"));
    REQUIRE(info.key_specs.size() == 1);
    const KeySpec& spec = info.key_specs[0];
    CHECK(spec.begin == KeySpec::Begin::kIndex);
    CHECK(spec.find == KeySpec::Find::kRange);
    CHECK(spec.index == each.index);
    CHECK(spec.last == each.last);
    CHECK(spec.step == each.step);
    CHECK(spec.read == each.read);
    CHECK(spec.write == each.write);
    CHECK(spec.incomplete == each.incomplete);
  }
  CHECK(ReadOne(Entry6("mod.x", {}, {0, 0, 0}, {})).key_specs.empty());
  // What a module registers need not make sense.
  for (const std::vector<std::int64_t>& odd :
       std::vector<std::vector<std::int64_t>>{{1, 0, 0}, {3, 2, 1}, {1, 1, -1}, {-1, 1, 1}}) {
    const CommandInfo info = ReadOne(Entry6("mod.x", {"readonly"}, odd, {}));
    CHECK(info.key_specs.at(0).find == KeySpec::Find::kUnknown);
  }
  const CommandTable table({ReadOne(Entry6("mod.move", {"movablekeys"}, {0, 0, 0}, {}))});
  CHECK(table.Find("mod.move")->key_shape == KeyShape::kOpaque);
}

TEST_CASE("An entry of Redis 5: categories are the built-in ones, or follow from the flags") {
  CHECK(ReadOne(OldEntry("get", {"readonly", "fast"}, {1, 1, 1})).categories ==
        CommandTable::Builtin().Find("get")->categories);
  CHECK(ReadOne(OldEntry("mod.x", {"write", "admin"})).categories ==
        (CategoryBit("write") | CategoryBit("admin") | CategoryBit("dangerous") |
         CategoryBit("slow")));
  CHECK(ReadOne(OldEntry("mod.x", {"readonly", "fast", "pubsub", "blocking"})).categories ==
        (CategoryBit("read") | CategoryBit("fast") | CategoryBit("pubsub") |
         CategoryBit("blocking")));
}

// The built-in facts in the words of an old server.
Reply InOldWords(const CommandInfo& info, bool with_categories) {
  std::vector<std::string> flags, categories;
  for (const char* flag :
       {"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading",
        "stale", "fast", "no_auth", "may_replicate", "movablekeys", "no_multi", "allow_busy"})
    if ((info.flags & resp::FlagBit(flag)) != 0) flags.push_back(flag);
  for (const std::string_view category : resp::CategoryNames())
    if ((info.categories & CategoryBit(category)) != 0)
      categories.push_back("@" + std::string(category));
  Reply entry = with_categories ? Entry6(info.name, flags, {0, 0, 0}, categories)
                                : OldEntry(info.name, flags);
  entry.elements[1] = Number(info.arity);
  if (!info.key_specs.empty())
    entry.elements[3] = entry.elements[4] = entry.elements[5] = Number(1);
  return entry;
}

TEST_CASE("A table from an old server is the built-in one, as far as the server has its commands") {
  const CommandTable& builtin = CommandTable::Builtin();
  for (const bool with_categories : {false, true}) {
    std::vector<Reply> entries;
    std::size_t expected = 0;
    for (std::size_t id = 0; id < builtin.size(); ++id) {
      const CommandInfo& info = builtin.at(static_cast<std::uint16_t>(id));
      if (info.name.starts_with("function")) continue;  // not yet invented
      ++expected;
      if (info.name.find('|') == std::string::npos)
        entries.push_back(InOldWords(info, with_categories));
    }
    ServerCommands server = Read(std::move(entries));
    CHECK(server.left_out == 0);
    const CommandTable table(std::move(server.commands));
    CHECK(table.size() == expected);
    for (std::size_t id = 0; id < table.size(); ++id) {
      const CommandInfo& info = table.at(static_cast<std::uint16_t>(id));
      CAPTURE(info.name);
      const CommandInfo* known = builtin.Find(info.name);
      REQUIRE(known != nullptr);
      CHECK(info.arity == known->arity);
      CHECK(info.flags == known->flags);
      CHECK(info.categories == known->categories);
      CHECK(info.verb == known->verb);
      CHECK(info.container == known->container);
      CHECK(info.touches_keyspace == known->touches_keyspace);
      CHECK(info.key_shape == known->key_shape);
      CHECK(SameSpecs(info.key_specs, known->key_specs));
    }
  }
}

TEST_CASE("An old server has the last word on keys that the built-in table doesn't know of") {
  const CommandInfo info = ReadOne(Entry6("flushall", {"write"}, {1, 1, 1}, {}));
  REQUIRE(info.key_specs.size() == 1);
  CHECK(info.key_specs[0].index == 1);
}

TEST_CASE(
    "Sub-commands: the server's own where it tells them, and those that clients send anyway") {
  const ServerCommands server =
      Read({Entry7("client", {}, {}, {Entry7("client|id", {"noscript"}), Entry7("client|new", {})}),
            Entry7("get", {"readonly"}), Entry6("config", {"admin"}, {0, 0, 0}, {})});
  CHECK(Named(server, "client|id")->flags == resp::kFlagNoscript);
  CHECK(Named(server, "client|new") != nullptr);
  CHECK(Named(server, "client|setinfo") != nullptr);
  CHECK(Named(server, "client|setname") != nullptr);
  CHECK(Named(server, "client|kill") == nullptr);
  CHECK(Named(server, "config|set") != nullptr);
  CHECK(Named(server, "command|docs") == nullptr);
  const CommandTable table(server.commands);
  CHECK(table.Find("client|setname")->verb == resp::Verb::kClientSetname);
}

TEST_CASE("An entry without sense is left out and counted, the others stay") {
  CHECK(LeftOut({Reply{}}) == 1);
  CHECK(LeftOut({Text("get"), Number(1), Array({}), Array({Text("get")})}) == 4);
  CHECK(LeftOut({OldEntry("", {}), OldEntry(std::string(129, 'n'), {}), OldEntry("a|b", {})}) == 3);
  CHECK(LeftOut({OldEntry(std::string(128, 'n'), {})}) == 0);
  // One field spoilt at a time; `tips` isn't looked at.
  const Reply sound = Entry7("mod.x", {"write"}, {Spec({"RW"}, Index(1), Range(0, 1, 0))});
  CHECK(LeftOut({sound}) == 0);
  for (std::size_t field = 0; field < sound.elements.size(); ++field) {
    CAPTURE(field);
    const bool matters = field < 3 || field == 6 || field == 8;
    for (const Reply& wrong : {Reply{}, Reply{Reply::Type::kError, "ERR", 0, {}}}) {
      Reply spoilt = sound;
      spoilt.elements[field] = wrong;
      CHECK(LeftOut({spoilt}) == (matters ? 1 : 0));
    }
  }
  for (const std::size_t field : {3u, 4u, 5u}) {
    Reply spoilt = Entry6("mod.x", {}, {1, 1, 1}, {});
    spoilt.elements[field] = Text("1");
    CHECK(LeftOut({spoilt}) == 1);
    spoilt.elements[field] = Number(std::int64_t{1} << 40);
    CHECK(LeftOut({spoilt}) == 1);
  }
  Reply spoilt = sound;
  spoilt.elements[1] = Number(40000);
  CHECK(LeftOut({spoilt}) == 1);
  spoilt = sound;
  spoilt.elements[2] = Array({Number(1)});
  CHECK(LeftOut({spoilt}) == 1);
}

TEST_CASE("A specification without sense takes its command with it") {
  const auto with = [](Reply spec) { return Entry7("mod.x", {}, {std::move(spec)}); };
  const Reply index = Index(1), range = Range(0, 1, 0);
  CHECK(LeftOut({with(Spec({"RW"}, index, range))}) == 0);
  CHECK(LeftOut({with(Reply{}), with(Array({})), with(Text("x")), with(Array({Text("flags")}))}) ==
        4);
  CHECK(LeftOut({with(Spec({"RW"}, Reply{}, range)), with(Spec({"RW"}, index, Number(1)))}) == 2);
  Reply no_number = range;
  no_number.elements[3].elements[1] = Text("0");
  Reply no_spec = index;
  no_spec.elements.resize(2);
  Reply number_as_type = index;
  number_as_type.elements[1] = Number(1);
  Reply huge = Index(std::int64_t{1} << 31);
  CHECK(LeftOut({with(Spec({"RW"}, index, no_number)), with(Spec({"RW"}, no_spec, range)),
                 with(Spec({"RW"}, number_as_type, range)), with(Spec({"RW"}, huge, range))}) == 4);
  const Reply keyword =
      Array({Text("type"), Text("keyword"), Text("spec"),
             Array({Text("keyword"), Text(std::string(129, 'k')), Text("startfrom"), Number(1)})});
  CHECK(LeftOut({with(Spec({"RW"}, keyword, range))}) == 1);
}

TEST_CASE("Sub-commands without sense are left out, their container stays") {
  const ServerCommands server = Read({Entry7(
      "mod", {}, {},
      {Entry7("mod|good", {}), Entry7("bad", {}), Entry7("other|x", {}), Entry7("mod|", {}),
       Entry7("modx|y", {}), Reply{}, Entry7("mod|deep", {}, {}, {Entry7("mod|deep|er", {})})})});
  CHECK(server.left_out == 5);
  CHECK(server.commands.size() == 3);
  CHECK(Named(server, "mod|good") != nullptr);
  CHECK(Named(server, "mod|deep") != nullptr);
}

TEST_CASE("What isn't a list of commands is an error that says so") {
  const auto error = [](const Reply& reply) {
    const auto read = ReadCommandReply(reply);
    return read ? "" : read.error().sentence;
  };
  CHECK(error({Reply::Type::kError, "NOPERM this user has no permissions", 0, {}}) ==
        "Redis answered COMMAND with an error: NOPERM this user has no permissions");
  CHECK(error(Text("get")) == "Redis's answer to COMMAND isn't a list of commands");
  CHECK(error(Reply{}) == "Redis's answer to COMMAND isn't a list of commands");
  CHECK(error(Array({})) == "Redis's answer to COMMAND has no command in it that can be read");
  CHECK(error(Array({Reply{}})) == error(Array({})));
}

TEST_CASE("There is an end to the entries") {
  std::vector<Reply> entries;
  for (int i = 0; i < 65540; ++i) entries.push_back(OldEntry("c" + std::to_string(i), {}));
  const ServerCommands server = Read(std::move(entries));
  CHECK(server.commands.size() == 65536);
  CHECK(server.left_out == 4);
}

TEST_CASE("The name that Redis gave to a renamed command") {
  const Reply reply = Array({Entry7("flushall", {"write"}), Reply{}, Entry7("CONFIG|Set", {})});
  CHECK(RenamedFrom(reply) == "flushall");
  CHECK(!RenamedFrom(reply, 1));
  CHECK(RenamedFrom(reply, 2) == "config|set");
  CHECK(!RenamedFrom(reply, 3));
  CHECK(!RenamedFrom(Reply{}));
  CHECK(!RenamedFrom(Array({})));
  CHECK(!RenamedFrom(Array({Array({Text("get")})})));
  CHECK(!RenamedFrom(Array({OldEntry("", {})})));
  CHECK(!RenamedFrom({Reply::Type::kError, "ERR", 0, {}}));
}

TEST_CASE("A module's command has the categories that its flags imply") {
  for (const bool has_some : {false, true}) {
    const std::vector<std::string> categories =
        has_some ? std::vector<std::string>{"@fast"} : std::vector<std::string>{};
    const auto answer =
        ReadCommandReply(Array({Entry6("evil.wipe", {"write", "admin"}, {0, 0, 0}, categories)}));
    REQUIRE(answer.ok());
    const resp::Categories got = answer->commands.front().categories;
    CHECK((got & CategoryBit("write")) == (has_some ? 0 : CategoryBit("write")));
    CHECK((got & CategoryBit("dangerous")) == (has_some ? 0 : CategoryBit("dangerous")));
    CHECK((got & CategoryBit("fast")) == (has_some ? CategoryBit("fast") : 0));
  }
}

}  // namespace
}  // namespace redwall::agent
