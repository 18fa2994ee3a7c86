// RateLimits: the token buckets of a policy's rules.
//
// A bucket holds up to `burst` tokens and gets `per_second` of them a second; a command takes one.
// There is a bucket for each rule, or for each identity or client of it. Memory is bounded: where a
// rule has more clients than kMaxBuckets, those that are full again are forgotten, and if none is,
// newcomers of an identity share one bucket. Not thread-safe.
#ifndef REDWALL_GATEWAY_POLICY_RATE_LIMITS_H_
#define REDWALL_GATEWAY_POLICY_RATE_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/policy/sender.h"

namespace redwall::policy {

struct Rate {
  // A client is an address at the client's site, without the port, of one identity: opening more
  // connections brings nothing. All clients of unix sockets of an identity are one.
  enum class Per : std::uint8_t { kRule, kIdentity, kClient };
  double per_second = 1;
  double burst = 1;
  Per per = Per::kClient;
  std::size_t number = 0;  // of the rule in its policy
};

class RateLimits {
 public:
  static constexpr std::size_t kMaxBuckets = 65536;  // a rule

  // Takes a token. False: there was none.
  bool Take(const Rate& rate, std::string_view identity, const Sender& sender);

 private:
  struct Bucket {
    double tokens = 0;
    std::int64_t filled_us = 0;  // monotonic: as of when
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Table {
    std::unordered_map<std::string, Bucket, Hash, std::equal_to<>> buckets;
    std::int64_t swept_us = INT64_MIN / 2;  // never; a difference to it is still a number
  };
  static void Fill(const Rate& rate, std::int64_t now_us, Bucket& bucket);
  Bucket& Find(const Rate& rate, std::string_view identity, Table& table, std::int64_t now_us);

  std::vector<Table> tables_;  // by the rule's number
  std::string name_;           // of the bucket in hand; a member so that its memory is kept
};

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_RATE_LIMITS_H_
