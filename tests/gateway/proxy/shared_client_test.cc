// One client over a shared connection: what it sends there, and when it leaves.
#include "gateway/proxy/shared_client.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/gateway/proxy/shared_fixture.h"

namespace redwall::proxy {
namespace {

using State = SharedClient::State;

std::string Get(std::string_view key) { return SharedWire({"GET", key}); }

TEST_CASE("Only whole commands are sent, wherever the bytes are cut") {
  const std::string first = Get("abc"), second = SharedWire({"SET", "k", "v"});
  const std::string all = first + second;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    SharedLine line;
    SharedSite site(line);
    site.Request(all.substr(0, cut));
    CHECK(line.to_redis == (cut == all.size() ? all : cut >= first.size() ? first : ""));
    site.Request(all.substr(cut));
    CHECK(line.to_redis == all);
    CHECK(line.connection.OnReply("$1\r\nx\r\n+OK\r\n"));
    CHECK(site.Turn() == "$1\r\nx\r\n+OK\r\n");
    CHECK(site.client.state() == State::kSharing);
    CHECK(site.client.takes_requests());
  }
}

TEST_CASE("The switch in the middle of a pipeline, at every cut") {
  const std::string shared = Get("a") + Get("b");
  const std::string rest = SharedWire({"MULTI"}) + Get("c") + SharedWire({"EXEC"});
  const std::string all = shared + rest;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    SharedLine line;
    SharedSite site(line);
    site.Request(all.substr(0, cut));
    CHECK(site.Turn().empty());
    site.Request(all.substr(cut));
    CHECK(site.Turn().empty());
    CHECK(line.to_redis == shared);
    CHECK_FALSE(site.client.takes_requests());
    CHECK(line.connection.OnReply("+1\r\n"));
    CHECK(site.Turn() == "+1\r\n");
    CHECK_FALSE(site.has_own());  // one is still to come
    CHECK(line.connection.OnReply("+2\r\n"));
    CHECK_FALSE(site.client.wants_own());  // nor has it been taken
    CHECK(site.Turn() == "+2\r\n");
    CHECK(site.has_own());
    CHECK(site.to_own == rest);
    CHECK(line.to_redis == shared);
    CHECK(site.client.takes_requests());
  }
}

TEST_CASE("One byte at a time") {
  const std::string shared = Get("a"), rest = SharedWire({"SELECT", "1"}) + Get("b");
  SharedLine line;
  SharedSite site(line);
  std::string got;
  for (const char c : shared) site.Request({&c, 1});
  for (const char c : std::string("$1\r\nx\r\n")) {
    CHECK(line.connection.OnReply({&c, 1}));
    got += site.Turn();
  }
  for (const char c : rest) {
    site.Request({&c, 1});
    got += site.Turn();
  }
  CHECK(got == "$1\r\nx\r\n");
  CHECK(line.to_redis == shared);
  CHECK(site.to_own == rest);
}

TEST_CASE("Inline commands are written anew, empty ones are left out") {
  SharedLine line;
  SharedSite site(line);
  site.Request("*0\r\n" + Get("a") + "\r\nget \"b\"\r\n*-1\r\n" + Get("c"));
  CHECK(line.to_redis == Get("a") + SharedWire({"get", "b"}) + Get("c"));
  CHECK(line.connection.expected() == 3);
}

TEST_CASE("What isn't the protocol is for Redis to answer, on the client's own connection") {
  SharedLine line;
  SharedSite site(line);
  site.Request(Get("a") + "*1\r\nX\r\n");
  CHECK(line.connection.OnReply("$-1\r\n"));
  CHECK(site.Turn() == "$-1\r\n");
  CHECK(site.to_own == "*1\r\nX\r\n");
}

TEST_CASE("The size of a command: n - 1, n, n + 1") {
  for (const int more : {-1, 0, 1}) {
    SharedLine line;
    SharedLimits limits;
    limits.max_command = Get(std::string(200, 'k')).size();
    SharedSite site(line, limits);
    const std::string command = Get(std::string(static_cast<std::size_t>(200 + more), 'k'));
    REQUIRE(static_cast<int>(command.size()) == static_cast<int>(limits.max_command) + more);
    site.Request(command);
    site.Turn();
    CHECK(site.has_own() == (more == 1));
    CHECK((line.to_redis == command) == (more != 1));
    if (more == 1) CHECK(site.to_own == command);
  }
}

TEST_CASE("A large command that is still arriving is not waited for") {
  for (const std::size_t size : {std::size_t{200}, std::size_t{100000}}) {
    SharedLine line;
    SharedLimits limits;
    limits.max_command = 100;
    SharedSite site(line, limits);
    const std::string command = SharedWire({"SET", "k", std::string(size, 'v')});
    site.Request(command.substr(0, 101));
    site.Turn();
    CHECK(site.has_own());
    site.Request(command.substr(101));
    CHECK(site.to_own == command);
    CHECK(line.to_redis.empty());
  }
  // By what its header declares, before it is here.
  SharedLine line;
  SharedSite site(line);
  site.Request("*2\r\n$3\r\nGET\r\n$40000\r\nx");
  site.Turn();
  CHECK(site.has_own());
}

TEST_CASE("Commands without a reply: n - 1, n, n + 1") {
  for (const std::size_t count : {2u, 3u, 4u}) {
    SharedLine line;
    SharedLimits limits;
    limits.max_outstanding = 3;
    SharedSite site(line, limits);
    for (std::size_t i = 0; i < count; ++i) site.Request(Get("a"));
    site.Turn();
    CHECK((site.client.state() == State::kLeaving) == (count == 4));
    CHECK(line.connection.expected() == std::min<std::size_t>(count, 3));
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 3); ++i)
      CHECK(line.connection.OnReply("$-1\r\n"));
    site.Turn();
    CHECK(site.has_own() == (count == 4));
    CHECK(site.to_own == (count == 4 ? Get("a") : ""));
  }
}

TEST_CASE("A large reply: n - 1, n, n + 1") {
  for (const int more : {-1, 0, 1}) {
    SharedLine line;
    SharedLimits limits;
    limits.large_reply = 107;
    SharedSite site(line, limits);
    const std::string reply =
        "$" + std::to_string(98 + more) + "\r\n" + std::string(98 + more, 'v') + "\r\n";
    CAPTURE(reply.size());
    site.Request(Get("a"));
    CHECK(line.connection.OnReply(reply));
    CHECK(site.Turn() == reply);
    CHECK_FALSE(site.has_own());
    site.Request(Get("b"));
    site.Turn();
    CHECK(site.has_own() == (reply.size() > limits.large_reply));
  }
}

TEST_CASE("A slow reader is waited for up to a limit: n - 1, n, n + 1") {
  for (const std::size_t size : {99u, 100u, 101u}) {
    SharedLine line;
    SharedLimits limits;
    limits.max_kept = 100;
    SharedSite site(line, limits), other(line);
    site.Request(Get("a"));
    other.Request(Get("b"));
    const std::string reply = "+" + std::string(size - 3, 'x') + "\r\n";
    REQUIRE(reply.size() == size);
    CHECK(line.connection.OnReply(reply.substr(0, 40)));
    CHECK(line.connection.OnReply(reply.substr(40)));
    CHECK(site.client.finished() == (size == 101));
    CHECK(site.client.failure().empty() == (size != 101));
    CHECK(site.Take() == (size == 101 ? "" : reply));
    // Whatever became of it, the others go on.
    CHECK(line.connection.OnReply("+mine\r\n"));
    CHECK(other.Turn() == "+mine\r\n");
  }
}

TEST_CASE("Who doesn't take replies sends no more, and goes on when they are taken") {
  SharedLine line;
  SharedLimits limits;
  limits.much_kept = 10;
  SharedSite site(line, limits);
  site.Request(Get("a"));
  CHECK(line.connection.OnReply("+1234567\r\n"));
  CHECK_FALSE(site.client.takes_requests());
  site.Request(Get("b"));
  site.client.OnRoom();
  CHECK(line.to_redis == Get("a"));
  CHECK(site.Turn() == "+1234567\r\n");
  CHECK(line.to_redis == Get("a") + Get("b"));
}

TEST_CASE("Replies may be taken in pieces, and memory is given back") {
  for (const std::size_t piece : {1u, 7u, 1000u, 60000u}) {
    SharedLine line;
    SharedSite site(line);
    site.take_at_once = piece;
    const std::string reply = "+" + std::string(50000, 'x') + "\r\n";
    site.Request(Get("a"));
    CHECK(line.connection.OnReply(reply));
    CHECK(site.client.memory() >= reply.size());
    CHECK(site.client.TakeReplies(piece) + site.Take() == reply);
    CHECK(site.client.memory() < 33000);
  }
}

TEST_CASE("Without room all waits") {
  SharedLine line;
  SharedSite site(line);
  site.room = false;
  site.Request(Get("a") + SharedWire({"QUIT"}));
  site.client.OnRequestEnd();
  site.Turn();
  CHECK(line.to_redis.empty());
  CHECK_FALSE(site.client.finished());
  site.room = true;
  site.Turn();
  CHECK(line.to_redis == Get("a"));
}

TEST_CASE("QUIT is answered in its turn, and what stands behind it isn't executed") {
  SharedLine line;
  SharedSite site(line);
  site.Request(Get("a") + SharedWire({"QUIT"}) + Get("b"));
  CHECK(site.Turn().empty());
  CHECK(line.connection.OnReply("$-1\r\n"));
  CHECK(site.Turn() == "$-1\r\n+OK\r\n");
  CHECK(site.client.finished());
  CHECK(site.client.failure().empty());
  CHECK(line.to_redis == Get("a"));
}

TEST_CASE("The client's end waits for what is under way") {
  const std::string halves[] = {"", "*2\r\n$3\r\nGE"};
  for (const std::string& half : halves) {
    SharedLine line;
    SharedSite site(line);
    site.Request(Get("a") + half);
    site.client.OnRequestEnd();
    CHECK_FALSE(site.client.finished());
    CHECK(line.connection.OnReply("$-1\r\n"));
    CHECK_FALSE(site.client.finished());
    CHECK(site.Turn() == "$-1\r\n");
    CHECK(site.client.finished());
  }
}

TEST_CASE("WAIT knows nothing of writes that went over the shared connection") {
  const std::string wait = SharedWire({"WAIT", "1", "0"});
  SharedLine line;
  SharedSite reader(line), writer(line);
  reader.Request(Get("a") + wait);
  CHECK(line.connection.OnReply("$-1\r\n"));
  reader.Turn();
  CHECK(reader.to_own == wait);
  writer.Request(SharedWire({"SET", "a", "b"}) + wait + Get("c"));
  CHECK(line.connection.OnReply("+OK\r\n"));
  const std::string answer = writer.Turn();
  CHECK(answer.starts_with("+OK\r\n-ERR redwall: WAIT knows"));
  CHECK(line.connection.OnReply("$-1\r\n"));
  CHECK(writer.Turn() == "$-1\r\n");
  CHECK(writer.client.state() == State::kSharing);
}

TEST_CASE("A connection that breaks ends those who wait for a reply, and nobody else") {
  SharedLine line;
  SharedSite idle(line), waiting(line), leaving(line);
  idle.Request(Get("a"));
  waiting.Request(Get("b"));
  leaving.Request(Get("c") + SharedWire({"MULTI"}));
  CHECK(line.connection.OnReply("+1\r\n$10\r\nhalf"));
  for (SharedSite* site : {&idle, &waiting, &leaving}) site->client.OnSharedLost();
  CHECK(idle.Turn() == "+1\r\n");
  CHECK_FALSE(idle.client.finished());
  CHECK(idle.client.takes_requests());
  CHECK_FALSE(waiting.client.finished());  // not before what came was taken
  CHECK(waiting.Turn() == "$10\r\nhalf");
  CHECK(waiting.client.finished());
  CHECK(leaving.client.finished());
  CHECK(leaving.to_own.empty());  // nothing of it is sent anywhere else
}

TEST_CASE("Who can't share takes all along") {
  SharedLine line;
  SharedSite site(line);
  site.client.Leave();
  site.Request(Get("a"));
  site.Turn();
  CHECK(site.has_own());
  CHECK(site.to_own == Get("a"));
}

}  // namespace
}  // namespace redwall::proxy
