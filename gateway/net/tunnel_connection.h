// TunnelConnection: one TCP connection between the sites: a socket, a SecureChannel on it, a
// Session in that.
//
//     socket bytes ─▶ channel (handshake, records) ─▶ session (frames)         ─▶ owner
//     socket       ◀─ one write a turn ◀─ records  ◀─ session.Fill at the turn's end
//
// Until the channel is confirmed there is no session, and nothing that came is trusted with
// anything.
#ifndef REDWALL_GATEWAY_NET_TUNNEL_CONNECTION_H_
#define REDWALL_GATEWAY_NET_TUNNEL_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/secure_channel.h"
#include "gateway/net/loop.h"
#include "gateway/net/socket.h"
#include "gateway/net/timer.h"
#include "gateway/tunnel/session.h"

namespace redwall::net {

class TunnelHandler {
 public:
  // The peer has proved itself: makes the session. Called once. Null ends the connection.
  virtual std::unique_ptr<tunnel::Session> OnAuthenticated(
      const crypto::SecureChannel& channel) = 0;
  // A record was handled by the session.
  virtual void OnRecord() {}
  // The connection is over; nothing more comes. The owner destroys it, but not from inside this
  // call. `why` is for the log.
  virtual void OnTunnelLost(std::string_view why) = 0;

 protected:
  ~TunnelHandler() = default;
};

class TunnelConnection final : SocketHandler, TurnTask {
 public:
  // `handshake_ms`: for all until the peer is authenticated and its session is ready.
  TunnelConnection(Loop& loop, Socket socket, crypto::SecureChannel channel,
                   std::uint64_t handshake_ms, TunnelHandler& handler);
  ~TunnelConnection() override;

  // Null before OnAuthenticated and never after it, also when lost.
  tunnel::Session* session() { return session_.get(); }
  const crypto::SecureChannel& channel() const { return channel_; }
  const std::string& peer_address() const { return peer_address_; }

  // After anything was done to the session: sends what it has at the end of the turn.
  void Wake() { RequestTurnEnd(); }
  bool lost() const { return lost_; }
  // Ends the connection at once. OnTunnelLost is called where it wasn't yet.
  void Abort(std::string_view why);
  // True where all that the session had to say has been taken by the kernel.
  bool drained() const;

 private:
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override;
  void OnTurnEnd() override;
  void OnTick();
  bool TakeRecord(ByteView record);

  static constexpr std::size_t kWriteGoal = 256 * 1024;  // sealed ahead of the kernel, bytes

  Loop& loop_;
  Socket socket_;
  std::string peer_address_;
  crypto::SecureChannel channel_;
  std::unique_ptr<tunnel::Session> session_;
  TunnelHandler& handler_;
  Timer timer_;
  bool lost_ = false;
  bool ticking_ = false;  // the timer is the session's, no longer the handshake's
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_TUNNEL_CONNECTION_H_
