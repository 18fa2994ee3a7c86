// The "audit" of a configuration file: what it can say, and what is refused.
#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "gateway/agent/config.h"
#include "tests/gateway/audit/temp_folder.h"

namespace redwall::agent {
namespace {

class AuditFile {
 public:
  explicit AuditFile(const std::string& audit) {
    std::ofstream(path()) << "{\"audit\": " << audit << "}";
  }
  std::string path() const { return folder_.File("agent.json"); }
  std::string In(const std::string& name) const { return folder_.File(name); }
  AuditConfig Read() const {
    const auto config = ReadServerConfig(path());
    if (!config) FAIL(config.error().sentence);
    return config->audit;
  }
  // Without the file's name.
  std::string Error() const {
    const auto config = ReadServerConfig(path());
    return config ? "" : config.error().sentence.substr(path().size() + 2);
  }

 private:
  const audit::TempFolder folder_;
};

TEST_CASE("A text alone is the audit's file, with the defaults") {
  const AuditFile file("\"a.jsonl\"");
  const AuditConfig config = file.Read();
  CHECK(config.file == file.In("a.jsonl"));
  CHECK_FALSE(config.drop);
  CHECK(config.max_pending_bytes == 8 << 20);
  CHECK_FALSE(config.rotation.enabled());
  CHECK(config.sign.empty());
  CHECK(config.checkpoint_ms == 1000);
  CHECK(config.copies.empty());
}

TEST_CASE("An audit with all that it can say") {
  const AuditFile file(R"({"file": "a", "when_full": "drop", "max_pending_bytes": 65536,
      "rotate": {"max_bytes": 65536, "max_age_s": 1, "keep": 0}, "sign": "audit.key",
      "checkpoint_ms": 10, "sinks": ["stdout", {"syslog": "local0"},
      {"redis": "10.0.0.5:6379", "stream": "s", "maxlen": 7, "user": "u", "password_file": "pw"},
      {"redis": "10.0.0.6:6379"}]})");
  const AuditConfig config = file.Read();
  CHECK(config.file == file.In("a"));
  CHECK(config.drop);
  CHECK(config.max_pending_bytes == 65536);
  CHECK(config.rotation.max_bytes == 65536);
  CHECK(config.rotation.max_age_s == 1);
  CHECK(config.rotation.keep == 0);
  CHECK(config.sign == file.In("audit.key"));
  CHECK(config.checkpoint_ms == 10);
  REQUIRE(config.copies.size() == 4);
  CHECK(config.copies[0].to_stdout);
  CHECK(config.copies[1].syslog == "local0");
  REQUIRE(config.copies[2].redis.has_value());
  CHECK(config.copies[2].redis->address.ToString() == "10.0.0.5:6379");
  CHECK(config.copies[2].redis->stream == "s");
  CHECK(config.copies[2].redis->max_length == 7);
  CHECK(config.copies[2].redis->user == "u");
  CHECK(config.copies[2].redis->password_file == file.In("pw"));
  REQUIRE(config.copies[3].redis.has_value());
  CHECK(config.copies[3].redis->stream == "redwall:audit");
  CHECK(config.copies[3].redis->max_length == 1000000);
}

TEST_CASE("What makes no sense in an audit is refused, with its place") {
  struct Case {
    std::string audit, error;
  };
  const auto with = [](const std::string& rest) { return "{\"file\": \"a\", " + rest + "}"; };
  const Case cases[] = {
      {"7", "audit: expected a file's path, or an object with a \"file\""},
      {"\"\"", "audit: expected a file's path"},
      {"{}", "audit: an audit needs a \"file\""},
      {R"({"file": ""})", "audit.file: expected a file's path"},
      {with(R"("max_bytes": 1)"), "audit.max_bytes: unknown name"},
      {with(R"("when_full": "stop")"),
       R"(audit.when_full: expected "block" or "drop", got "stop")"},
      {with(R"("max_pending_bytes": 65535)"),
       "audit.max_pending_bytes: expected a whole number from 65536 to"},
      {with(R"("checkpoint_ms": 60001)"),
       "audit.checkpoint_ms: expected a whole number from 10 to"},
      {with(R"("checkpoint_ms": 9)"), "audit.checkpoint_ms: expected a whole number from 10 to"},
      {with(R"("sign": true)"), "audit.sign: expected a string, got true"},
      {with(R"("rotate": 7)"), "audit.rotate: expected an object"},
      {with(R"("rotate": {})"), "audit.rotate: says nothing about when"},
      {with(R"("rotate": {"keep": 3})"), "audit.rotate: says nothing about when"},
      {with(R"("rotate": {"max_bytes": 65535})"),
       "audit.rotate.max_bytes: expected a whole number from 65536 to"},
      {with(R"("rotate": {"max_age_s": 0})"),
       "audit.rotate.max_age_s: expected a whole number from 1 to"},
      {with(R"("rotate": {"max_age": 1})"), "audit.rotate.max_age: unknown name"},
      {R"({"file": "-", "rotate": {"max_age_s": 1}})",
       "audit.rotate: standard output can't be rotated"},
      {R"({"file": "-", "sinks": ["stdout"]})",
       "audit.sinks[0]: the audit's file is standard output already"},
      {with(R"("sinks": "stdout")"), "audit.sinks: expected an array"},
      {with(R"("sinks": ["stderr"])"), "audit.sinks[0]: expected \"stdout\","},
      {with(R"("sinks": [7])"), "audit.sinks[0]: expected \"stdout\","},
      {with(R"("sinks": [{}])"), "audit.sinks[0]: expected a \"syslog\" or a \"redis\" in it"},
      {with(R"("sinks": ["stdout", "stdout"])"), "audit.sinks[1]: is there already"},
      {with(R"("sinks": [{"syslog": "user"}, {"syslog": "user"}])"),
       "audit.sinks[1]: is there already"},
      {with(R"("sinks": [{"syslog": "loud"}])"), "audit.sinks[0].syslog: expected one of "},
      {with(R"("sinks": [{"syslog": "user", "redis": "a:1"}])"),
       "audit.sinks[0].redis: unknown name"},
      {with(R"("sinks": [{"redis": "a"}])"), "audit.sinks[0].redis: 'a' is not an address"},
      {with(R"("sinks": [{"redis": "a:1", "stream": ""}])"),
       "audit.sinks[0].stream: expected the name of a stream"},
      {with(R"("sinks": [{"redis": "a:1", "maxlen": 0}])"),
       "audit.sinks[0].maxlen: expected a whole number from 1 to"},
      {with(R"("sinks": [{"redis": "a:1", "user": "u"}])"),
       "audit.sinks[0]: a \"user\" needs a \"password_file\""},
  };
  for (const Case& one : cases) {
    CAPTURE(one.audit);
    const std::string error = AuditFile(one.audit).Error();
    CHECK_MESSAGE(error.starts_with(one.error), error);
  }
}

}  // namespace
}  // namespace redwall::agent
