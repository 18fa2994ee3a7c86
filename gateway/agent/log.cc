#include "gateway/agent/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace redwall::agent {
namespace {

constexpr std::int64_t kInterval = 10000;
bool log_as_json = false;  // set once, by SetUpLog

std::string Clean(std::string_view message) {
  std::string clean;
  clean.reserve(message.size());
  for (const char c : message) {
    const bool printable = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    if (log_as_json && (c == '"' || c == '\\')) clean += '\\';
    clean += printable ? c : '?';
  }
  return clean;
}

void Write(spdlog::level::level_enum level, std::string_view message) {
  if (spdlog::should_log(level)) spdlog::log(level, "{}", Clean(message));
}

}  // namespace

bool SetUpLog(const std::string& level, bool json) {
  const auto parsed = spdlog::level::from_str(level == "warn" ? "warning" : level);
  if (parsed == spdlog::level::off || parsed == spdlog::level::trace) return false;
  log_as_json = json;
  auto logger = std::make_shared<spdlog::logger>("redwall",
                                                 std::make_shared<spdlog::sinks::stderr_sink_st>());
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  logger->set_pattern(json ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})"
                           : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
  return true;
}

void LogDebug(std::string_view message) { Write(spdlog::level::debug, message); }
void LogInfo(std::string_view message) { Write(spdlog::level::info, message); }
void LogWarn(std::string_view message) { Write(spdlog::level::warn, message); }
void LogError(std::string_view message) { Write(spdlog::level::err, message); }

// False: it is left out. Else `line` is what is to be logged.
bool LimitedLog::Counts(std::string_view message, std::int64_t now_ms, std::string& line) {
  if (last_ms_ >= 0 && now_ms - last_ms_ < kInterval) {
    ++left_out_;
    return false;
  }
  line = message;
  if (left_out_ > 0)
    line += " (and " + std::to_string(left_out_) + " more such lines since the last one)";
  last_ms_ = now_ms;
  left_out_ = 0;
  return true;
}

void LimitedLog::Warn(std::string_view message, std::int64_t now_ms) {
  std::string line;
  if (Counts(message, now_ms, line)) LogWarn(line);
}

void LimitedLog::Info(std::string_view message, std::int64_t now_ms) {
  std::string line;
  if (Counts(message, now_ms, line)) LogInfo(line);
}

void NewsLog::Tell(const std::string& news, const std::string& trouble) {
  if (news == last_ && in_trouble_ != trouble.empty()) return;
  last_ = news;
  in_trouble_ = !trouble.empty();
  if (in_trouble_) {
    LogWarn(news + ": " + trouble);
  } else {
    LogInfo(news);
  }
}

}  // namespace redwall::agent
