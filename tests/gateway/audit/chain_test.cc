#include "gateway/audit/chain.h"

#include <doctest/doctest.h>

using namespace redwall::audit;

namespace {

constexpr std::string_view kZeros =
    "0000000000000000000000000000000000000000000000000000000000000000";

std::string Line(std::string_view seq, std::string_view prev = kZeros) {
  return "{\"v\":1,\"seq\":" + std::string(seq) + ",\"x\":1,\"prev\":\"" + std::string(prev) +
         "\"}";
}

}  // namespace

TEST_CASE("a number that no chain reaches is refused") {
  const std::string zeros(64, '0');
  const auto line = [&](const std::string& seq) {
    return FindLink("{\"v\":1,\"seq\":" + seq + ",\"prev\":\"" + zeros + "\"}").has_value();
  };
  CHECK(line("9223372036854775807"));
  CHECK(!line("9223372036854775808"));
  const auto head = [&](const std::string& seq) {
    return ParseHead("{\"v\":1,\"seq\":" + seq + ",\"hash\":\"" + zeros + "\",\"closed\":true}")
        .has_value();
  };
  CHECK(head("4611686018427387903"));
  CHECK(!head("4611686018427387904"));
}

TEST_CASE("a line's hash is SHA-256") {
  CHECK(FormatHash(HashLine("")) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(FormatHash(HashLine("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("lines are numbered and each names the hash of the one before") {
  ChainEnd end;
  std::string out;
  AppendLine(",\"a\":1", end, out);
  const std::string first = "{\"v\":1,\"seq\":1,\"a\":1,\"prev\":\"" + std::string(kZeros) + "\"}";
  CHECK(out == first + "\n");
  CHECK(end.seq == 1);
  CHECK(end.hash == HashLine(first));
  out = "kept ";
  AppendLine("", end, out);
  CHECK(out == "kept {\"v\":1,\"seq\":2,\"prev\":\"" + FormatHash(HashLine(first)) + "\"}\n");
}

TEST_CASE("a line's place is found in its text") {
  const auto link = FindLink(Line("9223372036854775807", std::string(63, '0') + "f"));
  REQUIRE(link.has_value());
  CHECK(link->seq == kMaxSeq);
  CHECK(link->prev.back() == std::byte{15});
  CHECK(FindLink("{\"v\":1,\"seq\":7,\"prev\":\"" + std::string(kZeros) + "\"}").has_value());
}

TEST_CASE("what isn't a line of a chain is not taken for one") {
  for (const std::string& line :
       {std::string(), std::string("{}"), Line("0"), Line("01"), Line("-1"), Line(""), Line("1x"),
        Line("9223372036854775808"), Line("1", std::string(63, '0')),
        Line("1", std::string(64, 'A')), Line("1", std::string(64, 'g')), Line("1") + " ",
        " " + Line("1"), Line("1").substr(1), "{\"v\":2" + Line("1").substr(6),
        std::string("{\"v\":1,\"seq\":1,\"ts\":\"\"}")}) {
    CAPTURE(line);
    CHECK(!FindLink(line).has_value());
  }
}

TEST_CASE("hashes are 64 lower-case hex digits") {
  ChainHash hash;
  for (std::size_t i = 0; i < hash.size(); ++i) hash[i] = static_cast<std::byte>(i * 8 + 7);
  CHECK(ParseHash(FormatHash(hash)) == hash);
  CHECK(FormatHash(ChainHash{}) == kZeros);
  CHECK(!ParseHash(""));
  CHECK(!ParseHash(std::string(66, '0')));
}

TEST_CASE("a head survives being written and read") {
  Head head{{12, HashLine("x")}, true, "KEY=", "SIG+/="};
  for (const bool is_signed : {true, false}) {
    if (!is_signed) head.key = head.signature = "";
    const std::string text = FormatHead(head);
    CHECK(text.size() == kHeadBytes);
    CHECK(text.back() == '\n');
    const auto read = ParseHead(text);
    REQUIRE(read.has_value());
    CHECK(read->end.seq == 12);
    CHECK(read->end.hash == head.end.hash);
    CHECK(read->closed);
    CHECK(read->key == head.key);
    CHECK(read->signature == head.signature);
  }
  const auto empty = ParseHead(FormatHead({}));
  REQUIRE(empty.has_value());
  CHECK(empty->end.seq == 0);
  CHECK(!empty->closed);
}

TEST_CASE("a head is read without its filling") {
  CHECK(ParseHead("{\"v\":1,\"seq\":3,\"hash\":\"" + std::string(kZeros) + "\",\"closed\":true}\n")
            .has_value());
}

TEST_CASE("what isn't a head is not taken for one") {
  const std::string whole = FormatHead({{12, HashLine("x")}, false, "KEY", "SIG"});
  const std::size_t end = whole.find('}') + 1;
  for (std::size_t cut = 0; cut < end; ++cut) CHECK(!ParseHead(whole.substr(0, cut)).has_value());
  CHECK(ParseHead(whole.substr(0, end)).has_value());
  CHECK(!ParseHead(whole.substr(0, end) + "x").has_value());
  CHECK(!ParseHead("{\"v\":1,\"seq\":007" + whole.substr(15)).has_value());
}

TEST_CASE("what is signed is unambiguous and names its purpose") {
  const ChainHash hash = HashLine("x");
  const std::string binary(reinterpret_cast<const char*>(hash.data()), hash.size());
  using namespace std::string_literals;
  const std::string seq = "\0\0\0\0\0\0\1\2"s;
  CHECK(CheckpointMessage({258, hash}, "TIME") ==
        "redwall audit checkpoint v1\0"s + seq + binary + "TIME");
  CHECK(HeadMessage({258, hash}, true) == "redwall audit head v1\0"s + seq + binary + "\1");
  CHECK(HeadMessage({258, hash}, false) == "redwall audit head v1\0"s + seq + binary + "\0"s);
}
