// Drives a CommandParser as a connection does, for tests and fuzzers: bytes arrive in pieces, and
// lie at another address for each Parse (so that a sanitizer sees every use of an old one).
#ifndef REDWALL_TESTS_RESP_COMMAND_DRIVER_H_
#define REDWALL_TESTS_RESP_COMMAND_DRIVER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_parser.h"
#include "resp/writer.h"

namespace redwall::resp {

class CommandDriver {
 public:
  // `stream`: what to do after kHead, StreamRest() or wait.
  CommandDriver(const RequestLimits& limits, bool stream)
      : limits_(limits), stream_(stream), parser_(limits) {}

  void Receive(std::string_view bytes) {
    pending_ += bytes;
    while (error.empty() && broken.empty() && Turn()) {
    }
  }

  std::vector<std::vector<std::string>> commands;  // whole ones; empty ones included
  std::string forwarded;  // all of it in canonical form: whole commands, heads, bodies
  std::string error;
  std::string broken;     // what the parser promised and didn't keep
  std::size_t heads = 0;  // how many commands were streamed
  std::size_t pending() const { return pending_.size(); }
  const CommandParser& parser() const { return parser_; }

 private:
  // One Parse. False: it needs more.
  bool Turn() {
    const auto copy = std::make_unique<char[]>(pending_.size());
    pending_.copy(copy.get(), pending_.size());
    const std::string_view input(copy.get(), pending_.size());
    const ParseStatus status = parser_.Parse(input);
    const std::size_t consumed = parser_.consumed();
    if (consumed > input.size()) return Break("consumed more than there is");
    const bool in_body = status == ParseStatus::kBody || status == ParseStatus::kBodyEnd;
    if (in_body != streaming_ && status != ParseStatus::kError)
      return Break("BODY and COMMAND mixed");
    switch (status) {
      case ParseStatus::kNeedMore:
        return consumed == 0 ? false : Break("kNeedMore consumed");
      case ParseStatus::kCommand:
        TakeCommand(input.substr(0, consumed));
        break;
      case ParseStatus::kHead:
        if (!stream_) return input.size() > limits_.max_inspected && WaitOnce();
        TakeHead(input);
        break;
      case ParseStatus::kBody:
      case ParseStatus::kBodyEnd:
        forwarded += parser_.body();
        streaming_ = status == ParseStatus::kBody;
        if (streaming_ && consumed == 0) return false;
        break;
      case ParseStatus::kError:
        error = parser_.error();
        if (parser_.Parse(input) != ParseStatus::kError) return Break("alive after an error");
        return false;
    }
    if (streaming_ == parser_.between_commands()) return Break("between_commands");
    pending_.erase(0, parser_.consumed());
    return !pending_.empty();
  }

  void TakeCommand(std::string_view wire) {
    const Command& command = parser_.command();
    if (wire.empty()) Break("an empty command");
    if (command.argc() != command.size()) Break("a command that isn't whole");
    std::string canonical;
    WriteCommand(command, canonical);
    if (command.canonical() != (canonical == wire)) Break("canonical() is wrong");
    auto& arguments = commands.emplace_back();
    for (std::size_t i = 0; i < command.size(); ++i) arguments.emplace_back(command.arg(i));
    if (command.argc() > 0) forwarded += canonical;
    waited_ = false;
  }

  void TakeHead(std::string_view input) {
    if (parser_.command().size() == 0) Break("a head without a name");
    if (parser_.command().size() >= parser_.command().argc()) Break("a head without a rest");
    parser_.StreamRest();
    std::string head;
    parser_.WriteHead(head);
    if (parser_.command().canonical() != (head == input.substr(0, parser_.consumed())))
      Break("canonical() of a head is wrong");
    forwarded += head;
    streaming_ = true;
    ++heads;
  }

  bool WaitOnce() {
    if (waited_) return Break("kHead beyond max_inspected, again");
    return waited_ = true;
  }

  bool Break(const char* what) {
    broken = what;
    return false;
  }

  RequestLimits limits_;
  bool stream_;
  bool streaming_ = false;
  bool waited_ = false;
  CommandParser parser_;
  std::string pending_;
};

}  // namespace redwall::resp

#endif  // REDWALL_TESTS_RESP_COMMAND_DRIVER_H_
