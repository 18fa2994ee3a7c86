#include "gateway/net/tunnel_connection.h"

#include <utility>

namespace redwall::net {
namespace {

constexpr std::uint64_t kTickMs = 1000;

}  // namespace

TunnelConnection::TunnelConnection(Loop& loop, Socket socket, crypto::SecureChannel channel,
                                   std::uint64_t handshake_ms, TunnelHandler& handler)
    : TurnTask(loop, Order::kTunnels),
      loop_(loop),
      socket_(std::move(socket)),
      peer_address_(socket_.peer_address()),
      channel_(std::move(channel)),
      handler_(handler),
      timer_(loop) {
  socket_.SetHandler(this);
  socket_.StartReading();
  socket_.Write(channel_.TakeOutput());
  timer_.Start(handshake_ms, 0, [this] { Abort("the handshake took too long"); });
}

TunnelConnection::~TunnelConnection() = default;

void TunnelConnection::Abort(std::string_view why) {
  if (lost_) return;
  lost_ = true;
  timer_.Stop();
  socket_.StopReading();
  handler_.OnTunnelLost(why);
}

bool TunnelConnection::drained() const {
  return lost_ || (socket_.queued() == 0 && (session_ == nullptr || !session_->HasOutput()));
}

void TunnelConnection::OnRead(MutableBytes bytes) {
  while (!bytes.empty() && !lost_) {
    std::size_t used = 0;
    const MutableBytes record = channel_.Receive(bytes, used);
    bytes = bytes.subspan(used);
    if (channel_.failed()) return Abort(crypto::Describe(channel_.error()));
    socket_.Write(channel_.TakeOutput());
    const bool authenticated = channel_.open() && channel_.confirmed();
    if (authenticated && session_ == nullptr) {
      session_ = handler_.OnAuthenticated(channel_);
      if (session_ == nullptr) return Abort("refused");
    }
    if (!record.empty() && !TakeRecord(record)) return;
    if (used == 0 && record.empty()) break;
  }
  RequestTurnEnd();
}

bool TunnelConnection::TakeRecord(ByteView record) {
  const tunnel::SessionError error = session_->Receive(record, loop_.now_ms());
  if (error != tunnel::SessionError::kNone) {
    Abort(tunnel::Describe(error));
    return false;
  }
  if (!lost_ && !ticking_ && session_->ready()) {
    ticking_ = true;
    timer_.Start(kTickMs, kTickMs, [this] { OnTick(); });
  }
  if (!lost_) handler_.OnRecord();
  return !lost_;
}

void TunnelConnection::OnTick() {
  const tunnel::SessionError error = session_->Tick(loop_.now_ms());
  if (error != tunnel::SessionError::kNone) return Abort(tunnel::Describe(error));
  RequestTurnEnd();
}

void TunnelConnection::OnReadEnd() { Abort("the peer closed the connection"); }

void TunnelConnection::OnError(int uv_error) { Abort(uv_strerror(uv_error)); }

void TunnelConnection::OnDrained() {
  if (session_ != nullptr && session_->HasOutput()) RequestTurnEnd();
}

void TunnelConnection::OnTurnEnd() {
  if (lost_ || session_ == nullptr) return;
  // What the kernel doesn't take at once stays in the session, where streams take turns.
  while (!lost_ && session_->HasOutput() && socket_.queued() < kWriteGoal) {
    const MutableBytes record =
        socket_.Reserve(crypto::kMaxRecordPlaintext + crypto::kRecordOverhead);
    const std::size_t size = session_->Fill(record.subspan(2, crypto::kMaxRecordPlaintext));
    if (size == 0) break;
    const std::size_t sealed = channel_.Seal(record, size);
    if (sealed == 0) return Abort("a record can't be encrypted");
    socket_.Commit(sealed);
  }
  socket_.Flush();
}

}  // namespace redwall::net
