// LineFile: an audit file, read line by line in constant memory, and again at places seen before.
//
// It ends where the file ended when it was opened, so that a file that an agent goes on writing can
// be read. Half a line at the end is left out.
#ifndef REDWALL_GATEWAY_AUDIT_LINE_FILE_H_
#define REDWALL_GATEWAY_AUDIT_LINE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace redwall::audit {

struct LineFileError {
  std::string sentence;  // names the file
};

class LineFile {
 public:
  // Only regular files: a pipe can't be read twice.
  static Result<std::unique_ptr<LineFile>, LineFileError> Open(const std::string& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  // The next line, without its end; valid until the next call of Next or Again. False at the end,
  // and where the file can't be read: then error() says why.
  [[nodiscard]] bool Next(std::string_view& line);
  // Of the line that Next gave last.
  std::uint64_t offset() const { return offset_; }
  std::uint64_t number() const { return number_; }  // from 1
  const std::string& error() const { return error_; }

  // The line at this offset, of this length, once more. Valid until the next call of Again.
  [[nodiscard]] bool Again(std::uint64_t offset, std::size_t length, std::string_view& line);

  const std::string& path() const { return path_; }  // for people: see Visible()
  std::uint64_t size() const { return size_; }

 private:
  LineFile(std::string path, int fd, std::uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  bool Fill();
  bool ReadAt(std::uint64_t offset, char* to, std::size_t length);

  std::string path_;
  int fd_;
  std::uint64_t size_;
  std::string buffer_;      // of the file, up to read_
  std::size_t at_ = 0;      // where the next line starts in it
  std::uint64_t read_ = 0;  // bytes of the file that were read
  std::uint64_t offset_ = 0, number_ = 0;
  std::string error_, again_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_LINE_FILE_H_
