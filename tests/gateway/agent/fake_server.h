// A server of a script's making: it reads commands and says what the script says, in the loop of
// the test.
#ifndef REDWALL_TESTS_GATEWAY_AGENT_FAKE_SERVER_H_
#define REDWALL_TESTS_GATEWAY_AGENT_FAKE_SERVER_H_

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/net/address.h"
#include "gateway/net/listener.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis_protocol.h"
#include "gateway/net/socket.h"

namespace redwall::agent {

class FakeServer {
 public:
  // A command's words with spaces between them to the encoded answer; empty: none.
  using Script = std::function<std::string(const std::string& command)>;

  FakeServer(net::Loop& loop, Script script) : loop_(loop), script_(std::move(script)) {
    Listen("127.0.0.1:0");
  }

  const net::Address& address() const { return address_; }
  std::string port() const { return std::to_string(address_.port); }
  std::size_t accepted() const { return accepted_; }
  std::size_t asked() const { return asked_; }

  void Say(const std::string& bytes) {
    for (const auto& peer : peers_) peer->Say(bytes);
  }
  // As if the machine were switched off, and on again.
  void Stop() {
    listener_.reset();
    peers_.clear();
  }
  void Restart() { Listen(address_.ToString()); }

 private:
  class Peer final : public net::SocketHandler {
   public:
    Peer(net::Socket socket, FakeServer& server)
        : socket_(std::move(socket)), server_(server), reader_(net::RedisReader::Limits{}) {
      socket_->SetHandler(this);
      socket_->StartReading();
    }
    void Say(const std::string& bytes) {
      if (socket_) socket_->Write(AsBytes(bytes));
    }

   private:
    void OnRead(MutableBytes bytes) override {
      reader_.Feed(bytes);
      net::Reply command;
      while (reader_.Next(command) == net::RedisReader::Status::kReply) {
        std::string words;
        for (const net::Reply& word : command.elements)
          words += (words.empty() ? "" : " ") + word.text;
        ++server_.asked_;
        Say(server_.script_(words));
      }
    }
    void OnReadEnd() override { socket_.reset(); }
    void OnError(int) override { socket_.reset(); }
    void OnDrained() override {}

    std::optional<net::Socket> socket_;
    FakeServer& server_;
    net::RedisReader reader_;
  };

  void Listen(const std::string& where) {
    auto opened =
        net::Listener::Open(loop_, *net::Address::Parse(where), 0, [this](net::Socket socket) {
          ++accepted_;
          peers_.push_back(std::make_unique<Peer>(std::move(socket), *this));
        });
    REQUIRE(opened.ok());
    listener_ = std::move(*opened);
    address_ = *net::Address::Parse(listener_->address());
  }

  net::Loop& loop_;
  const Script script_;
  net::Address address_;
  std::size_t accepted_ = 0, asked_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::unique_ptr<net::Listener> listener_;
};

inline std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
inline std::string Bulks(const std::vector<std::string>& texts) {
  std::string encoded = "*" + std::to_string(texts.size()) + "\r\n";
  for (const std::string& text : texts) encoded += Bulk(text);
  return encoded;
}

}  // namespace redwall::agent

#endif  // REDWALL_TESTS_GATEWAY_AGENT_FAKE_SERVER_H_
