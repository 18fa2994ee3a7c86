// RecordedRequest: a command of an audit, made into a Request again, as far as the audit tells it.
// Private to this room.
#ifndef REDWALL_GATEWAY_POLICY_RECORDED_REQUEST_H_
#define REDWALL_GATEWAY_POLICY_RECORDED_REQUEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policy/replay.h"
#include "gateway/policy/rule.h"
#include "gateway/policy/sample.h"

namespace redwall::policy {

// What a record may not tell, a bit each.
using Untold = std::uint32_t;
inline constexpr Untold kUntoldKeys = 1;       // or channels
inline constexpr Untold kUntoldAccess = 2;     // whether the keys are read or written
inline constexpr Untold kUntoldArguments = 4;  // those that aren't keys
inline constexpr Untold kUntoldDatabase = 8;   // that stands in the arguments (SELECT)
inline constexpr Untold kUntoldBytes = 16;
inline constexpr Untold kUntoldUser = 32;
inline constexpr Untold kUntoldFrom = 64;
inline constexpr Untold kUntoldName = 128;  // of an unknown command: its first argument

// What a rule looks at, of what may not be told. kUntoldName is for the caller to say.
Untold AsksFor(const Rule& rule);

class RecordedRequest {
 public:
  explicit RecordedRequest(const resp::CommandTable& table)
      : table_(table), sample_(table), bare_(table) {}

  // Empty, or why nothing can be made of the record at all. `record`'s views must stay valid while
  // the rest is used.
  [[nodiscard]] std::string_view Set(const RecordedCommand& record);

  Untold untold() const { return untold_; }
  const resp::CommandInfo* info() const { return sample_.info(); }
  // What isn't told of it looks like what has yet to arrive. `access` replaces that of the keys.
  enum class AccessIs : std::uint8_t { kAsKnown, kRead, kWrite, kBoth };
  Request request(AccessIs access = AccessIs::kAsKnown);
  // The same without keys, of which nobody knows where they stand: for looking at arguments.
  const resp::Command& bare() const {
    return untold_ & kUntoldArguments ? bare_.command() : sample_.command();
  }
  // All arguments together have at least, and at most, so many bytes.
  std::uint64_t least_bytes() const { return least_bytes_; }
  std::uint64_t most_bytes() const { return most_bytes_; }

 private:
  bool ReadArguments(const RecordedCommand& record);
  bool ReadKeys(const RecordedCommand& record);
  void AddKeys(std::span<const std::string_view> texts, resp::KeyRef::Kind kind);
  void TellAccess(const RecordedCommand& record, std::size_t first_key);
  void TellBytes(const RecordedCommand& record);
  void TellSender(const RecordedCommand& record);
  std::string_view Keep(std::string_view text, bool& cut);

  const resp::CommandTable& table_;
  Sample sample_, bare_;
  std::vector<std::string_view> words_;
  std::vector<std::string> decoded_;  // texts that had escapes
  std::size_t decoded_used_ = 0;
  std::vector<resp::KeyRef> keys_;
  resp::KeyStatus key_status_ = resp::KeyStatus::kUnknown;
  SampleSender sender_;
  Sender view_;
  Untold untold_ = 0;
  std::uint64_t least_bytes_ = 0, most_bytes_ = 0;
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_RECORDED_REQUEST_H_
