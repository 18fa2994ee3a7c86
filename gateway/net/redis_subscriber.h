// RedisSubscriber: a subscription of the agent's own with a Redis or a Sentinel, until it ends.
//
//     DIALING ─ connected ─▶ LOGIN ─ +OK ─▶ SUBSCRIBING ─ confirmed ─▶ LISTENING ─▶ ...
//        └─────────────────────┴────────────────┴─ any failure, silence ─┴─▶ done, with an error
//
// LOGIN is left out where there are no credentials. While nothing is said it asks by PING whether
// the other side is still there. It doesn't connect anew: that is its owner's, who knows where to.
#ifndef REDWALL_GATEWAY_NET_REDIS_SUBSCRIBER_H_
#define REDWALL_GATEWAY_NET_REDIS_SUBSCRIBER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gateway/net/address.h"
#include "gateway/net/dialer.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_client.h"
#include "gateway/net/redis_protocol.h"
#include "gateway/net/redis_reply.h"
#include "gateway/net/socket.h"
#include "gateway/net/timer.h"

namespace redwall::net {

class RedisSubscriber final : private SocketHandler {
 public:
  struct Options {
    std::uint64_t timeout_ms = 5000;  // until it listens; then, for an answer to PING
    std::uint64_t quiet_ms = 2000;    // so long after the last word it asks by PING
    // AUTH, encoded. Not copied: it outlives the subscription. Empty: no login.
    ByteView login;
    RedisReader::Limits limits = {1u << 20, 1000, 64u << 10};  // of one message
  };
  // None is called from inside the constructor, and none any more once the RedisSubscriber is
  // destroyed, which each may do.
  struct Callbacks {
    std::function<void()> subscribed;  // once: all channels are; from now on nothing is missed
    std::function<void(const std::string& channel, const std::string& message)> message;
    std::function<void(const RedisError& error)> ended;  // once, the last call
  };

  // Precondition: there is at least one channel, and none twice.
  RedisSubscriber(Loop& loop, const Address& address, const std::vector<std::string>& channels,
                  const Options& options, Callbacks callbacks);
  RedisSubscriber(const RedisSubscriber&) = delete;
  RedisSubscriber& operator=(const RedisSubscriber&) = delete;
  ~RedisSubscriber();

 private:
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override {}

  void OnConnected(Result<Socket, DialError> socket);
  void Take(const Reply& reply);
  void TakeLogin(const Reply& reply);
  void TakeConfirmation(const Reply& reply);
  void WaitForWord();
  void OnQuiet();
  void Fail(const std::string& cause);
  void Finish(const RedisError& error);

  enum class State : std::uint8_t { kDialing, kLogin, kSubscribing, kListening, kDone };
  const std::string address_;
  const Options options_;
  const std::size_t channels_;
  const std::string request_;
  const Callbacks callbacks_;
  State state_ = State::kDialing;
  std::size_t confirmed_ = 0;
  bool pinged_ = false;
  bool* gone_ = nullptr;  // while one of the callbacks may destroy this object
  RedisReader reader_;
  Timer timer_;
  std::optional<Dial> dial_;
  std::optional<Socket> socket_;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_REDIS_SUBSCRIBER_H_
