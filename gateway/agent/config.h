// What an agent is told: by flags, by a file, or by both. docs/configuration.md.
#ifndef REDWALL_GATEWAY_AGENT_CONFIG_H_
#define REDWALL_GATEWAY_AGENT_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/agent/admission.h"
#include "gateway/audit/journal.h"
#include "gateway/net/address.h"
#include "gateway/proxy/conversation.h"
#include "gateway/tunnel/session.h"

namespace redwall::agent {

struct ConfigError {
  std::string sentence;  // names the file, the JSON path (or the flag) and what was expected there
};

// Every limit of an agent.
struct Limits {
  std::size_t max_connections = 0;  // clients at once; client agent: 0 is no limit of its own
  std::uint64_t timeout_ms = 5000;  // a handshake, a connect, and a client's wait for the tunnel
  std::uint64_t drain_ms = 10000;   // what SIGTERM leaves to commands under way
  AdmissionLimits admission;        // tunnel connections that haven't proved themselves
  std::size_t max_held = 512 * 1024 * 1024;  // see proxy::Budget
  std::size_t max_tunnels = 256;             // server: of one identity at once
  // Server: how long a session waits for its agent after its connection is lost, and what all that
  // wait may keep for that together, bytes.
  std::uint32_t linger_ms = 60000;
  std::size_t max_waiting = 256 * 1024 * 1024;
  std::uint64_t new_keys_ms = 12ULL * 3600 * 1000;  // client: until a fresh handshake, by a resume
  proxy::ConversationLimits conversation;
  // As many stream windows as max_streams: slow readers must not use up what the others need.
  tunnel::SessionLimits session{.session_window = 256 * 1024 * 1024};
};

// Where the audit's lines go besides its file. One of the three.
struct AuditCopy {
  bool to_stdout = false;
  std::string syslog;  // the facility
  struct Redis {
    net::Address address;
    std::string stream = "redwall:audit";
    std::uint64_t max_length = 1000000;  // entries, about
    std::string user;                    // empty: "default"
    std::string password_file;           // empty: no AUTH
  };
  std::optional<Redis> redis;
};

struct AuditConfig {
  std::string file;   // "-": standard output; empty: no audit
  bool drop = false;  // "when_full": serve on and count what is lost, instead of not serving
  std::size_t max_pending_bytes = 8 * 1024 * 1024;
  audit::Rotation rotation;
  std::string sign;  // file; empty: checkpoints are not signed
  std::uint64_t checkpoint_ms = 1000;
  std::vector<AuditCopy> copies;
};

// What both agents have.
struct CommonConfig {
  // Of files that the configuration file names: where it does, "server.json: keys[0]".
  std::map<std::string, std::string> origins;
  std::vector<std::string> keys;  // files
  std::string identity;           // file; empty: none
  std::string policy;             // file; empty: everything is allowed
  AuditConfig audit;
  std::string name;  // this agent's, in the audit; by default the host's
  std::string pidfile;
  std::string user;  // to become, once listening
  bool daemon = false;
  std::string log_level = "info";
  bool log_json = false;
  Limits limits;
};

// With what the server agent logs in to a Redis.
struct Credentials {
  std::string user;           // empty: "default"
  std::string password_file;  // empty: no login; clients bring their own
};

struct Route {
  enum class Kind : std::uint8_t {
    kRedis,     // one Redis
    kCluster,   // a Redis Cluster
    kSentinel,  // the master that Sentinels name, and its replicas
    kTcp,       // anything: bytes, not looked into
  };
  std::string name;
  Kind kind = Kind::kRedis;
  // kRedis, kTcp: the one address. kCluster: some of its nodes, kSentinel: some Sentinels; asked
  // for the others.
  std::vector<net::Address> addresses;
  std::string master;  // kSentinel: the name that its Sentinels know it by
  Credentials credentials;
  Credentials sentinel_credentials;  // kSentinel: for the Sentinels themselves
  bool shared = false;               // kRedis: clients share connections where they can
  std::uint64_t refresh_ms = 5000;   // kCluster, kSentinel: how often the others are asked for
};

struct ServerConfig : CommonConfig {
  std::vector<net::Address> listen;
  std::vector<std::string> more_identities;  // files: this agent may be called by these, too
  std::string authorized;                    // file; empty: no identities, shared keys only
  // With identities, whether an agent may still come with a shared key alone. It then has the key's
  // name, and all routes: for the time of a change-over only.
  bool shared_key_agents = false;
  std::vector<Route> routes;
};

// The local ports that may stand for nodes of the other site.
struct PortRange {
  std::uint16_t first = 0, last = 0;  // 0: none
};

struct ClientListener {
  // Which servers of the route its clients get.
  enum class Role : std::uint8_t {
    kAny,       // what the route is for: its Redis, its master, any node
    kSingle,    // all nodes of a cluster, as if they were one Redis
    kReplica,   // a replica of the master that Sentinels watch
    kSentinel,  // a Sentinel
  };
  net::Address listen;
  std::string route = "default";
  unsigned mode = 0;  // of a unix socket's file
  Role role = Role::kAny;
  PortRange node_ports;  // where clients are to be told of nodes
  std::string announce;  // the host that stands for them; empty: the one a client came to
};

struct ClientConfig : CommonConfig {
  std::vector<net::Address> servers;
  std::string server_key;  // the server agent's public key, or its file; needed with an identity
  std::vector<ClientListener> listeners;
  std::size_t tunnels = 1;  // at once; clients are spread over them
};

// Reads a file. Relative paths in it are taken from its own folder. What is missing stays at its
// default: Check says whether the whole makes sense, after the flags were added.
Result<ServerConfig, ConfigError> ReadServerConfig(const std::string& path);
Result<ClientConfig, ConfigError> ReadClientConfig(const std::string& path);

Result<void, ConfigError> Check(const ServerConfig& config);
Result<void, ConfigError> Check(const ClientConfig& config);

// An error about a file that the configuration names: says where it is named, too.
ConfigError BlameFile(const CommonConfig& config, const std::string& path,
                      const std::string& sentence);

// "server" or "client", by what the file holds; for `redwall config check`.
Result<std::string, ConfigError> KindOfConfig(const std::string& path);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_CONFIG_H_
