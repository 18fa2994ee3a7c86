// ConfigFile: a configuration in a folder of its own, and what reading it says.
#ifndef REDWALL_TESTS_GATEWAY_AGENT_CONFIG_FILE_H_
#define REDWALL_TESTS_GATEWAY_AGENT_CONFIG_FILE_H_

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "gateway/agent/config.h"
#include "tests/gateway/audit/temp_folder.h"

namespace redwall::agent {

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { std::ofstream(path()) << text; }
  std::string path() const { return folder_.File("agent.json"); }
  std::string In(const std::string& name) const { return folder_.File(name); }

  // What reading it says is wrong, without the file's name; empty where nothing is.
  std::string ServerError() const { return WithoutFile(ReadServerConfig(path())); }
  std::string ClientError() const { return WithoutFile(ReadClientConfig(path())); }

 private:
  template <class Config>
  std::string WithoutFile(const Result<Config, ConfigError>& result) const {
    if (result) return {};
    const std::string& sentence = result.error().sentence;
    REQUIRE(sentence.starts_with(path() + ": "));
    return sentence.substr(path().size() + 2);
  }
  const audit::TempFolder folder_;
};

}  // namespace redwall::agent

#endif  // REDWALL_TESTS_GATEWAY_AGENT_CONFIG_FILE_H_
