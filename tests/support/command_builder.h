// CommandBuilder: a resp::Command from a list of arguments, whole or as a head, without a parser.
//
// Owns the bytes. command() is valid until the builder changes or goes.
#ifndef REDWALL_TESTS_SUPPORT_COMMAND_BUILDER_H_
#define REDWALL_TESTS_SUPPORT_COMMAND_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command.h"

namespace redwall::resp {

class CommandBuilder {
 public:
  explicit CommandBuilder(const std::vector<std::string>& arguments)
      : CommandBuilder(arguments, arguments.size()) {}

  // A head: `arguments` are here, and `argc` were declared.
  CommandBuilder(const std::vector<std::string>& arguments, std::size_t argc) {
    for (const std::string& argument : arguments) {
      command_.args_.push_back(
          {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(argument.size())});
      bytes_ += argument;
    }
    // To the byte, so that a sanitizer sees the first one that is read too many.
    bytes_.shrink_to_fit();
    command_.base_ = bytes_.data();
    command_.argc_ = argc;
  }
  CommandBuilder(const CommandBuilder&) = delete;
  CommandBuilder& operator=(const CommandBuilder&) = delete;

  // Arguments in one text, parted by single spaces; '' is the empty one.
  static std::vector<std::string> Split(std::string_view text) {
    std::vector<std::string> arguments(1);
    for (char c : text) {
      if (c == ' ')
        arguments.emplace_back();
      else
        arguments.back() += c;
    }
    for (std::string& argument : arguments)
      if (argument == "''") argument.clear();
    return arguments;
  }

  const Command& command() const { return command_; }

 private:
  std::string bytes_;
  Command command_;
};

}  // namespace redwall::resp

#endif  // REDWALL_TESTS_SUPPORT_COMMAND_BUILDER_H_
