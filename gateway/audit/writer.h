// Writer: who gives the recorder's lines to the journal, and when.
//
// "block": InlineWriter writes at once, where it is called: the loop knows that a line is with the
// kernel before the reply leaves that it speaks of. "drop": ThreadWriter has a thread that does all
// of the journal's work; the loop only hands lines over, through a queue with a bound, and never
// waits.
#ifndef REDWALL_GATEWAY_AUDIT_WRITER_H_
#define REDWALL_GATEWAY_AUDIT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/now.h"
#include "gateway/audit/journal.h"

namespace redwall::audit {

class Writer {
 public:
  virtual ~Writer() = default;

  // Takes the lines (see Journal::Write) off the string's front: all of them, but for trouble. They
  // may be more than there is RoomFor, now and then at least: a line has any size.
  // Without lines: does what is due.
  virtual void Submit(std::string& bodies, const Now& now) = 0;
  // Whether `bytes` bytes of lines, not yet submitted, may go on waiting.
  virtual bool RoomFor(std::size_t bytes) const = 0;
  // Whether lines may be taken again after some were refused for want of room.
  virtual bool Recovered() const = 0;
  // False: nothing may be served, since it couldn't be recorded.
  virtual bool healthy() const = 0;
  // Why lines can't be written at present; empty where they can.
  virtual std::string trouble() = 0;
  virtual std::vector<std::string> TakeNotes() = 0;
  // When Submit wants to be called again though there is no line: Now::mono_us; -1: need not be.
  virtual std::int64_t DueUs(const Now& now) = 0;
  // SIGUSR1. False: see trouble(). In a thread it happens a little later.
  virtual bool Reopen(const Now& now) = 0;
  // The end: writes `bodies`, then closes the journal. Returns how many lines are lost.
  virtual std::uint64_t Close(std::string& bodies, const Now& now) = 0;
};

// `max_bytes`: of lines that wait while the journal has trouble.
std::unique_ptr<Writer> MakeInlineWriter(std::unique_ptr<Journal> journal, std::size_t max_bytes);
// `max_bytes`: of lines in the queue. `clock` is called by the thread.
std::unique_ptr<Writer> MakeThreadWriter(std::unique_ptr<Journal> journal, std::size_t max_bytes,
                                         std::function<Now()> clock);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_WRITER_H_
