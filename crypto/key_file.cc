#include "crypto/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "crypto/primitives.h"

namespace redwall::crypto {
namespace {

constexpr std::size_t kMinFile = 32;
constexpr std::size_t kMaxFile = 64 * 1024;
constexpr std::string_view kPskLabel = "redwall tunnel psk v1";
constexpr std::string_view kIdentityLabel = "redwall-identity-v1 ";
constexpr std::size_t kBase64Key = 44;  // 32 bytes in base64, with padding
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

KeyError Error(const std::string& path, const std::string& what) {
  return {"key file '" + path + "' " + what};
}
KeyError SystemError(const std::string& path, const std::string& what, int code) {
  return Error(path, what + ": " + std::generic_category().message(code));
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
    return Error(path, "is not a regular file; name the file that 'redwall keygen' made");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777));
    return Error(path, "is open to others than its owner (mode " + std::string(mode) +
                           "); mend it with: chmod 600 " + path);
  }
  return {};
}

// The whole file.
Result<Secret, KeyError> ReadPrivateFile(const std::string& path) {
  // Non-blocking, so that a FIFO is refused instead of waited for.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) {
    const int code = errno;
    KeyError error = SystemError(path, "cannot be opened", code);
    if (code == ENOENT) error.sentence += "; `redwall keygen FILE` makes one";
    return error;
  }
  if (const auto checked = CheckOpened(path, file.get()); !checked) return checked.error();
  Secret buffer(kMaxFile + 1);
  if (buffer.empty()) return Error(path, "cannot be read: no memory");
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ::ssize_t got = ::read(file.get(), buffer.writable().data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path, "cannot be read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size < kMinFile)
    return Error(path, "has " + std::to_string(size) +
                           " bytes where 32 or more are needed; make a new one with: "
                           "redwall keygen FILE");
  if (size > kMaxFile) return Error(path, "is longer than 65536 bytes; is it the right file?");
  Secret content = Secret::CopyOf(buffer.bytes().first(size));
  if (content.empty()) return Error(path, "cannot be read: no memory");
  return content;
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

Result<void, KeyError> WriteNewPrivateFile(const std::string& path, ByteView content) {
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) {
    const int code = errno;
    if (code == EEXIST)
      return Error(path,
                   "exists already and is never overwritten; move it away or choose another name");
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

bool DecodeKey(std::string_view text, MutableBytes key) {
  std::size_t size = 0;
  return text.size() == kBase64Key && key.size() == kKeySize &&
         sodium_base642bin(reinterpret_cast<unsigned char*>(key.data()), key.size(), text.data(),
                           text.size(), nullptr, &size, nullptr, kBase64) == 0 &&
         size == kKeySize;
}

// `text` has kBase64Key + 1 bytes, for the NUL that libsodium adds.
void EncodeKey(ByteView key, char* text) {
  sodium_bin2base64(text, kBase64Key + 1, reinterpret_cast<const unsigned char*>(key.data()),
                    key.size(), kBase64);
}

}  // namespace

Result<SharedKey, KeyError> ReadSharedKey(const std::string& path) {
  const auto content = ReadPrivateFile(path);
  if (!content) return content.error();
  SharedKey key;
  key.name = std::filesystem::path(path).stem().string();
  key.psk = Secret(kKeySize);
  if (!Blake2b(key.hint, {content->bytes()}) ||
      !Blake2b(key.psk.writable(), {content->bytes()}, AsBytes(kPskLabel)))
    return Error(path, "cannot be read: no memory");
  return key;
}

Result<Identity, KeyError> ReadIdentity(const std::string& path) {
  const auto content = ReadPrivateFile(path);
  if (!content) return content.error();
  std::string_view text = AsText(content->bytes());
  if (text.ends_with('\n')) text.remove_suffix(1);
  Identity identity;
  identity.private_key = Secret(kKeySize);
  if (!text.starts_with(kIdentityLabel) ||
      !DecodeKey(text.substr(kIdentityLabel.size()), identity.private_key.writable()))
    return Error(path, "is not an identity; make one with: redwall keygen --identity FILE");
  if (!PublicKeyOf(identity.private_key.bytes(), identity.public_key))
    return Error(path, "holds a key that cannot be used");
  return identity;
}

Result<void, KeyError> WriteNewSharedKey(const std::string& path) {
  Secret key(kKeySize);
  if (key.empty() || !Random(key.writable()))
    return Error(path, "cannot be made: the system gave no randomness or memory");
  return WriteNewPrivateFile(path, key.bytes());
}

Result<PublicKey, KeyError> WriteNewIdentity(const std::string& path) {
  Secret key(kKeySize);
  Secret line(kIdentityLabel.size() + kBase64Key + 1);
  PublicKey public_key{};
  if (key.empty() || line.empty() || !Random(key.writable()) ||
      !PublicKeyOf(key.bytes(), public_key))
    return Error(path, "cannot be made: the system gave no randomness or memory");
  char* const text = reinterpret_cast<char*>(line.writable().data());
  std::memcpy(text, kIdentityLabel.data(), kIdentityLabel.size());
  EncodeKey(key.bytes(), text + kIdentityLabel.size());
  text[line.size() - 1] = '\n';
  if (const auto written = WriteNewPrivateFile(path, line.bytes()); !written)
    return written.error();
  return public_key;
}

std::string FormatPublicKey(const PublicKey& key) {
  std::string text(kBase64Key + 1, '\0');
  EncodeKey(key, text.data());
  text.pop_back();
  return text;
}

Result<PublicKey, KeyError> ParsePublicKey(const std::string& text) {
  PublicKey key{};
  if (!DecodeKey(text, key))
    // The text isn't repeated: it may be a private key that went to the wrong place.
    return KeyError{
        "this is not a public key; expected the 44 characters that 'redwall pubkey FILE' prints"};
  return key;
}

}  // namespace redwall::crypto
