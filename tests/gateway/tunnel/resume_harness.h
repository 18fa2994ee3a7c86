// Two sessions, a client's and a server's, whose transports can be cut at any byte.
//
// A transport is a pipe of bytes in each direction: `u16be length | plaintext of a record`. Bytes
// arrive in pieces, late, as a seeded scheduler likes it. A cut loses what is in flight, or all but
// a beginning of it; each side notices by itself, at once, later, by the other's RESUME or only by
// silence, and goes on writing into the void until then. The client dials again, and the next cut
// may come before it has got anywhere.
//
// Whatever the cuts, each stream must deliver what its plan says, once and in order. What a stream
// has to do depends on the seed alone, so that is the same as without a cut.
#ifndef REDWALL_TESTS_GATEWAY_TUNNEL_RESUME_HARNESS_H_
#define REDWALL_TESTS_GATEWAY_TUNNEL_RESUME_HARNESS_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gateway/tunnel/session.h"

namespace redwall::tunnel {

// For hot loops: doctest's own checks cost more than what is under test.
inline void Must(bool condition, const char* what) {
  if (!condition) FAIL(std::string(what));
}

inline constexpr std::size_t kToServer = 0, kToClient = 1;  // directions, and who is there

enum class Fate { kComplete, kClientDetaches, kClientResets, kServerResets, kRefused };

// What one stream does in its life. Both sides know it.
struct Plan {
  std::size_t bytes[2] = {0, 0};
  Fate fate = Fate::kComplete;
  std::size_t strikes_at = 0;  // bytes that who ends it early has sent or received before
  bool inside = false;         // the owner acts from inside the callbacks where it can
  bool breaks_inside = false;  // and lets its transport break there, too
};

inline char ByteAt(StreamId id, std::size_t direction, std::size_t at) {
  return static_cast<char>((at * 7 >> 2) + id * 13 + direction * 101);
}

class World;

// One end of one stream, and what it has seen.
struct End final : StreamHandler {
  World* world = nullptr;
  StreamId id = 0;
  std::size_t side = kToClient;
  Plan plan;
  std::size_t sent = 0, received = 0, held = 0;
  int opened = 0, fins = 0, resets = 0;
  bool stopped = false, finished = false, gone = false, struck = false;

  std::size_t to_send() const { return plan.bytes[1 - side]; }
  bool Strikes() const {
    const Fate mine = side == kToClient ? Fate::kClientResets : Fate::kServerResets;
    return plan.fate == mine && sent + received >= plan.strikes_at;
  }
  void OnOpened() override;
  void OnData(ByteView bytes) override;
  void OnFinish() override;
  void OnReset(ResetCode code) override;
  void OnWritable() override;
};

struct Transport {
  unsigned number = 0;
  std::string in_flight[2];
  std::string arrived[2];  // the beginning of a record
  bool held[2] = {true, true};
  bool broken = false;  // nothing goes in any more
  bool bound = false;   // the server has taken its first record
};

struct WorldOptions {
  unsigned seed = 0;
  std::size_t streams = 6;
  std::size_t most_bytes = 300;  // a stream, a direction
  SessionLimits limits;
  bool inside = true;  // some owners act from inside callbacks
};

class World : public SessionHandler {
 public:
  explicit World(const WorldOptions& options)
      : options_(options),
        random_(options.seed),
        client_({Role::kClient, "c", "1", "", {}, 0, options.limits, 1, true}, *this),
        server_({Role::kServer, "s", "1", "c", SessionId{std::byte{7}}, 60000, options.limits},
                *this) {
    transports_.emplace_back();
  }

  // Cuts when `bytes` more have arrived, both directions together. Everything in flight is lost,
  // or, with `softly`, a beginning of it arrives yet, and who notices when is left to chance.
  void CutAfter(std::size_t bytes, bool softly) {
    cut_at_ = arrived_ + bytes;
    soft_cut_ = softly;
  }
  bool cut_pending() const { return cut_at_ != kNever; }
  std::size_t arrived() const { return arrived_; }
  std::size_t cuts() const { return cuts_; }
  bool windows_grew() const { return windows_grew_; }

  // One round of everybody's turns.
  void Round();
  // All streams have ended, and nobody keeps anything.
  bool Done() const;
  // Every stream has done and seen what its plan says.
  void CheckEnd() const;

  Session& session(std::size_t side) { return side == kToClient ? client_ : server_; }
  bool Chance(unsigned of) { return random_() % of == 0; }

  // What an owner does, from inside a callback or not. False: nothing to do.
  bool Act(End& end);
  // `side` takes its transport for lost, whatever the other thinks.
  void Break(std::size_t side);

  void OnReady() override {}
  void OnGoaway(ResetCode, std::uint32_t) override { FAIL("nobody went away"); }
  StreamHandler* OnOpen(StreamId id, const OpenPayload& open, ResetCode& refusal) override;

 private:
  static constexpr std::size_t kNever = ~std::size_t{0};
  static constexpr std::size_t kMostWritten = 100000;
  static constexpr int kMostRounds = 1000000;

  Plan PlanOf(StreamId id) const;
  End* Make(StreamId id, std::size_t side);
  Transport* Current(std::size_t side);
  void Cut();
  void Drop(Transport& transport, std::size_t side);
  bool OpenOne();
  bool Dial();
  bool Write(std::size_t side);
  bool Arrive(Transport& transport, std::size_t side);
  void TakeRecord(Transport& transport, std::size_t side, std::string record);
  bool TakeFirst(Transport& transport, ByteView record);
  bool Notice(std::size_t side);
  void PassTime();
  bool AllGone() const;
  static std::array<std::byte, 32> Proof(unsigned transport, std::uint32_t epoch,
                                         std::uint64_t handled);

  WorldOptions options_;
  std::mt19937 random_;
  std::int64_t now_ms_ = 0;
  Session client_, server_;
  std::map<StreamId, End> ends_[2];
  std::list<Transport> transports_;  // in the order in which they were dialled
  std::size_t arrived_ = 0, cut_at_ = kNever, cuts_ = 0;
  bool soft_cut_ = false, forced_ = false, notice_by_silence_ = false;
  bool windows_grew_ = false;
  int idle_ = 0, rounds_ = 0;
};

inline void End::OnOpened() {
  Must(side == kToClient && opened++ == 0 && !gone && resets == 0, "OPENED came twice or late");
  if (plan.inside) world->Act(*this);
}
inline void End::OnData(ByteView bytes) {
  Must(!gone && fins == 0 && resets == 0 && !bytes.empty(), "DATA came behind the end");
  bool right = true;
  for (const std::byte byte : bytes)
    right = right && static_cast<char>(byte) == ByteAt(id, side == kToClient, received++);
  Must(right, "DATA came twice, or in another order");
  held += bytes.size();
  if (plan.breaks_inside && world->Chance(8)) world->Break(side);
  if (plan.inside) world->Act(*this);
}
inline void End::OnFinish() {
  Must(!gone && fins++ == 0 && resets == 0, "FIN came twice or late");
  if (plan.inside) world->Act(*this);
}
inline void End::OnReset(ResetCode) {
  Must(!gone && resets++ == 0, "RST came twice or late");
  if (plan.inside) world->Act(*this);
}
inline void End::OnWritable() {
  Must(!gone && std::exchange(stopped, false), "OnWritable came though nobody had stopped");
  if (plan.inside) world->Act(*this);
}

inline Plan World::PlanOf(StreamId id) const {
  std::mt19937 dice(options_.seed * 7919 + id);
  Plan plan;
  for (std::size_t& bytes : plan.bytes) bytes = dice() % (dice() % options_.most_bytes + 1);
  const auto face = dice() % 12;
  plan.fate = face == 0   ? Fate::kRefused
              : face == 1 ? Fate::kClientResets
              : face == 2 ? Fate::kServerResets
              : face == 3 ? Fate::kClientDetaches
                          : Fate::kComplete;
  plan.strikes_at = dice() % (plan.bytes[0] + plan.bytes[1] + 1);
  plan.inside = options_.inside && dice() % 2 == 0;
  plan.breaks_inside = plan.inside && cut_pending() && dice() % 3 == 0;
  return plan;
}

inline End* World::Make(StreamId id, std::size_t side) {
  Must(!ends_[side].contains(id), "OPEN came twice");
  End& end = ends_[side][id];
  end.world = this;
  end.id = id;
  end.side = side;
  end.plan = PlanOf(id);
  return &end;
}

inline StreamHandler* World::OnOpen(StreamId id, const OpenPayload& open, ResetCode& refusal) {
  Must(open.route == "route" && open.client == std::to_string(id), "OPEN says something else");
  End* const end = Make(id, kToServer);
  if (end->plan.fate != Fate::kRefused) return end;
  end->gone = true;
  refusal = ResetCode::kUnknownRoute;
  return nullptr;
}

inline bool World::Act(End& end) {
  if (end.gone) return false;
  Session& mine = session(end.side);
  if (end.resets > 0 || end.Strikes()) {
    end.struck = end.resets == 0;
    end.gone = true;
    mine.Close(end.id, ResetCode::kClientGone);
    return true;
  }
  if (end.side == kToServer && end.opened == 0) {
    end.opened = 1;
    mine.Accept(end.id);
    return true;
  }
  if (end.held > 0 && (forced_ || Chance(2))) {
    const std::size_t size = 1 + random_() % end.held;
    end.held -= size;
    mine.Consumed(end.id, size);
    windows_grew_ |= mine.receive_window(end.id) > options_.limits.stream_window;
    return true;
  }
  if (end.sent < end.to_send() && !end.stopped) {
    std::string piece(std::min<std::size_t>(end.to_send() - end.sent, 1 + random_() % 5000), ' ');
    for (char& c : piece) c = ByteAt(end.id, end.side == kToServer, end.sent++);
    mine.Send(end.id, AsBytes(piece));
    end.stopped = mine.backlog(end.id) >= Session::kHighWater;
    return true;
  }
  if (end.sent == end.to_send() && !end.finished && end.plan.fate != Fate::kClientResets &&
      end.plan.fate != Fate::kServerResets) {
    end.finished = true;
    mine.Finish(end.id);
    if (end.side == kToClient && end.plan.fate == Fate::kClientDetaches) {
      end.gone = true;
      mine.Detach(end.id);
    }
    return true;
  }
  if (!end.finished || end.fins == 0 || end.held > 0) return end.held > 0;
  end.gone = true;
  mine.Detach(end.id);
  return true;
}

inline Transport* World::Current(std::size_t side) {
  for (auto it = transports_.rbegin(); it != transports_.rend(); ++it)
    if (it->held[side] && (side == kToClient || it->bound)) return &*it;
  return nullptr;
}

inline void World::Cut() {
  cut_at_ = kNever;
  Transport* const transport = Current(kToClient);
  if (transport == nullptr) return;
  ++cuts_;
  transport->broken = true;
  for (std::string& bytes : transport->in_flight)
    bytes.resize(soft_cut_ ? random_() % (bytes.size() + 1) : 0);
  notice_by_silence_ = soft_cut_ && Chance(50);
}

inline void World::Drop(Transport& transport, std::size_t side) {
  transport.held[side] = false;
  transport.broken = true;
}

inline void World::Break(std::size_t side) {
  Transport* const transport = Current(side);
  if (transport == nullptr) return;
  ++cuts_;
  Drop(*transport, side);
  session(side).TransportLost();
}

inline bool World::OpenOne() {
  if (ends_[kToClient].size() >= options_.streams || !client_.CanOpen()) return false;
  const auto id = static_cast<StreamId>(2 * ends_[kToClient].size() + 1);
  End* const end = Make(id, kToClient);
  Must(client_.Open("route", std::to_string(id), end) == id, "stream numbers go up by two");
  return true;
}

inline std::array<std::byte, 32> World::Proof(unsigned transport, std::uint32_t epoch,
                                              std::uint64_t handled) {
  std::array<std::byte, 32> proof{};
  StoreBigEndian<std::uint32_t>(proof.data(), transport);
  StoreBigEndian<std::uint32_t>(proof.data() + 8, epoch);
  StoreBigEndian<std::uint64_t>(proof.data() + 24, handled);
  return proof;
}

inline bool World::Dial() {
  if (Current(kToClient) != nullptr) return false;
  const unsigned number = transports_.empty() ? 1000 : transports_.back().number + 1;
  transports_.emplace_back().number = number;
  if (!client_.ready()) {  // useless: nothing was opened yet, so nothing is lost with it
    FAIL("the cut came before the session was ready");
  }
  const auto point = client_.BeginResume();
  client_.SendResume(Proof(number, point.epoch, point.handled));
  return true;
}

inline bool World::Write(std::size_t side) {
  Transport* const transport = Current(side);
  if (transport == nullptr || transport->in_flight[1 - side].size() > kMostWritten) return false;
  std::byte record[2 + kMaxRecord];
  const bool promised = session(side).HasOutput();
  const std::size_t size = session(side).Fill(MutableBytes(record).subspan(2));
  Must(promised == (size > 0), "HasOutput and Fill disagree");
  Must(session(side).replay_bytes() < options_.limits.max_replay + 2 * kMaxRecord,
       "more is kept than the limit says");
  if (size == 0) return false;
  StoreBigEndian<std::uint16_t>(record, static_cast<std::uint16_t>(size));
  if (!transport->broken) transport->in_flight[1 - side] += AsText(ByteView(record, 2 + size));
  return true;
}

inline bool World::Arrive(Transport& transport, std::size_t side) {
  std::string& bytes = transport.in_flight[side];
  if (bytes.empty() || !transport.held[side]) return false;
  const std::size_t most = Chance(2) ? bytes.size() : 1 + random_() % bytes.size();
  const std::size_t size = std::min(most, cut_at_ - arrived_);
  transport.arrived[side].append(bytes, 0, size);
  bytes.erase(0, size);
  arrived_ += size;
  std::string& arrived = transport.arrived[side];
  while (transport.held[side] && arrived.size() >= 2) {
    const std::size_t length = LoadBigEndian<std::uint16_t>(AsBytes(arrived).data());
    if (arrived.size() < 2 + length) break;
    std::string record = arrived.substr(2, length);
    arrived.erase(0, 2 + length);
    TakeRecord(transport, side, std::move(record));
  }
  if (arrived_ == cut_at_) Cut();
  return true;
}

inline void World::TakeRecord(Transport& transport, std::size_t side, std::string record) {
  if (side == kToServer && !transport.bound && !TakeFirst(transport, AsBytes(record))) return;
  if (side == kToServer && Session::PeekResume(AsBytes(record))) return;
  const SessionError error = session(side).Receive(AsBytes(record), now_ms_);
  if (error != SessionError::kNone) FAIL(std::string(Describe(error)));
}

// True where the session goes on with this transport.
inline bool World::TakeFirst(Transport& transport, ByteView record) {
  const auto resume = Session::PeekResume(record);
  if (!resume) {
    transport.bound = true;
    return true;
  }
  Must(resume->proof == Proof(transport.number, resume->epoch, resume->handled),
       "the proof was changed on its way");
  const SessionError error = server_.AcceptResume(*resume, now_ms_);
  if (error == SessionError::kBadResume) {  // a later attempt was faster
    Drop(transport, kToServer);
    return false;
  }
  Must(error == SessionError::kNone, "a true RESUME was refused");
  if (Transport* const old = Current(kToServer)) Drop(*old, kToServer);
  transport.bound = true;
  return true;
}

inline bool World::Notice(std::size_t side) {
  bool noticed = false;
  for (Transport& transport : transports_) {
    if (!transport.broken || !transport.held[side] || !transport.in_flight[side].empty()) continue;
    if (notice_by_silence_ || (!forced_ && Chance(3))) continue;
    const bool current = Current(side) == &transport;
    Drop(transport, side);
    if (current) session(side).TransportLost();
    noticed = true;
  }
  std::erase_if(transports_, [](const Transport& t) { return !t.held[0] && !t.held[1]; });
  return noticed;
}

inline void World::PassTime() {
  now_ms_ += 1000;
  for (const std::size_t side : {kToServer, kToClient}) {
    if (session(side).Tick(now_ms_) == SessionError::kNone) continue;
    Must(!session(side).attached(), "silence loses the transport, not the session");
    if (Transport* const transport = Current(side)) Drop(*transport, side);
    notice_by_silence_ = false;
  }
  // How long a resume may take is for its owner to say.
  Transport* const resuming = client_.attached() ? nullptr : Current(kToClient);
  if (resuming == nullptr || idle_ < 5) return;
  Drop(*resuming, kToClient);
  client_.TransportLost();
  notice_by_silence_ = false;
}

inline void World::Round() {
  Must(++rounds_ < kMostRounds, "it goes on for ever");
  ++now_ms_;
  bool progress = OpenOne();
  for (const std::size_t side : {kToClient, kToServer}) {
    for (auto& [id, end] : ends_[side])
      if (!end.gone && (forced_ || Chance(3))) progress |= Act(end);
    if (forced_ || Chance(2)) progress |= Write(side);
    for (Transport& transport : transports_)
      if (forced_ || Chance(2)) progress |= Arrive(transport, side);
    progress |= Notice(side);
  }
  if (forced_ || Chance(2)) progress |= Dial();
  // Nobody did a thing: at the second time it wasn't by chance, and only time helps.
  if (!progress && std::exchange(forced_, true)) {
    PassTime();
    Must(++idle_ < 100 || Done(), "nothing goes on");
  }
  if (progress) forced_ = false, idle_ = 0;
}

inline bool World::AllGone() const {
  if (ends_[kToClient].size() < options_.streams) return false;
  for (const auto& ends : ends_)
    for (const auto& [id, end] : ends)
      if (!end.gone) return false;
  return true;
}

inline bool World::Done() const {
  return AllGone() && client_.stream_count() == 0 && server_.stream_count() == 0 &&
         client_.replay_bytes() == 0 && server_.replay_bytes() == 0;
}

inline void World::CheckEnd() const {
  REQUIRE(Done());
  REQUIRE(ends_[kToServer].size() == options_.streams);
  for (const auto& entry : ends_[kToClient]) {
    const End& client = entry.second;
    CAPTURE(client.id);
    const End& server = ends_[kToServer].at(client.id);
    const Plan& plan = client.plan;
    if (plan.fate == Fate::kRefused) {
      Must(client.resets == 1 && client.received == 0 && client.fins == 0, "refused: RST, once");
    } else if (plan.fate == Fate::kClientResets) {
      Must(client.struck && server.resets == 1 && server.received <= client.sent,
           "reset by client");
    } else if (plan.fate == Fate::kServerResets) {
      Must(server.struck && client.resets == 1 && client.received <= server.sent,
           "reset by server");
    } else {
      Must(server.received == plan.bytes[kToServer] && server.fins == 1 && server.resets == 0,
           "the server's end has all, and FIN once");
      Must(client.resets == 0 && client.received <= plan.bytes[kToClient], "not more than all");
      if (plan.fate == Fate::kComplete) {
        Must(client.received == plan.bytes[kToClient] && client.fins == 1 && client.opened == 1,
             "the client's end has all, and FIN once");
      }
    }
  }
  CHECK_FALSE(client_.OpensPending());
  CHECK_FALSE(server_.OpensPending());
}

}  // namespace redwall::tunnel

#endif  // REDWALL_TESTS_GATEWAY_TUNNEL_RESUME_HARNESS_H_
