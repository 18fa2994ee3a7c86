// Inquiry: one question to several servers, any of which may know the answer: they are asked one
// after the other, until one gives an answer that counts.
#ifndef REDWALL_GATEWAY_AGENT_INQUIRY_H_
#define REDWALL_GATEWAY_AGENT_INQUIRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gateway/agent/health.h"
#include "gateway/net/address.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_client.h"

namespace redwall::agent {

class Inquiry {
 public:
  struct Question {
    std::vector<std::vector<std::string>> commands;
    // AUTH, encoded. Not copied: it outlives the Inquiry. Empty: no login.
    ByteView login;
    // For all servers together: each gets a share of it, and none is begun with after it.
    std::uint64_t timeout_ms;
  };
  // What is wrong with a server's answer; empty: it counts. One reply for each command.
  using Judge = std::function<std::string(const net::Address&, const std::vector<net::Reply>&)>;
  // Empty: an answer counted. Else why none did.
  using Done = std::function<void(const std::string& trouble)>;

  // Asks in the order given, but those that are known to be down last. `judge` and `done` are never
  // called from inside the constructor, and not any more once the Inquiry is destroyed, which
  // `done` may do. Precondition: there is at least one server.
  Inquiry(net::Loop& loop, Health& health, const std::vector<net::Address>& servers,
          Question question, Judge judge, Done done);
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

 private:
  using Replies = Result<std::vector<net::Reply>, net::RedisError>;
  void AskNext();
  void OnReplies(const Replies& replies);
  void Finish(const std::string& trouble);

  net::Loop& loop_;
  Health& health_;
  std::vector<net::Address> servers_;
  const Question question_;
  const Judge judge_;
  Done done_;
  const std::int64_t end_ms_;
  std::size_t asked_ = 0;
  std::string trouble_;  // of the first that was asked
  std::optional<net::RedisClient> client_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_INQUIRY_H_
