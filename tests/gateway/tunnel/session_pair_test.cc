// Two sessions in memory, wired together by a scheduler with a seed: records arrive whole and in
// order, but late, and everybody's turns come at random. What must hold whatever the order: each
// stream delivers exactly its bytes, once, FIN last; nothing stalls; memory is bounded, and all of
// it is back at the end.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gateway/tunnel/session.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT

namespace {

constexpr std::size_t kLargestPiece = 40000;

enum class Fate { kComplete, kClose, kDetach };

char ByteAt(StreamId id, bool from_client, std::size_t at) {
  return static_cast<char>((at * 7 >> 2) + id * 13 + (from_client ? 101 : 0));
}

struct End final : StreamHandler {
  StreamId id = 0;
  bool client = false;
  Fate fate = Fate::kComplete;
  std::size_t fate_at = 0;  // bytes sent and received before it strikes
  std::size_t planned = 0, sent = 0, received = 0, held = 0;
  bool opened = false, blocked = false, finished = false, fin = false, reset = false, gone = false;
  bool closed = false;  // by us, before its end

  void OnOpened() override {
    REQUIRE((client && !opened && !gone && !reset));
    opened = true;
  }
  void OnData(ByteView bytes) override {
    REQUIRE_FALSE((gone || fin || reset || bytes.empty()));
    bool right = true;
    for (const std::byte byte : bytes)
      right = right && static_cast<char>(byte) == ByteAt(id, !client, received++);
    REQUIRE(right);
    held += bytes.size();
  }
  void OnFinish() override {
    REQUIRE_FALSE((gone || fin || reset));
    fin = true;
  }
  void OnReset(ResetCode) override {
    REQUIRE_FALSE((gone || reset));
    reset = true;
  }
  void OnWritable() override {
    REQUIRE_FALSE(gone);
    REQUIRE(blocked);
    blocked = false;
  }
};

struct Side final : SessionHandler {
  std::mt19937& random;
  Session session;
  std::map<StreamId, std::unique_ptr<End>> ends;
  std::deque<std::vector<std::byte>> wire;  // records on their way to this side
  std::size_t max_replay;
  bool refuses = false;

  Side(Role role, const SessionLimits& limits, std::mt19937& generator)
      : random(generator),
        session({role, "n", "v", "", {}, 0, limits}, *this),
        max_replay(limits.max_replay) {}

  End* Make(bool client) {
    auto end = std::make_unique<End>();
    end->client = client;
    const std::size_t sizes[] = {0, 1, 100, 5000, 70000, 600000};
    end->planned = random() % (sizes[random() % 6] + 1);
    const auto dice = random() % 10;
    end->fate = dice == 0 ? Fate::kClose : dice < 3 ? Fate::kDetach : Fate::kComplete;
    end->fate_at = random() % 100000;
    return end.release();
  }
  void OnReady() override {}
  void OnGoaway(ResetCode, std::uint32_t) override {}
  StreamHandler* OnOpen(StreamId id, const OpenPayload& open, ResetCode&) override {
    REQUIRE(open.route == "route " + std::to_string(id));
    if (refuses && random() % 20 == 0) return nullptr;
    End* const end = Make(false);
    end->id = id;
    ends[id].reset(end);
    return end;
  }
  void Open() {
    End* const end = Make(true);
    const auto id = static_cast<StreamId>(2 * ends.size() + 1);
    end->id = id;
    ends[id].reset(end);
    REQUIRE(session.Open("route " + std::to_string(id), "client", end) == id);
  }

  void Leave(End& end) {
    end.gone = true;
    if (end.reset || (session.backlog(end.id) == 0 && random() % 2 == 0)) {
      session.Close(end.id, ResetCode::kNone);
    } else {
      session.Finish(end.id);
      session.Detach(end.id);
    }
  }
  bool Strike(End& end) {
    if (end.fate == Fate::kComplete || end.sent + end.received < end.fate_at) return false;
    end.gone = true;
    if (end.fate == Fate::kClose) {
      end.closed = true;
      session.Close(end.id, ResetCode::kClientGone);
    } else {
      end.finished = true;
      session.Finish(end.id);
      session.Detach(end.id);
    }
    return true;
  }
  // One of the things that an owner does. False: there was nothing to do.
  bool Step(End& end) {
    if (end.gone) return false;
    if (end.reset) return Leave(end), true;
    if (!end.client && !end.opened) return session.Accept(end.id), end.opened = true;
    if (Strike(end)) return true;
    if (end.held > 0 && random() % 2 == 0) {
      const std::size_t size = random() % 3 == 0 ? end.held : 1 + random() % end.held;
      session.Consumed(end.id, size);
      end.held -= size;
      return true;
    }
    if (end.sent < end.planned && !end.blocked) return SendPiece(end), true;
    if (end.sent == end.planned && !end.finished)
      return session.Finish(end.id), end.finished = true;
    if (end.finished && end.fin && end.held == 0) return Leave(end), true;
    return end.held > 0;
  }
  void SendPiece(End& end) {
    const std::size_t size =
        std::min(end.planned - end.sent, std::size_t{1} + random() % kLargestPiece);
    std::string piece(size, ' ');
    for (char& c : piece) c = ByteAt(end.id, end.client, end.sent++);
    session.Send(end.id, AsBytes(piece));
    REQUIRE(session.backlog(end.id) < Session::kHighWater + kLargestPiece);
    if (session.backlog(end.id) >= Session::kHighWater) end.blocked = true;
  }
  bool FillInto(Side& other) {
    std::vector<std::byte> record(kMaxRecord);
    const bool promised = session.HasOutput();
    record.resize(session.Fill(record));
    REQUIRE(promised == !record.empty());
    REQUIRE(session.replay_bytes() < max_replay + 2 * kMaxRecord);
    if (record.empty()) return false;
    other.wire.push_back(std::move(record));
    return true;
  }
  bool Deliver(std::int64_t now_ms) {
    if (wire.empty()) return false;
    const auto record = std::move(wire.front());
    wire.pop_front();
    REQUIRE(session.Receive(record, now_ms) == SessionError::kNone);
    return true;
  }
};

struct Pair {
  std::mt19937 random;
  SessionLimits limits;
  Side client, server;
  std::size_t to_open;

  explicit Pair(unsigned seed)
      : random(seed),
        limits(Limits()),
        client(Role::kClient, limits, random),
        server(Role::kServer, limits, random),
        to_open(30 + seed % 30) {
    server.refuses = seed % 2 == 0;
  }
  SessionLimits Limits() {
    SessionLimits made;
    made.stream_window = 16384u << random() % 5;
    made.session_window = made.stream_window << random() % 4;
    made.max_streams = static_cast<std::uint32_t>(1 + random() % 12);
    made.max_unanswered = static_cast<std::uint32_t>(1 + random() % 6);
    made.max_replay = 65536u << random() % 5;
    return made;
  }
  bool OpenOne() {
    if (client.ends.size() >= to_open || !client.session.CanOpen()) return false;
    client.Open();
    return true;
  }
  bool StepOne(Side& side) {
    if (side.ends.empty()) return false;
    auto it = side.ends.begin();
    std::advance(it, static_cast<long>(random() % side.ends.size()));
    return side.Step(*it->second);
  }
  void RandomTurn() {
    Side& side = random() % 2 == 0 ? client : server;
    Side& other = &side == &client ? server : client;
    switch (random() % 8) {
      case 0:
        OpenOne();
        break;
      case 1:
        if (other.wire.size() < 6) side.FillInto(other);
        break;
      case 2:
        side.Deliver(0);
        break;
      default:
        StepOne(side);
    }
  }
  // Gives everybody a turn until nobody has anything left to do. No timer helps.
  void RunDry() {
    for (bool progress = true; progress;) {
      progress = OpenOne();
      for (Side* const side : {&client, &server}) {
        Side& other = side == &client ? server : client;
        for (auto& [id, end] : side->ends) progress |= side->Step(*end);
        while (side->FillInto(other)) progress = true;
        while (side->Deliver(0)) progress = true;
      }
    }
  }
  void CheckDelivery(const End& from, const End& to) const {
    CAPTURE(from.id);
    REQUIRE((from.gone && to.gone));
    if (from.closed || to.closed) {
      CHECK(to.received <= from.sent);
      return;
    }
    CHECK_FALSE(from.reset);
    CHECK(from.finished);
    if (to.fate == Fate::kDetach && to.received + to.sent >= to.fate_at && !to.fin) return;
    CHECK(to.received == from.sent);
    CHECK(to.fin);
  }
  void CheckEnd() {
    REQUIRE(client.ends.size() == to_open);
    for (const auto& [id, end] : client.ends) {
      const auto it = server.ends.find(id);
      if (it == server.ends.end()) {
        CHECK((end->reset || end->closed || end->gone));
        CHECK(server.refuses);
        continue;
      }
      CheckDelivery(*end, *it->second);
      CheckDelivery(*it->second, *end);
    }
    CHECK(client.session.stream_count() == 0);
    CHECK(server.session.stream_count() == 0);
    // The last acknowledgements ride on the next record, at the latest a PING.
    for (Side* const side : {&client, &server})
      REQUIRE(side->session.Tick(6000) == SessionError::kNone);
    for (int i = 0; i < 3; ++i) {
      while (client.FillInto(server)) continue;
      while (server.Deliver(6000)) continue;
      while (server.FillInto(client)) continue;
      while (client.Deliver(6000)) continue;
    }
    CHECK(client.session.replay_bytes() == 0);
    CHECK(server.session.replay_bytes() == 0);
    CHECK_FALSE(client.session.OpensPending());
    CHECK_FALSE(server.session.OpensPending());
  }
};

}  // namespace

TEST_CASE(
    "every stream delivers its bytes, once and in order, and nothing stalls or stays behind") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Pair pair(seed);
    for (int turn = 0; turn < 6000; ++turn) pair.RandomTurn();
    pair.RunDry();
    pair.CheckEnd();
  }
}

TEST_CASE("the same without any wait: each record is delivered as soon as it can be made") {
  for (unsigned seed = 1000; seed < 1020; ++seed) {
    CAPTURE(seed);
    Pair pair(seed);
    pair.RunDry();
    pair.CheckEnd();
  }
}
