// TunnelConnection: a session between the sites, and the TCP connection that carries it at present:
// a socket, a SecureChannel on it, a Session in that.
//
//     socket bytes ─▶ channel (handshake, records) ─▶ session (frames)         ─▶ owner
//     socket       ◀─ one write a turn ◀─ records  ◀─ session.Fill at the turn's end
//
//     HANDSHAKE ─▶ CARRYING ─ transport lost ─▶ WAITING ─ Attach, Adopt ─▶ CARRYING
//         └────────────┴───── End, or a session that can't be resumed ─▶ LOST (final)
//
// Until the channel is confirmed there is no session, and nothing that came is trusted with
// anything. The session, and with it the owner's streams, outlives a transport whose session can be
// resumed: the client agent gives it another one by Attach; at the server agent the connection that
// came with a valid RESUME is taken over by Adopt.
#ifndef REDWALL_GATEWAY_NET_TUNNEL_CONNECTION_H_
#define REDWALL_GATEWAY_NET_TUNNEL_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
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
  // The peer of the first transport has proved itself: makes the session. `record` is what the peer
  // proved itself with, where that was a record (server). Called once. Null ends the connection,
  // unless another one has adopted its transport meanwhile.
  virtual std::unique_ptr<tunnel::Session> OnAuthenticated(crypto::SecureChannel& channel,
                                                           ByteView record) = 0;
  // Client: likewise for a transport given by Attach; the session is to be told to SendResume.
  virtual void OnReauthenticated(crypto::SecureChannel&) {}
  // A record was handled by the session.
  virtual void OnRecord() {}
  // The transport is gone; the session waits for another one. `why` is for the log.
  virtual void OnTransportLost(std::string_view why) = 0;
  // The session is over, or there never was one; nothing more comes. The owner destroys the
  // connection, but not from inside this call.
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
  // Of the present transport, or the last one.
  const crypto::SecureChannel& channel() const { return channel_; }
  const std::string& peer_address() const { return peer_address_; }
  bool carrying() const { return socket_.has_value(); }
  bool lost() const { return lost_; }

  // After anything was done to the session: sends what it has at the end of the turn.
  void Wake() { RequestTurnEnd(); }

  // Another transport for a session that waits for one. Precondition: !lost(), !carrying().
  void Attach(Socket socket, crypto::SecureChannel channel);
  // Takes over the transport of `fresh`, from inside its OnAuthenticated; one that this connection
  // still has is dropped. What `fresh` received behind its first record comes here. `fresh` is lost
  // then, without a call.
  void Adopt(TunnelConnection& fresh);
  // Sends a record that is no session's, before End.
  void SendAlone(ByteView plaintext);
  // Ends all at once, and lets the peer know, so that it doesn't wait for this end to come back.
  void EndBoth(tunnel::ResetCode code, std::string_view why);

  // Ends the transport. The session goes on waiting where it can be resumed.
  void Drop(std::string_view why);
  // Ends all at once. OnTunnelLost is called where it wasn't yet.
  void End(std::string_view why);
  // True where all that the session had to say has been taken by the kernel.
  bool drained() const;

 private:
  void OnRead(MutableBytes bytes) override;
  void OnReadEnd() override;
  void OnError(int uv_error) override;
  void OnDrained() override;
  void OnTurnEnd() override;
  void OnTick();
  void Begin();
  bool Authenticate(ByteView record);
  bool TakeRecord(ByteView record);
  bool Seal(MutableBytes record, std::size_t size);

  static constexpr std::size_t kWriteGoal = 64 * 1024;  // sealed ahead of the kernel, bytes

  Loop& loop_;
  const std::uint64_t handshake_ms_;
  std::optional<Socket> socket_;  // none: the transport is lost
  std::string peer_address_;
  crypto::SecureChannel channel_;
  std::unique_ptr<tunnel::Session> session_;
  TunnelHandler& handler_;
  Timer handshake_, tick_;
  TunnelConnection* adopted_by_ = nullptr;
  bool authenticated_ = false;  // on the present transport
  bool lost_ = false;
};

}  // namespace redwall::net

#endif  // REDWALL_GATEWAY_NET_TUNNEL_CONNECTION_H_
