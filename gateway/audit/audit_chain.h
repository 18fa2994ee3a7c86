// AuditChain: the files of one agent in their order, as one sequence of lines; and what they say of
// themselves: gaps, restarts, where they begin and end. For reconcile and report.
#ifndef REDWALL_GATEWAY_AUDIT_AUDIT_CHAIN_H_
#define REDWALL_GATEWAY_AUDIT_AUDIT_CHAIN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/audit/line_file.h"
#include "gateway/audit/line_reader.h"

namespace redwall::audit {

// The first readable line of a file, by which files are put in order. No agent: an empty file.
struct FileStart {
  std::string path, agent, side;
  std::int64_t ts_us = 0;
  std::uint64_t seq = 0;
};
Result<FileStart, LineFileError> ReadFileStart(const std::string& path);

// Lines that lack, as the agent itself says or its restart tells.
struct DeclaredGap {
  std::int64_t from_us, to_us;
  std::optional<std::uint64_t> lost;  // how many; nobody knows after a kill
  bool restart = false;               // told by a start without a stop before, by nothing else
  std::uint64_t explains = 0;         // how many missing commands were put down to it
};

// Something about a line that is none, or a jump.
struct LineNote {
  enum class Kind : std::uint8_t { kUnreadable, kTorn, kSequence } kind;
  std::string text;
  std::int64_t ts_us = 0;  // of the last line before
};

class AuditChain {
 public:
  // Of one agent, in the order of their beginnings. Not empty.
  static Result<std::unique_ptr<AuditChain>, LineFileError> Open(
      const std::vector<FileStart>& files);

  // The next readable line, in line(). False at the end, or where error() says why.
  [[nodiscard]] bool Next();
  const AuditLine& line() const { return reader_.line(); }
  std::string_view text() const { return text_; }
  std::size_t file() const { return file_; }
  const LineFile& at() const { return *files_[file_]; }
  LineFile& file(std::size_t index) { return *files_[index]; }
  const std::string& error() const { return error_; }

  const std::string& agent() const { return agent_; }
  std::uint64_t lines() const { return lines_; }
  std::int64_t first_us() const { return first_us_; }
  std::int64_t begins_us() const { return begins_us_; }  // when the first line was written
  std::int64_t last_us() const { return last_us_; }
  bool begins_with_start() const { return begins_with_start_; }
  bool ends_with_stop() const { return over_; }  // or goes on in a file that it names
  std::vector<DeclaredGap>& gaps() { return gaps_; }
  std::vector<LineNote>& notes() { return notes_; }

 private:
  AuditChain() = default;
  void NoteLine();
  void NoteEvent(const AuditLine& line);
  void NoteSequence(const AuditLine& line);
  void NoteUnreadable();
  std::string Place() const;

  std::string agent_;
  std::vector<std::unique_ptr<LineFile>> files_;
  std::size_t file_ = 0;
  LineReader reader_;
  std::string_view text_;
  std::string error_;
  std::uint64_t lines_ = 0, seq_ = 0;
  std::int64_t first_us_ = 0, last_us_ = 0, begins_us_ = 0;
  bool begins_with_start_ = false;
  bool over_ = false;       // a stop, and nothing but its checkpoint behind it
  bool after_gap_ = false;  // the line before was one
  bool gap_ended_ = true;   // the line behind the last gap has been seen
  std::string unreadable_;  // the line before: why, and where
  std::vector<DeclaredGap> gaps_;
  std::vector<LineNote> notes_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_AUDIT_CHAIN_H_
