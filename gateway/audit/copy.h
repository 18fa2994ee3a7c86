// LineCopy: somebody who gets a copy of each finished audit line (syslog, standard output, a Redis
// stream), besides the audit's own file.
//
// A copy never holds anybody up: what can't be passed on at once waits in a queue of its own, and
// what doesn't fit there is lost, counted, and told by TakeLoss, for the log and for a "sink-gap"
// event in the audit itself. It catches up by itself after trouble. They are made by
// gateway/agent/copies.h and gateway/agent/redis_sink.h.
#ifndef REDWALL_GATEWAY_AUDIT_COPY_H_
#define REDWALL_GATEWAY_AUDIT_COPY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redwall::audit {

inline constexpr std::size_t kMaxCopyBytes = 8 * 1024 * 1024;  // waiting, a copy

class LineCopy {
 public:
  struct Loss {
    std::uint64_t lost = 0;  // lines
    std::string why;         // "the queue of 8388608 bytes is full: 10.0.0.5:6379: ..."
  };

  virtual ~LineCopy() = default;

  // One or more whole lines, each with seq and prev and its LF. Copies them. Any thread, one at a
  // time; never blocks.
  virtual void Take(std::string_view finished_lines) = 0;

  // What was lost since the last call, once it is over: a copy that began to lose lines goes on to
  // until half of its queue is free, and tells it then. So the event that says it finds room, and
  // there are a few long gaps rather than many short ones. Any thread.
  virtual std::optional<Loss> TakeLoss() = 0;

  // At the end, after the last Take, once: gives what waits a last chance of at most `patience_ms`
  // and stops. Lines that are still there are lost, and told by TakeLoss. On the loop's thread (and
  // not from inside Loop::Run): a copy that needs the loop runs it meanwhile. Destroying without it
  // stops at once.
  virtual void Finish(std::uint64_t patience_ms) = 0;

  // What went wrong with it, or that it is well again, for the operator's log: told once a change.
  // Nothing where nothing changed. Any thread.
  struct Change {
    bool well = false;
    std::string sentence;  // why it isn't well; empty where it is
  };
  virtual std::optional<Change> TakeChange() = 0;

  // How the configuration and the audit call it: "stdout", "syslog", "redis 10.0.0.5:6379".
  virtual const std::string& name() const = 0;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_COPY_H_
