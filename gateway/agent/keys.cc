#include "gateway/agent/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "gateway/json/strict_json.h"
#include "resp/writer.h"

namespace redwall::agent {
namespace {

constexpr std::size_t kMaxPassword = 4096;

Result<std::vector<crypto::SharedKey>, ConfigError> ReadKeys(const CommonConfig& config) {
  std::vector<crypto::SharedKey> keys;
  for (const std::string& file : config.keys) {
    auto key = crypto::ReadSharedKey(file);
    if (!key) return BlameFile(config, file, key.error().sentence);
    keys.push_back(std::move(*key));
  }
  return keys;
}

void ReadAgent(const json::Value& object, ServerKeys& keys,
               std::vector<crypto::AuthorizedAgent>& agents, std::set<std::string>& names) {
  crypto::AuthorizedAgent agent;
  AgentRights rights;
  if (const auto name = object.Required("name")) {
    agent.name = rights.name = name->String();
    if (agent.name.empty() || agent.name.size() > 255) name->Fail("a name has 1 to 255 bytes");
    if (!names.insert(agent.name).second) name->Fail("this name is given twice");
  }
  if (const auto key = object.Required("public_key")) {
    auto parsed = crypto::ParsePublicKey(key->String());
    if (parsed) {
      agent.public_key = *parsed;
      // Nobody could say which of the two came.
      const auto is_same = [&](const auto& other) { return other.public_key == agent.public_key; };
      if (std::any_of(agents.begin(), agents.end(), is_same)) key->Fail("this key is given twice");
    } else {
      key->Fail(parsed.error().sentence);
    }
  }
  if (const auto routes = object.Member("routes")) {
    rights.routes = routes->Strings();
    if (rights.routes.empty())
      routes->Fail("expected at least one route, or no \"routes\" for all");
  }
  for (const char* later : {"from", "not_after", "redis_user"}) object.NotYet(later);
  object.Finish();
  keys.proofs.emplace(agent.name, crypto::NoiseHash({agent.public_key}));
  agents.push_back(std::move(agent));
  keys.agents.push_back(std::move(rights));
}

}  // namespace

crypto::SecureChannel::InitiatorKeys ClientKeys::initiator() const {
  return {keys.empty() ? nullptr : &keys.front(), identity ? &*identity : nullptr, server_key};
}

Result<ClientKeys, ConfigError> ReadClientKeys(const ClientConfig& config) {
  ClientKeys result;
  auto keys = ReadKeys(config);
  if (!keys) return keys.error();
  result.keys = std::move(*keys);
  if (config.identity.empty()) return result;
  auto identity = crypto::ReadIdentity(config.identity);
  if (!identity) return BlameFile(config, config.identity, identity.error().sentence);
  result.identity = std::move(*identity);
  auto server_key = crypto::ParsePublicKey(config.server_key);
  if (!server_key) return ConfigError{"the server's public key: " + server_key.error().sentence};
  result.server_key = *server_key;
  return result;
}

bool ServerKeys::MayUse(const std::string& identity, const std::string& route) const {
  for (const AgentRights& agent : agents) {
    if (agent.name != identity) continue;
    return agent.routes.empty() ||
           std::find(agent.routes.begin(), agent.routes.end(), route) != agent.routes.end();
  }
  return true;
}

Result<ServerKeys, ConfigError> ReadServerKeys(const ServerConfig& config) {
  ServerKeys result;
  auto keys = ReadKeys(config);
  if (!keys) return keys.error();
  // An agent must not be taken for one that comes with a shared key of the same name.
  std::set<std::string> names;
  const bool shared_key_alone = config.identity.empty() || config.shared_key_agents;
  for (const crypto::SharedKey& key : *keys) {
    names.insert(key.name);  // several may have one name: a rotation keeps the identity
    if (shared_key_alone) result.proofs.emplace(key.name, crypto::NoiseHash({key.psk.bytes()}));
  }

  std::unique_ptr<crypto::Identity> identity;
  std::vector<crypto::AuthorizedAgent> agents;
  if (!config.identity.empty()) {
    auto read = crypto::ReadIdentity(config.identity);
    if (!read) return BlameFile(config, config.identity, read.error().sentence);
    identity = std::make_unique<crypto::Identity>(std::move(*read));
    auto file = json::Value::ReadFile(config.authorized);
    if (!file) return BlameFile(config, config.authorized, file.error().sentence);
    if (const auto list = file->Required("agents")) {
      for (const json::Value& object : list->Array()) ReadAgent(object, result, agents, names);
    }
    file->Finish();
    if (const auto status = file->status(); !status) return ConfigError{status.error().sentence};
  }
  result.keyring = std::make_shared<const crypto::Keyring>(std::move(*keys), std::move(identity),
                                                           std::move(agents), shared_key_alone);
  return result;
}

Result<crypto::Secret, ConfigError> ReadLogin(const Route& route) {
  if (route.password_file.empty()) return crypto::Secret();
  const std::string& path = route.password_file;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return ConfigError{path + ": the password file can't be read"};
  struct stat status {};
  crypto::Secret text(kMaxPassword);
  const MutableBytes bytes = text.writable();
  const bool is_private =
      fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) == 0;
  const ssize_t size = is_private ? read(fd, bytes.data(), bytes.size()) : 0;
  close(fd);
  if (!is_private) {
    return ConfigError{
        path + ": the password file must be a regular file that nobody else may read: chmod 600 " +
        path};
  }
  std::string_view password =
      AsText(text.bytes()).substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const std::size_t line_end = password.find_first_of("\r\n");
  if (line_end == std::string_view::npos && password.size() == kMaxPassword)
    return ConfigError{path + ": the password is longer than 4095 bytes"};
  password = password.substr(0, std::min(line_end, password.size()));
  if (password.empty()) return ConfigError{path + ": the password file is empty"};
  std::string command;
  command.reserve(2 * kMaxPassword);  // so that no copy is left behind by growing
  if (route.user.empty()) {
    resp::WriteCommand({"AUTH", password}, command);
  } else {
    resp::WriteCommand({"AUTH", route.user, password}, command);
  }
  crypto::Secret login = crypto::Secret::CopyOf(AsBytes(command));
  std::fill(command.begin(), command.end(), '\0');
  return login;
}

}  // namespace redwall::agent
