// Backend: what a client's stream leads to at the server agent's site: a connection to a server, or
// to several that act as one.
//
//     CONNECTING ─ OnConnected ─▶ LOGIN ─ OnReady ─▶ READY ─ OnReadEnd, OnError ─▶ over
//         └───────────────────────────┴─ OnFailed ─▶ over
//
// It is read from the start on (StopReading stops it), and may be written to once it is READY. When
// it is over its owner destroys it, which may be done from inside a call of the handler.
#ifndef REDWALL_GATEWAY_AGENT_BACKEND_H_
#define REDWALL_GATEWAY_AGENT_BACKEND_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "gateway/proxy/cluster_map.h"
#include "gateway/tunnel/frame.h"
#include "resp/command_table.h"

namespace redwall::agent {

struct BackendFailure {
  tunnel::ResetCode code = tunnel::ResetCode::kUpstreamGone;
  std::string sentence;  // for the log; empty: not worth a line
  // Redis turned the connection away by an error that isn't about the agent's credentials
  // (maxclients): its bytes, which are the client's to see.
  std::string reply;
  // kUpstreamUnreachable: it was refused, and at once.
  bool refused = false;
};

class BackendHandler {
 public:
  virtual void OnConnected() = 0;  // the one call that must not destroy it
  virtual void OnReady() = 0;
  virtual void OnFailed(const BackendFailure& failure) = 0;
  virtual void OnRead(std::string_view bytes) = 0;
  virtual void OnReadEnd() = 0;  // the server's FIN
  virtual void OnError() = 0;    // the connection is broken
  virtual void OnDrained() = 0;  // all that was written has been taken

 protected:
  ~BackendHandler() = default;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual void Write(std::string_view bytes) = 0;
  virtual std::size_t queued() const = 0;  // bytes that weren't taken yet
  virtual void StartReading() = 0;
  virtual void StopReading() = 0;
  virtual void Shutdown() = 0;  // FIN, once all that was written has gone
  // Destroying it from now on resets the connection, where it has come to exist.
  virtual void ResetOnClose() = 0;
  // The cluster that it stands for is another one than before, or was asked and is the same.
  virtual void OnMap(const std::shared_ptr<const proxy::ClusterMap>&) {}
  // More is known of the commands that Redis has.
  virtual void OnTable(const std::shared_ptr<const resp::CommandTable>&) {}
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_BACKEND_H_
