// Sample: a command made of words, as the gateway would see it if a client sent them: for the tools
// that ask a policy without a client (explain, test, replay).
#ifndef REDWALL_GATEWAY_POLICY_SAMPLE_H_
#define REDWALL_GATEWAY_POLICY_SAMPLE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policy/policy.h"
#include "resp/command_parser.h"

namespace redwall::policy {

// Through the same parser, table and key extraction as a client's command, so that what a tool says
// is what the gateway does. One object makes many commands, one after the other.
class Sample {
 public:
  // `table` outlives it.
  explicit Sample(const resp::CommandTable& table) : table_(table) {}
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  // A whole command. False: it is empty or too long.
  [[nodiscard]] bool Build(std::span<const std::string_view> words);
  // The first words of a command of `argc` arguments, of which the others aren't known. False: as
  // above, or `argc` is less than there are words.
  [[nodiscard]] bool BuildHead(std::span<const std::string_view> words, std::uint64_t argc);

  // Of what was built last; valid until the next.
  const resp::Command& command() const { return parser_->command(); }
  const resp::CommandInfo* info() const { return info_; }
  const std::vector<resp::KeyRef>& keys() const { return keys_; }
  resp::KeyStatus key_status() const { return key_status_; }
  Request request(const Sender& sender) const {
    return {command(), info_, keys_, key_status_, sender};
  }

 private:
  void LookUp();

  const resp::CommandTable& table_;
  std::string wire_;
  std::optional<resp::CommandParser> parser_ = resp::CommandParser();
  const resp::CommandInfo* info_ = nullptr;
  std::vector<resp::KeyRef> keys_;
  resp::KeyStatus key_status_ = resp::KeyStatus::kUnknown;
};

// Who sends it: a Sender that owns what it says. Where nothing is said, it is the user and the
// database that a connection has at first, from somewhere.
struct SampleSender {
  std::optional<std::string> user = "default";  // none: not known
  std::optional<std::int64_t> database = 0;
  std::string address;  // "192.0.2.7", "unix", or empty: not known
  std::optional<IpAddress> ip;
  Now now;

  // "192.0.2.7", "192.0.2.7:5000", "[2001:db8::1]:5000", "unix". False: it is none of these.
  [[nodiscard]] bool SetFrom(std::string_view text);
  // Valid as long as this and unchanged.
  Sender view() const;
};
inline constexpr std::string_view kFromExpected =
    "expected an IP address, as \"192.0.2.7\", or \"unix\"";

// "2026-11-23T08:00:00Z", "2026-11-23T09:00:00.5+01:00": microseconds since 1970. Nothing where it
// is no time of RFC 3339.
std::optional<std::int64_t> ParseTime(std::string_view text);
inline constexpr std::string_view kTimeExpected =
    "expected a time as \"2026-11-23T08:00:00Z\" or \"2026-11-23T09:00:00+01:00\"";
// "2026-11-23T08:00:00Z"
std::string FormatTime(std::int64_t wall_us);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_SAMPLE_H_
