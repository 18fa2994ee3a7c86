// Reply: what a Redis has answered to the agent's own commands. A value of our own, so that only
// redis_protocol.cc includes hiredis.
#ifndef REDWALL_GATEWAY_NET_REDIS_REPLY_H_
#define REDWALL_GATEWAY_NET_REDIS_REPLY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace redwall::net {

// RESP2. At most nine levels deep, which is what hiredis reads.
struct Reply {
  enum class Type : std::uint8_t { kString, kArray, kInteger, kNil, kStatus, kError };
  Type type = Type::kNil;
  std::string text;             // kString, kStatus, kError
  std::int64_t integer = 0;     // kInteger
  std::vector<Reply> elements;  // kArray

  bool is_text() const { return type == Type::kString || type == Type::kStatus; }
  // As much of the text as goes into a sentence.
  std::string quoted() const { return text.substr(0, 256); }
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_REDIS_REPLY_H_
