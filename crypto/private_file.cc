#include "crypto/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

namespace redwall::crypto {
namespace {

constexpr std::size_t kMinFile = 32;
constexpr std::size_t kMaxFile = 64 * 1024;

KeyError SystemError(const std::string& path, const std::string& what, int code) {
  return FileError(path, what + ": " + std::generic_category().message(code));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The file that is open, not its name, is looked at: what is behind the name may change meanwhile.
Result<void, KeyError> CheckOpened(const std::string& path, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return SystemError(path, "cannot be examined", errno);
  if (!S_ISREG(info.st_mode))
    return FileError(path, "is not a regular file; name the file that 'redwall keygen' made");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777));
    return FileError(path, "is open to others than its owner (mode " + std::string(mode) +
                               "); mend it with: chmod 600 " + path);
  }
  return {};
}

bool WriteAll(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ::ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

bool SyncFolderOf(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  // Some file systems cannot sync a folder, and say so with EINVAL: nothing more can be done there.
  return opened.get() >= 0 && (::fsync(opened.get()) == 0 || errno == EINVAL);
}

}  // namespace

KeyError FileError(const std::string& path, const std::string& what) {
  return {"key file '" + path + "' " + what};
}

Result<Secret, KeyError> ReadPrivateFile(const std::string& path, const char* maker) {
  // Non-blocking, so that a FIFO is refused instead of waited for.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) {
    const int code = errno;
    KeyError error = SystemError(path, "cannot be opened", code);
    if (code == ENOENT) error.sentence.append("; `").append(maker).append("` makes one");
    return error;
  }
  if (const auto checked = CheckOpened(path, file.get()); !checked) return checked.error();
  Secret buffer(kMaxFile + 1);
  if (buffer.empty()) return FileError(path, "cannot be read: no memory");
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ::ssize_t got = ::read(file.get(), buffer.writable().data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path, "cannot be read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size < kMinFile)
    return FileError(path, "has " + std::to_string(size) +
                               " bytes where 32 or more are needed; make a new one with: " + maker);
  if (size > kMaxFile) return FileError(path, "is longer than 65536 bytes; is it the right file?");
  Secret content = Secret::CopyOf(buffer.bytes().first(size));
  if (content.empty()) return FileError(path, "cannot be read: no memory");
  return content;
}

Result<void, KeyError> WriteNewPrivateFile(const std::string& path, ByteView content) {
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) {
    const int code = errno;
    if (code == EEXIST)
      return FileError(
          path, "exists already and is never overwritten; move it away or choose another name");
    return SystemError(path, "cannot be made", code);
  }
  // A umask may have taken bits away.
  if (::fchmod(file.get(), 0600) == 0 && WriteAll(file.get(), content) &&
      ::fsync(file.get()) == 0 && SyncFolderOf(path))
    return {};
  const int code = errno;
  ::unlink(path.c_str());
  return SystemError(path, "cannot be written", code);
}

}  // namespace redwall::crypto
