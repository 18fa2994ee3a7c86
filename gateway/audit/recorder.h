// Recorder: the audit of one agent. Events in, JSON lines out, in one order, into one sink.
//
// A command is recorded in one line once its reply has passed. What its line says of the request is
// written down when it arrives (BeginCommand), since the views die, into a string that the caller
// keeps (pooled) until FinishCommand. Secrets are redacted in BeginCommand and nowhere else.
//
// Lines gather until Flush, which the agent calls at the end of each loop turn, before anything of
// that turn is sent; a Writer takes them then. In "block" it writes them at once, and where it
// can't the recorder is no longer healthy(): then nothing may be forwarded, so nothing passes
// unrecorded (the proxy answers an error). In "drop" it never holds anybody up. Either way the
// lines that wait are bounded; beyond, they are counted, and a "gap" record says how many once
// there is room again. In "block" that doesn't befall lines of commands that were let through: a
// large one is written at once, and while nothing can be written nothing more is let through.
#ifndef REDWALL_GATEWAY_AUDIT_RECORDER_H_
#define REDWALL_GATEWAY_AUDIT_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/audit/event.h"
#include "gateway/audit/json_text.h"
#include "gateway/audit/writer.h"

namespace redwall::audit {

class Recorder {
 public:
  struct Options {
    std::string side;   // "client" or "server"
    std::string agent;  // this agent's name
    // Called when there are lines that Flush is to write at the end of this turn, before any reply
    // goes.
    std::function<void()> on_lines = {};
  };
  // `writer` null: nothing is recorded, and healthy() is always true.
  Recorder(Options options, std::unique_ptr<Writer> writer);
  ~Recorder();

  bool enabled() const { return writer_ != nullptr; }
  bool healthy() const { return writer_ == nullptr || writer_->healthy(); }

  // True where this decision on this command is to be recorded under these settings.
  bool Wants(const policy::AuditSettings& settings, const policy::Request& request,
             const policy::Decision& decision) const;

  // Appends the first part of the line to `pending`. Precondition: enabled().
  void BeginCommand(const policy::AuditSettings& settings, const CommandStart& start,
                    std::string& pending) const;
  // Adds the line. `pending` is what BeginCommand appended.
  void FinishCommand(std::string_view pending, const CommandEnd& end);

  void Record(const Event& event);

  // Hands the gathered lines to the writer, which also does what else is due. While there is
  // trouble, each call tries again.
  void Flush(const Now& now);
  // When Flush wants to be called again, whether there are lines or not: Now::mono_us; -1: need not
  // be.
  std::int64_t DueUs(const Now& now) const;
  // SIGUSR1: goes on in the file that the path names now. False (and a sentence in trouble()) on
  // failure.
  bool Reopen(const Now& now);
  // Writes what is left and closes the journal; nothing is recorded from here on. Returns how many
  // lines are lost. The destructor does it, too, and tells nobody.
  std::uint64_t Close(const Now& now);
  // Why lines can't be written; empty where they can.
  std::string trouble() const { return enabled() ? writer_->trouble() : std::string(); }
  // For the operator's log.
  std::vector<std::string> TakeNotes();

 private:
  bool MayAdd();  // false, and counted, while lines are being lost
  void EndLine(std::size_t from, std::string_view pending);
  void HandOver(std::size_t from);
  bool HoldBack(std::string_view pending, const CommandEnd& end);
  void AppendEventHead(std::string_view name, std::int64_t wall_us);
  void CountLoss();
  void AddGap(const Now& now);

  Options options_;
  std::unique_ptr<Writer> writer_;
  std::string lines_;  // without seq and prev; what the writer hasn't taken
  std::string held_;   // likewise, of commands that were refused for the audit's sake: see HoldBack
  std::uint64_t lost_ = 0;
  std::string gap_reason_;  // why lines were lost
  bool closed_ = false;
  Now now_;  // as of the last Flush
  mutable Timestamp timestamp_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_RECORDER_H_
