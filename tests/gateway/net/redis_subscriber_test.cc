#include "gateway/net/redis_subscriber.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/net/listener.h"

namespace redwall::net {
namespace {

constexpr std::uint64_t kPatience = 60000;  // ms until a test is given up; none waits for it
constexpr char kAuth[] = "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n";
constexpr char kSubscribe[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n";
constexpr char kSubscribed[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
constexpr char kPing[] = "*1\r\n$4\r\nPING\r\n";
constexpr char kPong[] = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";

std::string Message(const std::string& text) {
  return "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$" + std::to_string(text.size()) + "\r\n" + text +
         "\r\n";
}

// A server of a script's making and a subscriber, in one loop.
class Scene final : private SocketHandler {
 public:
  // What has come from the subscriber so far, whenever more has.
  using Script = std::function<void(const std::string& received)>;

  explicit Scene(Script script) : script_(std::move(script)), watchdog_(loop), pieces_timer_(loop) {
    auto opened = Listener::Open(loop, *Address::Parse("127.0.0.1:0"), 0, [this](Socket socket) {
      peer_.emplace(std::move(socket));
      peer_->SetHandler(this);
      peer_->StartReading();
    });
    REQUIRE(opened.ok());
    listener_ = std::move(*opened);
    address = listener_->address();
    options.timeout_ms = options.quiet_ms = kPatience;
  }

  // Until it has ended, or Stop.
  void Run() {
    subscriber.emplace(
        loop, *Address::Parse(address), std::vector<std::string>{"a"}, options,
        RedisSubscriber::Callbacks{[this] {
                                     ++subscribed;
                                     if (on_subscribed) on_subscribed();
                                   },
                                   [this](const std::string& channel, const std::string& message) {
                                     CHECK(channel == "a");
                                     messages.push_back(message);
                                     if (on_message) on_message();
                                   },
                                   [this](const RedisError& ended) {
                                     error = ended;
                                     subscriber.reset();  // from inside its own call
                                     loop.Stop();
                                   }});
    watchdog_.Start(kPatience, 0, [this] { loop.Stop(); });
    loop.Run();
    watchdog_.Stop();
  }
  // The error's sentence without the address, which it must begin with.
  std::string Error() {
    Run();
    REQUIRE(error.has_value());
    CAPTURE(error->sentence);
    REQUIRE(error->sentence.starts_with(address + ": "));
    return error->sentence.substr(address.size() + 2);
  }

  void Say(std::string_view text) { peer_->Write(AsBytes(text)); }
  void SayInPieces(std::string text, std::size_t size) {
    pieces_ = std::move(text);
    pieces_timer_.Start(1, 1, [this, size] {
      if (pieces_.empty()) return pieces_timer_.Stop();
      Say(pieces_.substr(0, size));
      peer_->Flush();
      pieces_.erase(0, size);
    });
  }
  void Close() { peer_->Shutdown(); }
  void StopListening() { listener_.reset(); }

  Loop loop;
  std::string address;
  RedisSubscriber::Options options;
  std::optional<RedisSubscriber> subscriber;
  int subscribed = 0;
  std::vector<std::string> messages;
  std::optional<RedisError> error;
  std::function<void()> on_subscribed, on_message;

 private:
  void OnRead(MutableBytes bytes) override {
    received_ += AsText(bytes);
    script_(received_);
  }
  void OnReadEnd() override { peer_.reset(); }
  void OnError(int) override { peer_.reset(); }
  void OnDrained() override {}

  const Script script_;
  Timer watchdog_, pieces_timer_;
  std::unique_ptr<Listener> listener_;
  std::optional<Socket> peer_;
  std::string received_, pieces_;
};

TEST_CASE("Messages, however they are cut, until the connection ends") {
  for (std::size_t size : {1, 2, 3, 7, 64, 10000}) {
    CAPTURE(size);
    Scene scene([&](const std::string& received) {
      if (received == kSubscribe)
        scene.SayInPieces(
            std::string(kSubscribed) + Message("one") + kPong + Message("") + Message("three"),
            size);
    });
    scene.on_message = [&] {
      if (scene.messages.size() == 3) scene.Close();
    };
    CHECK(scene.Error() == "the connection was closed");
    CHECK(scene.error->stage == RedisError::Stage::kAsking);
    CHECK(scene.subscribed == 1);
    CHECK(scene.messages == std::vector<std::string>{"one", "", "three"});
  }
}

TEST_CASE("Logs in first") {
  Scene scene([&](const std::string& received) {
    if (received == kAuth) scene.Say("+OK\r\n");
    if (received == std::string(kAuth) + kSubscribe) scene.Say(kSubscribed);
  });
  scene.options.login = AsBytes(std::string_view(kAuth));
  scene.on_subscribed = [&] { scene.loop.Stop(); };
  scene.Run();
  CHECK(scene.subscribed == 1);
  CHECK_FALSE(scene.error.has_value());
  scene.subscriber.reset();
}

TEST_CASE("Refused") {
  std::string answer;
  Scene scene([&](const std::string&) { scene.Say(answer); });
  SUBCASE("the login") {
    scene.options.login = AsBytes(std::string_view(kAuth));
    answer = "-WRONGPASS invalid username-password pair\r\n";
    CHECK(scene.Error() == "the login was refused: WRONGPASS invalid username-password pair");
    CHECK(scene.error->stage == RedisError::Stage::kLogin);
  }
  SUBCASE("the login, by who quotes it") {
    scene.options.login = AsBytes(std::string_view(kAuth));
    answer = "-ERR what is 'AUTH' 'secret'\r\n";
    CHECK(scene.Error().find("secret") == std::string::npos);
  }
  SUBCASE("the login, by something else") {
    scene.options.login = AsBytes(std::string_view(kAuth));
    answer = ":1\r\n";
    CHECK(scene.Error().find("something else than OK") != std::string::npos);
  }
  SUBCASE("the subscription") {
    answer = "-NOAUTH Authentication required.\r\n";
    CHECK(scene.Error() == "the subscription was refused: NOAUTH Authentication required.");
    CHECK(scene.error->stage == RedisError::Stage::kAsking);
  }
  SUBCASE("by what isn't a Redis") {
    answer = "HTTP/1.1 400 Bad Request\r\n";
    CHECK_FALSE(scene.Error().empty());
  }
  SUBCASE("by another answer") {
    answer = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
    CHECK(scene.Error().find("something else") != std::string::npos);
  }
  CHECK(scene.subscribed == 0);
  CHECK(scene.messages.empty());
}

TEST_CASE("Nobody there") {
  Scene scene([](const std::string&) {});
  scene.StopListening();
  CHECK_FALSE(scene.Error().empty());
  CHECK(scene.error->stage == RedisError::Stage::kConnecting);
}

TEST_CASE("Silence before the subscription is confirmed") {
  Scene scene([](const std::string&) {});
  scene.options.timeout_ms = 50;
  CHECK(scene.Error() == "no subscription within 50 ms");
}

TEST_CASE("Silence is asked about, and an answer is enough") {
  int pings = 0;
  Scene scene([&](const std::string& received) {
    if (received == kSubscribe) return scene.Say(kSubscribed);
    CHECK(received.ends_with(kPing));
    ++pings;
    if (pings < 3) return scene.Say(kPong);
    scene.Close();
  });
  scene.options.quiet_ms = 5;
  CHECK(scene.Error() == "the connection was closed");
  CHECK(pings == 3);
}

TEST_CASE("No answer to PING ends it") {
  std::string all;
  Scene scene([&](const std::string& received) {
    all = received;
    if (received == kSubscribe) scene.Say(kSubscribed);
  });
  scene.options.quiet_ms = 5;
  scene.on_subscribed = [] {};
  scene.options.timeout_ms = 500;
  CHECK(scene.Error() == "no answer to PING within 500 ms");
  CHECK(all == std::string(kSubscribe) + kPing);
}

TEST_CASE("Goes on for longer than a reader's limits") {
  std::size_t said = 0;
  Scene scene([&](const std::string& received) {
    if (received == kSubscribe) scene.Say(kSubscribed);
  });
  scene.options.limits = {64, 4, 64};
  const auto next = [&] {
    if (said++ == 100) return scene.Close();
    scene.Say(Message("x"));
  };
  scene.on_subscribed = next;
  scene.on_message = next;
  CHECK(scene.Error() == "the connection was closed");
  CHECK(scene.messages.size() == 100);
}

TEST_CASE("A message that is too large") {
  Scene scene([&](const std::string& received) {
    if (received == kSubscribe) scene.Say(kSubscribed);
  });
  scene.options.limits = {1000, 4, 64};
  scene.on_subscribed = [&] { scene.Say(Message(std::string(2000, 'x'))); };
  CHECK(scene.Error() == "the answer has more than 1000 bytes");
  CHECK(scene.messages.empty());
}

TEST_CASE("May be destroyed by what it calls") {
  Scene scene([&](const std::string& received) {
    if (received == kSubscribe)
      scene.Say(std::string(kSubscribed) + Message("one") + Message("two"));
  });
  const auto destroy = [&] {
    scene.subscriber.reset();
    scene.loop.Stop();
  };
  std::size_t expected = 0;
  SUBCASE("once it is subscribed") { scene.on_subscribed = destroy; }
  SUBCASE("at a message") {
    scene.on_message = destroy;
    expected = 1;
  }
  scene.Run();
  CHECK(scene.messages.size() == expected);
  CHECK_FALSE(scene.error.has_value());
}

}  // namespace
}  // namespace redwall::net
