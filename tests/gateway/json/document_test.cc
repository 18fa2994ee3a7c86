#include "gateway/json/document.h"

#include <doctest/doctest.h>

#include <string>

using namespace redwall::json;

namespace {

// "where: what", or empty where the text is a document.
std::string Failure(std::string_view text) {
  const auto document = ParseDocument(text);
  return document ? std::string() : document.error().where + ": " + document.error().what;
}

std::string Nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("a document becomes a tree in the file's order") {
  const auto document = ParseDocument(R"({"b": [1, -2, 2.5, true, null], "a": {"c": "d"}})");
  REQUIRE(document.ok());
  REQUIRE(document->elements.size() == 2);
  const Element& list = document->elements[0];
  CHECK(list.name == "b");
  REQUIRE(list.elements.size() == 5);
  CHECK(list.elements[0].integer == 1);
  CHECK(list.elements[1].integer == -2);
  CHECK(list.elements[2].kind == Element::Kind::kOtherNumber);
  CHECK(list.elements[2].text == "2.5");
  CHECK(list.elements[3].boolean);
  CHECK(list.elements[4].kind == Element::Kind::kNull);
  CHECK(document->elements[1].name == "a");
  CHECK(document->elements[1].elements[0].name == "c");
  CHECK(document->elements[1].elements[0].text == "d");
}

TEST_CASE("numbers at the edge of 64 bits") {
  CHECK(ParseDocument("9223372036854775807")->integer == INT64_MAX);
  CHECK(ParseDocument("-9223372036854775808")->integer == INT64_MIN);
  CHECK(ParseDocument("9223372036854775808")->kind == Element::Kind::kOtherNumber);
  CHECK(ParseDocument("18446744073709551616")->kind == Element::Kind::kOtherNumber);
  CHECK(!ParseDocument("1e999").ok());
}

TEST_CASE("comments of both kinds are skipped") {
  CHECK(Failure("// first\n{ /* in */ \"a\": 1 // after\n} /* last */") == "");
  CHECK(Failure("{\"a\": \"// not one\"}") == "");
  CHECK(ParseDocument("\"/* not one */\"")->text == "/* not one */");
  CHECK(Failure("{} /* open") != "");
}

TEST_CASE("a syntax error names its line and column") {
  CHECK(Failure("{\n  \"a\": 1,\n  \"b\" 2\n}").starts_with("line 3, column 7: "));
  CHECK(Failure("[1,]").starts_with("line 1, column 4: "));
  CHECK(Failure("x").starts_with("line 1, column 1: "));
  CHECK(Failure("{\n").starts_with("line 2, column 1: "));
  CHECK(Failure("{} {}").starts_with("line 1, column 4: "));
  CHECK(Failure("// a\n// b\n}").starts_with("line 3, column 1: "));
}

TEST_CASE("a syntax error's text is one printable line without the library's own prefix") {
  for (const std::string_view text :
       {"[\"\n\"]", "[\"\x1b\"]", "[\"\xff\"]", "[\"\xc3\x28\"]", "\x01"}) {
    const std::string failure = Failure(text);
    CHECK(!failure.empty());
    CHECK(failure.find("json.exception") == failure.npos);
    CHECK(failure.find("parse error at") == failure.npos);
    for (const char c : failure) CHECK((c >= 0x20 && c < 0x7f));
  }
}

TEST_CASE("an empty file says so") {
  CHECK(Failure("") == ": empty; expected JSON");
  CHECK(Failure(" \n\t ") == ": empty; expected JSON");
  CHECK(Failure("// only a comment") != "");
}

TEST_CASE("a name given twice is an error with its path") {
  CHECK(Failure(R"({"a": 1, "a": 2})") == "a: the name is given twice");
  CHECK(Failure(R"({"rules": [{}, {"id": 1, "x": {"y": 1}, "id": 2}]})") ==
        "rules[1].id: the name is given twice");
  CHECK(Failure(R"({"a": {"a": 1}, "b": {"a": 1}})") == "");
  CHECK(Failure(R"({"k\n": 1, "k\n": 2})") == "[\"k\\x0a\"]: the name is given twice");
}

TEST_CASE("nesting is held to 64 levels") {
  CHECK(Failure(Nested(63)) == "");
  CHECK(Failure(Nested(64)) == "");
  CHECK(Failure(Nested(65)).ends_with("nested deeper than 64 levels"));
  CHECK(Failure(std::string(1000000, '[')).ends_with("nested deeper than 64 levels"));
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  CHECK(Failure(objects).ends_with("nested deeper than 64 levels"));
}

TEST_CASE("a document is held to 16 MiB") {
  const auto padded = [](std::size_t size) { return "[]" + std::string(size - 2, ' '); };
  CHECK(Failure(padded(kMaxDocumentBytes - 1)) == "");
  CHECK(Failure(padded(kMaxDocumentBytes)) == "");
  CHECK(Failure(padded(kMaxDocumentBytes + 1)) == ": larger than 16 MiB");
}

TEST_CASE("every beginning of a document is an error and not a crash") {
  const std::string text = R"({"a": [1, 2.5, "x\u00e9", {"b": null}], /* c */ "d": true})";
  for (std::size_t n = 0; n < text.size(); ++n) CHECK(Failure(text.substr(0, n)) != "");
  CHECK(Failure(text) == "");
}

TEST_CASE("paths quote names that are not plain") {
  CHECK(MemberPath("", "a") == "a");
  CHECK(MemberPath("a[1]", "b-c_$D9") == "a[1].b-c_$D9");
  CHECK(MemberPath("a", "b c") == "a[\"b c\"]");
  CHECK(MemberPath("", "") == "[\"\"]");
  CHECK(ItemPath("a", 12) == "a[12]");
}
