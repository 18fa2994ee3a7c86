// FileSink: the file that audit lines are appended to. Mode 0600, O_APPEND; one
// process at a time (a lock sees to that), since two would tear each other's chain.
#ifndef REDWALL_GATEWAY_AUDIT_FILE_SINK_H_
#define REDWALL_GATEWAY_AUDIT_FILE_SINK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace redwall::audit {

// "PATH: WHAT: the system's word for `code`; what to do about it".
std::string FileSentence(const std::string& path, std::string_view what, int code);

struct SinkError {
  std::string sentence;  // names the file and says what to do
};

class FileSink {
 public:
  // `path` "-" is standard output.
  static Result<std::unique_ptr<FileSink>, SinkError> Open(const std::string& path);
  ~FileSink();
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  // Appends; returns how many bytes were taken (all, unless the disk is full or the like; `error`
  // then says why). A line that was only half written is completed by the next call, which must
  // start with the rest.
  std::size_t Append(std::string_view lines, std::string& error);
  // Opens the path again, and closes the old file once the new one is there. A file that ends in
  // half a line gets a line's end before the next Append; a pipe is written to without blocking.
  Result<void, SinkError> Reopen();
  // Takes the last `bytes` bytes off the file again: half a line, whose whole goes elsewhere. False
  // where that can't be done (a pipe, a file that may only grow).
  bool TakeBack(std::size_t bytes);

  // Sees to it that the next `bytes` bytes have a place on the disk already, so that a disk that
  // gets full is noticed while there is still room. False, and `error`: they haven't. True where
  // this can't be had at all. The place is given back with the file.
  bool Reserve(std::uint64_t bytes, std::string& error);

  bool regular() const { return regular_; }  // a file, as opposed to a pipe or a terminal
  // Of the file as it is now, in bytes; 0 where it isn't regular.
  std::uint64_t size() const;
  // True where the path names the file that is open here.
  bool IsAtPath() const;
  // True where no path names it any more: nobody can read what is written to it.
  bool IsDeleted() const;

 private:
  FileSink(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  bool IsOpenAt(int fd) const;
  void LetGo();
  // One write; 0 and `error` where nothing was taken.
  std::size_t Write(std::string_view bytes, std::string& error);

  std::string path_;
  int fd_;
  bool regular_ = false;
  bool reserved_ = false;
  bool waits_ = false;           // a write may wait for the reader: standard output
  bool end_line_first_ = false;  // the file ended in half a line when it was opened
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_FILE_SINK_H_
