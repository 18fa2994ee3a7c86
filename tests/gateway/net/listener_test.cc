#include "gateway/net/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/net/timer.h"

namespace redwall::net {
namespace {

constexpr std::uint64_t kPatience = 60000;  // ms until a test is given up; none waits for it

// Until it goes, this process can have no more descriptors than it has.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest_free = fcntl(0, F_DUPFD_CLOEXEC, 0);
    REQUIRE(lowest_free >= 0);
    close(lowest_free);
    const rlimit now{static_cast<rlim_t>(lowest_free), before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// A listener that keeps whom it accepts, and a way to connect to it without the loop.
class Scene {
 public:
  explicit Scene(const std::string& where) : watchdog_(loop) {
    const auto address = Address::Parse(where);
    REQUIRE(address.ok());
    auto opened = Listener::Open(
        loop, *address, 0,
        [this](Socket socket) {
          accepted.push_back(std::move(socket));
          if (on_accept) on_accept();
          if (accepted.size() == wanted) loop.Stop();
        },
        [this](const std::string& sentence) {
          troubles.emplace_back(loop.now_ms(), sentence);
          if (on_trouble) on_trouble();
        });
    REQUIRE(opened.ok());
    listener = std::move(*opened);
  }
  ~Scene() {
    for (const int fd : clients_) close(fd);
  }

  void Connect() {
    const auto at = Address::Parse(listener->address());
    REQUIRE(at.ok());
    const int fd = socket(at->is_unix() ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    clients_.push_back(fd);
    if (at->is_unix()) {
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      std::memcpy(to.sun_path, at->path.data(), at->path.size());
      REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    } else {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(at->port);
      REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    }
  }
  // The latest client's end is a reset.
  void Reset() {
    const linger at_once{1, 0};
    REQUIRE(setsockopt(clients_.back(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    close(clients_.back());
    clients_.pop_back();
  }
  // Until so many were accepted, or Stop.
  void Run(std::size_t until) {
    wanted = until;
    watchdog_.Start(kPatience, 0, [this] { loop.Stop(); });
    loop.Run();
    watchdog_.Stop();
  }

  Loop loop;
  std::unique_ptr<Listener> listener;
  std::vector<Socket> accepted;
  std::vector<std::pair<std::int64_t, std::string>> troubles;  // when
  std::function<void()> on_accept, on_trouble;
  std::size_t wanted = 0;

 private:
  std::vector<int> clients_;
  Timer watchdog_;
};

std::string UnixPath() { return "unix:/tmp/redwall-listener-" + std::to_string(getpid()); }

TEST_CASE("all who come are accepted, in crowds too") {
  for (const std::string& where : {std::string("127.0.0.1:0"), UnixPath()}) {
    CAPTURE(where);
    Scene scene(where);
    for (int i = 0; i < 200; ++i) scene.Connect();
    scene.Run(200);
    CHECK(scene.accepted.size() == 200);
    CHECK(scene.troubles.empty());
  }
}

TEST_CASE("without a descriptor it pauses, says so each time, and nobody who waits is lost") {
  for (const std::string& where : {std::string("127.0.0.1:0"), UnixPath()}) {
    CAPTURE(where);
    Scene scene(where);
    for (int i = 0; i < 3; ++i) scene.Connect();
    auto shortage = std::make_unique<NoMoreDescriptors>();
    scene.on_trouble = [&] {
      CHECK(scene.accepted.empty());
      if (scene.troubles.size() == 3) shortage.reset();
    };
    scene.Run(3);
    CHECK(scene.accepted.size() == 3);
    REQUIRE(scene.troubles.size() == 3);
    CHECK(scene.troubles[0].second ==
          "a connection to " + scene.listener->address() + " has to wait: too many open files");
    // A timer may count from the moment that the loop woke up, a millisecond ago.
    for (std::size_t i = 1; i < 3; ++i)
      CHECK(scene.troubles[i].first - scene.troubles[i - 1].first >=
            static_cast<std::int64_t>(Listener::kPauseMs) - 1);
  }
}

TEST_CASE("it can be closed by whom it calls, and while it pauses") {
  Scene scene("127.0.0.1:0");
  scene.Connect();
  scene.Connect();
  SUBCASE("from OnAccept") {
    scene.on_accept = [&] {
      scene.listener.reset();
      scene.loop.Stop();
    };
    scene.Run(2);
    CHECK(scene.accepted.size() == 1);
  }
  SUBCASE("from OnTrouble") {
    NoMoreDescriptors shortage;
    scene.on_trouble = [&] {
      scene.listener.reset();
      scene.loop.Stop();
    };
    scene.Run(1);
    CHECK(scene.troubles.size() == 1);
  }
  SUBCASE("while it pauses") {
    NoMoreDescriptors shortage;
    scene.on_trouble = [&] { scene.loop.Stop(); };
    scene.Run(1);
    scene.listener.reset();
  }
  CHECK(scene.listener == nullptr);
}

TEST_CASE("an address that another one has is told apart") {
  Scene scene("127.0.0.1:0");
  const auto again =
      Listener::Open(scene.loop, *Address::Parse(scene.listener->address()), 0, [](Socket) {});
  REQUIRE(!again.ok());
  CHECK(again.error().in_use);
  const auto elsewhere =
      Listener::Open(scene.loop, *Address::Parse("unix:/nowhere/at/all"), 0, [](Socket) {});
  REQUIRE(!elsewhere.ok());
  CHECK(!elsewhere.error().in_use);
  NoMoreDescriptors shortage;
  const auto none = Listener::Open(scene.loop, *Address::Parse("127.0.0.1:0"), 0, [](Socket) {});
  REQUIRE(!none.ok());
  CHECK(!none.error().in_use);
  CHECK(none.error().sentence == "can't listen on 127.0.0.1:0: too many open files");
}

TEST_CASE("a peer's address stays the same when the peer resets the connection") {
  Scene scene("127.0.0.1:0");
  scene.Connect();
  scene.Run(1);
  REQUIRE(scene.accepted.size() == 1);
  const std::string told = scene.accepted[0].peer_address();
  CHECK(told.starts_with("127.0.0.1:"));
  scene.Reset();
  CHECK(scene.accepted[0].peer_address() == told);
}

}  // namespace
}  // namespace redwall::net
