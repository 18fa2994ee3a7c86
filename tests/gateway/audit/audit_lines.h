// Audit files as two agents would write them, for tests of those who read them.
#ifndef REDWALL_TESTS_GATEWAY_AUDIT_AUDIT_LINES_H_
#define REDWALL_TESTS_GATEWAY_AUDIT_AUDIT_LINES_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "gateway/audit/json_text.h"

namespace redwall::audit {

inline void WriteAll(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline constexpr std::int64_t kNoon = 1795348800000000;  // 2026-11-22T12:00:00Z

struct LineFacts {
  std::uint64_t n = 1;
  std::int64_t at_us = 0;  // after kNoon
  std::string cmd = "set", key = "k", decision = "allow", result = "ok";
  std::uint64_t stream = 1;
  std::string session = "aa", identity = "site-a";
  std::int64_t us = 100;
  std::string error = "NOPERM";
  bool own = false;
};

// Lines of one agent, numbered as they are added.
class AuditText {
 public:
  explicit AuditText(std::string side, std::string agent = "gw")
      : side_(std::move(side)), agent_(std::move(agent)) {}

  AuditText& Event(const std::string& name, std::int64_t at_us, const std::string& more = {}) {
    Begin(at_us);
    text_ += ",\"event\":\"" + name + "\"" + more + "}\n";
    return *this;
  }
  AuditText& Command(const LineFacts& facts) {
    Begin(facts.at_us);
    AppendField("session", facts.session, 100, text_);
    text_ += ",\"stream\":" + std::to_string(facts.stream) + ",\"n\":" + std::to_string(facts.n);
    AppendField("identity", facts.identity, 100, text_);
    text_ += R"(,"user":"","db":0,"client":"10.0.0.7:4711","client_name":"")";
    AppendField("cmd", facts.cmd, 100, text_);
    text_ += ",\"keys\":[";
    AppendString(facts.key, 1000, text_);
    text_ += R"(],"argc":3,"bytes_in":30,"bytes_out":5,"decision":")" + facts.decision +
             R"(","rule":"r1","result":")" + facts.result + "\"";
    if (facts.result == "error") text_ += R"(,"error":")" + facts.error + '"';
    if (facts.own) text_ += ",\"own\":true";
    text_ += ",\"us\":" + (facts.us < 0 ? "null" : std::to_string(facts.us)) + "}\n";
    return *this;
  }
  // The next line's number is so much higher.
  AuditText& Skip(std::uint64_t count) {
    seq_ += count;
    return *this;
  }
  AuditText& Raw(const std::string& text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  void Begin(std::int64_t at_us) {
    text_ += "{\"v\":1,\"seq\":" + std::to_string(++seq_);
    AppendField("ts", timestamp_.Format(kNoon + at_us), 100, text_);
    AppendField("side", side_, 100, text_);
    AppendField("agent", agent_, 100, text_);
  }

  std::string side_, agent_, text_;
  std::uint64_t seq_ = 0;
  Timestamp timestamp_;
};

}  // namespace redwall::audit

#endif  // REDWALL_TESTS_GATEWAY_AUDIT_AUDIT_LINES_H_
