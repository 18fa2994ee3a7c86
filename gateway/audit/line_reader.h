// LineReader: a line of an audit file as a struct, for those who read audits: reconcile, report.
//
// Reads any JSON object whose known members have the types of docs/audit.md, in any order and with
// any white space, so that a file that went through other tools can still be read. It is a scanner
// of its own since files have millions of lines: it makes views, not a tree.
#ifndef REDWALL_GATEWAY_AUDIT_LINE_READER_H_
#define REDWALL_GATEWAY_AUDIT_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redwall::audit {

// Texts are as JSON has them after decoding; the escapes of audit/json_text.h (\xNN, \+N) still
// stand in them. What a line doesn't have is empty, 0 or false.
struct AuditLine {
  std::uint64_t v = 0, seq = 0;
  std::string_view ts, side, agent, session;
  std::int64_t ts_us = 0;  // microseconds since 1970
  std::string_view event;  // empty: a command

  std::uint64_t stream = 0, n = 0;
  std::string_view identity, user, client, client_name, cmd;
  std::int64_t db = 0;
  std::vector<std::string_view> keys, channels, args;
  std::uint64_t keys_more = 0, channels_more = 0, args_more = 0;
  bool has_cmd = false, has_keys = false, has_args = false, keys_untold = false;
  std::uint64_t argc = 0, bytes_in = 0, bytes_out = 0;
  std::string_view decision, would, rule, result, error;
  bool observed = false;
  bool own = false;      // the error is this agent's own
  std::int64_t us = -1;  // -1: no reply came
  std::string_view prev;

  // Members of other names: a text, or a number or word as it is written. Lists and objects are
  // left out.
  std::vector<std::pair<std::string_view, std::string_view>> more;

  bool is_command() const { return has_cmd; }
  bool denied() const { return decision == "deny" || decision == "disconnect"; }
  std::string_view More(std::string_view name) const;  // empty where there is none
  // When its reply came, as far as the line tells.
  std::int64_t end_us() const { return ts_us + (us > 0 ? us : 0); }
};

class LineReader {
 public:
  // Reads `text` (a line without its end) into line(). False: it isn't an audit line; error() says
  // why. line()'s views live until the next call, and no longer than `text`.
  [[nodiscard]] bool Read(std::string_view text);
  const AuditLine& line() const { return line_; }
  const std::string& error() const { return error_; }

 private:
  AuditLine line_;
  std::string decoded_;  // texts that had escapes
  std::string error_;
};

// "2026-11-23T01:34:58.000001Z", with any number of digits behind the point. False: it isn't one.
[[nodiscard]] bool ParseTimestamp(std::string_view text, std::int64_t& us);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_LINE_READER_H_
