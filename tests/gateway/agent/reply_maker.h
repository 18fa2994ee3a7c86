// Reply values for tests of what is read from them: from the bytes of a real answer, or made.
#ifndef REDWALL_TESTS_GATEWAY_AGENT_REPLY_MAKER_H_
#define REDWALL_TESTS_GATEWAY_AGENT_REPLY_MAKER_H_

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "gateway/net/redis_protocol.h"
#include "gateway/net/redis_reply.h"

namespace redwall::agent {

inline net::Reply Text(std::string_view text) {
  return {net::Reply::Type::kString, std::string(text), 0, {}};
}
inline net::Reply Failed(std::string_view text) {
  return {net::Reply::Type::kError, std::string(text), 0, {}};
}
inline net::Reply Number(std::int64_t number) {
  return {net::Reply::Type::kInteger, {}, number, {}};
}
inline net::Reply Array(std::vector<net::Reply> elements) {
  return {net::Reply::Type::kArray, {}, 0, std::move(elements)};
}
inline net::Reply Texts(const std::vector<std::string>& texts) {
  net::Reply list = Array({});
  for (const std::string& text : texts) list.elements.push_back(Text(text));
  return list;
}

// One whole answer. As redis-cli and a file would show it: each line ends with '\n' alone.
inline net::Reply Recorded(std::string_view lines) {
  std::string bytes;
  for (const char c : lines) bytes += c == '\n' ? std::string("\r\n") : std::string(1, c);
  net::RedisReader reader({});
  reader.Feed(AsBytes(bytes));
  net::Reply reply;
  REQUIRE(reader.Next(reply) == net::RedisReader::Status::kReply);
  return reply;
}

}  // namespace redwall::agent

#endif  // REDWALL_TESTS_GATEWAY_AGENT_REPLY_MAKER_H_
