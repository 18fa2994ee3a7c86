// The operator's log: one line an event, on standard error. Text by default, JSON objects on
// request.
#ifndef REDWALL_GATEWAY_AGENT_LOG_H_
#define REDWALL_GATEWAY_AGENT_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace redwall::agent {

// To be called once, before the first line. False: `level` isn't one of debug, info, warn, error.
bool SetUpLog(const std::string& level, bool json);

// Control characters in `message` are replaced, so that what a peer said can't forge a line.
void LogDebug(std::string_view message);
void LogInfo(std::string_view message);
void LogWarn(std::string_view message);
void LogError(std::string_view message);

// At most one line in ten seconds for things that a stranger can cause, or that befall many clients
// at once; says how many were left out.
class LimitedLog {
 public:
  void Warn(std::string_view message, std::int64_t now_ms);
  void Info(std::string_view message, std::int64_t now_ms);

 private:
  bool Counts(std::string_view message, std::int64_t now_ms, std::string& line);

  std::int64_t last_ms_ = -1;
  std::uint64_t left_out_ = 0;
};

// The state of something, told when it changes: again only when the news is another one, or there
// is trouble with it where there was none. What the trouble is may change without a line.
class NewsLog {
 public:
  // "NEWS", or as a warning "NEWS: TROUBLE".
  void Tell(const std::string& news, const std::string& trouble);

 private:
  std::string last_;
  bool in_trouble_ = false;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_LOG_H_
