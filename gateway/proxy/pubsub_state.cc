#include "gateway/proxy/pubsub_state.h"

#include <algorithm>

namespace redwall::proxy {

using resp::Verb;

bool IsPubsub(Verb verb) {
  switch (verb) {
    case Verb::kSubscribe:
    case Verb::kPsubscribe:
    case Verb::kSsubscribe:
    case Verb::kUnsubscribe:
    case Verb::kPunsubscribe:
    case Verb::kSunsubscribe:
      return true;
    default:
      return false;
  }
}

bool IsPubsubMessage(std::string_view kind) {
  return kind == "message" || kind == "pmessage" || kind == "smessage";
}

Verb ConfirmedVerb(std::string_view kind) {
  if (kind == "subscribe") return Verb::kSubscribe;
  if (kind == "psubscribe") return Verb::kPsubscribe;
  if (kind == "ssubscribe") return Verb::kSsubscribe;
  if (kind == "unsubscribe") return Verb::kUnsubscribe;
  if (kind == "punsubscribe") return Verb::kPunsubscribe;
  if (kind == "sunsubscribe") return Verb::kSunsubscribe;
  return Verb::kOther;
}

void PubsubState::Confirm(Verb verb, std::int64_t count) {
  count = std::max<std::int64_t>(count, 0);
  switch (verb) {
    case Verb::kSubscribe:
    case Verb::kUnsubscribe:
      channels_ = std::max<std::int64_t>(count - patterns_, 0);
      break;
    case Verb::kPsubscribe:
    case Verb::kPunsubscribe:
      patterns_ = std::max<std::int64_t>(count - channels_, 0);
      break;
    case Verb::kSsubscribe:
    case Verb::kSunsubscribe:
      shard_channels_ = count;
      break;
    default:
      break;
  }
}

std::int64_t& PubsubState::CountOf(Verb verb) {
  const bool channels = verb == Verb::kSubscribe || verb == Verb::kUnsubscribe;
  const bool patterns = verb == Verb::kPsubscribe || verb == Verb::kPunsubscribe;
  return channels ? channels_ : patterns ? patterns_ : shard_channels_;
}

std::uint32_t PubsubState::ConfirmationsOfAll(Verb verb) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(CountOf(verb), 1, 0x7fffffff));
}

}  // namespace redwall::proxy
