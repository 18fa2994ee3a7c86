// RedisClient: one short talk of the agent's own with a Redis: connect, perhaps log in, ask a few
// commands, hear the answers, close.
//
//     DIALING ─ connected ─▶ LOGIN ─ +OK ─▶ ASKING ─ all answered ─▶ done
//        └─────────────────────┴──────────────┴─ any failure, the deadline ─▶ done, with an error
//
// LOGIN is left out where there are no credentials. The commands go out together, but not before
// the login has succeeded.
#ifndef REDWALL_GATEWAY_NET_REDIS_CLIENT_H_
#define REDWALL_GATEWAY_NET_REDIS_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gateway/net/address.h"
#include "gateway/net/dialer.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_protocol.h"
#include "gateway/net/redis_reply.h"
#include "gateway/net/socket.h"
#include "gateway/net/timer.h"

namespace redwall::net {

struct RedisError {
  // How far it came.
  enum class Stage : std::uint8_t { kConnecting, kLogin, kAsking };
  std::string sentence;  // "127.0.0.1:6379: no answer within 5000 ms"; names the address
  Stage stage = Stage::kAsking;
  bool refused = false;  // as in DialError
};

struct RedisClientOptions {
  std::uint64_t timeout_ms = 5000;  // for all of it, from connecting to the last answer
  // AUTH, encoded. Not copied: it outlives the talk. Empty: no login.
  ByteView login;
  RedisReader::Limits limits;
};

class RedisClient final : private SocketHandler {
 public:
  // One reply for each command, in their order. That a command failed is a reply, too (kError).
  using Done = std::function<void(Result<std::vector<Reply>, RedisError>)>;

  // `done` is called once, never from inside the constructor; destroying the RedisClient before
  // that gives up the talk without a call. `done` may destroy it. Precondition: each command has
  // at least its name.
  RedisClient(Loop& loop, const Address& address,
              const std::vector<std::vector<std::string>>& commands,
              const RedisClientOptions& options, Done done);
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

 private:
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override {}

  void OnConnected(Result<Socket, DialError> socket);
  void Ask();
  bool Take(Reply reply);
  void Fail(const std::string& cause);
  void Finish(Result<std::vector<Reply>, RedisError> outcome);

  const std::string address_;
  const std::size_t expected_;  // replies to commands
  ByteView login_;
  std::string requests_;
  Done done_;
  bool logging_in_ = false;
  RedisReader reader_;
  std::vector<Reply> replies_;
  Timer deadline_;
  std::optional<Dial> dial_;
  std::optional<Socket> socket_;
};

// What of Redis's error to a login may go into a log. Some errors quote what was sent ("unknown
// command 'AUTH', with args beginning with: ..."): of any that isn't known not to, the first word.
std::string TellableLoginError(std::string_view text);
// What is wrong with a reply to a login, for a sentence; empty: it is +OK.
std::string LoginTrouble(const Reply& reply);

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_REDIS_CLIENT_H_
