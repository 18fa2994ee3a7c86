#include "gateway/agent/config_reader.h"

#include <filesystem>
#include <optional>

namespace redwall::agent {
namespace {

constexpr std::int64_t kMaxBytes = 0x7fffffff;
constexpr std::int64_t kMaxMs = 24LL * 3600 * 1000;

// Replaces `field` where the member is there.
template <class T>
void ReadNumber(const json::Value& object, std::string_view name, std::int64_t least,
                std::int64_t most, T& field) {
  if (const auto value = object.Member(name)) field = static_cast<T>(value->Integer(least, most));
}

void ReadAdmission(const json::Value& object, AdmissionLimits& limits) {
  ReadNumber(object, "max_unauthenticated", 1, 1000000, limits.full);
  ReadNumber(object, "unauthenticated_start", 1, 1000000, limits.start);
  ReadNumber(object, "unauthenticated_rate", 0, 100, limits.rate);
  ReadNumber(object, "max_unauthenticated_per_source", 1, 1000000, limits.per_source);
  const auto start = object.Member("unauthenticated_start");
  if (start && limits.start > limits.full)
    start->Fail("expected at most \"max_unauthenticated\", which is " +
                std::to_string(limits.full));
}

void ReadLimits(const json::Value& object, Limits& limits) {
  ReadNumber(object, "max_connections", 1, 1000000, limits.max_connections);
  ReadNumber(object, "timeout_ms", 1, kMaxMs, limits.timeout_ms);
  ReadNumber(object, "drain_ms", 0, kMaxMs, limits.drain_ms);
  ReadAdmission(object, limits.admission);
  ReadNumber(object, "max_inspected_bytes", 1024, 0xffffffffLL,
             limits.conversation.request.max_inspected);
  ReadNumber(object, "max_argument_bytes", 1024, 1LL << 40, limits.conversation.request.max_bulk);
  ReadNumber(object, "max_reply_depth", 8, 1000000, limits.conversation.reply.max_depth);
  ReadNumber(object, "max_pending_commands", 16, kMaxBytes, limits.conversation.max_pending);
  ReadNumber(object, "max_topology_reply", 4096, kMaxBytes, limits.conversation.max_topology_reply);
  ReadNumber(object, "max_tunnels", 1, 1000000, limits.max_tunnels);
  ReadNumber(object, "linger_ms", 0, kMaxMs, limits.linger_ms);
  ReadNumber(object, "max_waiting_bytes", 1 << 20, 1LL << 40, limits.max_waiting);
  ReadNumber(object, "new_keys_ms", 1000, kMaxMs, limits.new_keys_ms);
  ReadNumber(object, "max_held_bytes", 1 << 20, 1LL << 40, limits.max_held);
  ReadNumber(object, "stream_window_bytes", 16384, kMaxBytes, limits.session.stream_window);
  ReadNumber(object, "max_stream_window_bytes", 16384, kMaxBytes, limits.session.max_stream_window);
  ReadNumber(object, "max_resets", 1, 1000000, limits.session.max_resets);
  ReadNumber(object, "session_window_bytes", 16384, kMaxBytes, limits.session.session_window);
  ReadNumber(object, "max_streams", 1, 1000000, limits.session.max_streams);
  ReadNumber(object, "max_unanswered_opens", 1, 1000000, limits.session.max_unanswered);
  ReadNumber(object, "max_replay_bytes", 65536, kMaxBytes, limits.session.max_replay);
  ReadNumber(object, "ping_after_ms", 100, kMaxMs, limits.session.ping_after_ms);
  ReadNumber(object, "dead_after_ms", 200, kMaxMs, limits.session.dead_after_ms);
  object.Finish();
}

}  // namespace

PathBase::PathBase(const std::string& config_path)
    : folder_(std::filesystem::path(config_path).parent_path().string()), file_(config_path) {}

std::string PathBase::InFolder(const std::string& path) const {
  if (path.empty() || path == "-" || path[0] == '/' || folder_.empty()) return path;
  return folder_ + "/" + path;
}

std::string PathBase::Resolve(const json::Value& value) {
  std::string path = InFolder(value.String());
  origins_.emplace(path, file_ + ": " + value.path());
  return path;
}

std::string ReadPath(const json::Value& parent, std::string_view name, PathBase& base) {
  const auto value = parent.Member(name);
  if (!value) return {};
  if (value->String().empty()) value->Fail("expected a file's path");
  return base.Resolve(*value);
}

net::Address ReadAddress(const json::Value& value, const PathBase& base) {
  auto address = net::Address::Parse(value.String());
  if (!address) {
    value.Fail(address.error().sentence);
    return {};
  }
  if (!address->is_unix()) return *address;
  // A socket's path has a limit, which the folder counts in.
  const auto resolved = net::Address::Parse("unix:" + base.InFolder(address->path));
  if (resolved) return *resolved;
  value.Fail(resolved.error().sentence);
  return {};
}

void ReadCommon(const json::Value& root, PathBase& base, CommonConfig& config) {
  if (const auto keys = root.Member("keys")) {
    for (const json::Value& key : keys->Array()) config.keys.push_back(base.Resolve(key));
  }
  config.identity = ReadPath(root, "identity", base);
  config.policy = ReadPath(root, "policy", base);
  if (const auto audit = root.Member("audit")) config.audit = ReadAudit(*audit, base);
  if (const auto name = root.Member("name")) config.name = name->String();
  config.pidfile = ReadPath(root, "pidfile", base);
  if (const auto user = root.Member("user")) config.user = user->String();
  if (const auto level = root.Member("log_level")) {
    static const std::vector<std::string_view> levels = {"debug", "info", "warn", "error"};
    config.log_level = levels[level->OneOf(levels)];
  }
  if (const auto json = root.Member("log_json")) config.log_json = json->Bool();
  if (const auto limits = root.Member("limits")) ReadLimits(*limits, config.limits);
  if (const auto threads = root.Member("threads"); threads && threads->Integer(1, 1024) != 1)
    threads->Fail("more than one thread is not supported by this version yet");
  root.NotYet("admin");
}

}  // namespace redwall::agent
