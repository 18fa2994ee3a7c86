// SinkThread: a LineCopy that passes its lines to a sink that may block (syslog, standard output),
// from a thread of its own, so that nobody else waits.
//
//     Take ─▶ CopyQueue ─▶ the thread ─▶ BlockingSink::Write
//
// The thread keeps alive what it uses: one that hangs in a Write when the SinkThread is destroyed
// is left alone (the process is about to end) instead of holding up the end.
#ifndef REDWALL_GATEWAY_AUDIT_SINK_THREAD_H_
#define REDWALL_GATEWAY_AUDIT_SINK_THREAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "gateway/audit/copy.h"

namespace redwall::audit {

// Used by one thread.
class BlockingSink {
 public:
  struct Outcome {
    std::size_t taken = 0;   // bytes from the front; may end within a line, the next Write goes on
    std::uint64_t lost = 0;  // of the lines in `taken`: those that can never be passed on
    std::string why;         // they can't
    std::string error;       // why no more was taken; empty: go on at once
  };
  virtual ~BlockingSink() = default;
  // `lines` is not empty. May block.
  virtual Outcome Write(std::string_view lines) = 0;
};

class SinkThread final : public LineCopy {
 public:
  struct Options {
    std::size_t max_bytes = kMaxCopyBytes;
    std::uint64_t retry_ms = 200;  // after an error
  };
  // Starts the thread.
  SinkThread(std::string name, std::unique_ptr<BlockingSink> sink, Options options);
  SinkThread(std::string name, std::unique_ptr<BlockingSink> sink)
      : SinkThread(std::move(name), std::move(sink), Options()) {}
  ~SinkThread() override;
  SinkThread(const SinkThread&) = delete;
  SinkThread& operator=(const SinkThread&) = delete;

  void Take(std::string_view finished_lines) override;
  std::optional<Loss> TakeLoss() override;
  std::optional<Change> TakeChange() override;
  void Finish(std::uint64_t patience_ms) override;
  const std::string& name() const override { return name_; }

 private:
  struct Shared;
  static void Run(Shared& shared);

  const std::string name_;
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_SINK_THREAD_H_
