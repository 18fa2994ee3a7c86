#include "crypto/key_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>

#include "crypto/primitives.h"
#include "tests/crypto/hex.h"
#include "tests/crypto/key_folder.h"

namespace redwall::crypto {
namespace {

::mode_t ModeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

}  // namespace

TEST_CASE("a shared key has the hint and psk that a second implementation computes") {
  KeyFolder folder;
  const auto key = ReadSharedKey(folder.File("site.key", std::string(32, 'k')));
  REQUIRE(key);
  CHECK(key->name == "site");
  CHECK(ToHex(key->hint) == "b1e49ec9");
  CHECK(ToHex(key->psk.bytes()) ==
        "06ebef9ac744347a1b60d0a18343882f8ca519b827fdabfc4d80f0382e5f111a");
}

TEST_CASE("the name of a key is its file's, without folder and extension") {
  KeyFolder folder;
  const std::string content(32, 'k');
  CHECK(ReadSharedKey(folder.File("plain", content))->name == "plain");
  CHECK(ReadSharedKey(folder.File("a.b.key", content))->name == "a.b");
  CHECK(ReadSharedKey(folder.File(".key", content))->name == ".key");
}

TEST_CASE("a key file has 32 bytes to 64 KiB, and every one of them counts") {
  KeyFolder folder;
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{31}}) {
    const auto key = ReadSharedKey(folder.File("k", std::string(size, 'k')));
    REQUIRE_FALSE(key);
    CHECK(Says(key.error(), std::to_string(size) + " bytes"));
    CHECK(Says(key.error(), "redwall keygen FILE"));
  }
  const auto hint_of = [&](const std::string& content) {
    const auto key = ReadSharedKey(folder.File("k", content));
    REQUIRE(key);
    return ToHex(key->hint) + ToHex(key->psk.bytes());
  };
  CHECK(hint_of(std::string(32, 'k')) != hint_of(std::string(33, 'k')));
  CHECK(hint_of(std::string(65535, 'k')) != hint_of(std::string(65536, 'k')));
  const auto large = ReadSharedKey(folder.File("k", std::string(65537, 'k')));
  REQUIRE_FALSE(large);
  CHECK(Says(large.error(), "longer than 65536 bytes"));
}

TEST_CASE("a key that others may touch is refused, and the sentence says how to mend it") {
  KeyFolder folder;
  for (::mode_t mode :
       std::initializer_list<::mode_t>{0644, 0640, 0604, 0660, 0620, 0602, 0601, 0777}) {
    CAPTURE(mode);
    const std::string path = folder.File("site.key", std::string(32, 'k'), mode);
    const auto key = ReadSharedKey(path);
    REQUIRE_FALSE(key);
    CHECK(Says(key.error(), path));
    CHECK(Says(key.error(), "chmod 600 " + path));
    CHECK_FALSE(ReadIdentity(path));
  }
  CHECK(Says(ReadSharedKey(folder.File("x", std::string(32, 'k'), 0644)).error(), "mode 0644"));
  CHECK(ReadSharedKey(folder.File("x", std::string(32, 'k'), 0400)));
  CHECK(ReadSharedKey(folder.File("x", std::string(32, 'k'), 0700)));
}

TEST_CASE("what is missing or not a regular file is refused, and a FIFO is not waited for") {
  KeyFolder folder;
  const auto missing = ReadSharedKey(folder / "none.key");
  REQUIRE_FALSE(missing);
  CHECK(Says(missing.error(), folder / "none.key"));
  CHECK(Says(missing.error(), "No such file"));
  std::filesystem::create_directory(folder / "folder");
  REQUIRE_FALSE(ReadSharedKey(folder / "folder"));
  CHECK(Says(ReadSharedKey(folder / "folder").error(), "not a regular file"));
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  REQUIRE_FALSE(ReadSharedKey(folder / "fifo"));
  CHECK(Says(ReadSharedKey(folder / "fifo").error(), "not a regular file"));
  CHECK_FALSE(ReadSharedKey("/dev/zero"));
  CHECK_FALSE(ReadSharedKey(""));
}

TEST_CASE("a symbolic link to a good key is good, and takes its name from the link") {
  KeyFolder folder;
  std::filesystem::create_symlink(folder.File("real.key", std::string(32, 'k')),
                                  folder / "link.key");
  const auto key = ReadSharedKey(folder / "link.key");
  REQUIRE(key);
  CHECK(key->name == "link");
}

TEST_CASE("a new shared key is private whatever the umask, new each time, and can be read") {
  KeyFolder folder;
  for (::mode_t mask : std::initializer_list<::mode_t>{0000, 0022, 0777}) {
    const std::string path = folder / ("new" + std::to_string(mask));
    const ::mode_t before = ::umask(mask);
    const auto written = WriteNewSharedKey(path);
    ::umask(before);
    REQUIRE(written);
    CHECK(ModeOf(path) == 0600);
    CHECK(std::filesystem::file_size(path) == 32);
  }
  const auto a = ReadSharedKey(folder / "new0");
  const auto b = ReadSharedKey(folder / "new18");
  REQUIRE(a);
  REQUIRE(b);
  CHECK_FALSE(a->psk.Equals(b->psk.bytes()));
}

TEST_CASE("an existing file is never overwritten, not even through a dangling link") {
  KeyFolder folder;
  const std::string path = folder.File("site.key", "precious");
  REQUIRE_FALSE(WriteNewSharedKey(path));
  CHECK(Says(WriteNewSharedKey(path).error(), "never overwritten"));
  REQUIRE_FALSE(WriteNewIdentity(path));
  CHECK(std::filesystem::file_size(path) == 8);
  std::filesystem::create_symlink(folder / "nowhere", folder / "dangling");
  CHECK_FALSE(WriteNewSharedKey(folder / "dangling"));
  CHECK_FALSE(std::filesystem::exists(folder / "nowhere"));
  CHECK_FALSE(WriteNewSharedKey(folder / "no/such/folder.key"));
}

TEST_CASE("a new identity can be read back, private and with the same public key") {
  KeyFolder folder;
  const auto made = WriteNewIdentity(folder / "agent.id");
  REQUIRE(made);
  CHECK(ModeOf(folder / "agent.id") == 0600);
  const auto read = ReadIdentity(folder / "agent.id");
  REQUIRE(read);
  CHECK(read->public_key == *made);
  PublicKey expected{};
  REQUIRE(PublicKeyOf(read->private_key.bytes(), expected));
  CHECK(read->public_key == expected);
}

TEST_CASE("an identity is one labelled line, with or without its end") {
  KeyFolder folder;
  const std::string line = "redwall-identity-v1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
  for (const std::string& good : {line, line + "\n"}) {
    const auto identity = ReadIdentity(folder.File("id", good));
    REQUIRE(identity);
    CHECK(identity->private_key.Equals(Bytes(32, std::byte{1})));
  }
  for (const std::string& bad :
       {line + "\n\n", line + " ", line + "\r\n", line + "A", std::string(" ").append(line),
        line + "\n" + line, line.substr(0, line.size() - 1),
        std::string("redwall-identity-v2").append(line, 19), std::string(64, 'k'),
        line.substr(0, 30) + "*" + line.substr(31)}) {
    CAPTURE(bad);
    const auto identity = ReadIdentity(folder.File("id", bad));
    REQUIRE_FALSE(identity);
    CHECK(Says(identity.error(), "redwall keygen --identity FILE"));
    CHECK_FALSE(Says(identity.error(), "AQEBAQ"));
  }
}

TEST_CASE("a public key is 44 characters of base64, both ways") {
  PublicKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i * 9);
  const std::string text = FormatPublicKey(key);
  CHECK(text.size() == 44);
  const auto parsed = ParsePublicKey(text);
  REQUIRE(parsed);
  CHECK(*parsed == key);
  CHECK(FormatPublicKey(PublicKey{}) == "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  for (const std::string& bad :
       {std::string(), text.substr(1), text + "A", text.substr(0, 43), text.substr(0, 43) + "A",
        std::string(" ").append(text, 1), std::string(43, 'A') + "\n",
        // Bits that no byte uses must be zero: one key has one text.
        std::string(42, 'A') + "B="}) {
    CAPTURE(bad);
    CHECK_FALSE(ParsePublicKey(bad));
  }
}

}  // namespace redwall::crypto
