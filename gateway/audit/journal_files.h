// The files around a journal, as they are found on disk: how the audit file ends, what its head
// file says, and the rotated files beside it. journal_start.h decides what
// follows from it.
#ifndef REDWALL_GATEWAY_AUDIT_JOURNAL_FILES_H_
#define REDWALL_GATEWAY_AUDIT_JOURNAL_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/audit/chain.h"
#include "gateway/audit/file_sink.h"

namespace redwall::audit {

// How a file of lines ends.
struct FileTail {
  bool empty = true;     // no file, or nothing in it
  bool torn = false;     // its last line has no end
  bool foreign = false;  // behind its last line of a chain stands something else
  // Its last two lines are bound by BLAKE2b-256, as development versions of redwall did it. Then
  // there is no `end`: that chain can't be continued.
  bool older = false;
  std::optional<ChainEnd> end = {};        // its last line of a chain; looked for in the last MiB
  std::optional<std::int64_t> since = {};  // the time of its first line, wall clock, microseconds
};
// An error where there is a file that can't be read.
Result<FileTail, SinkError> ReadTail(const std::string& path);
// Whether the line behind `end` is in the file and names its hash: without it, a file that goes
// beyond `end` holds other lines than those that were written.
bool GoesOnBehind(const ChainEnd& end, const std::string& path);

// The time in a line's "ts", as Timestamp writes it.
std::optional<std::int64_t> FindTime(std::string_view line);

// FILE.head. Written over in place, in one write of the same size: an agent that is killed leaves
// the old text or the new one, and a disk that is full has room for it. Nothing else is ever
// written over: no other file by a link, and nothing in its place that isn't a head.
class HeadFile {
 public:
  HeadFile() = default;
  ~HeadFile();
  HeadFile(const HeadFile&) = delete;
  HeadFile& operator=(const HeadFile&) = delete;

  struct Found {
    bool missing = false;
    std::optional<Head> head = {};  // nothing, and not missing: it can't be understood
    std::string aside = {};         // the name that this was moved to
  };
  static std::string PathOf(const std::string& audit_file) { return audit_file + ".head"; }
  // Makes it, mode 0600, where it is missing. Again: the one that the path names now.
  Result<Found, SinkError> Open(const std::string& audit_file, std::int64_t wall_us);
  // An empty sentence where it was written.
  std::string Write(const Head& head) const;
  bool IsDeleted() const;
  // True where the path names the file that is open here.
  bool IsAtPath() const;

 private:
  Result<void, SinkError> OpenOwn();
  std::string path_;
  int fd_ = -1;
};

// `FILE.20261123T013458Z-LASTSEQ`: where a file is rotated to.
std::string RotatedPath(const std::string& path, std::int64_t wall_us, std::uint64_t last_seq);
// `FILE.20261123T013458Z-foreign`: where what isn't of the chain is put.
std::string ForeignPath(const std::string& path, std::int64_t wall_us);

struct RotatedFile {
  std::string path;
  std::uint64_t last_seq = 0;
};
// Those of `path` by their names, the oldest first.
std::vector<RotatedFile> ListRotated(const std::string& path);
// Those whose last line has the number in their name, and that the chain, which has come to
// `last_seq`, can have; the lowest number first. Names alone anybody can make.
std::vector<RotatedFile> ListOwnRotated(const std::string& path, std::uint64_t last_seq);

// The part of a path behind its last '/'.
std::string_view BaseName(std::string_view path);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_JOURNAL_FILES_H_
