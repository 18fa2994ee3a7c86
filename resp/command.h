// Command: one request of a Redis client, as views into the buffer that it was parsed from.
//
// Owns nothing but a small table of offsets, which is reused from command to command. All views are
// valid until the buffer that was given to CommandParser::Parse changes or the parser is used
// again.
#ifndef REDWALL_RESP_COMMAND_H_
#define REDWALL_RESP_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace redwall::resp {

class Command {
 public:
  // The number of arguments that the client declared, the command's name included. 0: an empty
  // request (`*0`, `*-1`, an empty inline line), which Redis skips without an answer.
  std::size_t argc() const { return argc_; }

  // The number of arguments that are here: argc() for a whole command, fewer for the head of one
  // that is still arriving (ParseStatus::kHead).
  std::size_t size() const { return args_.size(); }

  // Precondition: i < size().
  std::string_view arg(std::size_t i) const { return {base_ + args_[i].offset, args_[i].length}; }
  std::string_view name() const { return arg(0); }

  // True where the bytes on the wire are exactly what writer.h would write for these arguments.
  // What is not canonical (inline, stray bytes that Redis tolerates) is re-encoded before it is
  // forwarded, so that the policy's view and Redis's view of a command can't differ.
  bool canonical() const { return canonical_; }

  // True for a line of words instead of an array.
  bool is_inline() const { return inline_; }

 private:
  friend class CommandParser;
  friend class CommandBuilder;  // tests/support: commands from lists of arguments
  struct Argument {
    std::uint32_t offset;  // from base_
    std::uint32_t length;
  };
  const char* base_ = nullptr;
  std::vector<Argument> args_;
  std::size_t argc_ = 0;
  bool canonical_ = true;
  bool inline_ = false;
};

}  // namespace redwall::resp

#endif  // REDWALL_RESP_COMMAND_H_
