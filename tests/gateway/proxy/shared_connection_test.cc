// Whose replies are whose on a shared connection.
#include "gateway/proxy/shared_connection.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace redwall::proxy {
namespace {

struct Reader final : SharedReader {
  void OnReply(std::string_view piece, bool ends) override {
    got.append(piece);
    if (ends) got += '|';
  }
  std::string got;
};

// Every type of RESP2, nested too.
const std::vector<std::string> kReplies = {
    "+OK\r\n", "$3\r\na\r\n\r\n", ":12\r\n", "*2\r\n$1\r\nx\r\n*1\r\n:1\r\n",
    "$-1\r\n", "-ERR no\r\n",     "*0\r\n",  "*-1\r\n"};

TEST_CASE("Each reply goes to its reader, wherever the bytes are cut") {
  std::string all;
  for (const std::string& reply : kReplies) all += reply;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    SharedConnection connection{resp::ReplyLimits()};
    Reader a, b;
    const auto seat_a = connection.Sit(a), seat_b = connection.Sit(b);
    connection.Expect(seat_a, 1);
    connection.Expect(seat_b, 3);
    connection.Expect(seat_a, 1);
    connection.Expect(seat_a, 3);
    CHECK(connection.expected() == 8);
    CHECK(connection.OnReply(all.substr(0, cut)));
    CHECK(connection.OnReply(all.substr(cut)));
    CHECK(connection.expected() == 0);
    CHECK(a.got == kReplies[0] + '|' + kReplies[4] + '|' + kReplies[5] + '|' + kReplies[6] + '|' +
                       kReplies[7] + '|');
    CHECK(b.got == kReplies[1] + '|' + kReplies[2] + '|' + kReplies[3] + '|');
  }
}

TEST_CASE("One byte at a time") {
  SharedConnection connection{resp::ReplyLimits()};
  Reader a, b;
  const auto seat_a = connection.Sit(a), seat_b = connection.Sit(b);
  for (std::size_t i = 0; i < kReplies.size(); ++i)
    connection.Expect(i % 2 == 0 ? seat_a : seat_b, 1);
  std::string expected[2];
  for (std::size_t i = 0; i < kReplies.size(); ++i) {
    expected[i % 2] += kReplies[i] + '|';
    for (const char c : kReplies[i]) REQUIRE(connection.OnReply({&c, 1}));
  }
  CHECK(a.got == expected[0]);
  CHECK(b.got == expected[1]);
}

TEST_CASE("The replies of who has left are dropped, those of the others are not") {
  const std::string all = "+1\r\n+2\r\n+3\r\n+4\r\n";
  for (std::size_t cut = 0; cut <= 3 * 4; ++cut) {  // before the last one, which is for who comes
    SharedConnection connection{resp::ReplyLimits()};
    Reader a, b, c;
    const auto seat_a = connection.Sit(a), seat_b = connection.Sit(b);
    connection.Expect(seat_a, 1);
    connection.Expect(seat_b, 1);
    connection.Expect(seat_a, 1);
    REQUIRE(connection.OnReply(all.substr(0, cut)));
    const std::string before = a.got;
    connection.Leave(seat_a);
    // Who comes now never gets what was for another, whichever seat is free.
    const auto seat_c = connection.Sit(c);
    connection.Expect(seat_c, 1);
    CHECK(connection.OnReply(all.substr(cut)));
    CHECK(a.got == before);
    CHECK(b.got == "+2\r\n|");
    CHECK(c.got == "+4\r\n|");
    CHECK(connection.expected() == 0);
  }
}

TEST_CASE("What nobody waits for, and what is no reply, is the end") {
  for (const char* said : {"+OK\r\n", ">2\r\n+a\r\n+b\r\n", "|1\r\n+a\r\n+b\r\n+c\r\n", "%0\r\n",
                           "_\r\n", "#t\r\n", "x", "\r\n", ":a\r\n", "$-2\r\n"}) {
    CAPTURE(said);
    Reader a;
    SharedConnection idle{resp::ReplyLimits()};
    idle.Sit(a);
    CHECK_FALSE(idle.OnReply(said));
    CHECK(a.got.empty());
    CHECK_FALSE(idle.OnReply("+OK\r\n"));
    if (said[0] == '+') continue;
    SharedConnection waiting{resp::ReplyLimits()};
    waiting.Expect(waiting.Sit(a), 2);
    CHECK_FALSE(waiting.OnReply(said));
    CHECK_FALSE(waiting.OnReply("+OK\r\n"));
    CHECK(a.got.find('|') == std::string::npos);
    a.got.clear();
  }
  Reader b;
  SharedConnection connection{resp::ReplyLimits()};
  connection.Expect(connection.Sit(b), 1);
  CHECK_FALSE(connection.OnReply("+OK\r\n+more\r\n"));
  CHECK(b.got == "+OK\r\n|");
}

TEST_CASE("Seats are used again when all that was due has come") {
  SharedConnection connection{resp::ReplyLimits()};
  std::vector<Reader> readers(100);
  for (Reader& reader : readers) {
    const auto seat = connection.Sit(reader);
    CHECK(seat <= 1);
    connection.Expect(seat, 2);
    CHECK(connection.OnReply("+1\r\n"));
    connection.Leave(seat);
    CHECK(connection.OnReply("+2\r\n"));
    CHECK(reader.got == "+1\r\n|");
  }
}

}  // namespace
}  // namespace redwall::proxy
