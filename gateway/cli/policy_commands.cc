// policy check, policy explain, policy schema.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "gateway/cli/commands.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/sample.h"
#include "gateway/policy/schema.h"

namespace redwall::cli {
namespace {

struct Options {
  std::string file;
  std::string identity, user = "default", from, at;
  std::int64_t db = 0;
  std::vector<std::string> command;
};

int CheckPolicy(const Options& options) {
  const auto policy = policy::Policy::ReadFile(options.file);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  for (const std::string& warning : (*policy)->warnings())
    std::fprintf(stderr, "redwall: warning: %s\n", warning.c_str());
  const std::size_t rules = (*policy)->rule_count();
  std::printf("%s: %zu %s, no error\n", options.file.c_str(), rules, rules == 1 ? "rule" : "rules");
  return kDone;
}

// What the flags say of the sender; an error's text where they make no sense.
std::string ReadSender(const Options& options, policy::SampleSender& sender) {
  sender.user = options.user;
  sender.database = options.db;
  if (options.db < 0) return "--db: expected the number of a database, from 0";
  if (!options.from.empty() && !sender.SetFrom(options.from))
    return "--from: " + std::string(policy::kFromExpected) + ", got \"" + options.from + "\"";
  sender.now.wall_us = std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  if (options.at.empty()) return {};
  const auto time = policy::ParseTime(options.at);
  if (!time) return "--at: " + std::string(policy::kTimeExpected) + ", got \"" + options.at + "\"";
  sender.now.wall_us = *time;
  return {};
}

int ExplainPolicy(const Options& options) {
  const auto policy = policy::Policy::ReadFile(options.file);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  policy::SampleSender sender;
  if (const std::string wrong = ReadSender(options, sender); !wrong.empty())
    return Complain(wrong, kUsage);
  // Through the same parser as a client's command, so that the answer is the gateway's own.
  policy::Sample sample(resp::CommandTable::Builtin());
  const std::vector<std::string_view> words(options.command.begin(), options.command.end());
  if (!sample.Build(words))
    return Complain("this is not a command: it is empty or too long", kUsage);
  const std::string text =
      policy::Explain(**policy, options.identity, sample.request(sender.view()));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

int PrintSchema() {
  const std::string text = policy::PolicySchema();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

void AddExplain(CLI::App& policy, const std::shared_ptr<Options>& options, int& status) {
  CLI::App* explain = policy.add_subcommand(
      "explain",
      "Say what a policy decides on a command, and why: redwall policy explain FILE -- FLUSHALL");
  explain->add_option("FILE", options->file, "the policy")->required();
  explain->add_option("--as", options->identity, "the identity of the agent that sends it");
  explain->add_option("--user", options->user, "the Redis user (if left out: default)");
  explain->add_option("--from", options->from,
                      "the client's address at its site, or unix (if left out: not known)");
  explain->add_option("--db", options->db, "the connection's database (if left out: 0)");
  explain->add_option("--at", options->at,
                      "when it is sent, as 2026-11-23T08:00:00Z (if left out: now)");
  explain->add_option("COMMAND", options->command, "the command and its arguments, after --")
      ->required();
  explain->callback([options, &status] { status = ExplainPolicy(*options); });
}

}  // namespace

void AddPolicyCommands(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* policy = app.add_subcommand("policy", "Work with policy files");
  policy->require_subcommand(1);

  CLI::App* check = policy->add_subcommand(
      "check", "Say what is wrong with a policy, and what is probably not meant");
  check->add_option("FILE", options->file, "the policy")->required();
  check->callback([options, &status] { status = CheckPolicy(*options); });

  AddExplain(*policy, options, status);
  AddPolicyTools(*policy, status);
  AddPolicyAcl(*policy, status);

  CLI::App* schema = policy->add_subcommand(
      "schema", "Print the policy language as a JSON Schema, for editors (\"$schema\")");
  schema->callback([&status] { status = PrintSchema(); });
}

}  // namespace redwall::cli
