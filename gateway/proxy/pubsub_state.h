// PubsubState: how many subscriptions a connection has, told from Redis's own confirmations.
//
// A confirmation carries a count after it: of channels and patterns together, or of shard channels.
// From these the three numbers follow, and no name has to be kept.
#ifndef REDWALL_GATEWAY_PROXY_PUBSUB_STATE_H_
#define REDWALL_GATEWAY_PROXY_PUBSUB_STATE_H_

#include <cstdint>
#include <string_view>

#include "resp/command_table.h"

namespace redwall::proxy {

// True for SUBSCRIBE, UNSUBSCRIBE and their P- and S- kin.
bool IsPubsub(resp::Verb verb);
// "message", "pmessage", "smessage": what comes between replies in RESP2.
bool IsPubsubMessage(std::string_view kind);
// The verb that a confirmation of this kind ("subscribe", ...) belongs to; kOther for other texts.
resp::Verb ConfirmedVerb(std::string_view kind);

class PubsubState {
 public:
  void Confirm(resp::Verb verb, std::int64_t count);
  // How many confirmations an UNSUBSCRIBE (PUNSUBSCRIBE, SUNSUBSCRIBE) without arguments gets now:
  // at least one.
  std::uint32_t ConfirmationsOfAll(resp::Verb verb);
  bool subscribed() const { return channels_ > 0 || patterns_ > 0 || shard_channels_ > 0; }
  bool listens() const { return channels_ > 0 || patterns_ > 0; }  // to what is published anywhere
  std::int64_t shard_channels() const { return shard_channels_; }
  void Clear() { *this = PubsubState(); }

 private:
  std::int64_t& CountOf(resp::Verb verb);

  std::int64_t channels_ = 0, patterns_ = 0, shard_channels_ = 0;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_PUBSUB_STATE_H_
