// CommandParser: splits what a Redis client sends into commands. Incremental and zero-copy.
//
// It accepts exactly what Redis 7.0 accepts (processMultibulkBuffer, processInlineBuffer) and
// refuses the rest with Redis's own texts. The caller owns the bytes: it calls Parse with all that
// is not yet consumed, starting at the first byte of the current command; after kNeedMore it calls
// again with the same bytes and more behind them (they may have moved in memory; nothing is scanned
// twice).
//
//            kNeedMore / kHead                      kBody
//              ┌─────┐                              ┌────┐
//              ▼     │   StreamRest() after kHead   ▼    │
//     start ─▶ COMMAND ──────────────────────────▶ BODY ─┴─ kBodyEnd ─▶ COMMAND
//                │ kCommand ─▶ COMMAND               │
//                └───────────── kError ─▶ DEAD ◀─────┘
//
// A command of any length can pass in little memory: when the argument that is arriving is longer
// than limits.stream_threshold, Parse says kHead and the arguments before it can be looked at. The
// caller either waits (calls again with more, up to limits.max_inspected bytes of one command) or
// calls StreamRest(), after which the rest of the command passes piece by piece as kBody.
//
// limits.max_inspected, exactly: a command that isn't streamed ends within that many bytes.
//   - Argument 0, the name, never streams. It and every argument up to stream_threshold is refused
//   as
//     soon as its header has been read, if its last byte would lie beyond: "invalid bulk length"
//     where it is long by itself (over stream_threshold or max_inspected), else "invalid multibulk
//     length".
//   - A longer argument is offered with kHead whatever its length. If the caller then calls Parse
//   again
//     with more than max_inspected bytes, the argument not being whole within them: "invalid bulk
//     length". So a caller that can't decide on a head waits, and if it holds more than
//     max_inspected bytes already, it calls again at once for the error. The first look at a long
//     argument is kHead even if input is longer than max_inspected.
// What the parser itself allocates is proportional to the bytes that have arrived: 8 bytes for each
// argument, a copy of an inline command (at most max_line). A table that has become large is given
// back by the next Parse between commands, be it of an empty input.
//
// Redis counts a line as too long when it has more than 64 KiB in its buffer at that moment; here
// the line's end must be within the first max_line + 1 bytes, so that the result doesn't depend on
// how the bytes arrived. The limits of unauthenticated clients aren't known here.
#ifndef REDWALL_RESP_COMMAND_PARSER_H_
#define REDWALL_RESP_COMMAND_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "resp/command.h"
#include "resp/limits.h"

namespace redwall::resp {

enum class ParseStatus : std::uint8_t {
  kNeedMore,  // the command isn't whole; nothing was consumed
  kCommand,   // command() is whole; consumed() bytes belong to it (argc() may be 0)
  kHead,      // as kNeedMore, but command() holds the arguments before a long one that is arriving
  kBody,     // consumed() further bytes of the streamed command; more to come. As long as bytes are
             // left and consumed() isn't 0, call again; at 0 there must be more input first
  kBodyEnd,  // consumed() further bytes, and with them the streamed command is complete
  kError,    // not the protocol; error() is what Redis answers before it closes. Final.
};

class CommandParser {
 public:
  // max_inspected and max_line beyond 2 GiB are taken as 2 GiB, max_arguments beyond INT_MAX as
  // that, and max_line is at least 32, enough for every number.
  explicit CommandParser(const RequestLimits& limits = {});

  // `input`: see above. An empty input is kNeedMore (kBody while streaming). Follows Redis 7.0's
  // networking.c; what Redis tolerates is taken too (any byte in the place of a line's LF, any two
  // bytes behind an argument, a NUL that hides the rest of a line), but the command isn't
  // canonical() then.
  ParseStatus Parse(std::string_view input);

  // The command of the last kCommand or kHead.
  const Command& command() const { return command_; }

  // How many bytes of the last input are done with: after kCommand, kBody, kBodyEnd; else 0.
  std::size_t consumed() const { return consumed_; }

  // After kHead: the length of the argument that is still arriving, as declared.
  std::uint64_t arriving_bytes() const { return length_; }

  // After kHead: the bytes at the front of that input that belong to the head (all that was parsed
  // of the command so far, the header of the long argument included) are consumed: consumed() says
  // how many. From now on Parse starts behind them and returns kBody, kBodyEnd or kError. Where the
  // head isn't canonical, the caller writes it anew with WriteHead() instead of forwarding the
  // bytes; the body (framing of later arguments included) is then given by Parse through body(),
  // canonical too. Later arguments are limited by max_bulk alone. Precondition: the last call was
  // Parse, said kHead.
  void StreamRest();

  // After kBody or kBodyEnd: what to forward for the consumed bytes. The consumed bytes themselves
  // where they are canonical, else a rewritten copy in the parser's own memory (one header, at
  // most). Valid as long as the input, and until the next call.
  std::string_view body() const { return body_; }

  // After StreamRest(): the head in canonical form, `*argc`, the arguments before the long one, and
  // the long one's `$length` line. Appends to `out`. Precondition: no Parse since, the input is
  // unchanged.
  void WriteHead(std::string& out) const;

  // After kError: for instance "ERR Protocol error: invalid bulk length", without the leading '-'.
  std::string_view error() const { return error_; }

  // True between commands: nothing of a next one has been seen by Parse.
  bool between_commands() const { return phase_ == Phase::kStart; }

 private:
  enum class Phase : std::uint8_t {
    kStart,         // nothing of a command seen
    kInline,        // COMMAND: waits for the end of an inline command
    kCount,         // COMMAND: waits for the end of `*argc`
    kHeader,        // COMMAND: position_ is at an argument's `$length`
    kArgument,      // COMMAND: position_ is at an argument's first byte, length_ is known
    kBodyArgument,  // BODY: remaining_ bytes of an argument are to come
    kBodyHeader,    // BODY: the input starts with an argument's `$length`
    kDead,
  };

  void Begin();
  ParseStatus ParseInline(std::string_view input);
  ParseStatus ParseCount(std::string_view input);
  ParseStatus ParseArguments(std::string_view input);
  ParseStatus ParseArgument(std::string_view input);
  ParseStatus ReadHeader(std::string_view input);
  ParseStatus ParseBody(std::string_view input);
  ParseStatus ParseBodyHeader(std::string_view input);
  ParseStatus EndPiece(std::size_t consumed, std::string_view body);
  ParseStatus EndCommand(std::size_t consumed);
  ParseStatus Fail(std::string_view error);
  std::size_t FindLineEnd(std::string_view input, char last);
  bool SplitInline(std::string_view line);
  void TakeArgument(std::size_t offset, std::uint64_t length);

  RequestLimits limits_;
  Command command_;
  std::size_t consumed_ = 0;
  std::string_view body_;
  std::string error_;
  std::string scratch_;  // an inline command's arguments; a rewritten header of a body
  Phase phase_ = Phase::kStart;
  bool head_offered_ = false;    // kHead was said of the argument under way
  std::size_t position_ = 0;     // in the input: of the header or argument under way
  std::size_t scanned_ = 0;      // bytes from position_ on that hold no end of line
  std::uint64_t length_ = 0;     // of the argument whose header was read last
  std::uint64_t remaining_ = 0;  // BODY: bytes of the argument to come, the two behind it included
  std::uint64_t arguments_left_ = 0;  // BODY: arguments after the one under way
};

}  // namespace redwall::resp

#endif  // REDWALL_RESP_COMMAND_PARSER_H_
