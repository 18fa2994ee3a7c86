// RedisConnection: one connection to one server, logged in where the route has credentials.
#ifndef REDWALL_GATEWAY_AGENT_REDIS_CONNECTION_H_
#define REDWALL_GATEWAY_AGENT_REDIS_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.h"
#include "gateway/agent/backend.h"
#include "gateway/net/address.h"
#include "gateway/net/dialer.h"
#include "gateway/net/loop.h"
#include "gateway/net/socket.h"
#include "resp/reply_scanner.h"

namespace redwall::agent {

class RedisConnection final : public Backend, private net::SocketHandler {
 public:
  // With what it logs in: the AUTH command, encoded (empty: it doesn't), and where that is from.
  struct Login {
    std::shared_ptr<const crypto::Secret> command;
    std::string password_file;
  };
  // The handler isn't called from inside the constructor.
  RedisConnection(net::Loop& loop, const net::Address& address, std::uint64_t timeout_ms,
                  Login login, BackendHandler& handler);

  const net::Address& address() const { return address_; }

  void Write(std::string_view bytes) override;
  std::size_t queued() const override { return socket_ ? socket_->queued() : 0; }
  void StartReading() override;
  void StopReading() override;
  void Shutdown() override;
  void ResetOnClose() override;

 private:
  void OnConnected(Result<net::Socket, net::DialError> socket);
  void ReadLogin(std::string_view bytes);
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override { handler_.OnDrained(); }

  const net::Address address_;
  const Login login_;
  BackendHandler& handler_;
  std::optional<net::Dial> dial_;
  std::optional<net::Socket> socket_;
  bool logging_in_ = false;
  std::string login_reply_;
  resp::ReplyScanner login_scanner_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_REDIS_CONNECTION_H_
