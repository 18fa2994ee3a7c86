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

// The key itself, or a file that holds it: what a file holds can be replaced without a restart.
Result<crypto::PublicKey, ConfigError> ReadServerKey(const ClientConfig& config) {
  const std::string& text = config.server_key;
  if (const auto key = crypto::ParsePublicKey(text)) return *key;
  const auto content = json::Value::ReadText(text);
  const std::string line =
      content ? content->substr(0, content->find_last_not_of(" \t\r\n") + 1) : std::string();
  if (const auto key = crypto::ParsePublicKey(line)) return *key;
  // The text isn't repeated: it may be a private key that went to the wrong place.
  return BlameFile(config, text,
                   "the server's public key: expected the 44 characters that 'redwall pubkey FILE' "
                   "prints at the server, or a file that holds nothing else");
}

Result<std::vector<crypto::Identity>, ConfigError> ReadIdentities(const ServerConfig& config) {
  std::vector<std::string> files = {config.identity};
  files.insert(files.end(), config.more_identities.begin(), config.more_identities.end());
  std::vector<crypto::Identity> identities;
  for (const std::string& file : files) {
    auto identity = crypto::ReadIdentity(file);
    if (!identity) return BlameFile(config, file, identity.error().sentence);
    identities.push_back(std::move(*identity));
  }
  return identities;
}

}  // namespace

crypto::SecureChannel::InitiatorKeys ClientKeys::initiator() const {
  return {keys.empty() ? nullptr : &keys.front(), identity ? &*identity : nullptr, server_key};
}

bool ClientKeys::SameAs(const ClientKeys& others) const {
  const auto psk = [](const ClientKeys& of) {
    return of.keys.empty() ? ByteView() : of.keys.front().psk.bytes();
  };
  const auto public_key = [](const ClientKeys& of) {
    return of.identity ? of.identity->public_key : crypto::PublicKey();
  };
  return crypto::ConstantTimeEqual(psk(*this), psk(others)) &&
         public_key(*this) == public_key(others) && server_key == others.server_key;
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
  const auto server_key = ReadServerKey(config);
  if (!server_key) return server_key.error();
  result.server_key = *server_key;
  return result;
}

const AgentRights* ServerKeys::Find(const std::string& identity) const {
  const auto found = std::find_if(agents.begin(), agents.end(),
                                  [&](const AgentRights& agent) { return agent.name == identity; });
  return found == agents.end() ? nullptr : &*found;
}

bool ServerKeys::MayUse(const std::string& identity, const std::string& route) const {
  const AgentRights* const agent = Find(identity);
  return agent == nullptr || agent->MayUse(route);
}

std::string ServerKeys::Refusal(const std::string& identity, const crypto::Hash& proof,
                                std::string_view peer_address, std::int64_t wall_us) const {
  if (!StillHolds(identity, proof)) return "its key was taken away";
  const AgentRights* const agent = Find(identity);
  return agent == nullptr ? std::string() : agent->Refusal(peer_address, wall_us);
}

std::optional<std::int64_t> ServerKeys::NextEnd(std::int64_t wall_us) const {
  std::optional<std::int64_t> next;
  for (const AgentRights& agent : agents) {
    if (agent.not_after.empty() || agent.not_after_us < wall_us) continue;
    next = std::min(next.value_or(agent.not_after_us), agent.not_after_us);
  }
  return next;
}

std::string Describe(const crypto::SecureChannel::KeysInUse& keys) {
  std::string text;
  if (!keys.agent_key.empty()) text = "public key " + keys.agent_key;
  if (keys.shared_key.empty()) return text;
  return text + (text.empty() ? "" : ", ") + "shared key " + keys.shared_key;
}

void AddFields(const crypto::SecureChannel::KeysInUse& keys,
               std::vector<std::pair<std::string_view, std::string>>& fields) {
  if (!keys.agent_key.empty()) fields.emplace_back("public_key", keys.agent_key);
  if (!keys.server_key.empty()) fields.emplace_back("server_key", keys.server_key);
  if (!keys.shared_key.empty()) fields.emplace_back("shared_key", keys.shared_key);
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
  std::vector<crypto::Identity> more_identities;
  AuthorizedAgents authorized;
  if (!config.identity.empty()) {
    auto read = ReadIdentities(config);
    if (!read) return read.error();
    more_identities = std::move(*read);
    identity = std::make_unique<crypto::Identity>(std::move(more_identities.front()));
    more_identities.erase(more_identities.begin());
    auto agents = ReadAuthorizedAgents(config.authorized, std::move(names));
    if (!agents) return BlameFile(config, config.authorized, agents.error().sentence);
    authorized = std::move(*agents);
  }
  for (const crypto::AuthorizedAgent& agent : authorized.keys)
    result.proofs.emplace(agent.name, crypto::NoiseHash({agent.public_key}));
  result.agents = std::move(authorized.rights);
  result.keyring = std::make_shared<const crypto::Keyring>(
      std::move(*keys), std::move(identity), std::move(authorized.keys), shared_key_alone,
      std::move(more_identities));
  return result;
}

Result<crypto::Secret, ConfigError> ReadLogin(const Credentials& credentials) {
  if (credentials.password_file.empty()) return crypto::Secret();
  const std::string& path = credentials.password_file;
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
  if (credentials.user.empty()) {
    resp::WriteCommand({"AUTH", password}, command);
  } else {
    resp::WriteCommand({"AUTH", credentials.user, password}, command);
  }
  crypto::Secret login = crypto::Secret::CopyOf(AsBytes(command));
  std::fill(command.begin(), command.end(), '\0');
  return login;
}

}  // namespace redwall::agent
