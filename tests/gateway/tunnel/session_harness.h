// A session under test, and the bare wire at its other side: the test plays the peer by frames of
// its own making, so it can misbehave in ways in which a Session never would.
#ifndef REDWALL_TESTS_GATEWAY_TUNNEL_SESSION_HARNESS_H_
#define REDWALL_TESTS_GATEWAY_TUNNEL_SESSION_HARNESS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/tunnel/session.h"
#include "tests/gateway/tunnel/frame_maker.h"

namespace redwall::tunnel {

// The owner of one stream: writes down what it is told, then does what the test wants.
struct TestStream final : StreamHandler {
  std::string events;  // "opened data data fin reset:3 writable ..."
  std::string data;
  std::function<void(std::string_view event)> react;

  void OnOpened() override { Note("opened"); }
  void OnData(ByteView bytes) override {
    data += AsText(bytes);
    Note("data");
  }
  void OnFinish() override { Note("fin"); }
  void OnReset(ResetCode code) override { Note("reset:" + std::to_string(static_cast<int>(code))); }
  void OnWritable() override { Note("writable"); }

 private:
  void Note(const std::string& event) {
    events += (events.empty() ? "" : " ") + event;
    const auto reaction = react;  // which may destroy this stream
    if (reaction) reaction(event);
  }
};

struct Frame {
  FrameType type;
  std::uint8_t flags;
  StreamId stream;
  std::string payload;
  std::uint32_t number() const {  // of a payload of four bytes
    return LoadBigEndian<std::uint32_t>(AsBytes(payload).data());
  }
};

inline std::vector<Frame> ParseRecord(ByteView record) {
  std::vector<Frame> frames;
  FrameHeader header;
  ByteView payload;
  while (TakeFrame(record, header, payload))
    frames.push_back({header.type, header.flags, header.stream, std::string(AsText(payload))});
  if (!record.empty()) frames.push_back({static_cast<FrameType>(0xff), 0, 0, "torn record"});
  return frames;
}

inline SessionLimits SmallLimits() {
  SessionLimits limits;
  limits.stream_window = 16 * 1024;
  limits.session_window = 32 * 1024;
  limits.max_streams = 8;
  limits.max_unanswered = 4;
  limits.max_replay = 128 * 1024;
  return limits;
}

class Harness : public SessionHandler {
 public:
  // `linger_ms`: the session's; a client's is told by the test's SESSION, in Shake.
  explicit Harness(Role role, SessionLimits limits = SmallLimits(), std::uint32_t linger_ms = 0,
                   StreamId first_stream = 1, bool takes_policy = false)
      : session({role,
                 "me",
                 "1.0",
                 role == Role::kServer ? "them" : "",
                 {},
                 role == Role::kServer ? linger_ms : 0,
                 limits,
                 first_stream,
                 takes_policy},
                *this),
        linger_ms_(linger_ms) {}

  // HELLO (and SESSION) of a peer that allows much, and whatever the session answers.
  void Shake(HelloPayload hello = GenerousHello()) {
    const bool client = session_role_is_client();
    Give(Hello(hello) + (client ? SessionFrame(linger_ms_) : ""));
    TakeAll();
  }
  static HelloPayload GenerousHello() {
    return {"peer", "1", 1 << 20, 1 << 24, 1024, 256, 15000, ""};
  }

  SessionError Give(std::string_view record) { return session.Receive(AsBytes(record), now_ms); }
  // One record of the session's; empty: there is none.
  std::vector<Frame> Take() {
    std::vector<std::byte> out(kMaxRecord);
    const std::size_t size = session.Fill(out);
    last_size = size;
    return ParseRecord(ByteView(out).first(size));
  }
  // All of its records, one after the other.
  std::vector<Frame> TakeAll() {
    std::vector<Frame> all;
    records = 0;
    for (auto frames = Take(); last_size > 0; frames = Take()) {
      ++records;
      all.insert(all.end(), frames.begin(), frames.end());
    }
    return all;
  }
  // Client: opens a stream that the test's peer accepts at once.
  StreamId OpenOne(bool answered = true) {
    auto stream = std::make_unique<TestStream>();
    const StreamId id = session.Open("default", "1.2.3.4:5", stream.get());
    streams[id] = std::move(stream);
    if (answered) {
      TakeAll();
      Give(Opened(id));
    }
    return id;
  }

  void OnReady() override {
    events += "ready ";
    if (on_ready) on_ready();
  }
  StreamHandler* OnOpen(StreamId id, const OpenPayload& open, ResetCode& refusal) override {
    events += "open:" + std::to_string(id) + " ";
    last_route = open.route;
    last_client = open.client;
    if (refuse != ResetCode::kNone) {
      refusal = refuse;
      return nullptr;
    }
    auto& stream = streams[id];
    stream = std::make_unique<TestStream>();
    StreamHandler* const handler = stream.get();
    if (on_open) on_open(id);
    return handler;
  }
  void OnGoaway(ResetCode code, std::uint32_t drain_ms) override {
    events +=
        "goaway:" + std::to_string(static_cast<int>(code)) + ":" + std::to_string(drain_ms) + " ";
  }

  void OnPolicy(std::string text) override {
    events += "policy:" + std::to_string(text.size()) + " ";
    policies.push_back(std::move(text));
  }

  std::vector<std::string> policies;
  std::string events, last_route, last_client;
  ResetCode refuse = ResetCode::kNone;
  std::function<void()> on_ready;
  std::function<void(StreamId)> on_open;
  std::map<StreamId, std::unique_ptr<TestStream>> streams;
  std::int64_t now_ms = 1000;
  std::size_t last_size = 0, records = 0;
  Session session;

 private:
  // Before anything was exchanged, only a client has something to say.
  bool session_role_is_client() const { return session.HasOutput(); }

  std::uint32_t linger_ms_;
};

inline std::size_t CountFrames(const std::vector<Frame>& frames, FrameType type) {
  std::size_t count = 0;
  for (const Frame& frame : frames) count += frame.type == type ? 1 : 0;
  return count;
}
// The bytes of one stream's DATA, in order.
inline std::string DataOf(const std::vector<Frame>& frames, StreamId stream) {
  std::string data;
  for (const Frame& frame : frames)
    if (frame.type == FrameType::kData && frame.stream == stream) data += frame.payload;
  return data;
}
inline std::string Pattern(std::size_t size, unsigned start = 0) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i + start) * 31 >> 3);
  return text;
}

}  // namespace redwall::tunnel

#endif  // REDWALL_TESTS_GATEWAY_TUNNEL_SESSION_HARNESS_H_
