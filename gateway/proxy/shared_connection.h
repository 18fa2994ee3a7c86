// SharedConnection: whose the replies are that come over one connection to Redis which several
// clients share. docs/operations.md, "Shared connections".
//
//     reader A ─ Expect ─▶ │ A A B A C │ ◀─ OnReply ─ Redis
//                              in order, each reply to its reader, as it comes
//
// Redis answers the commands of a connection in the order in which they were written, one reply
// each, as long as none of them is other than MayShare says. What it says beyond that belongs to
// nobody: the connection is of no use any more, as from then on replies might reach the wrong
// client.
//
// A reader that leaves is forgotten at once; the replies that were to be its own are dropped as
// they come. No socket and no clock; memory: 8 bytes for each run of replies of one reader.
#ifndef REDWALL_GATEWAY_PROXY_SHARED_CONNECTION_H_
#define REDWALL_GATEWAY_PROXY_SHARED_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "resp/limits.h"
#include "resp/reply_scanner.h"

namespace redwall::proxy {

class SharedReader {
 public:
  // The next bytes of the reply whose turn it is; `ends`: its last ones. Valid for the call, and
  // the connection isn't called back from inside.
  virtual void OnReply(std::string_view piece, bool ends) = 0;

 protected:
  ~SharedReader() = default;
};

class SharedConnection {
 public:
  using Seat = std::uint32_t;

  explicit SharedConnection(const resp::ReplyLimits& limits) : scanner_(limits) {}
  SharedConnection(const SharedConnection&) = delete;
  SharedConnection& operator=(const SharedConnection&) = delete;

  // The reader is borrowed until it leaves its seat, which it does once.
  Seat Sit(SharedReader& reader);
  void Leave(Seat seat);
  // So many commands were written for it.
  void Expect(Seat seat, std::size_t count);

  // False: what came is no reply that is waited for, or no reply at all. Final.
  [[nodiscard]] bool OnReply(std::string_view bytes);

  // Replies that are to come, those of readers that left included.
  std::size_t expected() const { return expected_; }

 private:
  struct Place {
    SharedReader* reader = nullptr;  // null: it has left
    std::size_t expected = 0;
  };
  struct Run {
    Seat seat;
    std::uint32_t count;
  };
  void EndReply();

  resp::ReplyScanner scanner_;
  std::vector<Place> places_;
  std::vector<Seat> free_;
  std::deque<Run> runs_;
  std::size_t expected_ = 0;
  bool dead_ = false;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_SHARED_CONNECTION_H_
