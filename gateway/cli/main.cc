// redwall: the one binary. See `redwall --help`.
#include <cstdio>
#include <string>

#include "crypto/primitives.h"
#include "gateway/agent/version.h"
#include "gateway/cli/commands.h"

namespace redwall::cli {

int Complain(std::string_view sentence, int status) {
  std::fprintf(stderr, "redwall: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  return status;
}

}  // namespace redwall::cli

int main(int argc, char** argv) {
  using namespace redwall;
  if (!crypto::Init())
    return cli::Complain("the system has no randomness to give: nothing can be encrypted",
                         cli::kFailed);

  CLI::App app{
      "A Redis-protocol-aware secure gateway: `redwall client` is a local Redis endpoint, `redwall "
      "server`\n"
      "stands next to Redis; between them everything is encrypted, checked against a policy, and "
      "recorded."};
  app.name("redwall");
  app.set_version_flag("--version", std::string("redwall ") + agent::kVersion);
  app.require_subcommand(1);
  app.footer("An ADDR is host:port, [v6]:port or unix:/path. `redwall COMMAND --help` tells more.");
  int status = cli::kDone;
  cli::AddAgentCommands(app, status);
  cli::AddKeyCommands(app, status);
  cli::AddPolicyCommands(app, status);
  cli::AddAuditCommands(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return cli::Complain(std::string(error.what()) + "; `redwall --help` tells what there is",
                         cli::kUsage);
  }
  return status;
}
