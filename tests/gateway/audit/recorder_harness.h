// A recorder on a file of its own, and what it wrote, line by line.
#ifndef REDWALL_TESTS_GATEWAY_AUDIT_RECORDER_HARNESS_H_
#define REDWALL_TESTS_GATEWAY_AUDIT_RECORDER_HARNESS_H_

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gateway/audit/recorder.h"
#include "tests/gateway/audit/journal_harness.h"

namespace redwall::audit {

using policy::Action;
using policy::AuditArguments;
using policy::AuditEvents;
using policy::AuditSettings;
using policy::Decision;

inline constexpr AuditSettings kFull{AuditEvents::kAll, AuditArguments::kFull, 128};
inline const Decision kAllowed{Action::kAllow, false, Action::kAllow, "default", ""};

inline constexpr std::size_t kRoom = 1 << 20;

inline std::unique_ptr<Writer> Open(const std::string& path, std::size_t max_pending = kRoom) {
  return MakeInlineWriter(OpenJournal(path), max_pending);
}

struct Harness {
  explicit Harness(std::size_t max_pending = kRoom)
      : path(folder.File("audit.jsonl")),
        recorder({"client", "gw \"a\""}, Open(path, max_pending)) {}

  void Command(const policy::Request& request, const AuditSettings& settings = kFull,
               const Decision& decision = kAllowed, const CommandEnd& end = {}) {
    std::string pending = "what another command has here";
    const std::size_t from = pending.size();
    recorder.BeginCommand(
        settings,
        CommandStart{subject, 7, "app", 2, "my client", request, decision, 1709251199000001},
        pending);
    recorder.FinishCommand(std::string_view(pending).substr(from), end);
  }
  // Each line must be JSON of its own.
  std::vector<Json> Lines() {
    recorder.Flush({});
    std::vector<Json> lines;
    const std::string text = ReadAll(path);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      REQUIRE(end != text.npos);
      lines.push_back(Json::parse(text.substr(at, end - at)));
      at = end + 1;
    }
    return lines;
  }

  TempFolder folder;
  std::string path;
  Subject subject{"0123456789abcdef0123456789abcdef", 5, "site-a", "10.0.0.1:5555"};
  Recorder recorder;
};

}  // namespace redwall::audit

#endif  // REDWALL_TESTS_GATEWAY_AUDIT_RECORDER_HARNESS_H_
