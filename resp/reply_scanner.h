// ReplyScanner: finds where the replies of a Redis server end, in RESP2 and RESP3, and builds no
// tree.
//
// Incremental: any split of the input gives the same frames. It keeps no bytes but a few words
// about the frame under way (its type, the beginning of an error, what a pub/sub message is), so
// that a reply of any size passes in constant memory. Nesting is bounded by limits.max_depth.
//
//     for (std::size_t used; !in.empty(); in.remove_prefix(used)) {
//       ScanStatus status = scanner.Scan(in, used);   // used bytes belong to the frame under way
//       if (status == ScanStatus::kFrame) ...         // it ends with them; frame() describes it
//     }
//
// RESP3 as in antirez/RESP3: all types, streamed strings ($?) and aggregates (*? %? ~?), attributes
// (|), which are part of the frame that follows them and don't count as a type of their own.
// Strict where Redis is: lines end with CR LF (a lone CR or LF is content of a simple string or
// error, and an error elsewhere), numbers are decimal without leading zeros, the only negative
// length is -1, of `$` and `*`. Lengths are taken up to 2^63 - 1; they allocate nothing. What the
// scanner allocates is 16 bytes for each level of nesting.
#ifndef REDWALL_RESP_REPLY_SCANNER_H_
#define REDWALL_RESP_REPLY_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "resp/limits.h"

namespace redwall::resp {

enum class ScanStatus : std::uint8_t {
  kNeedMore,  // all of the input belongs to a frame that isn't complete
  kFrame,     // a top-level frame ends with the bytes used
  kError,     // not RESP; final
};

class ReplyScanner {
 public:
  // What is known of the top-level frame once it is complete (type from its first byte on).
  struct Frame {
    char type =
        0;  // '+' '-' ':' '$' '*' '_' ',' '#' '!' '=' '(' '%' '~' '>', never '|'; 0: not seen yet
    // '-' and '!' frames: their text, cut at 64 bytes. Aggregates: the first element where that is
    // a bulk or simple string, cut at 64 bytes ("message", "subscribe"). '+': its text, cut
    // likewise. Else empty. Valid until the next Scan. A frame under way: what is here of it so
    // far.
    std::string_view text;
    std::int64_t last_integer = 0;  // aggregates: the last integer element at the first level
    std::uint64_t elements = 0;  // aggregates: as declared; maps: pairs; 0 where streamed or null
  };

  explicit ReplyScanner(const ReplyLimits& limits = {}) : limits_(limits) {}

  // Scans from the start of `input`; `used` says how many bytes it took (all but after kFrame).
  // After kError all further calls return kError.
  ScanStatus Scan(std::string_view input, std::size_t& used);

  // The frame under way, or the one that the last Scan completed.
  const Frame& frame() const {
    frame_.text = {text_, text_size_};
    return frame_;
  }

  // Where the next frame is a `*` array that isn't null, it ends with its header: its elements are
  // frames of their own. Precondition: between_frames().
  void TakeHeaderAlone() { header_alone_ = true; }

  // True between frames.
  bool between_frames() const { return state_ == State::kType && !inside_; }

 private:
  enum class State : std::uint8_t {
    kType,       // at an element's first byte
    kNumber,     // in the line of a header, a number or another short value
    kNumberEnd,  // behind its CR
    kLine,       // in a line of any bytes
    kLineEnd,    // behind a CR in it
    kBulk,       // left_ bytes of a bulk to come
    kBulkCr,     // at the CR behind them
    kBulkLf,     // at its LF
    kChunk,      // in a streamed string, at the ';' of a chunk
    kDead,
  };
  enum class Step : std::uint8_t { kGoOn, kFrame, kError };
  enum class Nest : std::uint8_t { kCounted, kAttribute, kStreamed, kStreamedPairs };
  struct Level {
    std::uint64_t count;  // elements to come; where streamed: elements seen
    Nest nest;
  };

  Step ScanSome(const char*& p, const char* end);
  Step StartElement(char type);
  Step ScanNumber(const char*& p, const char* end);
  Step ScanBulk(const char*& p, const char* end);
  Step ScanLine(const char*& p, const char* end);
  bool AddToNumber(char c);
  bool AddSign(char c);
  bool AddDigit(char c);
  Step EndNumber();
  Step EndLength();
  Step StartAggregate();
  Step EndStreamed();
  Step EndBulk();
  Step EndElement();
  void Capture(const char* bytes, std::size_t size);

  ReplyLimits limits_;
  mutable Frame
      frame_;  // its text is made when it is asked for, so that a copied scanner has its own
  char text_[64] = {};
  std::size_t text_size_ = 0;
  State state_ = State::kType;
  bool inside_ = false;    // of a frame
  bool complete_ = false;  // the last Scan completed a frame
  bool header_alone_ = false;
  bool first_ = false;       // no element of the frame's aggregate yet
  bool capture_ = false;     // the element under way is the frame's text
  bool attributed_ = false;  // an attribute came just before
  bool chunked_ = false;     // inside of a streamed string
  char type_ = 0;            // of the element under way; ';' for a chunk
  // The line under way, state kNumber:
  bool negative_ = false;
  bool streamed_ = false;  // it is '?'
  std::size_t line_size_ = 0;
  std::size_t digits_ = 0;
  std::uint64_t number_ = 0;

  std::uint64_t left_ = 0;  // state kBulk
  std::vector<Level> levels_;
};

}  // namespace redwall::resp

#endif  // REDWALL_RESP_REPLY_SCANNER_H_
