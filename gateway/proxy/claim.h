// Claim: what a command asks for and Redis grants or refuses: the user, the database, a name.
//
// What is sent behind such a command is recorded as if it had been granted: value(); but a user
// only once granted(), since AUTH's words in the wrong order are a password. What it is judged by
// is all that may be in force by the time Redis reads it: MayBe(). That is one value, but for
// commands whose answer is outstanding, never comes (CLIENT REPLY OFF), or that a transaction has
// yet to execute.
#ifndef REDWALL_GATEWAY_PROXY_CLAIM_H_
#define REDWALL_GATEWAY_PROXY_CLAIM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gateway/policy/sender.h"

namespace redwall::proxy {

template <class T>
class Claim {
 public:
  // `known` false: it starts with something that isn't known, and is recorded as `value`.
  explicit Claim(T value = {}, bool known = true)
      : value_(value), granted_(std::move(value)), granted_known_(known) {}

  const T& value() const { return value_; }
  // What Redis has granted so far.
  const T& granted() const { return granted_; }
  // An answer is outstanding.
  bool pending() const { return pending_ > 0; }
  // Valid until the next call of another member.
  policy::Candidates<T> MayBe() const {
    if (possible_.empty()) return {std::span<const T>(&value_, granted_known_ ? 1 : 0), !known()};
    return {possible_, !known()};
  }

  void Ask(T value) {
    Consider(value);
    value_ = std::move(value);
    ++pending_;
    ++asked_;
  }
  // Until it is answered it may be anything, too: RESET goes back to what isn't known, and HELLO
  // may log in more than once.
  void AskLoosely(T value) {
    Ask(std::move(value));
    possible_unknown_ = true;
  }
  // The answer to the oldest unanswered Ask, which was for `asked`. `heard` false: there is none,
  // and it is only assumed.
  void Answer(const T& asked, bool granted, bool heard = true, bool known = true) {
    ++answered_;
    if (granted) {
      granted_ = asked;
      granted_known_ = known;
      // What was asked for before and not heard of is overtaken.
      if (heard && answered_ > unsure_until_) unsure_ = false;
    }
    if (!heard) StayUnsure();
    if (pending_ == 0 || --pending_ > 0) return;
    value_ = granted_;
    Settle();
  }
  // It was refused, and may have been changed all the same.
  void AnswerVaguely() {
    Answer(granted_, false);
    possible_unknown_ = true;
    StayUnsure();
  }
  // Granted without an Ask: a command that was expected to be queued took effect at once.
  void Grant(T value) {
    granted_ = std::move(value);
    granted_known_ = true;
    if (pending_ > 0) return;
    value_ = granted_;
    Settle();
  }
  // A transaction may ask for it when it is executed. Until EndPlan, what follows may be under it.
  void Plan(const T& value) {
    Consider(value);
    planned_ = true;
  }
  void PlanLoosely() {
    Consider(value_);
    possible_unknown_ = planned_ = true;
  }
  // `queued`: it is sure that there was a transaction. Else it may have taken effect at once.
  void EndPlan(bool queued) {
    if (std::exchange(planned_, false) && !queued) StayUnsure();
    Settle();
  }

 private:
  static constexpr std::size_t kMost = 16;  // values; beyond, it may be anything

  bool known() const { return granted_known_ && !possible_unknown_; }
  void Consider(const T& value) {
    if (possible_.empty() && granted_known_) possible_.push_back(value_);
    if (!granted_known_) possible_unknown_ = true;
    if (std::find(possible_.begin(), possible_.end(), value) != possible_.end()) return;
    if (possible_.size() < kMost) {
      possible_.push_back(value);
    } else {
      possible_unknown_ = true;
    }
  }
  // What it may be by now it may be until something that is asked for later is granted.
  void StayUnsure() {
    unsure_ = true;
    unsure_until_ = asked_;
  }
  // Where nothing is outstanding, one value is left.
  void Settle() {
    if (pending_ > 0 || planned_ || unsure_) return;
    possible_ = {};
    possible_unknown_ = false;
  }

  T value_, granted_;
  bool granted_known_;
  bool planned_ = false;
  bool possible_unknown_ = false;
  std::uint64_t pending_ = 0;
  std::uint64_t asked_ = 0, answered_ = 0;
  bool unsure_ = false;
  std::uint64_t unsure_until_ = 0;  // the Ask of this number is granted, or a later one
  std::vector<T> possible_;         // empty: value_ alone
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLAIM_H_
