// Differential: clients that share a connection must see the same bytes as each would on one of its
// own, whatever they send and however the bytes are cut.
#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/gateway/proxy/fake_redis.h"
#include "tests/gateway/proxy/shared_fixture.h"

namespace redwall::proxy {
namespace {

struct Client {
  explicit Client(SharedLine& line, const SharedLimits& limits)
      : site(std::make_unique<SharedSite>(line, limits)) {}
  std::unique_ptr<SharedSite> site;  // null: it has gone
  FakeRedis own, dedicated;
  std::string requests, got;
};

class Run {
 public:
  explicit Run(std::uint32_t seed) : random_(seed), most_(1 + Below(60)) {
    SharedLimits limits;
    limits.max_outstanding = 2 + Below(20);
    limits.large_reply = 2000;
    limits.max_command = 500;
    for (int i = 0; i < 4; ++i) clients_.push_back(std::make_unique<Client>(line_, limits));
    for (const auto& client : clients_)
      for (std::size_t n = Below(60); n > 0; --n) client->requests += Request();
    for (const auto& client : clients_) client->dedicated.Receive(client->requests);
  }

  void Check() {
    for (int turns = 0; !done(); ++turns) {
      REQUIRE(turns < 200000);
      Step();
    }
    for (const auto& client : clients_) {
      if (client->site == nullptr) {
        CHECK(client->dedicated.replies.starts_with(client->got));
      } else {
        CHECK(client->got == client->dedicated.replies);
        CHECK(client->dedicated.closed == (client->own.closed || client->site->client.finished()));
      }
    }
    for (const FakeRedis::Arguments& command : shared_.executed) CHECK(command[0] == "SET");
  }

 private:
  std::size_t Below(std::size_t n) { return random_() % n; }
  std::string Some(std::string& from) {
    const std::size_t n = std::min(from.size(), 1 + Below(most_));
    std::string piece = from.substr(0, n);
    from.erase(0, n);
    return piece;
  }

  std::string Request() {
    const auto wire = [](std::initializer_list<std::string_view> words) {
      return SharedWire(words);
    };
    switch (Below(40)) {
      case 0:
        return wire({"MULTI"}) + wire({"GET", "in"}) + wire({"EXEC"});
      case 1:
        return wire({"SELECT", "3"});
      case 2:
        return wire({"SUBSCRIBE", "a"}) + wire({"PING"}) + wire({"UNSUBSCRIBE"});
      case 3:
        return wire({"GET", "long"});
      case 4:
        return wire({"SET", "k", std::string(600, 'v')});
      case 5:
        return wire({"CLIENT", "REPLY", "SKIP"});
      case 6:
        return Below(8) == 0 ? wire({"QUIT"}) : wire({"HELLO", "3"});
      case 7:
        return wire({"NONSENSE"});
      case 8:
        return wire({"LRANGE", "l", "0", "-1"});
      case 9:
        return "PING\r\n";
      case 10:
        return Below(2) == 0 ? "\r\n" : "*0\r\n";
      case 11:
        return Below(10) == 0 ? "*1\r\nx" : wire({"PING"});
      default:
        return Below(3) == 0 ? wire({"SET", "k", "v"})
                             : wire({"GET", "k" + std::to_string(Below(1000))});
    }
  }

  bool done() const {
    bool all = line_.to_redis.empty() && shared_.replies.empty();
    for (const auto& client : clients_) {
      if (client->site == nullptr) continue;
      const SharedSite& site = *client->site;
      const bool closed = client->own.closed || site.client.finished();
      all = all && site.client.outstanding() == 0 && !site.client.has_replies() &&
            (closed ||
             (client->requests.empty() && site.to_own.empty() && client->own.replies.empty() &&
              site.client.state() != SharedClient::State::kLeaving));
    }
    return all;
  }

  void Step() {
    Client& client = *clients_[Below(clients_.size())];
    SharedSite* const site = client.site.get();
    switch (Below(6)) {
      case 0:
        if (site != nullptr && site->client.takes_requests()) site->Request(Some(client.requests));
        break;
      case 1:
        shared_.Receive(Some(line_.to_redis));
        break;
      case 2:
        REQUIRE(line_.connection.OnReply(Some(shared_.replies)));
        break;
      case 3:
        if (site != nullptr) client.got += site->Turn();
        break;
      case 4:
        if (site != nullptr) client.own.Receive(Some(site->to_own));
        client.got += std::exchange(client.own.replies, {});
        break;
      default:
        if (site != nullptr && Below(2000) == 0) {  // it vanishes
          client.got += site->Take();
          client.site.reset();
        }
    }
    if (!shared_.closed) return;
    FAIL("what was shared made Redis hang up");
  }

  std::mt19937 random_;
  const std::size_t most_;
  SharedLine line_;
  FakeRedis shared_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_CASE("Random conversations over a shared connection") {
  for (std::uint32_t seed = 0; seed < 600; ++seed) {
    CAPTURE(seed);
    Run(seed).Check();
  }
}

}  // namespace
}  // namespace redwall::proxy
