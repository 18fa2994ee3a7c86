// The "audit" object of a configuration file. docs/configuration.md, "Audit".
#include <optional>

#include "gateway/agent/config_reader.h"
#include "gateway/net/syslog_socket.h"

namespace redwall::agent {
namespace {

constexpr std::int64_t kMaxBytes = 1LL << 40;
constexpr std::int64_t kMaxAgeS = 10LL * 366 * 24 * 3600;

audit::Rotation ReadRotation(const json::Value& value, const AuditConfig& config) {
  audit::Rotation rotation;
  if (!value.is_object()) {
    value.Fail("expected an object: {\"max_bytes\": ..., \"max_age_s\": ..., \"keep\": ...}");
    return rotation;
  }
  if (const auto bytes = value.Member("max_bytes"))
    rotation.max_bytes = static_cast<std::uint64_t>(bytes->Integer(65536, kMaxBytes));
  if (const auto age = value.Member("max_age_s"))
    rotation.max_age_s = static_cast<std::uint64_t>(age->Integer(1, kMaxAgeS));
  if (const auto keep = value.Member("keep"))
    rotation.keep = static_cast<std::uint64_t>(keep->Integer(0, 1000000));
  value.Finish();
  if (!rotation.enabled())
    value.Fail("says nothing about when: expected \"max_bytes\", \"max_age_s\" or both");
  if (config.file == "-") value.Fail("standard output can't be rotated");
  return rotation;
}

AuditCopy::Redis ReadRedis(const json::Value& value, PathBase& base) {
  AuditCopy::Redis redis;
  if (const auto address = value.Member("redis")) redis.address = ReadAddress(*address, base);
  if (const auto stream = value.Member("stream")) {
    redis.stream = stream->String();
    if (redis.stream.empty()) stream->Fail("expected the name of a stream");
  }
  if (const auto most = value.Member("maxlen"))
    redis.max_length = static_cast<std::uint64_t>(most->Integer(1, 1LL << 40));
  if (const auto user = value.Member("user")) redis.user = user->String();
  redis.password_file = ReadPath(value, "password_file", base);
  if (!redis.user.empty() && redis.password_file.empty())
    value.Fail("a \"user\" needs a \"password_file\"");
  return redis;
}

AuditCopy ReadCopy(const json::Value& value, const AuditConfig& config, PathBase& base) {
  AuditCopy copy;
  if (value.is_string()) {
    copy.to_stdout = true;
    if (value.String() != "stdout")
      value.Fail("expected \"stdout\", {\"syslog\": FACILITY} or {\"redis\": ADDR}, got \"" +
                 value.String() + "\"");
    if (config.file == "-") value.Fail("the audit's file is standard output already");
    return copy;
  }
  if (!value.is_object()) {
    value.Fail("expected \"stdout\", {\"syslog\": FACILITY} or {\"redis\": ADDR}");
    return copy;
  }
  if (const auto syslog = value.Member("syslog")) {
    copy.syslog = syslog->String();
    if (!net::ParseSyslogFacility(copy.syslog))
      syslog->Fail("expected one of " + net::SyslogFacilities() + ", got \"" + copy.syslog + "\"");
  } else if (value.Member("redis")) {
    copy.redis = ReadRedis(value, base);
  } else {
    value.Fail("expected a \"syslog\" or a \"redis\" in it");
  }
  value.Finish();
  return copy;
}

void ReadCopies(const json::Value& value, AuditConfig& config, PathBase& base) {
  for (const json::Value& entry : value.Array()) {
    config.copies.push_back(ReadCopy(entry, config, base));
    const AuditCopy& copy = config.copies.back();
    for (std::size_t i = 0; i + 1 < config.copies.size(); ++i) {
      const AuditCopy& other = config.copies[i];
      if ((copy.to_stdout && other.to_stdout) ||
          (!copy.syslog.empty() && copy.syslog == other.syslog))
        entry.Fail("is there already");
    }
  }
}

}  // namespace

AuditConfig ReadAudit(const json::Value& value, PathBase& base) {
  AuditConfig config;
  if (value.is_string()) {
    if (value.String().empty()) value.Fail("expected a file's path");
    config.file = base.Resolve(value);
    return config;
  }
  if (!value.is_object()) {
    value.Fail("expected a file's path, or an object with a \"file\"");
    return config;
  }
  config.file = ReadPath(value, "file", base);
  if (config.file.empty()) value.Fail("an audit needs a \"file\"");
  static const std::vector<std::string_view> kWhenFull = {"block", "drop"};
  if (const auto full = value.Member("when_full")) config.drop = full->OneOf(kWhenFull) == 1;
  if (const auto most = value.Member("max_pending_bytes"))
    config.max_pending_bytes = static_cast<std::size_t>(most->Integer(65536, 1LL << 32));
  if (const auto rotate = value.Member("rotate")) config.rotation = ReadRotation(*rotate, config);
  config.sign = ReadPath(value, "sign", base);
  if (const auto every = value.Member("checkpoint_ms"))
    config.checkpoint_ms = static_cast<std::uint64_t>(every->Integer(10, 60 * 1000));
  if (const auto sinks = value.Member("sinks")) ReadCopies(*sinks, config, base);
  value.Finish();
  return config;
}

}  // namespace redwall::agent
