#include "gateway/agent/redis_sink.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "gateway/net/listener.h"
#include "gateway/net/socket.h"
#include "gateway/net/timer.h"

namespace redwall::agent {
namespace {

using Command = std::vector<std::string>;

constexpr std::uint64_t kPatience = 60000;  // ms until a test is given up; none waits for it
constexpr char kAuth[] = "*3\r\n$4\r\nAUTH\r\n$5\r\naudit\r\n$6\r\nsecret\r\n";

// Takes one command off the front of `text`, which clients write as arrays of bulk strings. Nothing
// where it isn't whole.
std::optional<Command> TakeCommand(std::string& text) {
  std::size_t at = 0;
  const auto number = [&](char mark) -> std::optional<std::size_t> {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string::npos) return std::nullopt;
    REQUIRE(text[at] == mark);
    const std::size_t value = std::strtoul(text.c_str() + at + 1, nullptr, 10);
    at = end + 2;
    return value;
  };
  const auto count = number('*');
  if (!count) return std::nullopt;
  Command command;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto size = number('$');
    if (!size || text.size() < at + *size + 2) return std::nullopt;
    command.push_back(text.substr(at, *size));
    at += *size + 2;
  }
  text.erase(0, at);
  return command;
}

// A Redis that the test plays: answers each command by `answer`; an empty answer closes.
class FakeRedis {
 public:
  using Answer = std::function<std::string(const Command&)>;
  FakeRedis(net::Loop& loop, Answer answer, const std::string& listen = "127.0.0.1:0")
      : answer_(std::move(answer)) {
    auto opened =
        net::Listener::Open(loop, *net::Address::Parse(listen), 0, [this](net::Socket socket) {
          ++talks;
          peers_.push_back(std::make_unique<Peer>(*this, std::move(socket)));
        });
    REQUIRE(opened.ok());
    listener_ = std::move(*opened);
  }
  std::string address() const { return listener_->address(); }

  int talks = 0;
  std::vector<Command> commands;  // all that came

 private:
  class Peer final : public net::SocketHandler {
   public:
    Peer(FakeRedis& redis, net::Socket socket) : redis_(redis), socket_(std::move(socket)) {
      socket_->SetHandler(this);
      socket_->StartReading();
    }

   private:
    void OnRead(MutableBytes bytes) override {
      text_ += AsText(bytes);
      while (auto command = TakeCommand(text_)) {
        redis_.commands.push_back(*command);
        const std::string reply = redis_.answer_(*command);
        if (reply.empty()) return socket_->Shutdown();
        socket_->Write(AsBytes(reply));
      }
    }
    void OnReadEnd() override { socket_.reset(); }
    void OnError(int) override { socket_.reset(); }
    void OnDrained() override {}

    FakeRedis& redis_;
    std::optional<net::Socket> socket_;
    std::string text_;
  };

  Answer answer_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

std::string Line(int seq) {
  return "{\"v\":1,\"seq\":" + std::to_string(seq) + ",\"ts\":\"t\",\"prev\":\"" +
         std::string(64, '0') + "\"}\n";
}

struct Scene {
  explicit Scene(FakeRedis::Answer answer = [](const Command&) { return "$3\r\n1-1\r\n"; })
      : redis(std::make_unique<FakeRedis>(loop, std::move(answer))), watchdog(loop) {
    watchdog.Start(kPatience, 0, [this] {
      timed_out = true;
      loop.Stop();
    });
    poll = std::make_unique<net::Timer>(loop);
  }

  RedisSink::Options Defaults() {
    RedisSink::Options options;
    options.redis = *net::Address::Parse(redis->address());
    options.stream = "audit";
    options.maxlen = 1000;
    options.side = "server";
    options.agent = "site b";
    options.first_retry_ms = 1;
    options.last_retry_ms = 5;
    options.timeout_ms = kPatience;
    return options;
  }
  void Start(RedisSink::Options options) { sink.emplace(loop, std::move(options)); }
  void Start() { Start(Defaults()); }

  void RunUntil(const std::function<bool()>& condition) {
    poll->Start(1, 1, [&] {
      if (condition()) loop.Stop();
    });
    loop.Run();
    poll->Stop();
    REQUIRE(!timed_out);
  }
  // The lines' numbers as they came, by the field "seq".
  std::vector<int> Seqs() const {
    std::vector<int> out;
    for (const Command& command : redis->commands) {
      if (command[0] == "XADD") out.push_back(std::atoi(command.at(command.size() - 3).c_str()));
    }
    return out;
  }

  net::Loop loop;
  std::unique_ptr<FakeRedis> redis;
  net::Timer watchdog;
  std::unique_ptr<net::Timer> poll;
  std::optional<RedisSink> sink;
  bool timed_out = false;
};

std::vector<int> UpTo(int last) {
  std::vector<int> out;
  for (int i = 1; i <= last; ++i) out.push_back(i);
  return out;
}

TEST_CASE("Lines are added to the stream, each as one entry, in one talk") {
  Scene scene;
  scene.Start();
  CHECK(scene.sink->name() == "redis " + scene.redis->address());
  scene.sink->Take(Line(1) + Line(2));
  scene.sink->Take(Line(3));
  scene.RunUntil([&] { return scene.redis->commands.size() == 3; });
  std::string line = Line(2);
  line.pop_back();
  CHECK(scene.redis->commands[1] == Command{"XADD", "audit", "MAXLEN", "~", "1000", "*", "side",
                                            "server", "agent", "site b", "seq", "2", "line", line});
  CHECK(scene.Seqs() == UpTo(3));
  CHECK(scene.redis->talks == 1);
  scene.sink->Finish(kPatience);
  CHECK(!scene.sink->TakeLoss());
  CHECK(!scene.sink->TakeChange());
}

TEST_CASE("A line that isn't one of a chain has the number 0") {
  Scene scene;
  scene.Start();
  scene.sink->Take("odd\n");
  scene.sink->Finish(kPatience);
  REQUIRE(scene.redis->commands.size() == 1);
  const Command& command = scene.redis->commands[0];
  CHECK(Command(command.end() - 4, command.end()) == Command{"seq", "0", "line", "odd"});
}

TEST_CASE("Many lines from another thread come in many talks, all and in order") {
  Scene scene;
  auto options = scene.Defaults();
  options.max_lines = 100;
  scene.Start(std::move(options));
  constexpr int kLines = 5000;
  std::thread writer([&] {
    for (int i = 1; i <= kLines; ++i) scene.sink->Take(Line(i));
  });
  scene.RunUntil([&] { return scene.redis->commands.size() >= kLines; });
  writer.join();
  CHECK(scene.Seqs() == UpTo(kLines));
  CHECK(scene.redis->talks >= kLines / 100);
  scene.sink->Finish(kPatience);
  CHECK(scene.Seqs().size() == kLines);
  CHECK(!scene.sink->TakeLoss());
}

TEST_CASE("It logs in first, and a refused login adds nothing until another one is given") {
  Scene scene([](const Command& command) -> std::string {
    if (command[0] != "AUTH") return "$3\r\n1-1\r\n";
    return command[2] == "secret" ? "+OK\r\n" : "-WRONGPASS invalid username-password pair\r\n";
  });
  auto options = scene.Defaults();
  options.login =
      crypto::Secret::CopyOf(AsBytes("*3\r\n$4\r\nAUTH\r\n$5\r\naudit\r\n$5\r\nwrong\r\n"));
  scene.Start(std::move(options));
  scene.sink->Take(Line(1));
  scene.RunUntil([&] { return scene.redis->talks >= 3; });
  CHECK(scene.Seqs().empty());
  const auto change = scene.sink->TakeChange();
  REQUIRE(change);
  CHECK(!change->well);
  CHECK(change->sentence == scene.redis->address() +
                                ": the login was refused: WRONGPASS invalid username-password "
                                "pair");
  scene.sink->ReplaceLogin(crypto::Secret::CopyOf(AsBytes(kAuth)));
  scene.RunUntil([&] { return scene.Seqs().size() == 1; });
  scene.sink->Finish(kPatience);
  CHECK(scene.Seqs() == UpTo(1));
  CHECK(scene.sink->TakeChange()->well);
  CHECK(!scene.sink->TakeLoss());
}

TEST_CASE("A Redis that goes away and comes back: nothing is lost, and the order stays") {
  int answers = 0;
  Scene scene([&answers](const Command&) -> std::string {
    // Every fifth answer is the end of the connection instead.
    return ++answers % 5 == 0 ? "" : "$3\r\n1-1\r\n";
  });
  auto options = scene.Defaults();
  options.max_lines = 3;
  scene.Start(std::move(options));
  for (int i = 1; i <= 100; ++i) scene.sink->Take(Line(i));
  scene.sink->Finish(kPatience);
  std::vector<int> once;
  for (const int seq : scene.Seqs()) {
    REQUIRE(seq <= static_cast<int>(once.size()) + 1);  // none is left out
    if (seq == static_cast<int>(once.size()) + 1) once.push_back(seq);
  }
  CHECK(once == UpTo(100));
  CHECK(!scene.sink->TakeLoss());
}

TEST_CASE("Lines that Redis refuses are tried again, and only these") {
  bool full = true;
  Scene scene([&full](const Command& command) -> std::string {
    if (full && command[11] == "2")
      return "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    return "$3\r\n1-1\r\n";
  });
  scene.Start();
  scene.sink->Take(Line(1) + Line(2) + Line(3));
  scene.RunUntil([&] { return scene.redis->talks >= 3; });
  CHECK(scene.sink->TakeChange()->sentence ==
        scene.redis->address() +
            ": Redis refused XADD: OOM command not allowed when used memory > 'maxmemory'.");
  full = false;
  scene.sink->Take(Line(4));
  scene.sink->Finish(kPatience);
  const std::vector<int> seqs = scene.Seqs();
  CHECK(std::vector<int>(seqs.begin(), seqs.begin() + 4) == std::vector<int>{1, 2, 3, 2});
  CHECK(seqs.back() == 4);
  CHECK(std::count(seqs.begin(), seqs.end(), 1) == 1);
  CHECK(!scene.sink->TakeLoss());
}

TEST_CASE("What is no Redis, or no stream's answer, is trouble, not a success") {
  for (const char* answer : {"+OK\r\n", ":1\r\n", "$-1\r\n", "*0\r\n"}) {
    CAPTURE(answer);
    Scene scene([answer](const Command&) { return answer; });
    scene.Start();
    scene.sink->Take(Line(1));
    scene.RunUntil([&] { return scene.redis->talks >= 2; });
    CHECK(scene.sink->TakeChange()->sentence.ends_with("is this a Redis?"));
    CHECK(!scene.sink->TakeLoss());
  }
}

TEST_CASE("While Redis is away the queue fills up; what doesn't fit is told once it is back") {
  Scene scene;
  auto options = scene.Defaults();
  options.max_bytes = 20 * Line(10).size();
  const std::string address = scene.redis->address();
  scene.redis.reset();
  scene.Start(std::move(options));
  scene.sink->Take(Line(1));
  std::optional<audit::LineCopy::Change> change;
  scene.RunUntil([&] { return (change = scene.sink->TakeChange()).has_value(); });
  CHECK(change->sentence == address + ": connection refused");
  int taken = 1;
  while (taken < 100) scene.sink->Take(Line(++taken));
  CHECK(!scene.sink->TakeLoss());
  CHECK(scene.sink->TakeChange()->sentence ==
        address + ": connection refused; its queue is full, and lines are lost to it");
  scene.redis = std::make_unique<FakeRedis>(
      scene.loop, [](const Command&) { return "$3\r\n1-1\r\n"; }, address);
  scene.RunUntil([&] { return scene.Seqs().size() >= 20; });
  std::optional<audit::LineCopy::Loss> loss;
  scene.RunUntil([&] { return (loss = scene.sink->TakeLoss()).has_value(); });
  CHECK(loss->why.find("bytes was full: " + address + ": connection refused") != std::string::npos);
  scene.sink->Take(Line(101));
  scene.sink->Finish(kPatience);
  const std::vector<int> seqs = scene.Seqs();
  CHECK(loss->lost + seqs.size() == 101);
  CHECK(seqs.back() == 101);
  CHECK(scene.sink->TakeChange()->well);
  CHECK(!scene.sink->TakeLoss());
}

TEST_CASE("At the end what Redis doesn't take in time is lost, and told") {
  Scene scene([](const Command&) { return "*1\r\n"; });  // and never the rest
  scene.Start();
  scene.sink->Take(Line(1) + Line(2));
  scene.sink->Finish(20);
  const auto loss = scene.sink->TakeLoss();
  REQUIRE(loss);
  CHECK(loss->lost == 2);
  CHECK(loss->why == "the end came before they were passed on");
}

TEST_CASE("Destroying it in the middle of a talk ends the talk") {
  Scene scene([&scene](const Command&) {
    scene.sink.reset();
    scene.loop.Stop();
    return "$3\r\n1-1\r\n";
  });
  scene.Start();
  scene.sink->Take(Line(1));
  scene.loop.Run();
  CHECK(!scene.sink);
  CHECK(!scene.timed_out);
}

}  // namespace
}  // namespace redwall::agent
