#include "gateway/audit/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway/audit/chain.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kBlock = 1 << 20;

}  // namespace

Result<std::unique_ptr<LineFile>, LineFileError> LineFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const std::string name = Visible(path);
  if (fd < 0) return LineFileError{name + ": " + std::strerror(errno)};
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(fd);
    return LineFileError{name + ": it is no regular file; an audit is read from the file itself"};
  }
  return std::unique_ptr<LineFile>(
      new LineFile(name, fd, static_cast<std::uint64_t>(facts.st_size)));
}

LineFile::~LineFile() { ::close(fd_); }

bool LineFile::ReadAt(std::uint64_t offset, char* to, std::size_t length) {
  while (length > 0) {
    const ssize_t got = ::pread(fd_, to, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      error_ = path_ + ": " + (got < 0 ? std::strerror(errno) : "it became shorter meanwhile");
      return false;
    }
    to += got;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::size_t>(got);
  }
  return true;
}

bool LineFile::Fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t have = buffer_.size();
  const std::size_t want = std::min<std::uint64_t>(std::max(kBlock, have), size_ - read_);
  buffer_.resize(have + want);
  if (!ReadAt(read_, buffer_.data() + have, want)) return false;
  read_ += want;
  return true;
}

bool LineFile::Next(std::string_view& line) {
  std::size_t looked = at_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', looked);
    if (end != buffer_.npos) {
      offset_ = read_ - buffer_.size() + at_;
      ++number_;
      line = std::string_view(buffer_).substr(at_, end - at_);
      at_ = end + 1;
      return true;
    }
    if (read_ == size_) {
      at_ = 0;
      std::string().swap(buffer_);
      return false;
    }
    looked = buffer_.size() - at_;
    if (looked > kMaxLineBytes) {
      error_ = path_ + ": line " + std::to_string(number_ + 1) +
               " is longer than any of redwall's: this is no audit file";
      return false;
    }
    if (!Fill()) return false;
  }
}

bool LineFile::Again(std::uint64_t offset, std::size_t length, std::string_view& line) {
  again_.resize(length);
  if (!ReadAt(offset, again_.data(), length)) return false;
  line = again_;
  return true;
}

}  // namespace redwall::audit
