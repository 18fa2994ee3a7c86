// The key material of an agent, read from its files.
#ifndef REDWALL_GATEWAY_AGENT_KEYS_H_
#define REDWALL_GATEWAY_AGENT_KEYS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/keyring.h"
#include "crypto/primitives.h"
#include "crypto/secure_channel.h"
#include "gateway/agent/authorized.h"
#include "gateway/agent/config.h"

namespace redwall::agent {

// What a client agent proves itself with.
struct ClientKeys {
  std::vector<crypto::SharedKey> keys;  // the first one is used
  std::optional<crypto::Identity> identity;
  crypto::PublicKey server_key{};

  crypto::SecureChannel::InitiatorKeys initiator() const;
  // Whether a handshake with the others would use the same keys.
  bool SameAs(const ClientKeys& others) const;
};
Result<ClientKeys, ConfigError> ReadClientKeys(const ClientConfig& config);

// What a server agent accepts, and what else its file of authorized agents says.
struct ServerKeys {
  std::shared_ptr<const crypto::Keyring> keyring;
  std::vector<AgentRights> agents;  // who comes with a shared key alone has no line, and all rights
  // Identity and crypto::SecureChannel::peer_proof of all who may connect.
  std::set<std::pair<std::string, crypto::Hash>> proofs;

  // Whether this key still proves this identity: false after it or its line was taken away or
  // replaced, or the name given to another.
  bool StillHolds(const std::string& identity, const crypto::Hash& proof) const {
    return proofs.contains({identity, proof});
  }
  // Whether the agent may use the route. Who comes with a shared key may use all.
  bool MayUse(const std::string& identity, const std::string& route) const;
  // Whether who proved `identity` by `proof` may be connected from there at that time: empty, or
  // else why not, for the log and the audit.
  std::string Refusal(const std::string& identity, const crypto::Hash& proof,
                      std::string_view peer_address, std::int64_t wall_us) const;
  // The first `not_after` behind that time; none where no agent's time ends.
  std::optional<std::int64_t> NextEnd(std::int64_t wall_us) const;

 private:
  const AgentRights* Find(const std::string& identity) const;
};
Result<ServerKeys, ConfigError> ReadServerKeys(const ServerConfig& config);

// "public key 5nzr...=, shared key site 1a2b3c4d": which keys the client agent used, for the log;
// and as fields for the audit.
std::string Describe(const crypto::SecureChannel::KeysInUse& keys);
void AddFields(const crypto::SecureChannel::KeysInUse& keys,
               std::vector<std::pair<std::string_view, std::string>>& fields);

// The AUTH command that credentials make, encoded; empty where there are none. The password is the
// file's first line.
Result<crypto::Secret, ConfigError> ReadLogin(const Credentials& credentials);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_KEYS_H_
