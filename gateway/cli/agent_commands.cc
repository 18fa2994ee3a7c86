// client, server, and config check.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/agent/client_agent.h"
#include "gateway/agent/config.h"
#include "gateway/agent/log.h"
#include "gateway/agent/process.h"
#include "gateway/agent/server_agent.h"
#include "gateway/cli/commands.h"

namespace redwall::cli {
namespace {

// The flags as they stand on the command line. What is empty wasn't given.
struct Flags {
  std::string config, source, target, server_key, authorized, policy, audit, pidfile, user, admin;
  std::string log_level;
  std::vector<std::string> keys, identities, routes;
  std::optional<std::size_t> max_connections, threads;
  std::optional<double> timeout;
  bool foreground = false, daemon = false, log_json = false;
};

void AddFlags(CLI::App& command, Flags& flags, bool client) {
  command.add_option("-s,--source", flags.source, "listen here")->type_name("ADDR");
  command.add_option("-t,--target", flags.target, client ? "the server agent" : "Redis")
      ->type_name("ADDR");
  command
      .add_option("-k,--key", flags.keys,
                  client ? "the shared key; may be given several times, the first one is used to "
                           "connect"
                         : "the shared key; may be given several times, all are accepted")
      ->type_name("FILE");
  command.add_option("-n,--max-connections", flags.max_connections,
                     client ? "clients at once; more are told that Redis is full"
                            : "client connections at once through each tunnel (default 1024)");
  command
      .add_option("-o,--timeout", flags.timeout,
                  "for a handshake, a connect, and a client's wait for the tunnel "
                  "(default 5)")
      ->type_name("SECONDS");
  command.add_option("-p,--pidfile", flags.pidfile, "write the process id here")->type_name("FILE");
  command.add_option("-u,--user", flags.user, "become this user once listening")->type_name("USER");
  command.add_flag("-F,--foreground", flags.foreground, "stay in the foreground (the default)");
  command.add_flag("--daemon", flags.daemon, "go to the background once listening");
  command
      .add_option("--config", flags.config, "all that the flags say, and more; flags come first")
      ->type_name("FILE");
  command.add_option("--policy", flags.policy, "what is allowed; without one, everything")
      ->type_name("FILE");
  command
      .add_option("--audit", flags.audit,
                  "record every command here, one JSON object a line; - is standard "
                  "output")
      ->type_name("FILE");
  command.add_option("--route", flags.routes,
                     client ? "the route that -s is for (default: default)"
                            : "a further Redis, NAME=ADDR; may be given several times");
  command
      .add_option("--identity", flags.identities,
                  client ? "this agent's own key pair"
                         : "this agent's own key pair; may be given several times, so that it "
                           "can be replaced without a pause")
      ->type_name("FILE");
  if (client) {
    command
        .add_option("--server-key", flags.server_key,
                    "the server agent's public key, or a file that holds it; with --identity")
        ->type_name("KEY|FILE");
  } else {
    command
        .add_option("--authorized", flags.authorized,
                    "the agents that may connect, with --identity")
        ->type_name("FILE");
  }
  command.add_option("--threads", flags.threads, "only 1 in this version");
  command.add_option("--admin", flags.admin, "not supported by this version yet")
      ->type_name("ADDR");
  command.add_option("--log-level", flags.log_level, "debug, info, warn or error (default info)");
  command.add_flag("--log-json", flags.log_json, "log JSON objects");
}

using agent::ConfigError;

Result<net::Address, ConfigError> ReadAddress(const std::string& flag, const std::string& text) {
  auto address = net::Address::Parse(text);
  if (!address) return ConfigError{flag + ": " + address.error().sentence};
  return std::move(*address);
}

// What is missing is missing in the file, where there is one.
ConfigError InFile(const Flags& flags, const ConfigError& error) {
  return {flags.config.empty() ? error.sentence : flags.config + ": " + error.sentence};
}

// What both agents have. A flag counts more than the file.
Result<void, ConfigError> ApplyCommon(const Flags& flags, agent::CommonConfig& config) {
  const auto replace = [](const std::string& flag, std::string& field) {
    if (!flag.empty()) field = flag;
  };
  if (!flags.keys.empty()) config.keys = flags.keys;
  if (!flags.identities.empty()) config.identity = flags.identities.front();
  replace(flags.policy, config.policy);
  replace(flags.audit, config.audit.file);
  replace(flags.pidfile, config.pidfile);
  replace(flags.user, config.user);
  replace(flags.log_level, config.log_level);
  config.log_json = config.log_json || flags.log_json;
  config.daemon = flags.daemon;
  if (flags.daemon && flags.foreground)
    return ConfigError{"--daemon and --foreground exclude each other"};
  if (flags.threads && *flags.threads != 1)
    return ConfigError{"--threads: more than one thread is not supported by this version yet"};
  if (!flags.admin.empty()) return ConfigError{"--admin: not supported by this version yet"};
  if (flags.timeout) {
    if (!(*flags.timeout > 0 && *flags.timeout <= 86400))
      return ConfigError{"-o: expected seconds, more than 0 and at most 86400"};
    config.limits.timeout_ms = static_cast<std::uint64_t>(*flags.timeout * 1000);
  }
  if (flags.max_connections && (*flags.max_connections < 1 || *flags.max_connections > 1000000))
    return ConfigError{"-n: expected a number from 1 to 1000000"};
  return {};
}

Result<agent::ServerConfig, ConfigError> ServerConfigOf(const Flags& flags) {
  agent::ServerConfig config;
  if (!flags.config.empty()) {
    auto read = agent::ReadServerConfig(flags.config);
    if (!read) return read.error();
    config = std::move(*read);
  }
  if (const auto common = ApplyCommon(flags, config); !common) return common.error();
  if (flags.max_connections)
    config.limits.session.max_streams = static_cast<std::uint32_t>(*flags.max_connections);
  if (!flags.authorized.empty()) config.authorized = flags.authorized;
  if (!flags.identities.empty())
    config.more_identities.assign(flags.identities.begin() + 1, flags.identities.end());
  if (!flags.source.empty()) {
    auto address = ReadAddress("-s", flags.source);
    if (!address) return address.error();
    config.listen = {std::move(*address)};
  }
  const auto add_route = [&](const std::string& name, const std::string& flag,
                             const std::string& text) -> Result<void, ConfigError> {
    auto address = ReadAddress(flag, text);
    if (!address) return address.error();
    agent::Route route;
    route.name = name;
    route.addresses = {std::move(*address)};
    config.routes.push_back(std::move(route));
    return {};
  };
  if (!flags.target.empty()) {
    if (const auto added = add_route("default", "-t", flags.target); !added) return added.error();
  }
  for (const std::string& route : flags.routes) {
    const std::size_t equals = route.find('=');
    if (equals == std::string::npos || equals == 0)
      return ConfigError{"--route: expected NAME=ADDR, got '" + route + "'"};
    const auto added = add_route(route.substr(0, equals), "--route", route.substr(equals + 1));
    if (!added) return added.error();
  }
  if (const auto checked = agent::Check(config); !checked) return InFile(flags, checked.error());
  return config;
}

Result<agent::ClientConfig, ConfigError> ClientConfigOf(const Flags& flags) {
  agent::ClientConfig config;
  if (!flags.config.empty()) {
    auto read = agent::ReadClientConfig(flags.config);
    if (!read) return read.error();
    config = std::move(*read);
  }
  if (const auto common = ApplyCommon(flags, config); !common) return common.error();
  if (flags.max_connections) config.limits.max_connections = *flags.max_connections;
  if (!flags.server_key.empty()) config.server_key = flags.server_key;
  if (flags.identities.size() > 1)
    return ConfigError{"--identity: a client agent has one; several are for a server agent"};
  if (!flags.target.empty()) {
    auto address = ReadAddress("-t", flags.target);
    if (!address) return address.error();
    config.servers = {std::move(*address)};
  }
  if (flags.routes.size() > 1)
    return ConfigError{"--route: one, for -s; more listeners go into --config"};
  if (!flags.source.empty()) {
    auto address = ReadAddress("-s", flags.source);
    if (!address) return address.error();
    agent::ClientListener listener;
    listener.listen = std::move(*address);
    if (!flags.routes.empty()) listener.route = flags.routes[0];
    config.listeners = {std::move(listener)};
  } else if (!flags.routes.empty()) {
    return ConfigError{"--route: needs -s"};
  }
  if (const auto checked = agent::Check(config); !checked) return InFile(flags, checked.error());
  return config;
}

template <class AgentType, class Config>
int RunWith(const Result<Config, ConfigError>& config) {
  if (!config) return Complain(config.error().sentence, kUsage);
  if (!agent::SetUpLog(config->log_level, config->log_json))
    return Complain("--log-level: expected debug, info, warn or error", kUsage);
  agent::Daemon daemon;
  if (config->daemon && !daemon.Begin()) return Complain("can't go to the background", kFailed);
  net::Loop loop;
  const auto made = AgentType::Make(loop, *config);
  if (!made) return Complain(made.error().sentence, kUsage);
  return agent::RunAgent(loop, **made, *config, daemon);
}

// Reads all that the configuration names, as the agent would, and starts nothing.
int CheckConfig(const std::string& path) {
  const auto kind = agent::KindOfConfig(path);
  if (!kind) return Complain(kind.error().sentence, kUsage);
  agent::SetUpLog("warn", false);
  net::Loop loop;
  std::optional<ConfigError> error;
  Flags flags;
  flags.config = path;
  if (*kind == "server") {
    auto config = ServerConfigOf(flags);
    if (config) config->audit.file.clear();  // a check leaves no file behind
    const auto made = config ? agent::ServerAgent::Make(loop, *config) : config.error();
    if (!made) error = made.error();
  } else {
    auto config = ClientConfigOf(flags);
    if (config) config->audit.file.clear();
    const auto made = config ? agent::ClientAgent::Make(loop, *config) : config.error();
    if (!made) error = made.error();
  }
  if (error) return Complain(error->sentence, kUsage);
  std::printf("%s: a %s's configuration, no error\n", path.c_str(), kind->c_str());
  return kDone;
}

}  // namespace

void AddAgentCommands(CLI::App& app, int& status) {
  auto flags = std::make_shared<Flags>();
  CLI::App* client =
      app.add_subcommand("client", "A local Redis endpoint, tunnelled to a server agent");
  AddFlags(*client, *flags, true);
  client->callback(
      [flags, &status] { status = RunWith<agent::ClientAgent>(ClientConfigOf(*flags)); });

  CLI::App* server =
      app.add_subcommand("server", "Accepts tunnels of client agents and forwards to Redis");
  AddFlags(*server, *flags, false);
  server->callback(
      [flags, &status] { status = RunWith<agent::ServerAgent>(ServerConfigOf(*flags)); });

  CLI::App* config = app.add_subcommand("config", "Work with configuration files");
  config->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  CLI::App* check = config->add_subcommand(
      "check", "Read a configuration and all files that it names, start nothing");
  check->add_option("FILE", *path, "the configuration")->required();
  check->callback([path, &status] { status = CheckConfig(*path); });
}

}  // namespace redwall::cli
