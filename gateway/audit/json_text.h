// Writes the parts of an audit line. Each function appends to `out`; only the string grows.
//
// Strings can hold any bytes, and JSON can't: what isn't UTF-8 is written reversibly, by a layer of
// escapes inside the JSON string, as Redis's MONITOR does it. In the string's value
//
//     \\      is one backslash
//     \xNN    is the byte NN (two lower-case hex digits), where the bytes aren't UTF-8
//     \+N     stands only at the end: N more bytes were there and are not recorded
//
// and everything else stands for itself. (In the file each of these backslashes is doubled once
// more, since it stands in JSON.) Control characters, C1 and DEL included, are JSON's \u00NN, so
// that a line is safe to look at on a terminal.
#ifndef REDWALL_GATEWAY_AUDIT_JSON_TEXT_H_
#define REDWALL_GATEWAY_AUDIT_JSON_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace redwall::audit {

// A JSON string with its quotes. At most `max_bytes` bytes of `bytes` are written.
void AppendString(std::string_view bytes, std::size_t max_bytes, std::string& out);
void AppendNumber(std::uint64_t number, std::string& out);
void AppendNumber(std::int64_t number, std::string& out);

// `,"name":` and a value. Precondition: `name` needs no escapes.
void AppendName(std::string_view name, std::string& out);
void AppendField(std::string_view name, std::string_view bytes, std::size_t max_bytes,
                 std::string& out);

// RFC 3339 in UTC with microseconds: "2024-02-29T23:59:59.000001Z". Years are held to 0001..9999.
// Keeps the text of the last time, which the commands of one loop turn share, and of its second,
// which most lines do.
class Timestamp {
 public:
  // Valid until the next call.
  std::string_view Format(std::int64_t wall_us);

 private:
  std::int64_t wall_us_ = INT64_MIN;
  std::int64_t second_ = INT64_MIN;
  char text_[27] = {};
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_JSON_TEXT_H_
