// A session against a peer that sends anything. First byte of the input: bit 0 chooses the role,
// bit 1 says whether the handshake has been done, bit 2 whether the owner is slow to take its
// bytes, bit 3 whether an owner's reactions may lose the transport, bit 4 whether a client takes
// policies. The rest is records, each `u16be length | frames`; a length over 32,767 loses the
// transport first, and a client then asks to resume. A record that is one RESUME is taken for the
// first of a new transport. Whatever comes, nothing may crash, memory stays within its limits, and
// a session that has failed says nothing more, one without a transport nothing but RESUME.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/tunnel/session.h"

namespace {

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

void Require(bool condition) {
  if (!condition) std::abort();
}

class Owner;

// Sends back what comes, and ends its stream in a way that depends on what came.
class Echo final : public StreamHandler {
 public:
  Echo(Owner& owner, StreamId id) : owner_(owner), id_(id) {}
  void OnOpened() override;
  void OnData(ByteView bytes) override;
  void OnFinish() override;
  void OnReset(ResetCode code) override;
  void OnWritable() override;

 private:
  Owner& owner_;
  const StreamId id_;
};

class Owner final : public SessionHandler {
 public:
  Owner(Role role, bool slow, bool breaks, bool takes_policy)
      : role_(role),
        slow_(slow),
        breaks_(breaks),
        takes_policy_(takes_policy),
        session_({role, "fuzz", "1", "peer", {}, 60000, Limits(), 1, takes_policy}, *this) {}

  static SessionLimits Limits() {
    SessionLimits limits;
    limits.stream_window = 16384;
    limits.session_window = 65536;
    limits.max_streams = 8;
    limits.max_unanswered = 4;
    limits.max_replay = 65536;
    return limits;
  }

  void OnReady() override { Open(); }
  void OnGoaway(ResetCode, std::uint32_t) override { session_.GoAway(ResetCode::kShutdown, 0); }
  void OnPolicy(std::string text) override {
    Require(role_ == Role::kClient && takes_policy_ && text.size() <= kMaxPolicy);
    Break();
  }
  void Push(std::size_t size) {
    session_.SendPolicy(std::make_shared<const std::string>(size % (kMaxPolicy + 1), 'p'));
  }
  StreamHandler* OnOpen(StreamId id, const OpenPayload& open, ResetCode& refusal) override {
    if (open.route == "none") {
      refusal = ResetCode::kUnknownRoute;
      return nullptr;
    }
    if (!open.client.empty()) session_.Accept(id);
    return Add(id);
  }
  Echo* Add(StreamId id) {
    auto& echo = streams_[id];
    Require(echo == nullptr);
    echo = std::make_unique<Echo>(*this, id);
    return echo.get();
  }
  void Open() {
    if (!session_.CanOpen()) return;
    // The id is known beforehand, as each Open takes the next odd one.
    Echo* const echo = Add(next_);
    Require(session_.Open("default", "client", echo) == next_);
    next_ += 2;
  }
  void Close(StreamId id, ResetCode code) {
    session_.Close(id, code);
    streams_.erase(id);
  }
  void Leave(StreamId id) {
    session_.Finish(id);
    session_.Detach(id);
    streams_.erase(id);
  }

  // Inside a callback, perhaps.
  void Break() {
    if (!breaks_) return;
    session_.TransportLost();
    broken_ = true;
  }
  void LoseTransport() {
    session_.TransportLost();
    Require(!session_.attached() && !session_.HasOutput() && session_.Fill(out_) == 0);
  }
  // A client asks; a server is asked by a RESUME of the peer's.
  void AskToResume() {
    if (role_ != Role::kClient || !session_.ready()) return;
    const std::uint32_t before = session_.epoch();
    Require(session_.BeginResume().epoch == before + 1);
    session_.SendResume({});
    if (!session_.HasOutput()) return;  // dead
    const std::size_t size = session_.Fill(out_);
    Require(Session::PeekResume(ByteView(out_).first(size)).has_value());
    Require(!session_.HasOutput() && !session_.CanOpen());
  }
  void AcceptResume(const ResumePayload& resume) {
    const bool attached = session_.attached();
    const std::uint32_t before = session_.epoch();
    switch (session_.AcceptResume(resume, now_ms_)) {
      case SessionError::kNone:
        Require(session_.attached() && session_.epoch() == resume.epoch && resume.epoch > before);
        break;
      case SessionError::kBadResume:
        Require(session_.attached() == attached && session_.epoch() == before);
        break;
      default:
        Require(!session_.HasOutput());
    }
  }

  // False once the session is dead.
  bool Give(ByteView record) {
    if (const auto resume = Session::PeekResume(record); resume && role_ == Role::kServer) {
      AcceptResume(*resume);
      return Settle();
    }
    if (session_.Receive(record, ++now_ms_) != SessionError::kNone) {
      Require(!session_.HasOutput() && session_.Fill(out_) == 0 && !session_.CanOpen());
      Require(session_.Receive({}, now_ms_) != SessionError::kNone);
      return false;
    }
    return Settle();
  }
  bool Settle() {
    Drain();
    if (!slow_)
      for (const auto& [id, echo] : streams_) session_.Consumed(id, 20000);
    Open();
    Drain();
    if (std::exchange(broken_, false)) AskToResume();
    Require(session_.Tick(now_ms_ + 5000) == SessionError::kNone);
    return true;
  }
  void Drain() {
    for (int records = 0; session_.HasOutput(); ++records) {
      const std::size_t size = session_.Fill(out_);
      Require(size > 0 && size <= kMaxRecord && records < 100);
      Require(session_.attached());
      ByteView record = ByteView(out_).first(size);
      FrameHeader header;
      ByteView payload;
      while (TakeFrame(record, header, payload)) continue;
      Require(record.empty());
    }
    // Echoes stop at the log's limit; what the session says of its own accord has one of its own.
    Require(session_.replay_bytes() <= 2 * Limits().max_replay + (1 << 20) + (1 << 16));
    // No more waits than came in: nobody gets credit for what is still in the backlog.
    std::size_t backlog = 0;
    for (const auto& [id, echo] : streams_) backlog += session_.backlog(id);
    Require(!slow_ || backlog <= Limits().session_window + 64 * kMaxRecord);
    Require(session_.stream_count() <= 2000);
  }
  Session& session() { return session_; }

 private:
  const Role role_;
  const bool slow_, breaks_, takes_policy_;
  bool broken_ = false;
  std::map<StreamId, std::unique_ptr<Echo>> streams_;
  StreamId next_ = 1;
  std::int64_t now_ms_ = 0;
  std::vector<std::byte> out_ = std::vector<std::byte>(kMaxRecord);
  Session session_;
};

void Echo::OnOpened() { owner_.session().Send(id_, AsBytes("opened")); }
void Echo::OnData(ByteView bytes) {
  Require(!bytes.empty());
  const auto first = static_cast<unsigned>(bytes[0]);
  if (owner_.session().backlog(id_) < Session::kHighWater) owner_.session().Send(id_, bytes);
  switch (first) {
    case 'C':
      return owner_.Close(id_, ResetCode::kProtocol);
    case 'F':
      return owner_.session().Finish(id_);
    case 'D':
      return owner_.Leave(id_);
    case 'A':
      return owner_.session().Accept(id_);
    case 'G':
      return owner_.session().GoAway(ResetCode::kShutdown, 1);
    case 'O':
      return owner_.Open();
    case 'B':
      return owner_.Break();
    case 'P':
      return owner_.Push(bytes.size() * bytes.size());
    case 'T':
      return owner_.session().Consumed(id_, bytes.size());
    default:
      return;
  }
}
void Echo::OnFinish() { owner_.Leave(id_); }
void Echo::OnReset(ResetCode) { owner_.Close(id_, ResetCode::kNone); }
void Echo::OnWritable() { owner_.session().Send(id_, AsBytes("writable")); }

std::vector<std::byte> Handshake(Role role, bool takes_policy) {
  const auto hello =
      EncodeHello({"p", "1", 16384, 65536, 16, 4, 0, "me", takes_policy ? kFeaturePolicy : 0});
  std::vector<std::byte> record(kFrameHeaderSize);
  WriteHeader({FrameType::kHello, 0, static_cast<std::uint16_t>(hello.size()), 0}, record.data());
  record.insert(record.end(), hello.begin(), hello.end());
  if (role == Role::kClient) {
    const std::size_t at = record.size();
    record.resize(at + kFrameHeaderSize + 20);
    WriteHeader({FrameType::kSession, 0, 20, 0}, record.data() + at);
  }
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Role role = (data[0] & 1) != 0 ? Role::kServer : Role::kClient;
  const bool takes_policy = (data[0] & 16) != 0;
  Owner owner(role, (data[0] & 4) != 0, (data[0] & 8) != 0, takes_policy);
  ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  if ((data[0] & 2) != 0) Require(owner.Give(Handshake(role, takes_policy)));
  while (rest.size() >= 2) {
    const std::uint16_t number = LoadBigEndian<std::uint16_t>(rest.data());
    const std::size_t length = std::min<std::size_t>(number & 0x7fff, rest.size() - 2);
    if (number > 0x7fff) {
      owner.LoseTransport();
      owner.AskToResume();
    }
    if (!owner.Give(rest.subspan(2, length))) break;
    rest = rest.subspan(2 + length);
  }
  return 0;
}
