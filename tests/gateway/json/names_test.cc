#include "gateway/json/names.h"

#include <doctest/doctest.h>

using redwall::json::NearestName;
using redwall::json::Quoted;

TEST_CASE("quoting escapes what could spoil a log line or a terminal") {
  CHECK(Quoted("plain") == "\"plain\"");
  CHECK(Quoted("") == "\"\"");
  CHECK(Quoted("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(Quoted(std::string_view("\0\n\x1b\x7f", 4)) == "\"\\x00\\x0a\\x1b\\x7f\"");
}

TEST_CASE("quoting cuts after 64 bytes and says so") {
  CHECK(Quoted(std::string(63, 'x')) == "\"" + std::string(63, 'x') + "\"");
  CHECK(Quoted(std::string(64, 'x')) == "\"" + std::string(64, 'x') + "\"");
  CHECK(Quoted(std::string(65, 'x')) == "\"" + std::string(64, 'x') + "...\"");
}

TEST_CASE("a slip of one or two letters finds the name that was meant") {
  const std::vector<std::string_view> names{"commands", "channels", "keys", "id"};
  CHECK(NearestName("comands", names) == "commands");
  CHECK(NearestName("commandss", names) == "commands");
  CHECK(NearestName("ocmmands", names) == "commands");
  CHECK(NearestName("COMMANDS", names) == "commands");
  CHECK(NearestName("chanels", names) == "channels");
  CHECK(NearestName("kesy", names) == "keys");
  CHECK(NearestName("key", names) == "keys");
  CHECK(NearestName("di", names) == "id");
}

TEST_CASE("what is nothing like a name finds none") {
  const std::vector<std::string_view> names{"commands", "keys", "id"};
  CHECK(NearestName("identities", names).empty());
  CHECK(NearestName("xyz", names).empty());
  CHECK(NearestName("", names).empty());
  CHECK(NearestName("commands", {}).empty());
  CHECK(NearestName(std::string(100000, 'c'), names).empty());
}
