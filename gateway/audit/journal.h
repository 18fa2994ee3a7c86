// Journal: the audit file as a chain. Numbers and binds the lines, writes them, signs checkpoints,
// keeps the head file, rotates. docs/audit.md, "The chain".
//
//     bodies ─▶ seq, prev, hash ─▶ FileSink ─▶ FILE      (rotated: FILE.20261123T013458Z-LASTSEQ)
//                                     └─▶ copies         FILE.head: how far the chain has come
//
// Only whatever the file can take is numbered: so a chain has no holes, and what can't be written
// waits outside. Used by one thread at a time. Sans-IO in time: now is an argument.
#ifndef REDWALL_GATEWAY_AUDIT_JOURNAL_H_
#define REDWALL_GATEWAY_AUDIT_JOURNAL_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/now.h"
#include "base/result.h"
#include "crypto/signature.h"
#include "gateway/audit/chain.h"
#include "gateway/audit/copy.h"
#include "gateway/audit/file_sink.h"
#include "gateway/audit/journal_files.h"
#include "gateway/audit/journal_start.h"
#include "gateway/audit/json_text.h"

namespace redwall::audit {

struct Rotation {
  std::uint64_t max_bytes = 0;             // 0: not by size
  std::uint64_t max_age_s = 0;             // 0: not by age
  std::optional<std::uint64_t> keep = {};  // rotated files; nothing: all

  bool enabled() const { return max_bytes > 0 || max_age_s > 0; }
};

class Journal {
 public:
  struct Options {
    std::string path;  // "-": standard output
    std::string side, agent;
    Rotation rotation = {};
    std::uint64_t checkpoint_ms = 1000;
    // Room on the disk that is kept for lines to come; while it isn't there, lines are written and
    // Write says false. 0: none is kept.
    std::uint64_t reserve_bytes = 0;
    std::optional<crypto::SigningKey> key = {};
    std::vector<LineCopy*> copies = {};  // outlive the journal
  };
  // Opens the file and goes on with its chain. What is remarkable about that is recorded, and told
  // by TakeNotes. A pipe and standard output have a chain of their own, without head and rotation.
  static Result<std::unique_ptr<Journal>, SinkError> Open(Options options, const Now& now);

  // Writes all that waits, then chains and writes `bodies` (see AppendLine; each ends with '\n')
  // and takes them off the string's front. True where everything is with the kernel now. False: the
  // file can't take it, trouble() says why, and `bodies` holds what wasn't chained.
  bool Write(std::string& bodies, const Now& now);
  // When Write wants to be called again though there is no body: Now::mono_us; -1: need not be.
  std::int64_t due_us() const { return due_; }
  // Goes on in the file that the path names now (SIGUSR1).
  bool Reopen(const Now& now);
  // The last checkpoint, and a head that says that nothing is missing. Returns how many lines are
  // lost, since they could not be written.
  std::uint64_t Close(const Now& now);

  // Why the file doesn't take lines; empty where it does.
  const std::string& trouble() const { return trouble_; }
  // Sentences for the operator's log that have come up since the last call: no trouble of lines.
  std::vector<std::string> TakeNotes() { return std::exchange(notes_, {}); }
  const ChainEnd& end() const { return end_; }

 private:
  Journal(Options options, std::unique_ptr<FileSink> sink);
  Result<void, SinkError> GoOn(const Now& now);
  Result<Left, SinkError> LookAround(const Now& now);
  bool Trusts(const Head& head) const;
  Result<std::string, SinkError> SetAside(const Now& now);
  bool TryWrite(std::string& bodies, const Now& now);
  void SetDue(const Now& now);
  Result<void, SinkError> EnterFile(const Now& now);
  void ChainBodies(std::string& bodies, const Now& now);
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;
  // Chains an event of the journal's own. Numbers are written as they are where `raw` says so.
  void AddEvent(std::string_view name, const Now& now, Fields texts, std::string_view raw = {});
  void AddGap(std::optional<std::uint64_t> lost, std::string_view why, const Now& now);
  void AddSinkGaps(const Now& now);
  void AddCheckpoint(const Now& now);
  bool LookAfterFiles(const Now& now);
  void ReopenHead(const Now& now);
  bool Drain();
  void PassOn(std::size_t bytes);
  bool KeepReserve();
  bool CheckpointDue(const Now& now) const;
  bool Checkpoint(const Now& now);
  void WriteHead(bool closed);
  bool RotationDue(const Now& now) const;
  bool BeginRotation(const Now& now);
  bool FinishRotation(const Now& now);
  void RemoveOldest(const Now& now);
  std::uint64_t UnwrittenLines() const;

  Options options_;
  std::unique_ptr<FileSink> sink_;
  HeadFile head_;
  Timestamp timestamp_;
  std::string key_text_;               // base64 of the public key; empty: nothing is signed
  std::string body_;                   // of an event in the making
  ChainEnd end_;                       // of all that was chained
  std::string out_;                    // chained, not yet written, from the start of a line
  std::size_t sent_ = 0;               // bytes of out_ that the file has: part of the first line
  std::uint64_t size_ = 0;             // of the file, with all of out_
  std::uint64_t reserved_to_ = 0;      // the size up to which the file has its place on the disk
  std::optional<std::int64_t> since_;  // the time of the file's first line, wall clock
  std::int64_t uncovered_since_ = -1;  // mono_us; -1: a checkpoint covers all lines
  std::int64_t rotate_again_ = INT64_MIN;  // mono_us: not before, after it failed
  std::int64_t look_again_ = INT64_MIN;    // mono_us: whether the files are still there
  std::int64_t due_ = -1;
  bool has_bodies_ = false;  // in the file, besides the journal's own events
  bool rotating_ = false;    // the file was renamed, and the new one isn't there yet
  bool closed_ = false;
  std::string head_trouble_;  // told once
  std::string trouble_;
  std::vector<std::string> notes_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_JOURNAL_H_
