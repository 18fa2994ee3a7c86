#include "gateway/policy/command_set.h"

#include <doctest/doctest.h>

#include "tests/gateway/policy/test_request.h"

using namespace redwall::policy;
using redwall::resp::CommandTable;

namespace {

CommandSet Make(const std::vector<std::string>& selectors) {
  std::vector<std::string> warnings;
  auto set = CommandSet::Make(selectors, CommandTable::Builtin(), warnings);
  REQUIRE(set.ok());
  return *set;
}

bool Has(const CommandSet& set, std::string_view name) {
  const auto* info = CommandTable::Builtin().Find(name);
  REQUIRE(info != nullptr);
  return set.Has(info->id);
}

std::string Error(const std::vector<std::string>& selectors) {
  std::vector<std::string> warnings;
  const auto set = CommandSet::Make(selectors, CommandTable::Builtin(), warnings);
  return set ? "" : std::to_string(set.error().index) + ": " + set.error().what;
}

std::vector<std::string> Warnings(const std::vector<std::string>& selectors) {
  std::vector<std::string> warnings;
  REQUIRE(CommandSet::Make(selectors, CommandTable::Builtin(), warnings).ok());
  return warnings;
}

CommandSet::Unknown Unknown(const std::vector<std::string>& selectors, std::string_view line) {
  const TestRequest request(line);
  REQUIRE(request.get().info == nullptr);
  return Make(selectors).HasUnknown(UnknownName(request.get().command));
}

}  // namespace

TEST_CASE("a name means itself in any case and nothing else") {
  const CommandSet set = Make({"GeT"});
  CHECK(Has(set, "get"));
  CHECK(!Has(set, "getex"));
  CHECK(!Has(set, "set"));
}

TEST_CASE("a container covers its sub-commands and a sub-command only itself") {
  const CommandSet all = Make({"config"});
  CHECK(Has(all, "config"));
  CHECK(Has(all, "config|get"));
  CHECK(Has(all, "config|set"));
  CHECK(!Has(all, "client|list"));
  const CommandSet one = Make({"CONFIG|Set"});
  CHECK(Has(one, "config|set"));
  CHECK(!Has(one, "config|get"));
  CHECK(!Has(one, "config"));
}

TEST_CASE("categories mean what Redis says, and @handshake is there") {
  const CommandSet set = Make({"@read", "@handshake"});
  CHECK(Has(set, "get"));
  CHECK(Has(set, "hello"));
  CHECK(Has(set, "command|docs"));
  CHECK(!Has(set, "set"));
  CHECK(!Has(set, "flushall"));
  const CommandSet dangerous = Make({"@DANGEROUS"});
  CHECK(Has(dangerous, "flushall"));
  CHECK(Has(dangerous, "config|set"));
  CHECK(!Has(dangerous, "get"));
}

TEST_CASE("a star and @all mean every command") {
  for (const char* star : {"*", "@all", "@ALL"}) {
    const CommandSet set = Make({star});
    CHECK(Has(set, "get"));
    CHECK(Has(set, "shutdown"));
    CHECK(Has(set, "config|set"));
  }
}

TEST_CASE("a leading minus takes away wherever it stands") {
  const CommandSet set = Make({"-keys", "@read", "-config|get", "config", "-@geo"});
  CHECK(Has(set, "get"));
  CHECK(!Has(set, "keys"));
  CHECK(!Has(set, "config|get"));
  CHECK(Has(set, "config|set"));
  CHECK(!Has(set, "geosearch"));
  const CommandSet most = Make({"*", "-@dangerous", "-client"});
  CHECK(Has(most, "set"));
  CHECK(!Has(most, "flushall"));
  CHECK(!Has(most, "client|id"));
}

TEST_CASE("a set that takes away all that it names is empty") {
  CHECK(Make({"-get"}).empty());
  CHECK(Make({"get", "-@read"}).empty());
  CHECK(Make({"config", "-config"}).empty());
  CHECK(Make({"*", "-*"}).empty());
  CHECK(Make({"ft.search", "-*"}).empty());
  CHECK(Make({"ft.search", "-ft.search"}).empty());
  CHECK(!Make({"get", "-keys"}).empty());
  CHECK(!Make({"ft.search"}).empty());
  CHECK(!Make({"*"}).empty());
}

TEST_CASE("unknown commands are meant by their name, alone or with the first argument") {
  using enum CommandSet::Unknown;
  CHECK(Unknown({"ft.search"}, "FT.Search idx q") == kNamed);
  CHECK(Unknown({"FT.SEARCH|idx"}, "ft.search IDX") == kNamed);
  CHECK(Unknown({"ft.search|other"}, "ft.search idx") == kNo);
  CHECK(Unknown({"ft.search"}, "ft.add idx") == kNo);
  CHECK(Unknown({"config"}, "config foo") == kNamed);
  CHECK(Unknown({"config|foo"}, "config foo") == kNamed);
  CHECK(Unknown({"config|set"}, "config foo") == kNo);
  CHECK(Unknown({"get"}, "ft.search") == kNo);
  CHECK(Unknown({"@read", "@write"}, "ft.search") == kNo);
}

TEST_CASE("what is taken away by name is not meant, however it was named") {
  using enum CommandSet::Unknown;
  CHECK(Unknown({"*", "-ft.search"}, "ft.search idx") == kNo);
  CHECK(Unknown({"*", "-ft.search|idx"}, "ft.search idx") == kNo);
  CHECK(Unknown({"*", "-config"}, "config foo") == kNo);
  CHECK(Unknown({"config", "-config|foo"}, "config foo") == kNo);
  CHECK(Unknown({"config", "-config|foo"}, "config bar") == kNamed);
}

TEST_CASE("a star means an unknown command, less surely where categories are taken away") {
  using enum CommandSet::Unknown;
  CHECK(Unknown({"*"}, "ft.search") == kStar);
  CHECK(Unknown({"*", "-get"}, "ft.search") == kStar);
  CHECK(Unknown({"*", "-@dangerous"}, "ft.search") == kStarLess);
  CHECK(Unknown({"*", "ft.search", "-@dangerous"}, "ft.search") == kNamed);
}

TEST_CASE("names of any length are looked up without harm") {
  CHECK(Make({"ft.search"})
            .HasUnknown(UnknownName(TestRequest(std::string(100000, 'f')).get().command)) ==
        CommandSet::Unknown::kNo);
}

TEST_CASE("errors name the selector and what is wrong with it") {
  CHECK(Error({"get", "@reed"}) == "1: there is no category \"reed\"; did you mean \"read\"?");
  CHECK(Error({"@"}) == "0: there is no category \"\"");
  CHECK(Error({"get|foo"}) == "0: \"get\" has no sub-commands");
  CHECK(Error({"get*"}) == "0: expected a whole name, not a pattern, got \"get*\"");
  for (const char* bad : {"", "-", "a b", "a\n"})
    CHECK(Error({bad}).find("expected a command's name") == 3);
  CHECK(Error({std::string(128, 'x')}) == "");
  CHECK(Error({std::string(129, 'x')}) != "");
}

TEST_CASE("a name that Redis doesn't know is a warning with a guess") {
  CHECK(Warnings({"get", "@read", "*", "-config|set"}).empty());
  const auto warnings = Warnings({"flushal", "config|foo", "-nosuchcommandatall"});
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0] ==
        "\"flushal\" is not a command of Redis 7.0: spelled right? did you mean \"flushall\"?");
  CHECK(warnings[1].starts_with("\"config|foo\" is not a command of Redis 7.0"));
  CHECK(warnings[2] == "\"nosuchcommandatall\" is not a command of Redis 7.0: spelled right?");
  CHECK(Warnings(std::vector<std::string>(500, "nosuch")).size() == 100);
}

TEST_CASE("a set covers another only when nothing is left over") {
  const auto covers = [](const std::vector<std::string>& a, const std::vector<std::string>& b,
                         bool star_is_unknown = true) {
    return Make(a).Covers(Make(b), star_is_unknown);
  };
  CHECK(covers({"get", "set"}, {"get"}));
  CHECK(!covers({"get"}, {"get", "set"}));
  CHECK(covers({"config"}, {"config|get"}));
  CHECK(!covers({"config|get"}, {"config"}));
  CHECK(covers({"@read"}, {"get"}));
  CHECK(covers({"*"}, {"*"}));
  CHECK(!covers({"*"}, {"*"}, false));
  CHECK(covers({"*"}, {"@all", "-get"}));
  CHECK(!covers({"*", "-get"}, {"*"}));
  CHECK(!covers({"*"}, {"ft.search"}, false));
  CHECK(covers({"*"}, {"@read"}, false));
  CHECK(covers({"ft.search"}, {"ft.search|idx"}));
  CHECK(!covers({"ft.search|idx"}, {"ft.search"}));
  CHECK(!covers({"*", "-ft.search"}, {"ft.search"}));
  CHECK(!covers({"*", "-@geo"}, {"ft.search"}));
}

TEST_CASE("an unknown command's name counts up to its first NUL, as Redis compares it") {
  const TestRequest request(std::vector<std::string>{std::string("WIPE\0x", 6), "a"});
  CHECK(Make({"wipe"}).HasUnknown(UnknownName(request.get().command)) ==
        CommandSet::Unknown::kNamed);
}
