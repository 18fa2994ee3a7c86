#include "gateway/agent/shared_pool.h"

#include <algorithm>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::size_t kMaxGreeting = 4096;

}  // namespace

SharedPipeline::SharedPipeline(SharedPool& pool)
    : pool_(pool),
      replies_(pool.setting().reply),
      connection_(pool.setting().loop, pool.setting().address, pool.setting().timeout_ms,
                  pool.setting().login, *this) {}

SharedPipeline::Seat SharedPipeline::Join(PipelineUser& user) {
  users_.insert(&user);
  return replies_.Sit(user);
}

void SharedPipeline::Leave(PipelineUser& user, Seat seat) {
  users_.erase(&user);
  replies_.Leave(seat);
}

bool SharedPipeline::HasRoom() {
  const bool room =
      is_open() && connection_.queued() < kMaxQueued && replies_.expected() < kMaxExpected;
  full_ = full_ || !room;
  return room;
}

void SharedPipeline::Write(Seat seat, std::string_view commands, std::size_t count) {
  replies_.Expect(seat, count);
  connection_.Write(commands);
}

void SharedPipeline::OnConnected() { pool_.setting().health.OnReached(connection_.address()); }

void SharedPipeline::OnReady() {
  if (!pool_.setting().login.command->empty()) return Open();
  state_ = State::kGreeting;
  connection_.Write(kPing);
}

void SharedPipeline::OnFailed(const BackendFailure& failure) { Lose(&failure); }

void SharedPipeline::OnRead(std::string_view bytes) {
  if (state_ == State::kGreeting) return ReadGreeting(bytes);
  if (state_ != State::kOpen) return;
  if (!replies_.OnReply(bytes)) {
    pool_.setting().on_trouble(
        "Redis said more than it was asked, or no reply at all, on a "
        "connection that clients share");
    return Lose(nullptr);
  }
  if (replies_.expected() < kMaxExpected / 2) TellRoom();
}

// Whatever it is, it is said to somebody who needn't log in, but for NOAUTH.
void SharedPipeline::ReadGreeting(std::string_view bytes) {
  std::size_t used = 0;
  const resp::ScanStatus status = greeting_scanner_.Scan(bytes, used);
  greeting_.append(bytes.substr(0, used));
  const bool wrong =
      status == resp::ScanStatus::kError || greeting_.size() > kMaxGreeting || used < bytes.size();
  if (wrong) {
    const BackendFailure failure{
        tunnel::ResetCode::kUpstreamGone, "Redis said other than it was asked", {}};
    return Lose(&failure);
  }
  if (status == resp::ScanStatus::kNeedMore) return;
  const std::string_view text = greeting_;
  if (text.starts_with("-NOAUTH")) return Lose(nullptr, true);
  if (text.starts_with("-ERR max number of clients") || text.starts_with("-DENIED")) {
    const BackendFailure failure{tunnel::ResetCode::kNone, {}, greeting_};
    return Lose(&failure);
  }
  Open();
}

void SharedPipeline::Open() {
  state_ = State::kOpen;
  full_ = true;
  TellRoom();
}

void SharedPipeline::OnReadEnd() {
  // Redis hung up on a connection that it had not answered yet, as it may where there are too many.
  const BackendFailure failure;
  Lose(state_ == State::kOpen ? nullptr : &failure);
}

void SharedPipeline::TellRoom() {
  if (!full_ || !is_open()) return;
  full_ = false;
  for (PipelineUser* const user : users_) user->OnRoom();
}

void SharedPipeline::Lose(const BackendFailure* failure, bool login_wanted) {
  if (state_ == State::kLost) return;
  state_ = State::kLost;
  if (login_wanted)
    pool_.login_wanted_until_ms_ = pool_.setting().loop.now_ms() + SharedPool::kLoginWantedMs;
  pool_.Drop(this);
  for (PipelineUser* const user : std::exchange(users_, {})) {
    if (login_wanted) {
      user->OnLoginWanted();
    } else {
      user->OnLost(failure);
    }
  }
}

SharedPool::SharedPool(Setting setting)
    : TurnTask(setting.loop, Order::kLast), setting_(std::move(setting)) {}

SharedPool::~SharedPool() = default;

SharedPipeline* SharedPool::Choose() {
  if (setting_.loop.now_ms() < login_wanted_until_ms_) return nullptr;
  const auto fewest = std::min_element(
      pipelines_.begin(), pipelines_.end(),
      [](const auto& a, const auto& b) { return a->user_count() < b->user_count(); });
  const bool full = pipelines_.size() >= kConnections;
  if (fewest != pipelines_.end() && (full || (*fewest)->user_count() == 0)) return fewest->get();
  pipelines_.push_back(std::make_unique<SharedPipeline>(*this));
  return pipelines_.back().get();
}

void SharedPool::Drop(SharedPipeline* pipeline) {
  const auto found = std::find_if(pipelines_.begin(), pipelines_.end(),
                                  [pipeline](const auto& one) { return one.get() == pipeline; });
  if (found == pipelines_.end()) return;
  dropped_.push_back(std::move(*found));
  pipelines_.erase(found);
  RequestTurnEnd();
}

}  // namespace redwall::agent
