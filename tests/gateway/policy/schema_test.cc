#include "gateway/policy/schema.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "gateway/policy/policy.h"

using namespace redwall::policy;
using redwall::json::Value;

namespace {

Value Schema() {
  const auto value = Value::Parse(PolicySchema(), "schema.json");
  if (!value) FAIL(value.error().sentence);
  return *value;
}

// The member at a path of names; the first of an "oneOf" is not gone into.
Value At(const Value& from, const std::vector<std::string>& names) {
  Value value = from;
  for (const std::string& name : names) {
    const auto member = value.Member(name);
    if (!member) FAIL("the schema has no " << name);
    value = *member;
  }
  return value;
}

std::set<std::string> NamesOf(const Value& properties) {
  std::set<std::string> names;
  for (const auto& [name, value] : properties.Members()) names.insert(name);
  return names;
}

// The words between double quotes.
std::set<std::string> Quoted(std::string_view text) {
  std::set<std::string> out;
  for (std::size_t at = 0; (at = text.find('"', at)) != text.npos;) {
    const std::size_t end = text.find('"', at + 1);
    out.emplace(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return out;
}

// The names that the loader knows, from what it says to one that it doesn't.
std::set<std::string> KnownByLoader(const std::string& document) {
  const auto policy = Policy::Parse(document, "p.json");
  REQUIRE(!policy);
  const std::string& sentence = policy.error().sentence;
  const std::size_t at = sentence.find("expected one of ");
  INFO(sentence);
  REQUIRE(at != sentence.npos);
  return Quoted(std::string_view(sentence).substr(at, sentence.find(';', at) - at));
}

std::string WithRule(const std::string& fields) {
  return R"({"version": 1, "default": "deny", "rules": [{"id": "a", "action": "deny", "commands": ["get"])" +
         fields + "}]}";
}

constexpr char kUnknown[] = R"(, "qqqqqq": 1)";

}  // namespace

TEST_CASE("the schema has the fields that the loader knows, and no others") {
  const Value schema = Schema();
  const Value definitions = At(schema, {"definitions"});
  const auto argument = At(definitions, {"argument", "oneOf"}).Array();
  const auto audit = At(definitions, {"audit", "oneOf"}).Array();
  REQUIRE(argument.size() == 2);
  REQUIRE(audit.size() == 2);

  const std::string document = R"({"version": 1, "default": "deny")";
  CHECK(NamesOf(At(schema, {"properties"})) == KnownByLoader(document + kUnknown + "}"));
  CHECK(NamesOf(At(definitions, {"rule", "properties"})) == KnownByLoader(WithRule(kUnknown)));
  CHECK(NamesOf(At(definitions, {"rate", "properties"})) ==
        KnownByLoader(WithRule(R"(, "rate": {"per_second": 1, "qqqqqq": 1})")));
  CHECK(NamesOf(At(audit[1], {"properties"})) ==
        KnownByLoader(document + R"(, "audit": {"qqqqqq": 1}})"));
  // The loader asks for "any" first, and then for the other two.
  std::set<std::string> both = NamesOf(At(argument[0], {"properties"}));
  CHECK(NamesOf(At(argument[1], {"properties"})) == std::set<std::string>{"any"});
  both.insert("any");
  CHECK(both ==
        KnownByLoader(WithRule(R"(, "arguments": {"index": 1, "matches": "a", "qqqqqq": 1})")));
}

TEST_CASE("each choice of the schema is one that the loader takes, and the loader names no other") {
  const Value schema = Schema();
  const auto words = [](const Value& value) {
    const auto list = At(value, {"enum"}).Strings();
    return std::set<std::string>(list.begin(), list.end());
  };
  const auto loader = [](const std::string& document) {
    const auto policy = Policy::Parse(document, "p.json");
    REQUIRE(!policy);
    std::set<std::string> names = Quoted(policy.error().sentence);
    CHECK(names.erase("qqqqqq") == 1);
    return names;
  };
  const std::string start = R"({"version": 1, "default": "deny", )";
  CHECK(words(At(schema, {"properties", "mode"})) == loader(start + R"("mode": "qqqqqq"})"));
  CHECK(words(At(schema, {"properties", "unknown"})) == loader(start + R"("unknown": "qqqqqq"})"));
  CHECK(words(At(schema, {"properties", "default"})) ==
        loader(R"({"version": 1, "default": "qqqqqq"})"));
  const Value rule = At(schema, {"definitions", "rule", "properties"});
  CHECK(words(At(rule, {"action"})) ==
        loader(R"({"version": 1, "default": "deny", "rules": [{"id": "a", "action": "qqqqqq"}]})"));
  CHECK(words(At(rule, {"access"})) == loader(WithRule(R"(, "access": "qqqqqq")")));
  CHECK(words(At(schema, {"definitions", "rate", "properties", "per"})) ==
        loader(WithRule(R"(, "rate": {"per_second": 1, "per": "qqqqqq"})")));
  CHECK(words(At(schema, {"definitions", "events"})) == loader(start + R"("audit": "qqqqqq"})"));
  CHECK(words(At(At(schema, {"definitions", "audit", "oneOf"}).Array()[1],
                 {"properties", "arguments"})) ==
        loader(start + R"("audit": {"arguments": "qqqqqq"}})"));
}

TEST_CASE("the numbers' limits are the loader's") {
  const Value schema = Schema();
  const Value rule = At(schema, {"definitions", "rule", "properties"});
  const auto check = [](const Value& limits, const std::string& before, const std::string& after) {
    const std::int64_t least = At(limits, {"minimum"}).Integer(INT64_MIN, INT64_MAX);
    const std::int64_t most = At(limits, {"maximum"}).Integer(INT64_MIN, INT64_MAX);
    const auto taken = [&](std::int64_t number) {
      return static_cast<bool>(Policy::Parse(before + std::to_string(number) + after, "p.json"));
    };
    INFO(before);
    CHECK(taken(least));
    CHECK(taken(most));
    CHECK(!taken(least - 1));
    CHECK(!taken(most + 1));
  };
  const auto in_rule = [&](const Value& limits, const std::string& field,
                           const std::string& after = "") {
    const std::string text = WithRule(", " + field + "\1" + after);
    const std::size_t at = text.find('\1');
    check(limits, text.substr(0, at), text.substr(at + 1));
  };
  const Value size = At(schema, {"definitions", "size"});
  in_rule(size, R"("max_bytes": )");
  in_rule(size, R"("max_arguments": )");
  in_rule(At(rule, {"databases", "items"}), R"("databases": [)", "]");
  const Value rate = At(schema, {"definitions", "rate", "properties"});
  in_rule(At(rate, {"per_second"}), R"("rate": {"per_second": )", "}");
  in_rule(At(rate, {"burst"}), R"("rate": {"per_second": 1, "burst": )", "}");
  const Value index =
      At(At(schema, {"definitions", "argument", "oneOf"}).Array()[0], {"properties", "index"});
  in_rule(index, R"("arguments": {"matches": "a", "index": )", "}");
  const Value bytes = At(At(schema, {"definitions", "audit", "oneOf"}).Array()[1],
                         {"properties", "max_argument_bytes"});
  check(bytes, R"({"version": 1, "default": "deny", "audit": {"max_argument_bytes": )", "}}");
}

TEST_CASE("the schema lists the categories, and each is taken") {
  const auto commands = At(Schema(), {"definitions", "command", "anyOf"}).Array();
  const auto names = At(commands[0], {"enum"}).Strings();
  CHECK(std::find(names.begin(), names.end(), "@handshake") != names.end());
  CHECK(std::find(names.begin(), names.end(), "@dangerous") != names.end());
  for (const std::string& name : names) {
    const auto policy = Policy::Parse(
        R"({"version": 1, "default": "deny", "rules": [{"id": "a", "action": "deny", "commands": [")" +
            name + "\"]}]}",
        "p.json");
    CHECK_MESSAGE(static_cast<bool>(policy), name);
  }
}

TEST_CASE("each field of the schema says what it is for") {
  const Value schema = Schema();
  for (const auto& path : {std::vector<std::string>{"properties"},
                           std::vector<std::string>{"definitions", "rule", "properties"},
                           std::vector<std::string>{"definitions", "rate", "properties"}}) {
    for (const auto& member : At(schema, path).Members()) {
      const auto description = member.second.Member("description");
      const auto reference = member.second.Member("$ref");
      if (description) CHECK_MESSAGE(description->String().size() > 15, member.first);
      CHECK_MESSAGE((description || reference), member.first);
    }
  }
}
