// SharedClient: one client whose commands go over a connection that others use, too, for as long as
// they may, and then over one of its own. docs/operations.md, "Shared connections".
//
//     Conversation ─ OnRequest ─▶ parse ─▶ MayShare ─┬─ ToShared ─▶ SharedConnection ─▶ Redis
//                                                    └─ else: LEAVING
//     SHARING ─ a command that may not be shared ─▶ LEAVING ─ all is answered, and the answers are
//        │                                                    taken: wants_own() ─▶ OnOwnOpen ─▶
//        OWN └─ QUIT, the client's end, its connection is lost, too much is kept ─▶ over
//
// It stands behind the server agent's Conversation, in the place of the socket to Redis. Only whole
// commands are shared: half a command would hold up the others. A client that has left for a
// connection of its own stays there; its bytes pass without being looked at from then on, and the
// SharedClient has nothing to do any more.
//
// Order. All that is shared goes over one connection, so that it is executed and answered as it was
// sent; what follows on the own one is sent when all before it has been answered.
//
// The connection is never left unread for one reader: what a client doesn't take is kept here, and
// where that is too much the client's connection ends.
//
// No socket and no clock. It never trusts client or Redis.
#ifndef REDWALL_GATEWAY_PROXY_SHARED_CLIENT_H_
#define REDWALL_GATEWAY_PROXY_SHARED_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/proxy/shared_connection.h"
#include "resp/command_parser.h"
#include "resp/command_table.h"

namespace redwall::proxy {

// Of one client; sizes in bytes.
struct SharedLimits {
  resp::RequestLimits request = {};
  std::size_t max_command = 32 * 1024;      // of one that may be shared
  std::size_t max_outstanding = 1024;       // replies; who waits for more gets a connection
  std::size_t large_reply = 64 * 1024;      // who gets a larger one gets a connection, too
  std::size_t much_kept = 256 * 1024;       // of replies that aren't taken; beyond, nothing is sent
  std::size_t max_kept = 64 * 1024 * 1024;  // likewise; beyond, the client is disconnected
};

class SharedOutlet {
 public:
  // Whether the connection takes another command at this moment. Where not, OnRoom is to be called
  // when it does.
  virtual bool HasRoom() = 0;
  // So many whole commands. Views are valid for the call; it doesn't come back from inside.
  virtual void ToShared(std::string_view commands, std::size_t count) = 0;
  // Replies have come: they may be taken.
  virtual void OnReplies() = 0;

 protected:
  ~SharedOutlet() = default;
};

class SharedClient final : public SharedReader {
 public:
  enum class State : std::uint8_t { kSharing, kLeaving, kOwn, kOver };

  // `limits` and `outlet` are borrowed.
  SharedClient(const SharedLimits& limits, SharedOutlet& outlet,
               std::shared_ptr<const resp::CommandTable> table);
  SharedClient(const SharedClient&) = delete;
  SharedClient& operator=(const SharedClient&) = delete;

  // Precondition of all but the last: it hasn't got a connection of its own.
  void OnRequest(std::string_view bytes);
  // The client sends no more.
  void OnRequestEnd();
  void OnRoom();
  void OnReply(std::string_view piece, bool ends) override;
  // The shared connection is no more. Who waits for a reply doesn't learn what became of it.
  void OnSharedLost();
  // It can't share at all: its next command is for a connection of its own.
  void Leave();
  void OnTable(std::shared_ptr<const resp::CommandTable> table) { table_ = std::move(table); }

  State state() const { return state_; }
  // A connection of its own is to be opened, and nothing is under way over the shared one.
  bool wants_own() const {
    return state_ == State::kLeaving && outstanding_ == 0 && !has_replies();
  }
  // It is open: what is to be written to it first.
  std::string OnOwnOpen();
  std::size_t outstanding() const { return outstanding_; }  // replies

  bool has_replies() const { return taken_ < replies_.size(); }
  std::string TakeReplies(std::size_t most);
  // False: what is here has to get on first.
  bool takes_requests() const;
  // No more replies will come, and those that have come were taken.
  bool finished() const;
  // Why, where it wasn't the regular end. For the log.
  std::string_view failure() const { return failure_; }
  std::size_t memory() const { return held_.capacity() + replies_.capacity(); }

 private:
  std::size_t TakeRequests(std::string_view input);
  void TakeHeld();
  bool MayTake();
  bool TakeCommand(std::string_view raw);
  bool AnswerHere(std::string_view answer);
  void Send(std::string_view commands);
  void Flush();
  void GiveMemoryBack();

  const SharedLimits& limits_;
  SharedOutlet& outlet_;
  std::shared_ptr<const resp::CommandTable> table_;
  resp::CommandParser parser_;
  State state_ = State::kSharing;
  std::string held_;          // requests that aren't whole, or wait
  std::string_view run_;      // of the current input: commands that are to be sent
  std::size_t commands_ = 0;  // in it
  std::string replies_;
  std::size_t taken_ = 0;  // of them
  std::size_t outstanding_ = 0;
  std::size_t reply_bytes_ = 0;  // of the reply under way
  bool had_large_reply_ = false;
  bool has_written_ = false;  // something that replicas get, too
  bool request_end_ = false;
  std::string failure_;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_SHARED_CLIENT_H_
