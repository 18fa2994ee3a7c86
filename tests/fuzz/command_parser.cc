// What a Redis client sends. The first byte of the input chooses limits and how the rest is cut;
// the commands, what is forwarded and the error must not depend on the cuts, and what is forwarded
// must be read back as the same commands.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tests/resp/command_driver.h"

namespace {

using redwall::resp::CommandDriver;
using redwall::resp::RequestLimits;

void Require(bool holds) {
  if (!holds) std::abort();
}

CommandDriver Run(std::string_view bytes, const RequestLimits& limits, bool stream,
                  std::size_t piece) {
  CommandDriver driver(limits, stream);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    driver.Receive(bytes.substr(0, piece));
  Require(driver.broken.empty());
  return driver;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::uint8_t choice = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  RequestLimits limits;
  if (choice & 0x80) {
    limits.max_line = 32;
    limits.max_bulk = 64;
    limits.max_arguments = 8;
    limits.max_inspected = 48 + (choice & 0x0f);
    limits.stream_threshold = 4;
  }
  const std::size_t piece = 1 + (choice & 0x1f);

  const CommandDriver whole = Run(bytes, limits, false, bytes.size() + 1);
  const CommandDriver cut = Run(bytes, limits, false, piece);
  Require(whole.commands == cut.commands && whole.error == cut.error);
  Require(whole.forwarded == cut.forwarded && whole.pending() == cut.pending());

  const CommandDriver again = Run(whole.forwarded, {}, false, whole.forwarded.size() + 1);
  Require(again.error.empty() && again.pending() == 0 && again.forwarded == whole.forwarded);
  std::size_t i = 0;
  for (const auto& command : whole.commands)
    if (!command.empty()) Require(again.commands.at(i++) == command);
  Require(i == again.commands.size());

  // A long argument that is whole at the first look isn't streamed, so where the last command
  // isn't, one way may have passed on more of it than the other.
  limits.max_inspected = 1 << 20;
  const CommandDriver streamed = Run(bytes, limits, true, bytes.size() + 1);
  const CommandDriver pieces = Run(bytes, limits, true, piece);
  const bool between = streamed.parser().between_commands();
  Require(streamed.error == pieces.error && between == pieces.parser().between_commands());
  Require(streamed.forwarded == pieces.forwarded ||
          (!between && (streamed.forwarded.starts_with(pieces.forwarded) ||
                        pieces.forwarded.starts_with(streamed.forwarded))));
  return 0;
}
