#include "gateway/audit/file_sink.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

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
    case EFBIG:
      return "; it is as large as a file of this process may be (ulimit -f): move it away, then "
             "send "
             "SIGUSR1";
    case EPIPE:
      return "; the reader of this pipe is gone: start it again, then send SIGUSR1";
    default:
      return "";
  }
}

// Standard output without waiting for its reader. It is shared with others, who count on its
// blocking: so a pipe is opened a second time. Standard output itself where that can't be done (a
// socket, a pipe of another user's), and where it is a file.
int OpenStandardOutput() {
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) != 0 || S_ISREG(status.st_mode)) return STDOUT_FILENO;
  const int fd = ::open("/proc/self/fd/1", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  return fd < 0 ? STDOUT_FILENO : fd;
}

// write(2) on a socket or a pipe that can't be made not to block for itself alone.
ssize_t WriteWithoutWaiting(int fd, std::string_view bytes) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  const ssize_t written = ::pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
  if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return written;
  return ::write(fd, bytes.data(), bytes.size());  // this kernel can't
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

std::string FileSentence(const std::string& path, std::string_view what, int code) {
  std::string out = path + ": ";
  out.append(what).append(": ").append(std::generic_category().message(code)).append(Advice(code));
  return out;
}

Result<std::unique_ptr<FileSink>, SinkError> FileSink::Open(const std::string& path) {
  std::unique_ptr<FileSink> sink(new FileSink(path, -1));
  if (auto opened = sink->Reopen(); !opened) return opened.error();
  return sink;
}

FileSink::~FileSink() { LetGo(); }

void FileSink::LetGo() {
  if (fd_ <= STDOUT_FILENO) return;
  if (std::exchange(reserved_, false)) TakeBack(0);  // what is allocated behind the end
  ::close(fd_);
}

Result<void, SinkError> FileSink::Reopen() {
  if (path_ == "-") {
    if (fd_ < 0) fd_ = OpenStandardOutput();
    struct stat status {};
    waits_ = fd_ == STDOUT_FILENO && (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode));
    return {};
  }
  // O_NONBLOCK: a pipe whose reader is slow or absent must not stop the process. Files don't mind
  // it.
  const int fd = ::open(path_.c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  if (fd < 0) return SinkError{FileSentence(path_, "can't be opened for appending", errno)};
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    const int code = errno;
    ::close(fd);
    return SinkError{FileSentence(path_, "can't be looked at", code)};
  }
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) {
    ::close(fd);
    return SinkError{path_ + ": neither a file nor a pipe; name a file"};
  }
  const bool is_file = S_ISREG(status.st_mode);
  // What can't be locked at all (some network file systems) is taken as it is.
  if (is_file && ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && !IsOpenAt(fd)) {
    ::close(fd);
    return SinkError{path_ +
                     ": another process writes its audit there; give each agent a file of "
                     "its own"};
  }
  LetGo();
  fd_ = fd;
  regular_ = is_file;
  if (is_file) (void)::flock(fd, LOCK_EX | LOCK_NB);  // where it was the same file, it is free now
  end_line_first_ = EndsInHalfLine(path_, status);
  return {};
}

// Whether `fd` is another way to the file that is open here.
bool FileSink::IsOpenAt(int fd) const {
  struct stat mine {
  }, other{};
  return fd_ >= 0 && ::fstat(fd_, &mine) == 0 && ::fstat(fd, &other) == 0 &&
         mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}

bool FileSink::IsAtPath() const {
  struct stat mine {
  }, other{};
  return ::fstat(fd_, &mine) == 0 && ::stat(path_.c_str(), &other) == 0 &&
         mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}

bool FileSink::IsDeleted() const {
  struct stat status {};
  return regular_ && ::fstat(fd_, &status) == 0 && status.st_nlink == 0;
}

std::uint64_t FileSink::size() const {
  struct stat status {};
  if (!regular_ || ::fstat(fd_, &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

bool FileSink::Reserve(std::uint64_t bytes, std::string& error) {
  if (!regular_) return true;
  const std::uint64_t end = size() + bytes;
  int code = 0;
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      end > limit.rlim_cur) {
    code = EFBIG;
  } else if (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end - bytes),
                         static_cast<off_t>(bytes)) != 0) {
    code = errno;
  }
  reserved_ = reserved_ || code == 0;
  // The others, EOPNOTSUPP for one, mean that the file system doesn't know it.
  if (code != ENOSPC && code != EDQUOT && code != EFBIG && code != EIO) return true;
  error = FileSentence(path_, "has no room for what is under way", code);
  return false;
}

bool FileSink::TakeBack(std::size_t bytes) {
  const std::uint64_t now = size();
  return now >= bytes && regular_ && ::ftruncate(fd_, static_cast<off_t>(now - bytes)) == 0;
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
    written = waits_ ? WriteWithoutWaiting(fd_, bytes) : ::write(fd_, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written > 0) return static_cast<std::size_t>(written);
  error = FileSentence(path_, "can't be written to", written < 0 ? errno : ENOSPC);
  return 0;
}

}  // namespace redwall::audit
