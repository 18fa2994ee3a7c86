// Recorder: the audit of one agent. Events in, JSON lines out, in one order, into one sink.
//
// A command is recorded in one line once its reply has passed. What its line says of the request is
// written down when it arrives (BeginCommand), since the views die, into a string that the caller
// keeps (pooled) until FinishCommand. Secrets are redacted in BeginCommand and nowhere else.
//
// Lines gather until Flush, which the agent calls once a loop turn. When the sink can't take them
// the recorder is no longer healthy(); then nothing may be forwarded, so nothing passes unrecorded
// (the proxy answers an error). Lines that wait are bounded by max_pending_bytes; beyond, they are
// counted, and a "gap" record says how many once the sink works again.
#ifndef REDWALL_GATEWAY_AUDIT_RECORDER_H_
#define REDWALL_GATEWAY_AUDIT_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/audit/event.h"
#include "gateway/audit/file_sink.h"
#include "gateway/audit/json_text.h"

namespace redwall::audit {

class Recorder {
 public:
  struct Options {
    std::string side;   // "client" or "server"
    std::string agent;  // this agent's name
    std::size_t max_pending_bytes = 8 * 1024 * 1024;
  };
  // `sink` null: nothing is recorded, and healthy() is always true.
  Recorder(Options options, std::unique_ptr<FileSink> sink);
  ~Recorder();

  bool enabled() const { return sink_ != nullptr; }
  bool healthy() const { return healthy_; }

  // True where this decision on this command is to be recorded under these settings.
  bool Wants(const policy::AuditSettings& settings, const policy::Request& request,
             const policy::Decision& decision) const;

  // Replaces `pending` with the first part of the line. Precondition: enabled().
  void BeginCommand(const policy::AuditSettings& settings, const CommandStart& start,
                    std::string& pending) const;
  // Adds the line. `pending` is what BeginCommand made.
  void FinishCommand(std::string_view pending, const CommandEnd& end);

  void Record(const Event& event);

  // Hands the gathered lines to the sink. After a failure, each call tries again.
  void Flush();
  // SIGUSR1: closes and opens the file again by its name. False (and a sentence in last_error()) on
  // failure.
  bool Reopen();
  // Why the sink doesn't take lines; empty when it does.
  const std::string& last_error() const { return last_error_; }

 private:
  bool MayAdd();            // false, and counted, while lines are being lost
  std::size_t StartLine();  // returns where it starts in lines_
  void EndLine(std::size_t from);
  void AppendEventHead(std::string_view name, std::int64_t wall_us);
  void Drain();

  Options options_;
  std::unique_ptr<FileSink> sink_;
  std::string lines_;      // what the sink hasn't taken, from the start of a line
  std::size_t sent_ = 0;   // bytes of lines_ that it has: part of the first line
  std::uint64_t seq_ = 0;  // of the last line
  std::uint64_t lost_ = 0;
  bool healthy_ = true;
  std::string last_error_;
  std::string gap_reason_;  // why lines were lost
  mutable Timestamp timestamp_;
  mutable std::int64_t last_wall_us_ = 0;  // a gap's time, since Flush isn't told the time
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_RECORDER_H_
