// Passage: one client connection as two byte streams, as its link sees it, whatever passes.
//
//     client ─ OnRequest ─▶ Passage ─ Outlet::ToRedis ─▶ server
//     client ◀─ Outlet::ToClient ─ Passage ◀─ OnReply ─ server
//
// A Conversation understands what passes, checks it and records it; a RawPassage (plain TCP) only
// counts it.
#ifndef REDWALL_GATEWAY_PROXY_PASSAGE_H_
#define REDWALL_GATEWAY_PROXY_PASSAGE_H_

#include <string_view>

#include "base/now.h"

namespace redwall::proxy {

// Where the bytes go. Views are valid for the call; neither call may come back into the passage.
class Outlet {
 public:
  virtual void ToRedis(std::string_view bytes) = 0;
  virtual void ToClient(std::string_view bytes) = 0;

 protected:
  ~Outlet() = default;
};

class Passage {
 public:
  virtual ~Passage() = default;

  virtual void OnRequest(std::string_view bytes, const Now& now) = 0;  // from the client's side
  // The client sends no more. To be called once; requests may still be taken because of it.
  virtual void OnRequestEnd(const Now& now) = 0;
  virtual void OnReply(std::string_view bytes, const Now& now) = 0;  // from the server's side
  // The connection is over, whichever side ended it.
  virtual void OnClosed() = 0;

  // The policy is another one.
  virtual void OnPolicyChanged(const Now& now) = 0;
  // What a command is has been found out: goes on with what waits for it.
  virtual void OnCommandsKnown(const Now& now) = 0;

  // True: all that the client is to get was given to the outlet, and both connections are to be
  // closed.
  virtual bool finished() const = 0;
  // Why, where it wasn't the regular end. For the log.
  virtual std::string_view failure() const = 0;
  // False: the source of requests is to be left unread for now, and its end is not to be passed on
  // yet.
  virtual bool takes_requests() const = 0;
  // Whether the source is to be read all the same, so that its end is noticed.
  virtual bool listens() const = 0;
  // The client takes its leave, or is shown out: the server's end is no surprise.
  virtual bool leaving() const = 0;
  // Nothing is under way in either direction and nothing would be lost if the connection ended
  // here.
  virtual bool idle() const = 0;
  // Whether the client may go on sending where the server has ended its side (TCP's half-close).
  virtual bool outlives_server() const = 0;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_PASSAGE_H_
