// The fields that both configuration files have.
#ifndef REDWALL_GATEWAY_AGENT_CONFIG_READER_H_
#define REDWALL_GATEWAY_AGENT_CONFIG_READER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gateway/agent/config.h"
#include "gateway/json/strict_json.h"

namespace redwall::agent {

// A file's path as it stands in the configuration -> seen from the working folder.
class PathBase {
 public:
  explicit PathBase(const std::string& config_path);
  // "-" and absolute paths stay.
  std::string InFolder(const std::string& path) const;
  // The same, and remembers where the path was named.
  std::string Resolve(const json::Value& value);
  std::map<std::string, std::string> TakeOrigins() { return std::move(origins_); }

 private:
  std::string folder_, file_;
  std::map<std::string, std::string> origins_;
};

void ReadCommon(const json::Value& root, PathBase& base, CommonConfig& config);
// The value of "audit": a file's path, or an object.
AuditConfig ReadAudit(const json::Value& value, PathBase& base);
std::string ReadPath(const json::Value& parent, std::string_view name, PathBase& base);
net::Address ReadAddress(const json::Value& value, const PathBase& base);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CONFIG_READER_H_
