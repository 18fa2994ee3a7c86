// The sub-commands of `redwall`. Each registers itself with the parser; what it does when chosen
// sets `status`: 0 done, 1 the operation failed, 2 bad usage or configuration.
#ifndef REDWALL_GATEWAY_CLI_COMMANDS_H_
#define REDWALL_GATEWAY_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <string_view>

namespace redwall::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

void AddAgentCommands(CLI::App& app, int& status);   // client, server, config check
void AddKeyCommands(CLI::App& app, int& status);     // keygen, pubkey
void AddPolicyCommands(CLI::App& app, int& status);  // policy check, policy explain

// "redwall: <sentence>" on standard error; returns `status`.
int Complain(std::string_view sentence, int status);

}  // namespace redwall::cli

#endif  // REDWALL_GATEWAY_CLI_COMMANDS_H_
