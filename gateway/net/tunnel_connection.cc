#include "gateway/net/tunnel_connection.h"

#include <algorithm>
#include <utility>

namespace redwall::net {
namespace {

constexpr std::uint64_t kTickMs = 1000;
// What lies in the kernel can't be overtaken by another stream's bytes any more.
constexpr int kMaxUnsent = 128 * 1024;
constexpr std::uint16_t kGoawaySize = 10;

}  // namespace

TunnelConnection::TunnelConnection(Loop& loop, Socket socket, crypto::SecureChannel channel,
                                   std::uint64_t handshake_ms, TunnelHandler& handler)
    : TurnTask(loop, Order::kTunnels),
      loop_(loop),
      handshake_ms_(handshake_ms),
      socket_(std::move(socket)),
      channel_(std::move(channel)),
      handler_(handler),
      handshake_(loop),
      tick_(loop) {
  Begin();
}

TunnelConnection::~TunnelConnection() = default;

// The handshake on a new socket.
void TunnelConnection::Begin() {
  peer_address_ = socket_->peer_address();
  authenticated_ = false;
  socket_->LimitUnsent(kMaxUnsent);
  socket_->SetHandler(this);
  socket_->StartReading();
  socket_->Write(channel_.TakeOutput());
  handshake_.Start(handshake_ms_, 0, [this] { Drop("the handshake took too long"); });
}

void TunnelConnection::Attach(Socket socket, crypto::SecureChannel channel) {
  socket_ = std::move(socket);
  channel_ = std::move(channel);
  Begin();
}

void TunnelConnection::Adopt(TunnelConnection& fresh) {
  if (session_->attached()) session_->TransportLost();
  fresh.lost_ = true;
  fresh.adopted_by_ = this;
  fresh.handshake_.Stop();
  socket_ = std::move(fresh.socket_);
  fresh.socket_.reset();
  channel_ = std::move(fresh.channel_);
  peer_address_ = fresh.peer_address_;
  authenticated_ = true;
  socket_->SetHandler(this);
  tick_.Start(kTickMs, kTickMs, [this] { OnTick(); });
}

void TunnelConnection::Drop(std::string_view why) {
  if (lost_ || !socket_) return;
  const bool waits = session_ != nullptr && session_->ready() && session_->linger_ms() > 0;
  if (!waits) return End(why);
  handshake_.Stop();
  tick_.Stop();
  socket_.reset();
  session_->TransportLost();
  handler_.OnTransportLost(why);
}

void TunnelConnection::End(std::string_view why) {
  if (lost_) return;
  lost_ = true;
  handshake_.Stop();
  tick_.Stop();
  if (socket_) socket_->StopReading();
  handler_.OnTunnelLost(why);
}

bool TunnelConnection::drained() const {
  if (lost_ || session_ == nullptr || !socket_) return true;
  return socket_->queued() == 0 && !session_->HasOutput();
}

void TunnelConnection::OnRead(MutableBytes bytes) {
  while (!bytes.empty() && socket_ && !lost_) {
    std::size_t used = 0;
    const MutableBytes record = channel_.Receive(bytes, used);
    bytes = bytes.subspan(used);
    if (channel_.failed()) return Drop(crypto::Describe(channel_.error()));
    socket_->Write(channel_.TakeOutput());
    if (!authenticated_ && channel_.open() && channel_.confirmed() && !Authenticate(record)) break;
    if (!record.empty() && !TakeRecord(record)) break;
    if (used == 0 && record.empty()) break;
  }
  if (adopted_by_ != nullptr) return adopted_by_->OnRead(bytes);
  RequestTurnEnd();
}

// False: nothing more is to be read here.
bool TunnelConnection::Authenticate(ByteView record) {
  authenticated_ = true;
  if (session_ != nullptr) {
    handler_.OnReauthenticated(channel_);
    return socket_.has_value() && !lost_;
  }
  session_ = handler_.OnAuthenticated(channel_, record);
  if (adopted_by_ != nullptr) return false;
  if (session_ == nullptr) End("refused");
  return session_ != nullptr && !lost_;
}

bool TunnelConnection::TakeRecord(ByteView record) {
  const tunnel::SessionError error = session_->Receive(record, loop_.now_ms());
  if (error != tunnel::SessionError::kNone) {
    End(tunnel::Describe(error));
    return false;
  }
  if (socket_ && !lost_ && !tick_.running() && session_->ready() && session_->attached()) {
    handshake_.Stop();
    tick_.Start(kTickMs, kTickMs, [this] { OnTick(); });
  }
  if (!lost_) handler_.OnRecord();
  return socket_.has_value() && !lost_;
}

void TunnelConnection::OnTick() {
  const tunnel::SessionError error = session_->Tick(loop_.now_ms());
  if (error == tunnel::SessionError::kSilent) return Drop(tunnel::Describe(error));
  if (error != tunnel::SessionError::kNone) return End(tunnel::Describe(error));
  RequestTurnEnd();
}

// A GOAWAY that leaves no time. It overtakes what the session hasn't sent yet.
void TunnelConnection::EndBoth(tunnel::ResetCode code, std::string_view why) {
  if (!lost_ && socket_ && session_ != nullptr && session_->ready() && session_->attached()) {
    std::byte goaway[tunnel::kFrameHeaderSize + kGoawaySize] = {};
    tunnel::WriteHeader({tunnel::FrameType::kGoaway, 0, kGoawaySize, 0}, goaway);
    StoreBigEndian<std::uint16_t>(goaway + tunnel::kFrameHeaderSize + 4,
                                  static_cast<std::uint16_t>(code));
    SendAlone(goaway);
  }
  End(why);
}

void TunnelConnection::OnReadEnd() { Drop("the peer closed the connection"); }

void TunnelConnection::OnError(int uv_error) { Drop(uv_strerror(uv_error)); }

void TunnelConnection::OnDrained() {
  if (session_ != nullptr && session_->HasOutput()) RequestTurnEnd();
}

bool TunnelConnection::Seal(MutableBytes record, std::size_t size) {
  const std::size_t sealed = channel_.Seal(record, size);
  if (sealed > 0) socket_->Commit(sealed);
  return sealed > 0;
}

void TunnelConnection::SendAlone(ByteView plaintext) {
  const MutableBytes record =
      socket_->Reserve(crypto::kMaxRecordPlaintext + crypto::kRecordOverhead);
  std::copy(plaintext.begin(), plaintext.end(), record.begin() + 2);
  if (Seal(record, plaintext.size())) socket_->Flush();
}

void TunnelConnection::OnTurnEnd() {
  if (lost_ || session_ == nullptr || !socket_) return;
  // What the kernel doesn't take at once stays in the session, where streams take turns.
  while (!lost_ && session_->HasOutput() && socket_->queued() < kWriteGoal) {
    const MutableBytes record =
        socket_->Reserve(crypto::kMaxRecordPlaintext + crypto::kRecordOverhead);
    const std::size_t size = session_->Fill(record.subspan(2, crypto::kMaxRecordPlaintext));
    if (size == 0) break;
    if (!Seal(record, size)) return Drop("a record can't be encrypted");
  }
  if (socket_) socket_->Flush();
}

}  // namespace redwall::net
