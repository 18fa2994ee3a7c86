// Loop: one libuv loop, the clock, and the end of a turn.
//
// A turn is all that the sockets that were ready have to say. What gathered meanwhile goes out at
// its end: first the audit's lines to the kernel, so that no reply leaves before its record; then,
// in one write a socket, to clients and Redis, and through the tunnels (whose frames may have grown
// by the first). There is no timer in that.
#ifndef REDWALL_GATEWAY_NET_LOOP_H_
#define REDWALL_GATEWAY_NET_LOOP_H_

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/now.h"

namespace redwall::net {

class Loop;

// The clocks as they are now. Any thread; on a loop's thread Loop::now() is cheaper.
Now ReadClocks();

// Something to be done at the end of the turn. Destroying it takes it off the list.
class TurnTask {
 public:
  enum class Order : std::uint8_t { kAudit, kSockets, kTunnels, kLast };
  TurnTask(Loop& loop, Order order) : loop_(loop), order_(order) {}
  TurnTask(const TurnTask&) = delete;
  TurnTask& operator=(const TurnTask&) = delete;

  // Asks for one OnTurnEnd; more calls before it change nothing.
  void RequestTurnEnd();

 protected:
  virtual ~TurnTask();
  virtual void OnTurnEnd() = 0;

 private:
  friend class Loop;
  Loop& loop_;
  Order order_;
  std::size_t position_ = 0;  // in the list of its order, from 1; 0: not there
};

class Loop {
 public:
  Loop();
  ~Loop();  // everything that uses the loop is gone by then; runs what libuv still has to close
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Run();  // until Stop
  void Stop();

  // As of the last time the loop woke up: cheap, and the same for all that is served in one turn.
  const Now& now();
  std::int64_t now_ms() { return now().mono_us / 1000; }

  uv_loop_t* uv() { return &loop_; }
  // Where sockets read into. What a read callback is given lives until that callback returns.
  MutableBytes read_buffer() { return {read_buffer_.get(), kReadBufferSize}; }

 private:
  friend class TurnTask;
  static constexpr std::size_t kReadBufferSize = 64 * 1024;
  void EndTurn();
  bool RunTasks(TurnTask::Order order);

  uv_loop_t loop_{};
  uv_check_t check_{};      // after the sockets were served
  uv_prepare_t prepare_{};  // after timers and the like, before the loop sleeps
  Now now_;
  bool now_is_stale_ = true;  // the loop may have slept since
  std::unique_ptr<std::byte[]> read_buffer_;
  std::array<std::vector<TurnTask*>, 4> tasks_;  // by order
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_LOOP_H_
