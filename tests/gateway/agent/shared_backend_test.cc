// Clients of a Redis over connections that they share, with servers that a script plays.
#include "gateway/agent/shared_backend.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/writer.h"
#include "tests/gateway/agent/discovery_scene.h"
#include "tests/gateway/agent/fake_server.h"

namespace redwall::agent {
namespace {

struct Handler final : BackendHandler {
  void OnConnected() override { ++connected; }
  void OnReady() override { ++ready; }
  void OnFailed(const BackendFailure& failure) override {
    failed = failure;
    over = true;
    backend.reset();
  }
  void OnRead(std::string_view bytes) override { got.append(bytes); }
  void OnReadEnd() override { End(); }
  void OnError() override {
    broken = true;
    End();
  }
  void OnDrained() override {}
  void End() {
    over = true;
    backend.reset();
  }

  int connected = 0, ready = 0;
  bool over = false, broken = false;
  std::optional<BackendFailure> failed;
  std::string got;
  std::unique_ptr<Backend> backend;
};

std::string Encode(std::initializer_list<std::string_view> arguments) {
  std::string bytes;
  resp::WriteCommand(arguments, bytes);
  return bytes;
}

struct Scene : DiscoveryScene {
  std::shared_ptr<SharedPool> Pool(const FakeServer& server, const std::string& password = "") {
    const std::string text = password.empty() ? "" : Encode({"AUTH", password});
    auto login = std::make_shared<const crypto::Secret>(crypto::Secret::CopyOf(AsBytes(text)));
    return std::make_shared<SharedPool>(
        SharedPool::Setting{loop,
                            health,
                            server.address(),
                            5000,
                            {std::move(login), "file"},
                            {},
                            [this](std::string_view why) { trouble.emplace_back(why); }});
  }
  void Start(Handler& handler, const std::shared_ptr<SharedPool>& pool) {
    const std::shared_ptr<const resp::CommandTable> table(&resp::CommandTable::Builtin(),
                                                          [](auto*) {});
    handler.backend = std::make_unique<SharedBackend>(
        SharedBackend::Setting{
            pool, table, {}, budget, [this](std::string_view why) { lost.emplace_back(why); }},
        handler);
  }

  proxy::Budget budget{.limit = 100 * 1024 * 1024};
  std::vector<std::string> trouble, lost;
};

// Answers ECHO; SILENT, as the value of a GET, isn't answered.
std::string Answer(const std::string& command) {
  if (command.starts_with("ECHO ")) return Bulk(command.substr(5));
  if (command.starts_with("GET silent")) return "";
  if (command.starts_with("GET large")) return Bulk(std::string(2000000, 'v'));
  return "+OK\r\n";
}

TEST_CASE("A few connections for many clients, and another pool for other credentials") {
  Scene scene;
  FakeServer server(scene.loop, Answer);
  const auto ann = scene.Pool(server, "ann"), bob = scene.Pool(server, "bob");
  std::vector<Handler> handlers(20);
  for (std::size_t i = 0; i < handlers.size(); ++i)
    scene.Start(handlers[i], i % 2 == 0 ? ann : bob);
  for (Handler& handler : handlers) scene.Until([&] { return handler.ready == 1; });
  CHECK(server.accepted() == 2 * SharedPool::kConnections);
  for (std::size_t i = 0; i < handlers.size(); ++i)
    handlers[i].backend->Write(Encode({"ECHO", std::to_string(i)}));
  for (std::size_t i = 0; i < handlers.size(); ++i) {
    scene.Until([&] { return handlers[i].got == Bulk(std::to_string(i)); });
    CHECK(handlers[i].connected == 1);
  }
  CHECK(ann->size() == SharedPool::kConnections);
  // A connection of its own beside them.
  handlers[3].backend->Write(Encode({"MULTI"}));
  scene.Until([&] { return handlers[3].got.ends_with("+OK\r\n"); });
  CHECK(server.accepted() == 2 * SharedPool::kConnections + 1);
  for (const Handler& handler : handlers) CHECK_FALSE(handler.over);
  CHECK(scene.budget.used > 0);
  handlers.clear();
  CHECK(scene.budget.used == 0);
}

TEST_CASE("What Redis says unasked ends the connection, and those who wait on it") {
  for (const char* said : {"+more\r\n", ">1\r\n+x\r\n", "nonsense\r\n"}) {
    CAPTURE(said);
    Scene scene;
    FakeServer server(scene.loop, Answer);
    const auto pool = scene.Pool(server, "ann");
    std::vector<Handler> handlers(2 * SharedPool::kConnections);
    for (Handler& handler : handlers) scene.Start(handler, pool);
    for (Handler& handler : handlers) scene.Until([&] { return handler.ready == 1; });
    handlers[0].backend->Write(Encode({"GET", "silent"}));
    const std::size_t asked = server.asked();
    scene.Until([&] { return server.asked() > asked; });
    // The one that waits takes an ordinary reply for its own, as it must; then nothing is due.
    server.Say(said);
    if (said[0] == '+') {
      scene.Until([&] { return handlers[0].got == said; });
      server.Say(said);
    }
    scene.Until([&] { return pool->size() == 0; });
    CHECK_FALSE(scene.trouble.empty());
    if (said[0] != '+') scene.Until([&] { return handlers[0].over; });
    handlers[1].backend->Write(Encode({"ECHO", "still here"}));
    scene.Until([&] { return handlers[1].got.ends_with(Bulk("still here")); });
    for (std::size_t i = 1; i < handlers.size(); ++i) CHECK_FALSE(handlers[i].over);
  }
}

TEST_CASE("Where each client has to log in by itself, nothing is shared") {
  Scene scene;
  FakeServer server(scene.loop, [](const std::string& command) {
    return command.starts_with("AUTH") ? "+OK\r\n" : "-NOAUTH Authentication required.\r\n";
  });
  const auto pool = scene.Pool(server);
  Handler first, second;
  scene.Start(first, pool);
  scene.Until([&] { return first.ready == 1; });
  CHECK(server.accepted() == 2);
  scene.Start(second, pool);
  scene.Until([&] { return second.ready == 1; });
  CHECK(server.accepted() == 3);  // without asking again
  second.backend->Write(Encode({"AUTH", "x"}));
  first.backend->Write(Encode({"GET", "a"}));
  scene.Until([&] { return second.got == "+OK\r\n" && first.got.starts_with("-NOAUTH"); });
  CHECK(first.connected == 1);
  CHECK(second.connected == 1);
}

TEST_CASE("Redis has no room, hangs up, or is nonsense: before anything is shared") {
  for (const char* said : {"-ERR max number of clients reached\r\n", "+PONG\r\n+PONG\r\n", "?"}) {
    CAPTURE(said);
    Scene scene;
    FakeServer server(scene.loop, [said](const std::string&) { return said; });
    Handler handler;
    scene.Start(handler, scene.Pool(server));
    scene.Until([&] { return handler.over; });
    REQUIRE(handler.failed.has_value());
    CHECK(handler.ready == 0);
    CHECK(handler.failed->reply == (said[0] == '-' ? said : ""));
  }
  Scene scene;
  FakeServer server(scene.loop, Answer);
  const auto pool = scene.Pool(server);
  server.Stop();
  Handler handler;
  scene.Start(handler, pool);
  scene.Until([&] { return handler.over; });
  REQUIRE(handler.failed.has_value());
  CHECK(handler.failed->code == tunnel::ResetCode::kUpstreamUnreachable);
}

TEST_CASE("A connection breaks: who waits is told so, who doesn't goes on over a new one") {
  Scene scene;
  FakeServer server(scene.loop, Answer);
  const auto pool = scene.Pool(server, "ann");
  Handler waiting, idle;
  scene.Start(waiting, pool);
  scene.Start(idle, pool);
  scene.Until([&] { return waiting.ready == 1 && idle.ready == 1; });
  const std::size_t asked = server.asked();
  waiting.backend->Write(Encode({"GET", "silent"}) + Encode({"MULTI"}));
  scene.Until([&] { return server.asked() > asked; });
  server.Stop();
  scene.Until([&] { return waiting.over; });
  CHECK(waiting.got.empty());
  CHECK_FALSE(waiting.failed.has_value());
  CHECK_FALSE(idle.over);
  server.Restart();
  idle.backend->Write(Encode({"ECHO", "x"}));
  scene.Until([&] { return idle.got == Bulk("x"); });
}

TEST_CASE("What is kept for a client that doesn't read counts for all") {
  for (const bool enough : {true, false}) {
    Scene scene;
    scene.budget.limit = enough ? 8 * 1024 * 1024 : 1024 * 1024;
    FakeServer server(scene.loop, Answer);
    const auto pool = scene.Pool(server, "ann");
    Handler slow;
    scene.Start(slow, pool);
    scene.Until([&] { return slow.ready == 1; });
    slow.backend->StopReading();
    slow.backend->Write(Encode({"GET", "large"}));
    scene.Until([&] { return slow.over || scene.budget.used > 2000000; });
    CHECK(slow.broken == !enough);
    CHECK(slow.over == !enough);
    CHECK(scene.lost.size() == (enough ? 0 : 1));
    if (!enough) continue;
    CHECK(slow.backend->queued() > 0);  // nothing more is taken from it
    slow.backend->StartReading();
    scene.Until([&] { return slow.got == Bulk(std::string(2000000, 'v')); });
    CHECK(slow.backend->queued() == 0);
  }
}

}  // namespace
}  // namespace redwall::agent
