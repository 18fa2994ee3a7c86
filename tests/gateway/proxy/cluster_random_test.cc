// Random commands through one endpoint before a cluster that is being resharded: what the client
// sees is what one Redis says, and every command was executed once.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <utility>

#include "tests/gateway/proxy/cluster_fixture.h"

namespace redwall::proxy {
namespace {

class Client {
 public:
  Client(unsigned seed, bool moves) : random_(seed), moves_(moves) {}

  std::string Next() {
    if (in_multi_) return InMulti();
    switch (Below(moves_ ? 13 : 15)) {
      case 0:
        in_multi_ = true;
        if (!watching_) tag_ = Below(4);
        return Encode({"MULTI"});
      case 1:
        return Encode({"MSET", AnyKey(), Number(), AnyKey(), Number(), AnyKey(), Number()});
      case 2:
        return Encode({"MGET", AnyKey(), AnyKey(), AnyKey()});
      case 3:
        return Encode({"DEL", AnyKey(), AnyKey()});
      case 4:
        return Encode({"EXISTS", AnyKey(), AnyKey(), AnyKey()});
      case 5:
        return Encode({"PING"});
      case 6:  // nodes that count one after the other may count a slot that moves twice
        return moves_ ? Encode({"PING"}) : Encode({"DBSIZE"});
      case 7:
        return Encode({"ECHO", Number()});
      case 13:
        if (!std::exchange(watching_, true)) tag_ = Below(4);
        return Encode({"WATCH", Key(tag_)});
      case 14:
        watching_ = false;
        return Encode({"UNWATCH"});
      default:
        return Single(AnyKey());
    }
  }

  unsigned Below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

 private:
  static std::string Encode(std::initializer_list<std::string_view> arguments) {
    return ClusterSite::Encode(arguments);
  }
  std::string Key(unsigned tag) {
    return "{" + std::string(1, static_cast<char>('a' + tag)) + "}" + std::to_string(Below(3));
  }
  std::string AnyKey() { return Key(Below(4)); }
  std::string Number() { return std::to_string(Below(1000)); }

  std::string Single(const std::string& key) {
    switch (Below(4)) {
      case 0:
        return Encode({"GET", key});
      case 1:
        return Encode({"SET", key, Number()});
      case 2:
        return Encode({"APPEND", key, "7"});
      default:
        return Encode({"INCR", key});
    }
  }
  std::string InMulti() {
    switch (Below(8)) {
      case 0:
        in_multi_ = watching_ = false;
        return Encode({"EXEC"});
      case 1:
        in_multi_ = Below(4) != 0;
        if (in_multi_) return Encode({"PING"});
        watching_ = false;
        return Encode({"DISCARD"});
      case 2:
        return Encode({"ECHO", Number()});
      case 3:
        return Encode({"MGET", Key(tag_), Key(tag_)});
      default:
        return Single(Key(tag_));
    }
  }

  std::mt19937 random_;
  const bool moves_;
  bool in_multi_ = false, watching_ = false;
  unsigned tag_ = 0;
};

void Play(unsigned seed, bool moves) {
  Client client(seed, moves);
  ClusterSite site;
  FakeCluster model(1, true);
  FakeConnection direct(model, *model.nodes[0]);
  site.between = [&] {
    if (!moves || client.Below(12) != 0) return;
    const std::string tag(1, static_cast<char>('a' + client.Below(4)));
    site.cluster.MoveSlot(resp::HashSlot(tag), client.Below(3));
  };
  for (int round = 0; round < 30; ++round) {
    std::string requests;
    for (unsigned n = 1 + client.Below(12); n > 0; --n) requests += client.Next();
    site.piece = client.Below(3) == 0 ? 1 + client.Below(50) : 0;
    if (client.Below(3) == 0) site.silent = {client.Below(3)};
    site.Request(requests);
    site.Settle();
    site.silent.clear();
    site.Settle();
    direct.Receive(requests);
    CHECK(site.Take() == std::exchange(direct.replies, {}));
    REQUIRE(!site.router->finished());
  }
  std::map<std::string, std::string> data;
  for (const auto& node : site.cluster.nodes) data.insert(node->data.begin(), node->data.end());
  CHECK(data == model.nodes[0]->data);
}

TEST_CASE("As one Redis, while slots move") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Play(seed, true);
  }
}

TEST_CASE("As one Redis, with watched keys") {
  for (unsigned seed = 1000; seed < 1040; ++seed) {
    CAPTURE(seed);
    Play(seed, false);
  }
}

}  // namespace
}  // namespace redwall::proxy
