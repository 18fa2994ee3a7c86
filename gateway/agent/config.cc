#include "gateway/agent/config.h"

#include <set>
#include <utility>

#include "crypto/key_file.h"
#include "gateway/agent/config_reader.h"
#include "gateway/json/strict_json.h"

namespace redwall::agent {
namespace {

std::vector<net::Address> ReadAddresses(const json::Value& value, PathBase& base) {
  std::vector<net::Address> addresses;
  for (const json::Value& item : value.Array()) addresses.push_back(ReadAddress(item, base));
  if (addresses.empty()) value.Fail("expected at least one address");
  return addresses;
}

// From the members of these names.
Credentials ReadCredentials(const json::Value& object, PathBase& base, const std::string& user,
                            const std::string& password_file) {
  Credentials credentials;
  if (const auto value = object.Member(user)) credentials.user = value->String();
  credentials.password_file = ReadPath(object, password_file, base);
  if (!credentials.user.empty() && credentials.password_file.empty())
    object.Fail("a \"" + user + "\" needs a \"" + password_file + "\"");
  return credentials;
}

// Where a route goes: exactly one of "redis", "cluster", "sentinel", "tcp".
void ReadTarget(const json::Value& object, PathBase& base, Route& route) {
  using Kind = Route::Kind;
  const std::pair<const char*, Kind> kinds[] = {{"redis", Kind::kRedis},
                                                {"cluster", Kind::kCluster},
                                                {"sentinel", Kind::kSentinel},
                                                {"tcp", Kind::kTcp}};
  std::size_t given = 0;
  for (const auto& [member, kind] : kinds) {
    const auto value = object.Member(member);
    if (!value) continue;
    ++given;
    route.kind = kind;
    const bool several = kind == Kind::kCluster || kind == Kind::kSentinel;
    route.addresses = several ? ReadAddresses(*value, base)
                              : std::vector<net::Address>{ReadAddress(*value, base)};
    for (const net::Address& address : route.addresses)
      if (several && address.is_unix()) value->Fail("a node's address is host:port");
  }
  if (given != 1)
    object.Fail("expected one of \"redis\", \"cluster\", \"sentinel\" and \"tcp\": where it goes");
  if (route.kind == Kind::kSentinel) {
    if (const auto master = object.Required("master")) route.master = master->String();
    if (route.master.find_first_of(" \t\r\n") != std::string::npos || route.master.empty())
      object.Fail("\"master\" is the name that the Sentinels know it by");
    route.sentinel_credentials =
        ReadCredentials(object, base, "sentinel_user", "sentinel_password_file");
  }
  if (route.kind == Kind::kCluster || route.kind == Kind::kSentinel) {
    if (const auto refresh = object.Member("refresh_ms"))
      route.refresh_ms = static_cast<std::uint64_t>(refresh->Integer(100, 3600 * 1000));
  }
}

Route ReadRoute(const std::string& name, const json::Value& object, PathBase& base) {
  Route route;
  route.name = name;
  if (name.empty() || name.size() > 255) object.Fail("a route's name has 1 to 255 bytes");
  ReadTarget(object, base, route);
  if (route.kind != Route::Kind::kTcp)
    route.credentials = ReadCredentials(object, base, "user", "password_file");
  if (const auto upstream = object.Member("upstream")) {
    route.shared = upstream->OneOf({"dedicated", "shared"}) == 1;
    if (route.shared && route.kind != Route::Kind::kRedis)
      upstream->Fail("\"shared\" is for a route to one Redis (\"redis\"), not for this kind");
  }
  object.Finish();
  return route;
}

// While this agent's own key pair is being replaced it has several.
void ReadIdentities(const json::Value& root, PathBase& base, ServerConfig& config) {
  const auto several = root.Member("identities");
  if (!several) return;
  if (!config.identity.empty())
    return several->Fail("give \"identity\" or \"identities\", not both");
  for (const json::Value& file : several->Array()) {
    if (file.String().empty()) file.Fail("expected a file's path");
    config.more_identities.push_back(base.Resolve(file));
  }
  if (config.more_identities.empty()) return several->Fail("expected at least one file");
  config.identity = config.more_identities.front();
  config.more_identities.erase(config.more_identities.begin());
}

// "17000-17063", or one port.
PortRange ReadPortRange(const json::Value& value) {
  const std::string text = value.String();
  const std::size_t dash = text.find('-');
  const auto port = [](std::string_view digits) -> unsigned {
    const bool number = !digits.empty() && digits.size() <= 5 &&
                        digits.find_first_not_of("0123456789") == digits.npos;
    return number ? static_cast<unsigned>(std::stoul(std::string(digits))) : 0;
  };
  const unsigned first = port(std::string_view(text).substr(0, dash));
  const unsigned last = dash == text.npos ? first : port(std::string_view(text).substr(dash + 1));
  if (first == 0 || last < first || last > 65535) {
    value.Fail("expected ports like \"17000-17063\", one for each node that there may be");
    return {};
  }
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
}

void ReadNodes(const json::Value& object, ClientListener& listener) {
  using Role = ClientListener::Role;
  if (const auto ports = object.Member("node_ports")) {
    listener.node_ports = ReadPortRange(*ports);
    if (listener.listen.is_unix())
      ports->Fail("nodes need ports, and so does the listener: expected \"listen\": \"host:port\"");
  }
  if (const auto announce = object.Member("announce")) {
    listener.announce = announce->String();
    if (listener.node_ports.first == 0) announce->Fail("\"announce\" goes with \"node_ports\"");
    const bool plain = listener.announce.find_first_of(" \t\r\n,@\"") == std::string::npos;
    if (listener.announce.empty() || listener.announce.size() > 255 || !plain)
      announce->Fail("expected a host's name or number");
  }
  const std::string& host = listener.listen.host;
  const bool anywhere = host == "0.0.0.0" || host == "::" || host.empty();
  if (listener.node_ports.first != 0 && anywhere && listener.announce.empty())
    object.Fail(
        "clients are to be told of nodes by a host that they can connect to: give its name "
        "or number as \"announce\"");
  const auto cluster_mode = object.Member("cluster_mode");
  if (cluster_mode && cluster_mode->OneOf({"nodes", "single"}) == 1) listener.role = Role::kSingle;
  if (cluster_mode && (listener.role == Role::kSingle) == (listener.node_ports.first != 0))
    cluster_mode->Fail("\"nodes\" needs \"node_ports\", and \"single\" has no use for them");
  if (const auto role = object.Member("role")) {
    if (cluster_mode)
      role->Fail("\"role\" is for routes to Sentinels, \"cluster_mode\" for clusters");
    listener.role = std::vector{Role::kAny, Role::kReplica,
                                Role::kSentinel}[role->OneOf({"master", "replica", "sentinel"})];
    if (listener.role == Role::kSentinel && listener.node_ports.first == 0)
      role->Fail("clients of a Sentinel are told addresses: it needs \"node_ports\" for them");
  }
}

ClientListener ReadListener(const json::Value& object, PathBase& base) {
  ClientListener listener;
  if (const auto listen = object.Required("listen")) listener.listen = ReadAddress(*listen, base);
  if (const auto route = object.Member("route")) listener.route = route->String();
  if (const auto mode = object.Member("mode")) {
    const std::string text = mode->String();
    const bool octal = text.size() >= 3 && text.size() <= 4 &&
                       text.find_first_not_of("01234567") == std::string::npos;
    if (octal) {
      listener.mode = static_cast<unsigned>(std::stoul(text, nullptr, 8));
    } else {
      mode->Fail("expected permission bits like \"0660\"");
    }
    if (!listener.listen.is_unix()) mode->Fail("\"mode\" is for unix sockets");
  }
  ReadNodes(object, listener);
  object.Finish();
  return listener;
}

Result<void, ConfigError> CheckCommon(const CommonConfig& config) {
  if (config.keys.empty() && config.identity.empty())
    return ConfigError{"no key: give one with -k FILE (\"keys\"); `redwall keygen FILE` makes one"};
  return {};
}

Result<json::Value, ConfigError> Read(const std::string& path) {
  auto root = json::Value::ReadFile(path);
  if (!root) return ConfigError{root.error().sentence};
  return std::move(*root);
}

}  // namespace

ConfigError BlameFile(const CommonConfig& config, const std::string& path,
                      const std::string& sentence) {
  const auto origin = config.origins.find(path);
  return {origin == config.origins.end() ? sentence : origin->second + ": " + sentence};
}

Result<ServerConfig, ConfigError> ReadServerConfig(const std::string& path) {
  const auto root = Read(path);
  if (!root) return root.error();
  PathBase base(path);
  ServerConfig config;
  ReadCommon(*root, base, config);
  if (const auto listen = root->Member("listen")) config.listen = ReadAddresses(*listen, base);
  ReadIdentities(*root, base, config);
  config.authorized = ReadPath(*root, "authorized", base);
  if (const auto allowed = root->Member("shared_key_agents"))
    config.shared_key_agents = allowed->Bool();
  if (const auto routes = root->Member("routes")) {
    for (const auto& [name, value] : routes->Members())
      config.routes.push_back(ReadRoute(name, value, base));
  }
  root->Finish();
  if (const auto status = root->status(); !status) return ConfigError{status.error().sentence};
  config.origins = base.TakeOrigins();
  return config;
}

Result<ClientConfig, ConfigError> ReadClientConfig(const std::string& path) {
  const auto root = Read(path);
  if (!root) return root.error();
  PathBase base(path);
  ClientConfig config;
  ReadCommon(*root, base, config);
  if (const auto servers = root->Member("servers")) config.servers = ReadAddresses(*servers, base);
  if (const auto key = root->Member("server_key")) {
    config.server_key = key->String();
    if (!crypto::ParsePublicKey(config.server_key)) config.server_key = base.Resolve(*key);
  }
  if (const auto listeners = root->Member("listeners")) {
    for (const json::Value& item : listeners->Array())
      config.listeners.push_back(ReadListener(item, base));
  }
  if (const auto tunnels = root->Member("tunnels"))
    config.tunnels = static_cast<std::size_t>(tunnels->Integer(1, 64));
  root->Finish();
  if (const auto status = root->status(); !status) return ConfigError{status.error().sentence};
  config.origins = base.TakeOrigins();
  return config;
}

Result<void, ConfigError> Check(const ServerConfig& config) {
  if (auto common = CheckCommon(config); !common) return common;
  if (config.listen.empty())
    return ConfigError{"nowhere to listen: give an address with -s ADDR (\"listen\")"};
  if (config.routes.empty())
    return ConfigError{"no Redis to forward to: give its address with -t ADDR (\"routes\")"};
  std::set<std::string> names;
  for (const Route& route : config.routes) {
    if (!names.insert(route.name).second)
      return ConfigError{"the route '" + route.name + "' is given twice"};
  }
  if (config.identity.empty() != config.authorized.empty())
    return ConfigError{
        "an \"identity\" and the \"authorized\" agents belong together: give both or none"};
  return {};
}

Result<void, ConfigError> Check(const ClientConfig& config) {
  if (auto common = CheckCommon(config); !common) return common;
  if (config.listeners.empty())
    return ConfigError{"nowhere to listen: give an address with -s ADDR (\"listeners\")"};
  if (config.servers.empty())
    return ConfigError{
        "no server agent to connect to: give its address with -t ADDR (\"servers\")"};
  if (config.identity.empty() != config.server_key.empty())
    return ConfigError{
        "an \"identity\" and the server's public key (--server-key, \"server_key\") belong "
        "together: give both or none"};
  return {};
}

Result<std::string, ConfigError> KindOfConfig(const std::string& path) {
  const auto root = Read(path);
  if (!root) return root.error();
  const bool client = root->Member("servers").has_value() || root->Member("listeners").has_value();
  const bool server = root->Member("routes").has_value() || root->Member("listen").has_value();
  if (client == server) {
    return ConfigError{path +
                       ": neither a server's (\"listen\", \"routes\") nor a client's "
                       "configuration (\"servers\", \"listeners\")"};
  }
  return std::string(client ? "client" : "server");
}

}  // namespace redwall::agent
