#include "gateway/audit/sink_thread.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

#include "gateway/audit/copy_queue.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kMaxChunk = 256 * 1024;  // bytes, in the thread's hands at a time
constexpr std::uint64_t kLastPatienceMs = 100;

}  // namespace

struct SinkThread::Shared {
  Shared(std::unique_ptr<BlockingSink> its_sink, const Options& options)
      : sink(std::move(its_sink)), retry_ms(options.retry_ms), queue(options.max_bytes) {}

  void WaitForLines() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return work || stopping || given_up; });
    work = false;
  }
  void WaitToRetry() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(retry_ms), [this] { return given_up; });
  }
  bool Is(const bool& state) {
    const std::lock_guard lock(mutex);
    return state;
  }

  const std::unique_ptr<BlockingSink> sink;
  const std::uint64_t retry_ms;
  CopyQueue queue;

  std::mutex mutex;  // of what follows; not held while the sink writes
  std::condition_variable changed;
  bool work = false;
  bool stopping = false;  // no more lines come
  bool given_up = false;  // the thread's time is over
  bool ended = false;
};

SinkThread::SinkThread(std::string name, std::unique_ptr<BlockingSink> sink, Options options)
    : name_(std::move(name)), shared_(std::make_shared<Shared>(std::move(sink), options)) {
  // Signals are the loop's: a thread is born with its maker's mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([shared = shared_] { Run(*shared); });
  } catch (const std::system_error&) {
    shared_->queue.SetTrouble("no thread can be had");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SinkThread::~SinkThread() {
  if (thread_.joinable()) Finish(0);
}

void SinkThread::Take(std::string_view finished_lines) {
  shared_->queue.Take(finished_lines);
  const std::lock_guard lock(shared_->mutex);
  shared_->work = true;
  shared_->changed.notify_all();
}

std::optional<LineCopy::Loss> SinkThread::TakeLoss() { return shared_->queue.TakeLoss(); }
std::optional<LineCopy::Change> SinkThread::TakeChange() { return shared_->queue.TakeChange(); }

void SinkThread::Finish(std::uint64_t patience_ms) {
  std::unique_lock lock(shared_->mutex);
  const auto ended = [this] { return shared_->ended || !thread_.joinable(); };
  shared_->stopping = true;
  shared_->given_up = patience_ms == 0;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, std::chrono::milliseconds(patience_ms), ended);
  shared_->given_up = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, std::chrono::milliseconds(kLastPatienceMs), ended);
  shared_->queue.Close("the end came before they were passed on");
  const bool over = shared_->ended;
  lock.unlock();
  if (!thread_.joinable()) return;
  if (over) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void SinkThread::Run(Shared& shared) {
  std::string chunk;
  std::size_t done = 0;  // bytes of it
  while (!shared.Is(shared.given_up)) {
    if (done == chunk.size()) {
      // In this order: what was taken before the end is seen.
      const bool last = shared.Is(shared.stopping);
      chunk = shared.queue.Next(kMaxChunk, kMaxChunk);
      done = 0;
      if (chunk.empty() && last) break;
    }
    if (chunk.empty()) {
      shared.WaitForLines();
      continue;
    }
    const std::string_view rest = std::string_view(chunk).substr(done);
    const BlockingSink::Outcome outcome = shared.sink->Write(rest);
    done += outcome.taken;
    shared.queue.Lose(outcome.lost, outcome.why);
    shared.queue.SetTrouble(outcome.error);
    shared.queue.Done(rest.substr(0, outcome.taken));
    if (!outcome.error.empty()) shared.WaitToRetry();
  }
  const std::lock_guard lock(shared.mutex);
  shared.ended = true;
  shared.changed.notify_all();
}

}  // namespace redwall::audit
