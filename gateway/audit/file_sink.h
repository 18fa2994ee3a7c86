// FileSink: the file that audit lines are appended to. Mode 0600, O_APPEND, whole lines only.
#ifndef REDWALL_GATEWAY_AUDIT_FILE_SINK_H_
#define REDWALL_GATEWAY_AUDIT_FILE_SINK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace redwall::audit {

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

 private:
  FileSink(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  // One write; 0 and `error` where nothing was taken.
  std::size_t Write(std::string_view bytes, std::string& error);

  std::string path_;
  int fd_;
  bool end_line_first_ = false;  // the file ended in half a line when it was opened
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_FILE_SINK_H_
