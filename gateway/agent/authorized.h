// authorized.json: the client agents that may connect with an identity of their own, and what else
// each line says of them. docs/configuration.md.
#ifndef REDWALL_GATEWAY_AGENT_AUTHORIZED_H_
#define REDWALL_GATEWAY_AGENT_AUTHORIZED_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/network.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "gateway/json/strict_json.h"

namespace redwall::agent {

struct AgentRights {
  std::string name;
  std::vector<std::string> routes;  // empty: all
  std::vector<Network> from;        // empty: from anywhere
  std::string not_after;            // as it was written; empty: no end
  std::int64_t not_after_us = 0;    // the same since 1970, microseconds

  bool MayUse(const std::string& route) const;
  // Whether it may be connected from there at that time: empty, or else a sentence's end for the
  // log and the audit, "it may not connect from here (...)".
  std::string Refusal(std::string_view peer_address, std::int64_t wall_us) const;
};

struct AuthorizedAgents {
  std::vector<AgentRights> rights;
  std::vector<crypto::AuthorizedAgent> keys;  // one a public key; an agent may have several
};

// `taken`: names that no agent may have.
Result<AuthorizedAgents, json::JsonError> ReadAuthorizedAgents(const std::string& path,
                                                               std::set<std::string> taken);

// RFC 3339 in UTC, "2027-01-01T00:00:00Z" (up to six digits of a second's fraction may follow):
// microseconds since 1970. None where it isn't, or there is no such day.
std::optional<std::int64_t> ParseUtcTime(std::string_view text);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_AUTHORIZED_H_
