#include "gateway/agent/inquiry.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::uint64_t kShares = 5;          // of the time; so many may fail by silence
constexpr std::uint64_t kLeastShareMs = 500;  // where the time isn't shorter itself

}  // namespace

Inquiry::Inquiry(net::Loop& loop, Health& health, const std::vector<net::Address>& servers,
                 Question question, Judge judge, Done done)
    : loop_(loop),
      health_(health),
      servers_(servers),
      question_(std::move(question)),
      judge_(std::move(judge)),
      done_(std::move(done)),
      end_ms_(loop.now_ms() + static_cast<std::int64_t>(question_.timeout_ms)) {
  assert(!servers_.empty());
  std::stable_partition(servers_.begin(), servers_.end(),
                        [&](const auto& server) { return !health.WhyDown(server); });
  AskNext();
}

void Inquiry::AskNext() {
  const std::uint64_t shares = std::min<std::uint64_t>(servers_.size(), kShares);
  net::RedisClientOptions options;
  options.timeout_ms =
      std::max(question_.timeout_ms / shares, std::min(question_.timeout_ms, kLeastShareMs));
  options.login = question_.login;
  client_.emplace(loop_, servers_[asked_], question_.commands, options,
                  [this](const Replies& replies) { OnReplies(replies); });
}

void Inquiry::OnReplies(const Replies& replies) {
  const net::Address& server = servers_[asked_++];
  std::string trouble;
  if (replies) {
    health_.OnReached(server);
    trouble = judge_(server, *replies);
    if (trouble.empty()) return Finish({});
    trouble = server.ToString() + " " + trouble;
  } else {
    trouble = replies.error().sentence;
    if (replies.error().stage == net::RedisError::Stage::kConnecting)
      health_.OnUnreachable(server, trouble, replies.error().refused);
  }
  if (trouble_.empty()) trouble_ = std::move(trouble);
  if (asked_ < servers_.size() && loop_.now_ms() < end_ms_) return AskNext();
  if (asked_ > 1) trouble_ += " (and " + std::to_string(asked_ - 1) + " more were asked in vain)";
  Finish(trouble_);
}

void Inquiry::Finish(const std::string& trouble) {
  const std::string last = trouble;  // it may be this object's own
  client_.reset();
  const Done call = std::exchange(done_, nullptr);
  call(last);  // this object may be gone after it
}

}  // namespace redwall::agent
