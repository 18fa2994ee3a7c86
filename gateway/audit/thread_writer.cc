#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "gateway/audit/writer.h"

namespace redwall::audit {
namespace {

constexpr std::int64_t kTryAgainUs = 100 * 1000;
// After a batch the thread looks again by itself before it goes to sleep: under load nobody needs
// to wake it, which would cost the loop a system call a turn.
constexpr std::chrono::milliseconds kNap{2};
constexpr std::size_t kWakeBytes = 256 * 1024;  // ends a nap
constexpr std::int64_t kLookAgainUs = 200 * 1000;

// The thread gets no signal: they are the loop's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

class ThreadWriter final : public Writer {
 public:
  ThreadWriter(std::unique_ptr<Journal> journal, std::size_t max_bytes, std::function<Now()> clock)
      : journal_(std::move(journal)), max_bytes_(max_bytes), clock_(std::move(clock)) {
    Report();
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { Run(); });
  }
  ~ThreadWriter() override { Stop(); }

  void Submit(std::string& bodies, const Now&) override {
    if (bodies.empty() || !Admit(bodies.size())) return;
    const std::size_t queued = waiting_.fetch_add(bodies.size()) + bodies.size();
    bool wake = false;
    {
      const std::scoped_lock lock(mutex_);
      if (queue_.empty()) {
        queue_.swap(bodies);
      } else {
        queue_ += bodies;
      }
      wake = state_ == State::kAsleep || (state_ == State::kNapping && queued >= kWakeBytes);
    }
    bodies.clear();
    if (wake) wake_.notify_one();
  }
  bool RoomFor(std::size_t bytes) const override { return Load() + bytes <= max_bytes_; }
  bool Recovered() const override { return Load() <= max_bytes_ / 2; }
  bool healthy() const override { return true; }
  std::string trouble() override {
    if (!troubled_) return {};
    const std::scoped_lock lock(mutex_);
    return trouble_;
  }
  std::vector<std::string> TakeNotes() override {
    if (!troubled_) return {};
    const std::scoped_lock lock(mutex_);
    troubled_ = !trouble_.empty();
    return std::exchange(notes_, {});
  }
  // What the thread has to tell is asked for while it is at work.
  std::int64_t DueUs(const Now& now) override {
    const bool at_work = waiting_.load() > 0 || troubled_.load() || reopen_.load();
    return at_work ? now.mono_us + kLookAgainUs : -1;
  }
  bool Reopen(const Now&) override {
    {
      const std::scoped_lock lock(mutex_);
      reopen_ = true;
    }
    wake_.notify_one();
    return true;
  }
  std::uint64_t Close(std::string& bodies, const Now& now) override {
    Stop();
    queue_ += std::exchange(bodies, {});
    taken_ += std::exchange(queue_, {});
    if (reopen_) journal_->Reopen(now);
    journal_->Write(taken_, now);
    for (std::string& note : journal_->TakeNotes()) notes_.push_back(std::move(note));
    const auto left = static_cast<std::uint64_t>(std::count(taken_.begin(), taken_.end(), '\n'));
    const std::uint64_t lost = left + journal_->Close(now);
    Report();
    return lost;
  }

 private:
  enum class State : std::uint8_t { kWorking, kNapping, kAsleep };

  // One line that is larger than the queue finds its place while the queue is at most half full,
  // and counts for a quarter of it: so no client can hide what it does behind one large command.
  bool Admit(std::size_t bytes) {
    if (RoomFor(bytes)) return true;
    if (excess_ > 0 || waiting_.load() > max_bytes_ / 2) return false;
    excess_ = bytes - std::min(bytes, max_bytes_ / 4);
    return true;
  }

  // What waits, as it counts.
  std::size_t Load() const {
    const std::size_t waiting = waiting_.load();
    if (waiting <= max_bytes_ / 2) excess_ = 0;  // it is written, or nearly
    return waiting - std::min(waiting, excess_);
  }

  void Stop() {
    if (!thread_.joinable()) return;
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void Run() {
    std::unique_lock lock(mutex_);
    bool worked = false;
    while (!stop_) {
      Rest(lock, worked);
      if (stop_) return;
      if (taken_.empty()) {
        taken_.swap(queue_);
      } else {
        taken_ += std::exchange(queue_, {});
      }
      const bool reopen = reopen_.exchange(false);
      lock.unlock();
      worked = Work(reopen);
      lock.lock();
      Report();
    }
  }

  // Until there is something to do. `lock` is held before and after.
  void Rest(std::unique_lock<std::mutex>& lock, bool worked) {
    const auto called = [this] { return stop_ || reopen_; };
    const auto needed = [&] { return called() || !queue_.empty(); };
    if (!trouble_.empty()) {  // new lines don't change anything about that
      state_ = State::kWorking;
      wake_.wait_for(lock, std::chrono::microseconds(kTryAgainUs), called);
      return;
    }
    if (worked && !needed()) {
      state_ = State::kNapping;
      // Whatever has come meanwhile is found when the nap is over, whoever ended it.
      wake_.wait_for(lock, kNap);
    }
    state_ = State::kAsleep;
    if (journal_->due_us() < 0) {
      wake_.wait(lock, needed);
    } else {
      const std::int64_t left = journal_->due_us() - clock_().mono_us;
      wake_.wait_for(lock, std::chrono::microseconds(std::max<std::int64_t>(left, 0)), needed);
    }
    state_ = State::kWorking;
  }

  // True where lines were written.
  bool Work(bool reopen) {
    const Now now = clock_();
    if (reopen) journal_->Reopen(now);
    const std::size_t before = taken_.size();
    journal_->Write(taken_, now);
    waiting_ -= before - taken_.size();
    return before > taken_.size();
  }

  void Report() {
    for (std::string& note : journal_->TakeNotes()) notes_.push_back(std::move(note));
    trouble_ = journal_->trouble();
    troubled_ = !trouble_.empty() || !notes_.empty();
  }

  const std::unique_ptr<Journal> journal_;  // the thread's, until it has ended
  const std::size_t max_bytes_;
  const std::function<Now()> clock_;

  mutable std::size_t excess_ = 0;       // the loop's: bytes of a large line that don't count
  std::string taken_;                    // the thread's: what the journal hasn't chained yet
  std::atomic<std::size_t> waiting_{0};  // bytes in queue_ and taken_
  std::atomic<bool> troubled_{false};

  std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::string queue_;
  State state_ = State::kWorking;
  std::atomic<bool> reopen_{false};
  bool stop_ = false;
  std::string trouble_;
  std::vector<std::string> notes_;

  std::thread thread_;
};

}  // namespace

std::unique_ptr<Writer> MakeThreadWriter(std::unique_ptr<Journal> journal, std::size_t max_bytes,
                                         std::function<Now()> clock) {
  return std::make_unique<ThreadWriter>(std::move(journal), max_bytes, std::move(clock));
}

}  // namespace redwall::audit
