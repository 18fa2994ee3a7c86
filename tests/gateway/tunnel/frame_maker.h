// Makes frames and their parts as text, for tests that speak the tunnel's protocol by hand.
#ifndef REDWALL_TESTS_GATEWAY_TUNNEL_FRAME_MAKER_H_
#define REDWALL_TESTS_GATEWAY_TUNNEL_FRAME_MAKER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "gateway/tunnel/frame.h"

namespace redwall::tunnel {

template <class T>
std::string BigEndianText(T number) {
  std::byte bytes[sizeof(T)];
  StoreBigEndian<T>(bytes, number);
  return std::string(AsText(bytes));
}
inline std::string Number16(std::uint16_t number) { return BigEndianText(number); }
inline std::string Number32(std::uint32_t number) { return BigEndianText(number); }
inline std::string Number64(std::uint64_t number) { return BigEndianText(number); }

inline std::string MakeFrame(FrameType type, StreamId stream, std::string_view payload = {},
                             std::uint8_t flags = 0) {
  std::byte header[kFrameHeaderSize];
  WriteHeader({type, flags, static_cast<std::uint16_t>(payload.size()), stream}, header);
  return std::string(AsText(header)) + std::string(payload);
}
inline std::string Text(const std::vector<std::byte>& bytes) { return std::string(AsText(bytes)); }

// The frames by their usual names.
inline std::string Data(StreamId stream, std::string_view bytes) {
  return MakeFrame(FrameType::kData, stream, bytes);
}
inline std::string Fin(StreamId stream, std::string_view bytes = {}) {
  return MakeFrame(FrameType::kData, stream, bytes, kFlagFin);
}
inline std::string Open(StreamId stream, std::uint32_t credit = 16384) {
  return MakeFrame(FrameType::kOpen, stream, Text(EncodeOpen({credit, "default", "1.2.3.4:5"})));
}
inline std::string Opened(StreamId stream, std::uint32_t credit = 0) {
  return MakeFrame(FrameType::kOpened, stream, Number32(credit));
}
inline std::string Rst(StreamId stream, ResetCode code = ResetCode::kClientGone) {
  return MakeFrame(FrameType::kRst, stream, Number16(static_cast<std::uint16_t>(code)));
}
inline std::string Credit(StreamId stream, std::uint32_t credit) {
  return MakeFrame(FrameType::kCredit, stream, Number32(credit));
}
inline std::string MaxStreams(std::uint32_t count) {
  return MakeFrame(FrameType::kMaxStreams, 0, Number32(count));
}
inline std::string Ping(std::uint64_t number, std::uint8_t flags = 0) {
  return MakeFrame(FrameType::kPing, 0, Number64(number), flags);
}
inline std::string Ack(std::uint64_t frames) {
  return MakeFrame(FrameType::kAck, 0, Number64(frames));
}
inline std::string Hello(const HelloPayload& hello) {
  return MakeFrame(FrameType::kHello, 0, Text(EncodeHello(hello)));
}
inline std::string SessionFrame(std::uint32_t linger_ms = 0) {
  return MakeFrame(FrameType::kSession, 0, std::string(16, 'S') + Number32(linger_ms));
}
inline std::string Resume(const ResumePayload& resume) {
  return MakeFrame(FrameType::kResume, 0, Text(EncodeResume(resume)));
}
inline std::string Resumed(std::uint32_t epoch, std::uint64_t handled) {
  return MakeFrame(FrameType::kResumed, 0, Text(EncodeResumed({epoch, handled})));
}
inline std::string PolicyPiece(std::uint32_t generation, std::string_view piece,
                               std::uint8_t flags = 0) {
  return MakeFrame(FrameType::kPolicy, 0, Text(EncodePolicy({generation, piece})), flags);
}
inline std::string Goaway(ResetCode code, std::uint32_t drain_ms) {
  return MakeFrame(FrameType::kGoaway, 0,
                   Number32(0) + Number16(static_cast<std::uint16_t>(code)) + Number32(drain_ms));
}

}  // namespace redwall::tunnel

#endif  // REDWALL_TESTS_GATEWAY_TUNNEL_FRAME_MAKER_H_
