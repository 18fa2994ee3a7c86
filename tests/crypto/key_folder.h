// Key files for tests: a folder to put them into, and what an error says of them.
#ifndef REDWALL_TESTS_CRYPTO_KEY_FOLDER_H_
#define REDWALL_TESTS_CRYPTO_KEY_FOLDER_H_

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "crypto/key_file.h"

namespace redwall::crypto {

// A folder of its own, gone at the end.
class KeyFolder {
 public:
  KeyFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "redwall-keys-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~KeyFolder() { std::filesystem::remove_all(path_); }
  KeyFolder(const KeyFolder&) = delete;
  KeyFolder& operator=(const KeyFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string File(const std::string& name, const std::string& content, ::mode_t mode = 0600) {
    std::ofstream(path_ / name, std::ios::binary) << content;
    REQUIRE(::chmod((*this / name).c_str(), mode) == 0);
    return *this / name;
  }

 private:
  std::filesystem::path path_;
};

inline bool Says(const KeyError& error, const std::string& what) {
  CAPTURE(error.sentence);
  return error.sentence.find(what) != std::string::npos;
}

}  // namespace redwall::crypto

#endif  // REDWALL_TESTS_CRYPTO_KEY_FOLDER_H_
