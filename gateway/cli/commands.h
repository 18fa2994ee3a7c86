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
void AddPolicyCommands(CLI::App& app, int& status);  // policy check, explain, schema
// policy test and policy replay, called by AddPolicyCommands with the command `policy`.
void AddPolicyTools(CLI::App& policy, int& status);
// policy acl, called by AddPolicyCommands with the command `policy`.
void AddPolicyAcl(CLI::App& policy, int& status);
void AddAuditCommands(CLI::App& app, int& status);  // audit verify
// audit reconcile and audit report, called by AddAuditCommands with the command `audit`.
void AddAuditReports(CLI::App& audit, int& status);

// "redwall: <sentence>" on standard error; returns `status`.
int Complain(std::string_view sentence, int status);

}  // namespace redwall::cli

#endif  // REDWALL_GATEWAY_CLI_COMMANDS_H_
