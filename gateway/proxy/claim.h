// Claim: what a command asks for and Redis grants or refuses: the user, the database, a name.
//
// What is sent behind such a command is recorded as if it had been granted. Once all of them are
// answered, what Redis granted last is in force.
#ifndef REDWALL_GATEWAY_PROXY_CLAIM_H_
#define REDWALL_GATEWAY_PROXY_CLAIM_H_

#include <cstdint>
#include <utility>

namespace redwall::proxy {

template <class T>
class Claim {
 public:
  Claim() = default;
  explicit Claim(T value) : value_(value), granted_(std::move(value)) {}

  const T& value() const { return value_; }
  void Ask(T value) {
    value_ = std::move(value);
    ++pending_;
  }
  // The answer to the oldest unanswered Ask, which was for `asked`.
  void Answer(const T& asked, bool granted) {
    if (granted) granted_ = asked;
    if (pending_ > 0 && --pending_ == 0) value_ = granted_;
  }
  // Granted without an Ask: a command that was expected to be queued took effect at once.
  void Grant(T value) {
    granted_ = std::move(value);
    if (pending_ == 0) value_ = granted_;
  }

 private:
  T value_{}, granted_{};
  std::uint64_t pending_ = 0;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLAIM_H_
