// policy check and policy explain.
#include <cstdio>
#include <memory>
#include <vector>

#include "gateway/cli/commands.h"
#include "gateway/policy/policy.h"
#include "resp/command_parser.h"
#include "resp/command_table.h"
#include "resp/key_extractor.h"
#include "resp/writer.h"

namespace redwall::cli {
namespace {

struct Options {
  std::string file;
  std::string identity;
  std::vector<std::string> command;
};

int CheckPolicy(const Options& options) {
  const auto policy = policy::Policy::ReadFile(options.file);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  for (const std::string& warning : (*policy)->warnings())
    std::fprintf(stderr, "redwall: warning: %s\n", warning.c_str());
  std::printf("%s: %zu rules, no error\n", options.file.c_str(), (*policy)->rule_count());
  return kDone;
}

int ExplainPolicy(const Options& options) {
  const resp::CommandTable& table = resp::CommandTable::Builtin();
  const auto policy = policy::Policy::ReadFile(options.file);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  // Through the same parser as a client's command, so that the answer is the gateway's own.
  std::string bytes;
  resp::WriteArrayHeader(options.command.size(), bytes);
  for (const std::string& argument : options.command) resp::WriteBulk(argument, bytes);
  resp::CommandParser parser;
  if (parser.Parse(bytes) != resp::ParseStatus::kCommand || parser.command().argc() == 0)
    return Complain("this is not a command: it is empty or too long", kUsage);
  const resp::Command& command = parser.command();
  const resp::CommandInfo* info = table.Find(command);
  std::vector<resp::KeyRef> keys;
  const resp::KeyStatus status =
      info == nullptr ? resp::KeyStatus::kUnknown : resp::ExtractKeys(*info, command, keys);
  const std::string text =
      policy::Explain(**policy, options.identity, {command, info, keys, status});
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
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

  CLI::App* explain = policy->add_subcommand(
      "explain",
      "Say what a policy decides on a command, and why: redwall policy explain FILE -- FLUSHALL");
  explain->add_option("FILE", options->file, "the policy")->required();
  explain->add_option("--as", options->identity, "the identity of the agent that sends it");
  explain->add_option("COMMAND", options->command, "the command and its arguments, after --")
      ->required();
  explain->callback([options, &status] { status = ExplainPolicy(*options); });
}

}  // namespace redwall::cli
