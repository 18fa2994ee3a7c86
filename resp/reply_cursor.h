// ReplyCursor: reads one whole reply element by element, where somebody has to know what is in it.
//
// The reply is a frame that ReplyScanner has found whole, so that all of it lies in memory; the
// cursor is a view on it and allocates nothing. It walks in the order of the bytes: an aggregate is
// given by its header, its elements are the next ones. A copy of a cursor is a place to come back
// to.
//
//     ReplyCursor cursor(frame);
//     for (Element e; cursor.Next(e);) ...   // false at the end, and where it isn't a reply: ok()
//
// RESP2 and RESP3 as ReplyScanner admits them. Attributes are part of the element behind them. What
// isn't a whole frame is an error and never more than that; an error is final.
#ifndef REDWALL_RESP_REPLY_CURSOR_H_
#define REDWALL_RESP_REPLY_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace redwall::resp {

struct Element {
  char type =
      0;  // '+' '-' ':' '$' '*' '_' ',' '#' '!' '=' '(' '%' '~' '>'; '.' ends a streamed one
  // `$-1`, `*-1` and `_`.
  bool null = false;
  // `$?`: `text` is empty, and the chunks are in `raw`. `*?` `%?` `~?`: elements follow up to a
  // '.'.
  bool streamed = false;
  // '$' '!' '=': the bytes, with the "txt:" of a verbatim string. Other short ones: the line.
  std::string_view text;
  std::int64_t number = 0;      // ':'
  std::uint64_t count = 0;      // aggregates: how many elements follow; two for each pair of a map
  std::string_view attributes;  // in front of it, as they came; mostly empty
  std::string_view raw;         // its own bytes; of an aggregate, those of its header

  bool is_array() const { return (type == '*' || type == '~' || type == '>') && Counts(); }
  bool is_map() const { return type == '%' && Counts(); }
  // What fields and addresses are written as.
  bool is_string() const {
    return (type == '$' || type == '=' || type == '+') && !null && !streamed;
  }

 private:
  bool Counts() const { return !null && !streamed; }
};

class ReplyCursor {
 public:
  // `frame` is borrowed, and the views in elements are into it.
  explicit ReplyCursor(std::string_view frame) : rest_(frame) {}

  // False: there is no further element, or an error.
  bool Next(Element& element);
  // Steps over the next element with all that is in it; `raw` becomes the bytes of it, attributes
  // included. False as with Next, and where streamed aggregates are nested too deep.
  bool Skip(std::string_view& raw);
  // False: what was to be read isn't a reply.
  bool ok() const { return !failed_; }
  bool at_end() const { return rest_.empty() && !failed_; }

 private:
  static constexpr std::size_t kMaxStreamed =
      32;  // streamed aggregates in each other, to be skipped

  bool Fail();
  bool ReadAttributes();
  bool SkipElements(std::uint64_t due);
  bool ReadHeader(Element& element);
  bool ReadLine(std::string_view& line);
  bool ReadBytes(std::uint64_t size, std::string_view& bytes);
  bool ReadCount(std::string_view line, Element& element);
  bool ReadString(std::string_view line, Element& element);
  bool ReadChunks();

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace redwall::resp

#endif  // REDWALL_RESP_REPLY_CURSOR_H_
