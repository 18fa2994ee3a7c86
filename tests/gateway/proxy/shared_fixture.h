// Clients over one shared connection, and what each has of its own, with strings for neighbours.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_SHARED_FIXTURE_H_
#define REDWALL_TESTS_GATEWAY_PROXY_SHARED_FIXTURE_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/proxy/shared_client.h"
#include "gateway/proxy/shared_connection.h"
#include "resp/writer.h"

namespace redwall::proxy {

inline std::shared_ptr<const resp::CommandTable> BuiltinTable() {
  return {&resp::CommandTable::Builtin(), [](auto*) {}};
}

struct SharedLine {
  SharedConnection connection{resp::ReplyLimits()};
  std::string to_redis;
};

// What SharedBackend does for one client.
struct SharedSite final : SharedOutlet {
  explicit SharedSite(SharedLine& the_line, const SharedLimits& the_limits = {})
      : line(the_line), limits(the_limits), client(limits, *this, BuiltinTable()) {
    seat = line.connection.Sit(client);
  }
  ~SharedSite() { LeaveLine(); }
  SharedSite(const SharedSite&) = delete;
  SharedSite& operator=(const SharedSite&) = delete;

  bool HasRoom() override { return room && seated; }
  void ToShared(std::string_view commands, std::size_t count) override {
    line.connection.Expect(seat, count);
    line.to_redis.append(commands);
  }
  void OnReplies() override { told = true; }

  // From memory of their own, so that a sanitizer sees the use of a view that has died.
  void Request(std::string_view bytes) {
    const std::string copy(bytes);
    if (client.state() == SharedClient::State::kOwn) {
      to_own += copy;
    } else {
      client.OnRequest(copy);
    }
  }
  // The end of a turn.
  std::string Turn() {
    std::string taken = Take();
    client.OnRoom();
    taken += Take();
    if (client.wants_own()) {
      LeaveLine();
      to_own += client.OnOwnOpen();
    }
    return taken;
  }
  std::string Take() {
    std::string taken;
    while (client.has_replies()) taken += client.TakeReplies(take_at_once);
    return taken;
  }
  void LeaveLine() {
    if (seated) line.connection.Leave(seat);
    seated = false;
  }
  bool has_own() const { return client.state() == SharedClient::State::kOwn; }

  SharedLine& line;
  const SharedLimits limits;
  bool room = true, told = false, seated = true;
  std::size_t take_at_once = 1000000;
  std::string to_own;
  SharedClient client;
  SharedConnection::Seat seat = 0;
};

inline std::string SharedWire(std::initializer_list<std::string_view> arguments) {
  std::string bytes;
  resp::WriteCommand(arguments, bytes);
  return bytes;
}

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_SHARED_FIXTURE_H_
