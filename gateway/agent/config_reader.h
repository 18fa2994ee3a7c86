// The fields that both configuration files have.
#ifndef REDWALL_GATEWAY_AGENT_CONFIG_READER_H_
#define REDWALL_GATEWAY_AGENT_CONFIG_READER_H_

#include <string>
#include <vector>

#include "gateway/agent/config.h"
#include "gateway/json/strict_json.h"

namespace redwall::agent {

// A file's path as it stands in the configuration -> seen from the working folder.
class PathBase {
 public:
  explicit PathBase(const std::string& config_path);
  std::string Resolve(const std::string& path) const;  // "-" and absolute paths stay

 private:
  std::string folder_;
};

void ReadCommon(const json::Value& root, const PathBase& base, CommonConfig& config);
std::string ReadPath(const json::Value& parent, std::string_view name, const PathBase& base);
net::Address ReadAddress(const json::Value& value, const PathBase& base);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CONFIG_READER_H_
