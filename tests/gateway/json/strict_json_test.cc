#include "gateway/json/strict_json.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using redwall::json::Value;

namespace {

Value Parsed(std::string_view text) {
  auto value = Value::Parse(text, "f.json");
  REQUIRE(value.ok());
  return *value;
}

std::string Error(const Value& value) {
  const auto status = value.status();
  return status ? std::string() : status.error().sentence;
}

}  // namespace

TEST_CASE("values of each type are read and no error is noted") {
  const Value root =
      Parsed(R"({"s": "x", "i": 7, "b": true, "l": ["a", "b"], "c": "deny", "o": {}})");
  CHECK(root.is_object());
  CHECK(root.path() == "");
  CHECK(root.Member("s")->String() == "x");
  CHECK(root.Member("s")->is_string());
  CHECK(root.Member("i")->Integer(7, 7) == 7);
  CHECK(root.Member("b")->Bool());
  CHECK(root.Member("l")->is_array());
  CHECK(root.Member("l")->Strings() == std::vector<std::string>{"a", "b"});
  CHECK(root.Member("l")->Array()[1].path() == "l[1]");
  CHECK(root.Member("c")->OneOf({"allow", "deny"}) == 1);
  CHECK(!root.Member("absent").has_value());
  CHECK(root.Required("o").has_value());
  root.Finish();
  CHECK(Error(root) == "");
}

TEST_CASE("a wrong type names file, path, what was expected and what was got") {
  const auto error_of = [](std::string_view text, auto read) {
    const Value root = Parsed(text);
    read(*root.Member("a"));
    return Error(root);
  };
  CHECK(error_of(R"({"a": 5})", [](const Value& v) { CHECK(v.String() == ""); }) ==
        "f.json: a: expected a string, got 5");
  CHECK(error_of(R"({"a": "x"})", [](const Value& v) { CHECK(v.Integer(1, 9) == 0); }) ==
        "f.json: a: expected a whole number from 1 to 9, got \"x\"");
  CHECK(error_of(R"({"a": 2.5})", [](const Value& v) { CHECK(v.Integer(1, 9) == 0); }) ==
        "f.json: a: expected a whole number from 1 to 9, got 2.5");
  CHECK(error_of(R"({"a": null})", [](const Value& v) { CHECK(!v.Bool()); }) ==
        "f.json: a: expected true or false, got null");
  CHECK(error_of(R"({"a": {}})", [](const Value& v) { CHECK(v.Array().empty()); }) ==
        "f.json: a: expected an array, got an object");
  CHECK(error_of(R"({"a": "x"})", [](const Value& v) { CHECK(v.Strings().empty()); }) ==
        "f.json: a: expected an array of strings, got \"x\"");
  CHECK(error_of(R"({"a": ["x", false]})", [](const Value& v) { CHECK(v.Strings().empty()); }) ==
        "f.json: a[1]: expected a string, got false");
  CHECK(error_of(R"({"a": []})", [](const Value& v) { CHECK(!v.Member("b").has_value()); }) ==
        "f.json: a: expected an object, got an array");
  CHECK(error_of(R"({"a": "permit"})", [](const Value& v) {
          CHECK(v.OneOf({"allow", "deny", "disconnect"}) == 0);
        }) == "f.json: a: expected \"allow\", \"deny\" or \"disconnect\", got \"permit\"");
  CHECK(error_of(R"({"a": 1})", [](const Value& v) {
          CHECK(v.OneOf({"allow", "deny"}) == 0);
        }) == "f.json: a: expected \"allow\" or \"deny\", got 1");
}

TEST_CASE("an integer is held to its range at n-1, n and n+1") {
  const Value root = Parsed(R"([0, 1, 2, 8, 9, 10])");
  const std::vector<Value> items = root.Array();
  for (const std::size_t i : {1u, 2u, 3u, 4u}) CHECK(items[i].Integer(1, 9) != 0);
  CHECK(Error(root) == "");
  CHECK(items[0].Integer(1, 9) == 0);
  CHECK(Error(root) == "f.json: [0]: expected a whole number from 1 to 9, got 0");
  const Value other = Parsed("[10]");
  CHECK(other.Array()[0].Integer(1, 9) == 0);
  CHECK(Error(other) != "");
}

TEST_CASE("after the first error it stays and all readers return defaults") {
  const Value root = Parsed(R"({"a": 1, "b": "text", "c": [1], "d": true, "e": 5})");
  CHECK(root.Member("a")->String() == "");
  const Value b = Parsed(R"({"b": "x"})");
  CHECK(!root.Member("b").has_value());
  CHECK(root.Array().empty());
  CHECK(root.Members().empty());
  root.Fail("something else");
  CHECK(!root.Required("zz").has_value());
  root.NotYet("e");
  root.Finish();
  CHECK(Error(root) == "f.json: a: expected a string, got 1");
  CHECK(Error(b) == "");
}

TEST_CASE("a required member that is missing is an error with its path") {
  const Value root = Parsed(R"({"r": [{"id": "x"}]})");
  const Value rule = root.Member("r")->Array()[0];
  CHECK(rule.Required("id").has_value());
  CHECK(!rule.Required("action").has_value());
  CHECK(Error(root) == "f.json: r[0].action: is required and missing");
}

TEST_CASE("a member that nobody asked for is an error that lists what exists and guesses") {
  const Value root = Parsed(R"({"id": "x", "comands": []})");
  root.Member("id");
  root.Member("commands");
  root.Member("keys");
  root.NotYet("rate");
  root.Finish();
  CHECK(Error(root) ==
        "f.json: comands: unknown name; expected one of \"id\", \"commands\" or \"keys\"; did you "
        "mean "
        "\"commands\"?");
  const Value far = Parsed(R"({"zzzzzz": 1})");
  far.Member("id");
  far.Finish();
  CHECK(Error(far) == "f.json: zzzzzz: unknown name; expected one of \"id\"");
  const Value none = Parsed(R"({"x": 1})");
  none.Finish();
  CHECK(Error(none) == "f.json: x: unknown name");
}

TEST_CASE("Members counts as asking for all, in the file's order") {
  const Value root = Parsed(R"({"z": 1, "a": "two"})");
  const auto members = root.Members();
  REQUIRE(members.size() == 2);
  CHECK(members[0].first == "z");
  CHECK(members[0].second.Integer(0, 9) == 1);
  CHECK(members[1].second.path() == "a");
  root.Finish();
  CHECK(Error(root) == "");
}

TEST_CASE("Finish of something else than an object is an error") {
  const Value root = Parsed("[]");
  root.Finish();
  CHECK(Error(root) == "f.json: expected an object, got an array");
}

TEST_CASE("what a later version will do is a clear error only where it is used") {
  const Value used = Parsed(R"({"rate": {}})");
  used.NotYet("rate");
  CHECK(Error(used) == "f.json: rate: not supported by this version yet");
  const Value unused = Parsed(R"({})");
  unused.NotYet("rate");
  unused.Finish();
  CHECK(Error(unused) == "");
}

TEST_CASE("values outlive the reader they came from") {
  std::vector<Value> kept;
  {
    const Value root = Parsed(R"([{"a": "long enough to live on the heap, not in the string"}])");
    kept = root.Array();
  }
  CHECK(kept[0].Member("a")->String().starts_with("long enough"));
}

TEST_CASE("an unreadable document is an error with the file's name") {
  const auto broken = Value::Parse("{\n]", "f.json");
  REQUIRE(!broken.ok());
  CHECK(broken.error().sentence.starts_with("f.json: line 2, column 1: "));
  const auto twice = Value::Parse(R"({"a":1,"a":1})", "f.json");
  REQUIRE(!twice.ok());
  CHECK(twice.error().sentence == "f.json: a: the name is given twice");
}

TEST_CASE("files are read, and what can't be read is a sentence") {
  std::string folder = (std::filesystem::temp_directory_path() / "redwall-json-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/a.json";
  std::ofstream(path) << "{\"a\": \"" << std::string(100000, 'x') << "\"}";
  const auto read = Value::ReadFile(path);
  REQUIRE(read.ok());
  CHECK(read->Member("a")->String().size() == 100000);
  const auto missing = Value::ReadFile(path + ".no");
  REQUIRE(!missing.ok());
  CHECK(missing.error().sentence == path + ".no: can't be read: No such file or directory");
  const auto is_folder = Value::ReadFile(folder);
  REQUIRE(!is_folder.ok());
  CHECK(is_folder.error().sentence == folder + ": can't be read: Is a directory");
  std::ofstream(path) << std::string(16 * 1024 * 1024 + 1, ' ');
  const auto large = Value::ReadFile(path);
  REQUIRE(!large.ok());
  CHECK(large.error().sentence == path + ": larger than 16 MiB");
  unlink(path.c_str());
  rmdir(folder.c_str());
}
