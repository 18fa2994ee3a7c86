// Clients and a Redis that all say anything at all, with a shared connection between.
//
// The input is a list of pieces: a byte that says what happens (its lowest three bits) and how much
// (the rest), then that many bytes. Nothing but whole commands that may be shared goes to the
// shared connection, as many as are said; nobody gets more replies than are due, keeps more than
// the limits say, or goes on after its end.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/proxy/shared_commands.h"
#include "tests/gateway/proxy/shared_fixture.h"

namespace redwall {
namespace {

constexpr std::size_t kClients = 3;

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Scene {
  Scene() {
    limits.request.max_inspected = 4096;
    limits.request.stream_threshold = 64;
    limits.max_command = 128;
    limits.max_outstanding = 4;
    limits.large_reply = 64;
    limits.much_kept = 128;
    limits.max_kept = 512;
  }

  proxy::SharedSite& at(std::size_t index) {
    auto& site = sites[index % kClients];
    if (site == nullptr) site = std::make_unique<proxy::SharedSite>(*line, limits);
    return *site;
  }

  // What was sent since the last time is whole, and may be shared.
  void CheckSent() {
    resp::CommandParser parser{resp::RequestLimits()};
    while (!line->to_redis.empty()) {
      Require(parser.Parse(line->to_redis) == resp::ParseStatus::kCommand);
      const resp::Command& command = parser.command();
      Require(proxy::MayShare(resp::CommandTable::Builtin().Find(command), command));
      Require(command.canonical());
      line->to_redis.erase(0, parser.consumed());
      ++sent;
    }
    Require(line->connection.expected() <= sent);
  }

  void Lose() {
    for (auto& site : sites)
      if (site != nullptr) site->client.OnSharedLost();
    sites = {};
    line = std::make_unique<proxy::SharedLine>();
    sent = 0;
  }

  void Happen(int what, std::string_view piece) {
    switch (what) {
      case 0:
      case 1:
      case 2:
        if (!at(static_cast<std::size_t>(what)).client.finished()) {
          auto& site = at(static_cast<std::size_t>(what));
          if (site.client.takes_requests()) site.Request(piece);
        }
        return;
      case 3:
      case 4:
        if (!line->connection.OnReply(piece)) Lose();
        return;
      case 5:
        for (auto& site : sites)
          if (site != nullptr) (void)site->Turn();
        return;
      case 6:
        return sites[piece.size() % kClients].reset();
      default:
        at(piece.size()).room = piece.size() % 2 == 0;
        if (piece.size() > 20) at(piece.size()).client.OnRequestEnd();
    }
  }

  proxy::SharedLimits limits;
  std::unique_ptr<proxy::SharedLine> line = std::make_unique<proxy::SharedLine>();
  std::size_t sent = 0;  // commands
  std::array<std::unique_ptr<proxy::SharedSite>, kClients> sites;
};

void Run(std::string_view input) {
  Scene scene;
  while (input.size() > 1) {
    const auto head = static_cast<unsigned char>(input[0]);
    const std::string_view piece = input.substr(1, head / 8);
    input.remove_prefix(1 + piece.size());
    scene.Happen(head % 8, piece);
    scene.CheckSent();
    for (const auto& site : scene.sites) {
      if (site == nullptr) continue;
      Require(site->client.outstanding() <= scene.limits.max_outstanding);
      Require(site->client.outstanding() <= scene.line->connection.expected());
      // A buffer of each kind, which may have grown by half as much again as it holds, and more.
      Require(site->client.memory() <= 64 * 1024);
    }
  }
}

}  // namespace
}  // namespace redwall

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  redwall::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
