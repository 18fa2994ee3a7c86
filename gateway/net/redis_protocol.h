// The Redis protocol for the agent's own talk with a Redis, by hiredis: commands to bytes, bytes to
// Reply values. What clients say never comes here; that is resp/'s.
#ifndef REDWALL_GATEWAY_NET_REDIS_PROTOCOL_H_
#define REDWALL_GATEWAY_NET_REDIS_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gateway/net/redis_reply.h"

struct redisReader;

namespace redwall::net {

// A command as an array of bulk strings. Precondition: there is at least its name.
std::string FormatRedisCommand(const std::vector<std::string>& arguments);

// Reads replies from bytes that come in any pieces. Declared lengths allocate nothing: memory grows
// with what has arrived, up to the limits. After an error it is dead.
class RedisReader {
 public:
  struct Limits {
    std::size_t bytes = 32u << 20;  // of all replies together, or since Renew
    std::size_t values = 1u << 20;  // likewise, each element of an array counted
    std::size_t line = 64u << 10;   // a status, an error, a number, a length
  };
  enum class Status : std::uint8_t { kNeedMore, kReply, kError };

  explicit RedisReader(Limits limits);
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;
  ~RedisReader();

  void Feed(ByteView bytes);
  // The next whole reply. To be called until it needs more.
  Status Next(Reply& reply);
  // What was read no longer counts: for a connection that goes on after a whole reply.
  void Renew();
  // What was wrong, as the end of a sentence: "the answer has more than 1048576 values". Valid
  // after kError.
  const std::string& error() const { return error_; }

  // Which values may still be made: shared with hiredis's callbacks.
  struct Budget {
    std::size_t values;
    bool spent = false;
  };

 private:
  struct ReaderFreer {
    void operator()(redisReader* reader) const;
  };
  bool LineIsTooLong() const;
  Status Die(std::string error);

  const Limits limits_;
  std::size_t fed_ = 0;
  Budget budget_;
  std::string error_;
  std::unique_ptr<redisReader, ReaderFreer> reader_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_REDIS_PROTOCOL_H_
