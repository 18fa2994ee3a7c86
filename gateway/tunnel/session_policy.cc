// Session: the server agent's policy on its way to the client agent, which so refuses by it what
// would only be refused at the other end of the link. docs/protocol.md, "POLICY".
//
// A text goes in pieces, one a record, before what streams have: so neither keeps the other from
// its turn, however large it is. The pieces are replayed like all that must not get lost. A newer
// text takes the place of one that isn't out yet; its generation tells the client to forget the
// pieces that it has.
#include <cassert>
#include <utility>

#include "gateway/tunnel/session.h"

namespace redwall::tunnel {
namespace {

// Of a frame that fills half a record.
constexpr std::size_t kPiece = kMaxRecord / 2 - kFrameHeaderSize - 4;
static_assert(kPiece <= kMaxPolicyPiece);

}  // namespace

void Session::SendPolicy(std::shared_ptr<const std::string> text) {
  if (dead_ || options_.role != Role::kServer || !peer_takes_policy()) return;
  if (text == nullptr) text = std::make_shared<const std::string>();
  assert(text->size() <= kMaxPolicy);
  policy_ = std::move(text);
  policy_framed_ = 0;
  ++policy_generation_;
}

bool Session::CanPumpPolicy() const {
  return policy_ != nullptr && log_.size_bytes() < options_.limits.max_replay;
}

void Session::PumpPolicy() {
  if (!CanPumpPolicy() || log_.unsent_bytes() >= kUnsentGoal) return;
  const std::string_view piece = std::string_view(*policy_).substr(policy_framed_, kPiece);
  policy_framed_ += piece.size();
  const bool last = policy_framed_ == policy_->size();
  Append(FrameType::kPolicy, 0, EncodePolicy({policy_generation_, piece}), last ? kFlagLast : 0);
  if (last) policy_ = nullptr;
}

SessionError Session::HandlePolicy(const FrameHeader& header, ByteView payload) {
  if (options_.role != Role::kClient || !options_.takes_policy)
    return SessionError::kUnexpectedFrame;
  const auto policy = DecodePolicy(payload);
  if (!policy) return SessionError::kBadFrame;
  if (policy->generation > policy_generation_) {
    policy_generation_ = policy->generation;
    policy_received_.clear();
    policy_whole_ = false;
  } else if (policy->generation < policy_generation_ || policy_whole_) {
    return SessionError::kBadPolicy;
  }
  if (policy->piece.size() > kMaxPolicy - policy_received_.size()) return SessionError::kBadPolicy;
  policy_received_ += policy->piece;
  if ((header.flags & kFlagLast) == 0) return SessionError::kNone;
  policy_whole_ = true;
  handler_.OnPolicy(std::exchange(policy_received_, {}));
  return SessionError::kNone;
}

}  // namespace redwall::tunnel
