#include "gateway/proxy/pubsub_state.h"

#include <doctest/doctest.h>

#include <cstdint>

namespace redwall::proxy {
namespace {

using resp::Verb;

TEST_CASE("Confirmations name their verbs, and only whole lower-case words do") {
  CHECK(ConfirmedVerb("subscribe") == Verb::kSubscribe);
  CHECK(ConfirmedVerb("psubscribe") == Verb::kPsubscribe);
  CHECK(ConfirmedVerb("ssubscribe") == Verb::kSsubscribe);
  CHECK(ConfirmedVerb("unsubscribe") == Verb::kUnsubscribe);
  CHECK(ConfirmedVerb("punsubscribe") == Verb::kPunsubscribe);
  CHECK(ConfirmedVerb("sunsubscribe") == Verb::kSunsubscribe);
  for (const char* other : {"", "message", "SUBSCRIBE", "subscribed", "subscrib", "pong"})
    CHECK(ConfirmedVerb(other) == Verb::kOther);
}

TEST_CASE("Messages are told by their first word") {
  for (const char* kind : {"message", "pmessage", "smessage"}) CHECK(IsPubsubMessage(kind));
  for (const char* other : {"", "messages", "Message", "pong", "subscribe", "invalidate"})
    CHECK_FALSE(IsPubsubMessage(other));
}

TEST_CASE("The six verbs of pub/sub are, and no others") {
  for (int i = 0; i <= static_cast<int>(Verb::kClientSetname); ++i) {
    const Verb verb = static_cast<Verb>(i);
    CHECK(IsPubsub(verb) == (verb >= Verb::kSubscribe && verb <= Verb::kSunsubscribe));
  }
}

TEST_CASE("Channels and patterns are told apart though Redis counts them together") {
  PubsubState state;
  CHECK_FALSE(state.subscribed());
  state.Confirm(Verb::kSubscribe, 1);
  state.Confirm(Verb::kSubscribe, 2);
  state.Confirm(Verb::kPsubscribe, 3);
  CHECK(state.ConfirmationsOfAll(Verb::kUnsubscribe) == 2);
  CHECK(state.ConfirmationsOfAll(Verb::kPunsubscribe) == 1);
  CHECK(state.ConfirmationsOfAll(Verb::kSunsubscribe) == 1);
  state.Confirm(Verb::kSubscribe, 3);  // one that it had already
  CHECK(state.ConfirmationsOfAll(Verb::kUnsubscribe) == 2);
  state.Confirm(Verb::kUnsubscribe, 2);
  state.Confirm(Verb::kUnsubscribe, 1);
  CHECK(state.ConfirmationsOfAll(Verb::kUnsubscribe) == 1);  // none left: one with a null name
  CHECK(state.subscribed());
  state.Confirm(Verb::kPunsubscribe, 0);
  CHECK_FALSE(state.subscribed());
}

TEST_CASE("Shard channels have a count of their own") {
  PubsubState state;
  state.Confirm(Verb::kSubscribe, 1);
  state.Confirm(Verb::kSsubscribe, 1);
  state.Confirm(Verb::kSsubscribe, 2);
  CHECK(state.ConfirmationsOfAll(Verb::kSunsubscribe) == 2);
  CHECK(state.ConfirmationsOfAll(Verb::kUnsubscribe) == 1);
  state.Confirm(Verb::kUnsubscribe, 0);
  CHECK(state.subscribed());
  state.Confirm(Verb::kSunsubscribe, 0);
  CHECK_FALSE(state.subscribed());
}

TEST_CASE("Clear forgets all of them") {
  PubsubState state;
  state.Confirm(Verb::kSubscribe, 1);
  state.Confirm(Verb::kPsubscribe, 2);
  state.Confirm(Verb::kSsubscribe, 1);
  state.Clear();
  CHECK_FALSE(state.subscribed());
  CHECK(state.ConfirmationsOfAll(Verb::kUnsubscribe) == 1);
}

TEST_CASE("Counts that no Redis would send neither overflow nor go below nothing") {
  for (const std::int64_t odd : {INT64_MAX, INT64_MIN, std::int64_t{-1}}) {
    PubsubState state;
    for (const Verb verb :
         {Verb::kSubscribe, Verb::kSsubscribe, Verb::kPsubscribe, Verb::kSubscribe}) {
      state.Confirm(verb, odd);
      CHECK(state.subscribed() == (odd > 0));
    }
    CHECK(state.ConfirmationsOfAll(Verb::kSunsubscribe) == (odd > 0 ? 0x7fffffffu : 1u));
  }
}

}  // namespace
}  // namespace redwall::proxy
