#include "gateway/audit/file_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace redwall::audit {
namespace {

std::string_view Advice(int code) {
  switch (code) {
    case EACCES:
    case EPERM:
      return "; let the user that redwall runs as write there";
    case ENOENT:
    case ENOTDIR:
      return "; make its folder first";
    case EISDIR:
      return "; name a file";
    case EROFS:
      return "; choose a place that can be written to";
    case ENOSPC:
    case EDQUOT:
      return "; free some space, recording then goes on by itself";
    case ENXIO:
      return "; nobody reads this pipe: start its reader first";
    case EAGAIN:
      return "; the reader of this pipe doesn't keep up";
    case EPIPE:
      return "; the reader of this pipe is gone: start it again, then send SIGUSR1";
    default:
      return "";
  }
}

std::string Sentence(const std::string& path, std::string_view what, int code) {
  std::string out = path + ": ";
  out.append(what).append(": ").append(std::generic_category().message(code)).append(Advice(code));
  return out;
}

// True where the file's last line has no end: a process died while it wrote it, or the disk was
// full. It can't be told without the right to read, and then it is taken as whole.
bool EndsInHalfLine(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode) || status.st_size == 0) return false;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  char last = '\n';
  const bool read = ::pread(fd, &last, 1, status.st_size - 1) == 1;
  ::close(fd);
  return read && last != '\n';
}

}  // namespace

Result<std::unique_ptr<FileSink>, SinkError> FileSink::Open(const std::string& path) {
  std::unique_ptr<FileSink> sink(new FileSink(path, -1));
  if (auto opened = sink->Reopen(); !opened) return opened.error();
  return sink;
}

FileSink::~FileSink() {
  if (fd_ > STDOUT_FILENO) ::close(fd_);
}

Result<void, SinkError> FileSink::Reopen() {
  if (path_ == "-") {
    fd_ = STDOUT_FILENO;
    return {};
  }
  // O_NONBLOCK: a pipe whose reader is slow or absent must not stop the process. Files don't mind
  // it.
  const int fd = ::open(path_.c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  if (fd < 0) return SinkError{Sentence(path_, "can't be opened for appending", errno)};
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    const int code = errno;
    ::close(fd);
    return SinkError{Sentence(path_, "can't be looked at", code)};
  }
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) {
    ::close(fd);
    return SinkError{path_ + ": neither a file nor a pipe; name a file"};
  }
  if (fd_ > STDOUT_FILENO) ::close(fd_);
  fd_ = fd;
  end_line_first_ = EndsInHalfLine(path_, status);
  return {};
}

std::size_t FileSink::Append(std::string_view lines, std::string& error) {
  error.clear();
  if (end_line_first_ && !lines.empty()) {
    if (!Write("\n", error)) return 0;
    end_line_first_ = false;
  }
  std::size_t taken = 0;
  while (taken < lines.size()) {
    const std::size_t written = Write(lines.substr(taken), error);
    if (written == 0) break;
    taken += written;
  }
  return taken;
}

std::size_t FileSink::Write(std::string_view bytes, std::string& error) {
  ssize_t written;
  do {
    written = ::write(fd_, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written > 0) return static_cast<std::size_t>(written);
  error = Sentence(path_, "can't be written to", written < 0 ? errno : ENOSPC);
  return 0;
}

}  // namespace redwall::audit
