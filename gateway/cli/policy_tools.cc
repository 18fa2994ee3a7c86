// policy test, policy replay.
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/audit/line_file.h"
#include "gateway/audit/line_reader.h"
#include "gateway/cli/commands.h"
#include "gateway/json/strict_json.h"
#include "gateway/policy/cases.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/replay.h"

namespace redwall::cli {
namespace {

struct TestOptions {
  std::vector<std::string> files;  // [policy], cases
  policy::CaseOptions how;
};

int TestPolicy(const TestOptions& options) {
  const std::string& name = options.files.back();
  const auto text = json::Value::ReadText(name);
  if (!text) return Complain(text.error().sentence, kUsage);
  const std::int64_t now_us = std::chrono::duration_cast<std::chrono::microseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  const auto cases = policy::ParseCases(*text, name, now_us);
  if (!cases) return Complain(cases.error().sentence, kUsage);
  std::string policy_name = options.files.front();
  if (options.files.size() == 1) {
    if (cases->policy.empty())
      return Complain(name + " names no \"policy\": redwall policy test POLICY " + name, kUsage);
    policy_name = (std::filesystem::path(name).parent_path() / cases->policy).string();
  }
  const auto policy = policy::Policy::ReadFile(policy_name);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  const policy::CaseReport report =
      policy::RunCases(*policy, policy_name, cases->cases, options.how);
  std::fwrite(report.text.data(), 1, report.text.size(), stdout);
  return report.failed == 0 ? kDone : kFailed;
}

struct ReplayOptions {
  std::string policy;
  std::vector<std::string> audits;
  bool all = false;
};

policy::RecordedCommand Recorded(const audit::AuditLine& line, const audit::LineFile& file) {
  policy::RecordedCommand out;
  out.file = file.path();
  out.line = file.number();
  out.ts_us = line.ts_us;
  out.identity = line.identity;
  out.user = line.user;
  out.client = line.client;
  out.cmd = line.cmd;
  out.db = line.db;
  out.has_keys = line.has_keys;
  out.has_args = line.has_args;
  out.keys_untold = line.keys_untold;
  out.keys = line.keys;
  out.channels = line.channels;
  out.args = line.args;
  out.keys_more = line.keys_more;
  out.channels_more = line.channels_more;
  out.args_more = line.args_more;
  out.argc = line.argc;
  out.bytes_in = line.bytes_in;
  out.decided = line.observed ? line.would : line.decision;
  out.rule = line.rule;
  return out;
}

// Lines that can't be read (half of one, where an agent was killed) are counted, and the first one
// is told.
struct Unreadable {
  std::uint64_t count = 0;
  std::string first;
};

// False where the file can't be read; the reason was said.
bool ReplayFile(const std::string& path, bool all, policy::Replay& replay, Unreadable& unreadable) {
  auto opened = audit::LineFile::Open(path);
  if (!opened) {
    Complain(opened.error().sentence, kUsage);
    return false;
  }
  audit::LineFile& file = **opened;
  audit::LineReader reader;
  for (std::string_view text; file.Next(text);) {
    if (text.empty()) continue;
    if (!reader.Read(text)) {
      if (unreadable.count++ == 0)
        unreadable.first = path + ":" + std::to_string(file.number()) + ": " + reader.error();
      continue;
    }
    if (!reader.line().is_command()) continue;
    const policy::RecordedCommand record = Recorded(reader.line(), file);
    const policy::Replay::Outcome outcome = replay.Take(record);
    if (!all || outcome != policy::Replay::Outcome::kDifferent) continue;
    const std::string line = replay.Describe(record);
    std::fwrite(line.data(), 1, line.size(), stdout);
  }
  if (!file.error().empty()) {
    Complain(file.error(), kUsage);
    return false;
  }
  return true;
}

int ReplayAudits(const ReplayOptions& options) {
  const auto policy = policy::Policy::ReadFile(options.policy);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  policy::Replay replay(*policy);
  Unreadable unreadable;
  for (const std::string& path : options.audits)
    if (!ReplayFile(path, options.all, replay, unreadable)) return kUsage;
  if (unreadable.count > 0)
    std::fprintf(stderr, "redwall: %" PRIu64 " lines can't be read, the first is %s\n",
                 unreadable.count, unreadable.first.c_str());
  if (replay.seen() == 0) return Complain("there is no command in what was given", kUsage);
  const std::string text = replay.Summary();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return replay.different() == 0 ? kDone : kFailed;
}

}  // namespace

void AddPolicyTools(CLI::App& policy, int& status) {
  auto test_options = std::make_shared<TestOptions>();
  CLI::App* test = policy.add_subcommand(
      "test", "Try a policy on a file of cases: redwall policy test FILE CASES.json");
  test->add_option("FILES", test_options->files,
                   "the policy, and the cases; the cases alone where they name their policy")
      ->required()
      ->expected(1, 2);
  test->add_flag("--verbose", test_options->how.verbose, "a line for each case that passes, too");
  test->add_flag("--coverage", test_options->how.coverage, "name the rules that decided no case");
  test->callback([test_options, &status] { status = TestPolicy(*test_options); });

  auto replay_options = std::make_shared<ReplayOptions>();
  CLI::App* replay = policy.add_subcommand(
      "replay", "Say what a policy would decide otherwise than an audit tells");
  replay->add_option("FILE", replay_options->policy, "the policy")->required();
  replay->add_option("AUDIT", replay_options->audits, "the files of an audit, the oldest first")
      ->required();
  replay->add_flag("--all-differences", replay_options->all,
                   "a line for each command that would be decided otherwise");
  replay->callback([replay_options, &status] { status = ReplayAudits(*replay_options); });
}

}  // namespace redwall::cli
