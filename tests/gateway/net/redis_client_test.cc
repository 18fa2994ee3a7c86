#include "gateway/net/redis_client.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/net/listener.h"

namespace redwall::net {
namespace {

using Outcome = Result<std::vector<Reply>, RedisError>;
using Commands = std::vector<std::vector<std::string>>;

constexpr std::uint64_t kPatience = 60000;  // ms until a test is given up; none waits for it
constexpr char kPing[] = "*1\r\n$4\r\nPING\r\n";
constexpr char kAuth[] = "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n";

// The server's end of one connection. The script is called whenever more has come.
class Peer final : public SocketHandler {
 public:
  using Script = std::function<void(Peer&)>;
  Peer(Loop& loop, Socket socket, const Script& script)
      : socket_(std::move(socket)), script_(script), timer_(loop) {
    socket_->SetHandler(this);
    socket_->StartReading();
  }

  const std::string& received() const { return received_; }
  bool ended() const { return ended_; }
  void Say(std::string_view text) { socket_->Write(AsBytes(text)); }
  // `size` bytes at a time, each in a write of its own, and the first not at once.
  void SayInPieces(std::string text, std::size_t size) {
    pieces_ = std::move(text);
    timer_.Start(1, 1, [this, size] {
      if (!socket_ || pieces_.empty()) return timer_.Stop();
      Say(pieces_.substr(0, size));
      socket_->Flush();
      pieces_.erase(0, size);
    });
  }
  // After all that was said has gone.
  void Close() { socket_->Shutdown(); }
  void Reset() {
    socket_->ResetOnClose();
    socket_.reset();
  }

  std::function<void()> on_end;

 private:
  void OnRead(MutableBytes bytes) override {
    received_ += AsText(bytes);
    script_(*this);
  }
  void OnReadEnd() override { End(); }
  void OnError(int) override { End(); }
  void OnDrained() override {}
  void End() {
    ended_ = true;
    socket_.reset();
    if (on_end) on_end();
  }

  std::optional<Socket> socket_;
  const Script& script_;
  Timer timer_;
  std::string received_, pieces_;
  bool ended_ = false;
};

// A fake Redis and a client in one loop.
class Scene {
 public:
  explicit Scene(Peer::Script script, const char* listen = "127.0.0.1:0")
      : script_(std::move(script)), watchdog_(loop) {
    auto opened = Listener::Open(loop, *Address::Parse(listen), 0, [this](Socket socket) {
      peers.push_back(std::make_unique<Peer>(loop, std::move(socket), script_));
      peers.back()->on_end = [this] {
        if (on_peer_end) on_peer_end();
      };
    });
    REQUIRE(opened.ok());
    listener = std::move(*opened);
    address = listener->address();
    watchdog_.Start(kPatience, 0, [this] { loop.Stop(); });
  }

  void Start(const Commands& commands, RedisClientOptions options = {}) {
    if (options.timeout_ms == RedisClientOptions{}.timeout_ms) options.timeout_ms = kPatience;
    client.emplace(loop, *Address::Parse(address), commands, options, [this](Outcome got) {
      ++calls;
      outcome = std::move(got);
      client.reset();  // from inside its own call
      loop.Stop();
    });
    CHECK(calls == 0);
  }

  const std::vector<Reply>& Replies(const Commands& commands, RedisClientOptions options = {}) {
    Start(commands, options);
    loop.Run();
    REQUIRE(calls == 1);
    if (!outcome->ok()) FAIL(outcome->error().sentence);
    return **outcome;
  }

  // The error's sentence without the address, which it must begin with.
  std::string Error(const Commands& commands, RedisClientOptions options = {}) {
    Start(commands, options);
    loop.Run();
    REQUIRE(calls == 1);
    REQUIRE(!outcome->ok());
    const std::string& sentence = outcome->error().sentence;
    CAPTURE(sentence);
    REQUIRE(sentence.starts_with(address + ": "));
    return sentence.substr(address.size() + 2);
  }

  Loop loop;
  std::unique_ptr<Listener> listener;
  std::string address;
  std::vector<std::unique_ptr<Peer>> peers;
  std::function<void()> on_peer_end;
  std::optional<RedisClient> client;
  std::optional<Outcome> outcome;
  int calls = 0;

 private:
  Peer::Script script_;
  Timer watchdog_;
};

// Answers once `request` has come.
Peer::Script Answer(std::string request, std::string answer) {
  return [request = std::move(request), answer = std::move(answer)](Peer& peer) {
    if (peer.received() == request) peer.Say(answer);
  };
}

RedisClientOptions WithLogin() {
  RedisClientOptions options;
  options.login = AsBytes(kAuth);
  return options;
}

TEST_CASE("Each command gets its reply, in order, and the connection is closed") {
  Scene scene(Answer("*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nCOMMAND\r\n$4\r\nINFO\r\n$3\r\nget\r\n",
                     "+PONG\r\n*1\r\n*2\r\n$3\r\nget\r\n:2\r\n"));
  const auto& replies = scene.Replies({{"PING"}, {"COMMAND", "INFO", "get"}});
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].type == Reply::Type::kStatus);
  CHECK(replies[0].text == "PONG");
  REQUIRE(replies[1].elements.size() == 1);
  CHECK(replies[1].elements[0].elements.at(0).text == "get");
  CHECK(replies[1].elements[0].elements.at(1).integer == 2);
  scene.on_peer_end = [&scene] { scene.loop.Stop(); };
  if (!scene.peers.at(0)->ended()) scene.loop.Run();
  CHECK(scene.peers.at(0)->ended());
}

TEST_CASE("Over a unix socket") {
  char folder[] = "/tmp/redwall-redis-client-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  {
    Scene scene(Answer(kPing, "+PONG\r\n"), ("unix:" + std::string(folder) + "/s").c_str());
    CHECK(scene.Replies({{"PING"}}).at(0).text == "PONG");
  }
  CHECK(rmdir(folder) == 0);
}

TEST_CASE("Replies in pieces, and late, are replies all the same") {
  for (const std::size_t size : {1u, 2u, 3u, 7u, 1000u}) {
    CAPTURE(size);
    Scene scene([size](Peer& peer) {
      if (peer.received() == kPing) peer.SayInPieces("*2\r\n$5\r\nhello\r\n:12345\r\n", size);
    });
    const auto& replies = scene.Replies({{"PING"}});
    REQUIRE(replies.at(0).elements.size() == 2);
    CHECK(replies[0].elements[0].text == "hello");
    CHECK(replies[0].elements[1].integer == 12345);
  }
}

TEST_CASE("A large reply arrives as a whole") {
  const std::string value(5 << 20, 'v');
  Scene scene(Answer(kPing, "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n"));
  CHECK(scene.Replies({{"PING"}}).at(0).text == value);
}

TEST_CASE("That a command failed is its reply") {
  Scene scene(
      Answer(std::string(kPing) + kPing, "-NOPERM this user has no permissions\r\n+OK\r\n"));
  const auto& replies = scene.Replies({{"PING"}, {"PING"}});
  CHECK(replies.at(0).type == Reply::Type::kError);
  CHECK(replies.at(0).text == "NOPERM this user has no permissions");
  CHECK(replies.at(1).text == "OK");
}

TEST_CASE("No commands, no replies") {
  Scene scene([](Peer&) {});
  CHECK(scene.Replies({}).empty());
}

TEST_CASE("The commands wait for the login to succeed") {
  std::string before_ok;
  Scene scene([&before_ok](Peer& peer) {
    if (peer.received() == kAuth) {
      before_ok = peer.received();
      peer.SayInPieces("+OK\r\n", 1);
    }
    if (peer.received() == std::string(kAuth) + kPing) peer.Say("+PONG\r\n");
  });
  const auto& replies = scene.Replies({{"PING"}}, WithLogin());
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].text == "PONG");
  CHECK(before_ok == kAuth);

  Scene only_login(Answer(kAuth, "+OK\r\n"));
  CHECK(only_login.Replies({}, WithLogin()).empty());
}

TEST_CASE("A login that Redis refuses is an error with Redis's words, and nothing is asked") {
  Scene wrong(Answer(kAuth, "-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
  CHECK(wrong.Error({{"PING"}}, WithLogin()) ==
        "the login was refused: WRONGPASS invalid username-password pair or user is disabled.");
  CHECK(wrong.peers.at(0)->received() == kAuth);

  Scene wordy(Answer(kAuth, "-NOPERM " + std::string(10000, 'x') + "\r\n"));
  CHECK(wordy.Error({{"PING"}}, WithLogin()) ==
        "the login was refused: NOPERM " + std::string(249, 'x'));
  for (const char* answer : {"+PONG\r\n", "$2\r\nOK\r\n", ":1\r\n", "*0\r\n", "$-1\r\n"}) {
    CAPTURE(answer);
    Scene odd(Answer(kAuth, answer));
    CHECK(odd.Error({{"PING"}}, WithLogin()).starts_with("the login was answered with something"));
    CHECK(odd.peers.at(0)->received() == kAuth);
  }
}

TEST_CASE("An error to a login that quotes what was sent isn't quoted") {
  Scene renamed(
      Answer(kAuth, "-ERR unknown command 'AUTH', with args beginning with: 'secret' \r\n"));
  CHECK(renamed.Error({{"PING"}}, WithLogin()) ==
        "the login was refused: ERR unknown command (is AUTH renamed there?)");
  for (const char* text : {"ERR unknown user or 'secret'", "secret", "SECRET-SECRET no", "", " s",
                           "ERR secret", "ERR unknown subcommand 'secret'"}) {
    CAPTURE(text);
    const std::string told = TellableLoginError(text);
    CHECK(told.find("ecret") == told.npos);
    CHECK(told.find("SECRET") == told.npos);
    CHECK(told.ends_with("its text isn't shown: it may hold the password)"));
  }
  for (const char* text :
       {"NOAUTH Authentication required.", "ERR max number of clients reached",
        "ERR AUTH <password> called without any password configured for the default user."})
    CHECK(TellableLoginError(text) == text);
}

TEST_CASE("A server that never answers costs the time allowed, whatever it has said so far") {
  RedisClientOptions soon;
  soon.timeout_ms = 30;
  Scene silent([](Peer&) {});
  CHECK(silent.Error({{"PING"}}, soon).starts_with("no answer within 30 ms"));
  Scene half(Answer(kPing, "*2\r\n:1\r\n"));
  CHECK(half.Error({{"PING"}}, soon).starts_with("no answer within 30 ms"));
  Scene one(Answer(std::string(kPing) + kPing, "+PONG\r\n"));
  CHECK(one.Error({{"PING"}, {"PING"}}, soon).starts_with("no answer within 30 ms"));
  soon.login = AsBytes(kAuth);
  Scene login([](Peer&) {});
  CHECK(login.Error({{"PING"}}, soon).starts_with("no answer within 30 ms"));
}

TEST_CASE("Garbage is an error") {
  Scene scene(Answer(kPing, "HTTP/1.1 400 Bad Request\r\n\r\n"));
  CHECK(scene.Error({{"PING"}}).starts_with("the answer isn't one that a Redis gives ("));
  Scene second(Answer(std::string(kPing) + kPing, "+PONG\r\nnonsense\r\n"));
  CHECK(
      second.Error({{"PING"}, {"PING"}}).starts_with("the answer isn't one that a Redis gives ("));
}

TEST_CASE("A server that closes too early is an error that says how far it got") {
  const auto then_close = [](std::string text) -> Peer::Script {
    return [text](Peer& peer) {
      if (peer.received().size() < sizeof kPing - 1) return;
      peer.Say(text);
      peer.Close();
    };
  };
  Scene at_once(then_close(""));
  CHECK(at_once.Error({{"PING"}}) == "the connection was closed after 0 of 1 answers");
  Scene half(then_close("+PONG\r\n$100\r\nabc"));
  CHECK(half.Error({{"PING"}, {"PING"}}) == "the connection was closed after 1 of 2 answers");
  Scene login(then_close("+O"));
  CHECK(login.Error({{"PING"}}, WithLogin()) ==
        "the connection was closed before the login was answered");
  Scene reset([](Peer& peer) { peer.Reset(); });
  CHECK(reset.Error({{"PING"}}) == "connection reset by peer");
}

TEST_CASE("More than the limit is an error, even where it never ends") {
  RedisClientOptions options;
  options.limits.bytes = 1 << 20;
  const std::string flood = "$100000000\r\n" + std::string(4 << 20, 'x');
  Scene bytes(Answer(kPing, flood));
  CHECK(bytes.Error({{"PING"}}, options) == "the answer has more than 1048576 bytes");

  // Many small replies count together.
  std::string many;
  Commands commands;
  for (int i = 0; i < 100; ++i) {
    many += "$20000\r\n" + std::string(20000, 'x') + "\r\n";
    commands.push_back({"PING"});
  }
  Scene together([&many, said = false](Peer& peer) mutable {
    if (!std::exchange(said, true)) peer.Say(many);
  });
  CHECK(together.Error(commands, options) == "the answer has more than 1048576 bytes");

  options.limits.values = 1000;
  std::string values = "*100000\r\n";
  for (int i = 0; i < 5000; ++i) values += ":1\r\n";
  Scene amplified(Answer(kPing, values));
  CHECK(amplified.Error({{"PING"}}, options) == "the answer has more than 1000 values");
}

TEST_CASE("Nobody listens") {
  Scene scene([](Peer&) {});
  scene.listener.reset();
  CHECK(scene.Error({{"PING"}}) == "connection refused");

  Scene file([](Peer&) {});
  file.address = "unix:/nonexistent/redwall/s";
  CHECK(file.Error({{"PING"}}) == "no such file or directory");
}

TEST_CASE("Destroying it gives up without a call, at any time") {
  SUBCASE("at once") {
    Scene scene(Answer(kPing, "+PONG\r\n"));
    scene.Start({{"PING"}});
    scene.client.reset();
    Timer later(scene.loop);
    later.Start(20, 0, [&scene] { scene.loop.Stop(); });
    scene.loop.Run();
    CHECK(scene.calls == 0);
  }
  SUBCASE("while it waits for an answer; the server sees the end") {
    Scene* here = nullptr;
    Scene scene([&here](Peer& peer) {
      if (peer.received() != kPing) return;
      peer.Say("*2\r\n+half\r\n");
      here->client.reset();
    });
    here = &scene;
    scene.on_peer_end = [&scene] { scene.loop.Stop(); };
    scene.Start({{"PING"}});
    scene.loop.Run();
    CHECK(scene.peers.at(0)->ended());
    CHECK(scene.calls == 0);
  }
}

}  // namespace
}  // namespace redwall::net
