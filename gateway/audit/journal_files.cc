#include "gateway/audit/journal_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "base/bytes.h"
#include "crypto/primitives.h"
#include "gateway/audit/json_text.h"
#include "gateway/audit/line_file.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kFirstLook = 1 << 20;
constexpr std::size_t kBriefLook = 4096;  // a rotated file ends with two short lines

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

// Up to `size` bytes from `offset`; fewer where reading fails or the file is shorter.
std::string ReadAt(int fd, std::uint64_t offset, std::size_t size) {
  std::string text(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got =
        ::pread(fd, text.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

bool IsBoundByBlake2b(std::string_view line, const ChainLink& next) {
  ChainHash hash{};
  return next.prev != HashLine(line) && crypto::Blake2b(hash, {AsBytes(line)}) && next.prev == hash;
}

// Fills in what the end of the file says. `text` is the end, from the start of a line.
void LookForEnd(std::string_view text, FileTail& tail) {
  while (!text.empty() && !tail.end) {
    text.remove_suffix(1);  // the '\n'
    const std::size_t start = text.rfind('\n') + 1;
    const std::string_view line = text.substr(start);
    text = text.substr(0, start);
    const auto link = FindLink(line);
    if (!link) {
      tail.foreign = true;
      continue;
    }
    const std::string_view before = text.substr(0, text.size() - (text.empty() ? 0 : 1));
    tail.older = IsBoundByBlake2b(before.substr(before.rfind('\n') + 1), *link);
    if (tail.older) return;
    tail.end = ChainEnd{link->seq, HashLine(line)};
  }
}

// Whole lines at the end of the file: what is before the first line's start is cut off, unless the
// text starts where the file does.
std::string_view WholeLines(std::string_view text, bool from_start) {
  const std::size_t end = text.rfind('\n');
  if (end == text.npos) return {};
  text = text.substr(0, end + 1);
  if (from_start) return text;
  const std::size_t first = text.find('\n');
  return text.substr(first + 1);
}

std::string FormatUtc(std::int64_t wall_us) {
  Timestamp timestamp;
  std::string out;
  for (const char c : timestamp.Format(wall_us).substr(0, 19))
    if (c != '-' && c != ':') out += c;
  return out + "Z";
}

// `...Z-123`: the number; nothing where the name isn't one that RotatedPath makes.
std::optional<std::uint64_t> RotatedSeq(std::string_view name, std::string_view base) {
  constexpr std::string_view kForm = ".00000000T000000Z-";
  if (!name.starts_with(base) || name.size() <= base.size() + kForm.size()) return {};
  const std::string_view time = name.substr(base.size(), kForm.size());
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = time[i] >= '0' && time[i] <= '9';
    if (kForm[i] == '0' ? !digit : time[i] != kForm[i]) return {};
  }
  const std::string_view number = name.substr(base.size() + kForm.size());
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), seq);
  if (error != std::errc() || end != number.data() + number.size()) return {};
  return seq;
}

// A path that nobody has yet: two files can be set aside within one second.
std::string FreePath(std::string path) {
  struct stat status {};
  while (::lstat(path.c_str(), &status) == 0) path += "x";
  return path;
}

Result<FileTail, SinkError> LookAtTail(const std::string& path, std::size_t first_look) {
  FileTail tail;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) return tail;
    return SinkError{FileSentence(path, "can't be read, to go on with its chain", errno)};
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || status.st_size == 0) return tail;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  tail.empty = false;
  const std::string head = ReadAt(file.get(), 0, std::min<std::uint64_t>(size, 4096));
  tail.since = FindTime(std::string_view(head).substr(0, head.find('\n')));
  for (std::size_t look = first_look;; look *= 8) {
    const std::uint64_t from = size > look ? size - look : 0;
    const std::string text = ReadAt(file.get(), from, static_cast<std::size_t>(size - from));
    if (text.empty()) return SinkError{path + ": can't be read, to go on with its chain"};
    tail.torn = text.back() != '\n';
    const std::string_view lines = WholeLines(text, from == 0);
    LookForEnd(lines, tail);
    if (!lines.empty() || from == 0 || look > kMaxLineBytes) return tail;
  }
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

Result<FileTail, SinkError> ReadTail(const std::string& path) {
  return LookAtTail(path, kFirstLook);
}

bool GoesOnBehind(const ChainEnd& end, const std::string& path) {
  const auto file = LineFile::Open(path);
  if (!file) return false;
  for (std::string_view line; (*file)->Next(line);) {
    const auto link = FindLink(line);
    if (link && link->seq == end.seq + 1) return link->prev == end.hash;
  }
  return false;
}

std::optional<std::int64_t> FindTime(std::string_view line) {
  constexpr std::string_view kName = ",\"ts\":\"";
  const std::size_t at = line.find(kName);
  if (at == line.npos) return {};
  const std::string_view text = line.substr(at + kName.size());
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000000Z";
  if (text.size() < kForm.size()) return {};
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return {};
  }
  const auto number = [&](std::size_t from, std::size_t count) {
    std::int64_t value = 0;
    for (const char c : text.substr(from, count)) value = value * 10 + (c - '0');
    return value;
  };
  const std::int64_t month = number(5, 2);
  // Days since 1970 (proleptic Gregorian), years counted from March so that a leap day comes last.
  const std::int64_t year = number(0, 4) - (month <= 2 ? 1 : 0);
  const std::int64_t months = (month + 9) % 12;
  const std::int64_t days = year * 365 + year / 4 - year / 100 + year / 400 +
                            (153 * months + 2) / 5 + number(8, 2) - 1 - 719468;
  const std::int64_t seconds =
      ((days * 24 + number(11, 2)) * 60 + number(14, 2)) * 60 + number(17, 2);
  return seconds * 1000000 + number(20, 6);
}

HeadFile::~HeadFile() {
  if (fd_ >= 0) ::close(fd_);
}

// O_NOFOLLOW, and one name only: who can make a link in this folder must not choose what a process
// with more rights writes over.
Result<void, SinkError> HeadFile::OpenOwn() {
  const int fd = ::open(path_.c_str(),
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == ELOOP)
    return SinkError{path_ + ": is a symbolic link; this name is the audit's: remove it"};
  if (fd < 0) return SinkError{FileSentence(path_, "can't be opened for writing", errno)};
  struct stat status {};
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && status.st_nlink <= 1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    return {};
  }
  ::close(fd);
  if (is_file)
    return SinkError{path_ +
                     ": has another name, too (a hard link); this file is the audit's alone"};
  return SinkError{path_ + ": isn't a file; this name is the audit's, next to its file"};
}

Result<HeadFile::Found, SinkError> HeadFile::Open(const std::string& audit_file,
                                                  std::int64_t wall_us) {
  path_ = PathOf(audit_file);
  if (const auto opened = OpenOwn(); !opened) return opened.error();
  Found found;
  const std::string text = ReadAt(fd_, 0, kHeadBytes + 1);
  found.missing = text.empty();
  found.head = ParseHead(text);
  if (found.missing || found.head) return found;
  const std::string aside = ForeignPath(path_, wall_us);
  if (::rename(path_.c_str(), aside.c_str()) != 0)
    return SinkError{FileSentence(path_, "isn't a head, and can't be moved out of the way", errno)};
  found.aside = BaseName(aside);
  if (const auto opened = OpenOwn(); !opened) return opened.error();
  return found;
}

bool HeadFile::IsDeleted() const {
  struct stat status {};
  return fd_ >= 0 && ::fstat(fd_, &status) == 0 && status.st_nlink == 0;
}

bool HeadFile::IsAtPath() const {
  struct stat mine {
  }, other{};
  return fd_ >= 0 && ::fstat(fd_, &mine) == 0 && ::lstat(path_.c_str(), &other) == 0 &&
         SameFile(mine, other);
}

std::string HeadFile::Write(const Head& head) const {
  const std::string text = FormatHead(head);
  ssize_t written;
  do {
    written = ::pwrite(fd_, text.data(), text.size(), 0);
  } while (written < 0 && errno == EINTR);
  struct stat status {};
  if (written == static_cast<ssize_t>(text.size()) && ::fstat(fd_, &status) == 0 &&
      (status.st_size == written || ::ftruncate(fd_, written) == 0))
    return {};
  return FileSentence(path_, "can't be written to", written < 0 ? errno : ENOSPC);
}

std::string RotatedPath(const std::string& path, std::int64_t wall_us, std::uint64_t last_seq) {
  return path + "." + FormatUtc(wall_us) + "-" + std::to_string(last_seq);
}

std::string ForeignPath(const std::string& path, std::int64_t wall_us) {
  return FreePath(path + "." + FormatUtc(wall_us) + "-foreign");
}

std::vector<RotatedFile> ListRotated(const std::string& path) {
  std::vector<RotatedFile> files;
  const std::filesystem::path whole(path);
  const std::filesystem::path folder = whole.has_parent_path() ? whole.parent_path() : ".";
  const std::string base = whole.filename().string();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (const auto seq = RotatedSeq(name, base)) {
      const std::size_t cut = path.size() - base.size();
      files.push_back({path.substr(0, cut) + name, *seq});
    }
  }
  // By the time in the name first: another chain may have begun anew at 1 since.
  std::sort(files.begin(), files.end(), [&](const RotatedFile& a, const RotatedFile& b) {
    const auto time = [&](const RotatedFile& file) { return file.path.substr(path.size(), 17); };
    return std::pair(time(a), a.last_seq) < std::pair(time(b), b.last_seq);
  });
  return files;
}

std::vector<RotatedFile> ListOwnRotated(const std::string& path, std::uint64_t last_seq) {
  std::vector<RotatedFile> files = ListRotated(path);
  std::erase_if(files, [last_seq](const RotatedFile& file) {
    if (file.last_seq > last_seq) return true;
    const auto tail = LookAtTail(file.path, kBriefLook);
    return !tail || !tail->end || tail->end->seq != file.last_seq;
  });
  std::stable_sort(files.begin(), files.end(), [](const RotatedFile& a, const RotatedFile& b) {
    return a.last_seq < b.last_seq;
  });
  return files;
}

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace redwall::audit
