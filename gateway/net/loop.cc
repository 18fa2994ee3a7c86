#include "gateway/net/loop.h"

#include <ctime>

namespace redwall::net {
namespace {

std::int64_t ReadClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1000000 + time.tv_nsec / 1000;
}

}  // namespace

Now ReadClocks() { return {ReadClock(CLOCK_MONOTONIC), ReadClock(CLOCK_REALTIME)}; }

TurnTask::~TurnTask() {
  if (position_ != 0) loop_.tasks_[static_cast<std::size_t>(order_)][position_ - 1] = nullptr;
}

void TurnTask::RequestTurnEnd() {
  if (position_ != 0) return;
  auto& tasks = loop_.tasks_[static_cast<std::size_t>(order_)];
  tasks.push_back(this);
  position_ = tasks.size();
}

Loop::Loop() : read_buffer_(std::make_unique_for_overwrite<std::byte[]>(kReadBufferSize)) {
  uv_loop_init(&loop_);
  loop_.data = this;
  uv_check_init(&loop_, &check_);
  check_.data = this;
  uv_check_start(&check_, [](uv_check_t* check) { static_cast<Loop*>(check->data)->EndTurn(); });
  uv_unref(reinterpret_cast<uv_handle_t*>(&check_));
  uv_prepare_init(&loop_, &prepare_);
  prepare_.data = this;
  uv_prepare_start(&prepare_,
                   [](uv_prepare_t* prepare) { static_cast<Loop*>(prepare->data)->EndTurn(); });
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
}

Loop::~Loop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&check_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

void Loop::Run() { uv_run(&loop_, UV_RUN_DEFAULT); }
void Loop::Stop() { uv_stop(&loop_); }

const Now& Loop::now() {
  if (now_is_stale_) now_ = ReadClocks();
  now_is_stale_ = false;
  return now_;
}

void Loop::EndTurn() {
  using Order = TurnTask::Order;
  bool more = true;
  while (more) {
    more = false;
    for (const Order order : {Order::kSockets, Order::kTunnels, Order::kLast}) {
      RunTasks(Order::kAudit);  // each step may record what the next one sends
      more = RunTasks(order) || more;
    }
  }
  now_is_stale_ = true;
}

// Runs what is on the list, also what is added meanwhile. False where there was nothing.
bool Loop::RunTasks(TurnTask::Order order) {
  auto& tasks = tasks_[static_cast<std::size_t>(order)];
  if (tasks.empty()) return false;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    TurnTask* const task = tasks[i];
    if (task == nullptr) continue;
    task->position_ = 0;
    task->OnTurnEnd();
  }
  tasks.clear();
  return true;
}

}  // namespace redwall::net
