// Sender: who sends a command, from where and when: what a rule can ask for besides the command.
#ifndef REDWALL_GATEWAY_POLICY_SENDER_H_
#define REDWALL_GATEWAY_POLICY_SENDER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/network.h"
#include "base/now.h"

namespace redwall::policy {

// All that something may be by the time Redis reads the command: more than one value where a
// command before it that changes it (SELECT, AUTH) isn't answered yet, or never will be.
template <class T>
struct Candidates {
  std::span<const T> values;
  bool unknown = true;  // it may be something else, too

  template <class Predicate>
  bool All(Predicate holds) const {
    return !unknown && std::all_of(values.begin(), values.end(), holds);
  }
  template <class Predicate>
  bool Any(Predicate holds) const {
    return unknown || std::any_of(values.begin(), values.end(), holds);
  }
};

// Views: valid for the call. The default is somebody of whom nothing is known.
struct Sender {
  Candidates<std::string> users;  // of Redis
  Candidates<std::int64_t> databases;
  std::string_view address;     // at the client's site: "192.0.2.7:5000", "unix"
  std::optional<IpAddress> ip;  // of `address`; none: "unix", or not known
  Now now;
};
inline const Sender kUnknownSender{};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_SENDER_H_
