#include "gateway/net/redis_protocol.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace redwall::net {
namespace {

using Status = RedisReader::Status;

// A reply as one line, for comparing: "[+OK,:1,$a,_,-ERR x]".
std::string Shown(const Reply& reply) {
  switch (reply.type) {
    case Reply::Type::kString:
      return "$" + reply.text;
    case Reply::Type::kStatus:
      return "+" + reply.text;
    case Reply::Type::kError:
      return "-" + reply.text;
    case Reply::Type::kInteger:
      return ":" + std::to_string(reply.integer);
    case Reply::Type::kNil:
      return "_";
    case Reply::Type::kArray:
      break;
  }
  std::string shown = "[";
  for (const Reply& element : reply.elements) {
    if (shown.size() > 1) shown += ",";
    shown += Shown(element);
  }
  return shown + "]";
}

// All replies in `bytes`, given in pieces of `piece` bytes; the error last, where there is one.
std::vector<std::string> ReadAll(std::string_view bytes, std::size_t piece,
                                 RedisReader::Limits limits = {}) {
  RedisReader reader(limits);
  std::vector<std::string> found;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.Feed(AsBytes(bytes.substr(at, piece)));
    while (true) {
      Reply reply;
      const Status status = reader.Next(reply);
      if (status == Status::kNeedMore) break;
      if (status == Status::kError) {
        found.push_back(reader.error());
        return found;
      }
      found.push_back(Shown(reply));
    }
  }
  return found;
}

std::string ErrorOf(std::string_view bytes, RedisReader::Limits limits = {}) {
  const auto found = ReadAll(bytes, bytes.size(), limits);
  return found.empty() ? "" : found.back();
}

TEST_CASE("A command becomes an array of bulk strings, whatever bytes are in it") {
  CHECK(FormatRedisCommand({"COMMAND"}) == "*1\r\n$7\r\nCOMMAND\r\n");
  const std::string odd("a\0\r\nb", 5);
  CHECK(FormatRedisCommand({"GET", odd, ""}) ==
        "*3\r\n$3\r\nGET\r\n$5\r\n" + odd + "\r\n$0\r\n\r\n");
}

TEST_CASE("Every kind of reply is read, in pieces of any size") {
  const std::string bytes =
      "+OK\r\n-ERR no\r\n:-42\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
      "*3\r\n*2\r\n$1\r\na\r\n+b\r\n*1\r\n*2\r\n:1\r\n$-1\r\n-ERR in\r\n:9223372036854775807\r\n";
  const std::vector<std::string> expected = {"+OK",
                                             "-ERR no",
                                             ":-42",
                                             "$a\r\n",
                                             "$",
                                             "_",
                                             "_",
                                             "[]",
                                             "[[$a,+b],[[:1,_]],-ERR in]",
                                             ":9223372036854775807"};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    CAPTURE(piece);
    CHECK(ReadAll(bytes, piece) == expected);
  }
}

TEST_CASE("Large arrays keep all of their elements, nested ones too") {
  std::string bytes = "*5000\r\n";
  std::string expected = "[";
  for (int i = 0; i < 5000; ++i) {
    bytes += "*2\r\n$4\r\nname\r\n*1\r\n:" + std::to_string(i) + "\r\n";
    expected += (i > 0 ? ",[$name,[:" : "[$name,[:") + std::to_string(i) + "]]";
  }
  for (const std::size_t piece : {std::size_t{1000}, bytes.size()})
    CHECK(ReadAll(bytes, piece) == std::vector<std::string>{expected + "]"});
}

TEST_CASE("Nine levels are read, more are an error") {
  const auto nested = [](int arrays) {
    std::string bytes;
    for (int i = 0; i < arrays; ++i) bytes += "*1\r\n";
    return bytes + ":1\r\n";
  };
  CHECK(ErrorOf(nested(8)) == "[[[[[[[[:1]]]]]]]]");
  CHECK(ErrorOf(nested(9)).find("depth") != std::string::npos);
}

TEST_CASE("What isn't the protocol is an error, for good") {
  for (const char* garbage :
       {"HTTP/1.1 400 Bad Request\r\n", ":x\r\n", "$-2\r\n", "*-2\r\n", "\r\n", "%1\r\n",
        "*9223372036854775807\r\n", "+fine\r\n*1\r\n?\r\n", "*2\r\n+begun\r\n!\r\n"}) {
    CAPTURE(garbage);
    CHECK(ErrorOf(garbage).find("the answer isn't one that a Redis gives (") == 0);
  }
  RedisReader reader({});
  Reply reply;
  reader.Feed(AsBytes("?\r\n"));
  CHECK(reader.Next(reply) == Status::kError);
  const std::string first = reader.error();
  reader.Feed(AsBytes("+OK\r\n"));
  CHECK(reader.Next(reply) == Status::kError);
  CHECK(reader.error() == first);
}

TEST_CASE("Limits: bytes, values, the length of a line") {
  RedisReader::Limits limits;
  limits.bytes = 20;
  limits.values = 4;
  limits.line = 10;
  const std::string full = "+1\r\n*2\r\n:1\r\n$1\r\na\r\n";
  CHECK(full.size() == 19);
  CHECK(ReadAll(full, 7, limits) == std::vector<std::string>{"+1", "[:1,$a]"});
  CHECK(ErrorOf(full + "..", limits) == "the answer has more than 20 bytes");
  CHECK(ErrorOf("*5\r\n:1\r\n:2\r\n:3\r\n", limits).empty());
  CHECK(ErrorOf("*2\r\n*0\r\n*1\r\n*0\r\n", limits) == "[[],[[]]]");
  CHECK(ErrorOf("*4\r\n*0\r\n*0\r\n*0\r\n*0", limits).empty());
  limits.bytes = 100;
  CHECK(ErrorOf("*4\r\n*0\r\n*0\r\n*0\r\n*0\r\n", limits) == "the answer has more than 4 values");
  CHECK(ErrorOf("+12345678", limits).empty());
  CHECK(ErrorOf("+12345678901", limits) == "the answer has a line of more than 10 bytes");
  CHECK(ErrorOf("$12\r\n123456789012", limits).empty());
  CHECK(ErrorOf("$12\r\n123456789012\r\n", limits) == "$123456789012");
}

TEST_CASE("Renewed, a reader counts anew, from what it hasn't read yet") {
  RedisReader::Limits limits;
  limits.bytes = 16;
  limits.values = 3;
  RedisReader reader(limits);
  Reply reply;
  reader.Feed(AsBytes("*2\r\n:1\r\n:2\r\n"));
  CHECK(reader.Next(reply) == Status::kReply);
  for (int i = 0; i < 10; ++i) {
    reader.Renew();
    reader.Feed(AsBytes("*2\r\n:1\r\n:2\r\n"));
    CHECK(reader.Next(reply) == Status::kReply);
  }
  reader.Renew();
  reader.Feed(AsBytes("+1\r\n+2\r\n"));
  CHECK(reader.Next(reply) == Status::kReply);
  reader.Renew();
  reader.Feed(AsBytes("$9\r\n12345678"));  // with what was there, all that may be
  CHECK(reader.Next(reply) == Status::kReply);
  CHECK(reader.Next(reply) == Status::kNeedMore);
  reader.Feed(AsBytes("9"));
  CHECK(reader.Next(reply) == Status::kError);
}

TEST_CASE("Declared lengths allocate nothing") {
  // 16 GiB of pointers each, eight times, were they believed.
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += "*2147483647\r\n";
  CHECK(ReadAll(bytes, bytes.size()).empty());
  CHECK(ReadAll("$2147483647\r\nabc", 5).empty());
}

}  // namespace
}  // namespace redwall::net
