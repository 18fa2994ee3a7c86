// A folder of a test's own, gone with all in it when the test ends.
#ifndef REDWALL_TESTS_GATEWAY_AUDIT_TEMP_FOLDER_H_
#define REDWALL_TESTS_GATEWAY_AUDIT_TEMP_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace redwall::audit {

class TempFolder {
 public:
  TempFolder() {
    std::string form = (std::filesystem::temp_directory_path() / "redwall-audit-XXXXXX").string();
    if (mkdtemp(form.data()) == nullptr) std::abort();
    path_ = form;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace redwall::audit

#endif  // REDWALL_TESTS_GATEWAY_AUDIT_TEMP_FOLDER_H_
