// What is recorded: a command's facts, in two parts, and events besides commands. The line format
// is docs/audit.md.
#ifndef REDWALL_GATEWAY_AUDIT_EVENT_H_
#define REDWALL_GATEWAY_AUDIT_EVENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/policy/policy.h"

namespace redwall::audit {

class ConnectionText;

// Who a client connection is; one a connection, kept by its owner.
struct Subject {
  std::string session;  // 32 hex digits
  std::uint32_t stream = 0;
  std::string identity;  // the agent's authenticated name
  std::string client;    // the client's address at the client site
};

// The part of a command's record that is known when it arrives.
struct CommandStart {
  const Subject& subject;
  std::uint64_t n;        // the command's number on its connection, from 1; the same at both sites
  std::string_view user;  // the Redis user, empty where not known
  std::int64_t db;
  std::string_view client_name;
  const policy::Request& request;
  const policy::Decision& decision;
  std::int64_t wall_us;
  // The connection's, kept by its owner from one command to the next; null: formatted for this one.
  ConnectionText* text = nullptr;
};

// The part that is known when the reply has passed.
struct CommandEnd {
  enum class Result : std::uint8_t { kNone, kOk, kError } result = Result::kNone;
  std::string_view error;      // the error's first word
  std::uint64_t bytes_in = 0;  // of the whole request, as it came
  std::uint64_t bytes_out = 0;
  std::int64_t us = -1;  // from the command's arrival to its reply's first byte; -1: there was none
  bool own = false;  // the error is this agent's, in place of Redis's answer to what was allowed
};

// Events besides commands: start, stop, tunnel-up, tunnel-down, auth-refused, policy-reloaded, gap,
// client-connected...
struct Event {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>>
      fields;  // after v, seq, ts, side, agent, event
  std::int64_t wall_us = 0;
  std::vector<std::pair<std::string_view, std::uint64_t>> numbers = {};  // after the fields
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_EVENT_H_
