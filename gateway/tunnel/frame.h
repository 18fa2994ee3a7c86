// Frames: what the plaintext of a record consists of. docs/protocol.md, "Frames".
//
//     u8 type | u8 flags | u16be length | u32be stream | payload[length]
//
// A record holds whole frames. Numbers are big-endian. Nothing here keeps state.
#ifndef REDWALL_GATEWAY_TUNNEL_FRAME_H_
#define REDWALL_GATEWAY_TUNNEL_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace redwall::tunnel {

using StreamId = std::uint32_t;

enum class FrameType : std::uint8_t {
  kPad = 0x00,
  kData = 0x01,
  kOpen = 0x02,
  kOpened = 0x03,
  kRst = 0x04,
  kCredit = 0x05,
  kMaxStreams = 0x06,
  kPing = 0x07,
  kAck = 0x08,
  kHello = 0x09,
  kSession = 0x0A,
  kResume = 0x0B,
  kResumed = 0x0C,
  kGoaway = 0x0D,
  kPolicy = 0x0E,
};

inline constexpr std::uint8_t kFlagFin = 0x01;   // DATA: the sender's last of this stream
inline constexpr std::uint8_t kFlagPong = 0x01;  // PING: an answer
inline constexpr std::uint8_t kFlagLast = 0x01;  // POLICY: the last piece of a text
inline constexpr std::size_t kFrameHeaderSize = 8;
inline constexpr std::size_t kMaxRecord = 16 * 1024;  // plaintext of a record, bytes
inline constexpr std::size_t kMaxPayload = kMaxRecord - kFrameHeaderSize;

// Frames with an implicit sequence number: they are acknowledged, and sent again after a resume.
constexpr bool IsReplayed(FrameType type) {
  return (type >= FrameType::kData && type <= FrameType::kMaxStreams) ||
         type == FrameType::kGoaway || type == FrameType::kPolicy;
}

struct FrameHeader {
  FrameType type = FrameType::kPad;
  std::uint8_t flags = 0;
  std::uint16_t length = 0;
  StreamId stream = 0;
};

// `out` has kFrameHeaderSize bytes.
void WriteHeader(const FrameHeader& header, std::byte* out);
// A whole frame of the session (stream 0). `out` has kFrameHeaderSize + payload.size() bytes, which
// is what is returned.
std::size_t WriteFrame(FrameType type, std::uint8_t flags, ByteView payload, std::byte* out);

// Takes the next frame off the front of `record`. False at the end of the record, or when what is
// left isn't a whole frame: then `record` isn't empty.
bool TakeFrame(ByteView& record, FrameHeader& header, ByteView& payload);

// Why a stream ended before its time. For both agents' logs and the audit.
enum class ResetCode : std::uint16_t {
  kNone = 0,
  kClientGone = 1,           // the client's connection broke
  kUpstreamUnreachable = 2,  // Redis can't be reached
  kUpstreamGone = 3,         // Redis's connection broke
  kUnknownRoute = 4,
  kNotPermitted = 5,  // the agent may not use this route
  kRefused = 6,       // too many streams, or draining
  kProtocol = 7,      // what came through the stream wasn't the Redis protocol
  kLogin = 8,         // Redis refused the credentials that the server agent holds
  kShutdown = 9,
  kUnknownTarget = 10,  // the route has no such server
};
std::string_view Describe(ResetCode code);  // a sentence; for an unknown code too

// OPEN: u32 credit | u8 length, route | u8 length, client address | u8 length, target. The last is
// left out where it is empty.
struct OpenPayload {
  std::uint32_t credit = 0;
  std::string_view route;        // view into the payload
  std::string_view client;       // likewise
  std::string_view target = {};  // likewise: which of the route's servers; empty: its own choice
};
std::vector<std::byte> EncodeOpen(const OpenPayload& open);  // texts are cut at 255 bytes
std::optional<OpenPayload> DecodeOpen(ByteView payload);

// What a route leads to, where that is more than one Redis. In HELLO's field 10:
// u8 kind | u8 length, name, for each.
struct RouteKind {
  enum class Kind : std::uint8_t { kCluster = 1, kSentinel = 2, kTcp = 3 };
  Kind kind;  // others may come from newer versions
  std::string name;
};

// HELLO: TLVs, u8 type | u16be length | value. Unknown types are skipped, the last of a repeated
// one counts.
struct HelloPayload {
  std::string name;                    // 1: the sender's name, at most 255 bytes
  std::string version;                 // 2: its software, at most 255 bytes
  std::uint32_t stream_window = 0;     // 3: credit that each stream has towards the sender at first
  std::uint32_t session_window = 0;    // 4: likewise for all streams together
  std::uint32_t max_streams = 0;       // 5: (server) streams that may be open at once
  std::uint32_t max_unanswered = 0;    // 6: (server) OPENs that may wait for an answer at once
  std::uint32_t silence_ms = 0;        // 7: the sender takes the peer for dead after this silence
  std::string identity;                // 8: (server) the name by which it knows the client agent
  std::uint32_t features = 0;          // 9: bits, see kFeature...
  std::vector<RouteKind> routes = {};  // 10: (server) of the routes that are no plain Redis
};
inline constexpr std::size_t kMaxRouteKinds = 8 * 1024;  // bytes of 10; what is beyond isn't told
inline constexpr std::uint32_t kFeaturePolicy = 1;       // (client) takes POLICY
std::vector<std::byte> EncodeHello(const HelloPayload& hello);
std::optional<HelloPayload> DecodeHello(ByteView payload);

// RESUME: id[16] | u32 epoch | u64 handled | proof[32]. The proof is the owner's business.
struct ResumePayload {
  std::array<std::byte, 16> id{};     // of the session
  std::uint32_t epoch = 0;            // of the attempt, from 1
  std::uint64_t handled = 0;          // replayed frames that the client has handled
  std::array<std::byte, 32> proof{};  // that it is the client that began the session
};
std::vector<std::byte> EncodeResume(const ResumePayload& resume);
std::optional<ResumePayload> DecodeResume(ByteView payload);

// POLICY: u32 generation | a piece of the text that the server agent's policy was read from.
struct PolicyPayload {
  std::uint32_t generation = 0;  // of the text, from 1
  std::string_view piece;        // view into the payload
};
inline constexpr std::size_t kMaxPolicy = 1024 * 1024;           // bytes of a text
inline constexpr std::size_t kMaxPolicyPiece = kMaxPayload - 4;  // that a frame can have
std::vector<std::byte> EncodePolicy(const PolicyPayload& policy);
std::optional<PolicyPayload> DecodePolicy(ByteView payload);

// RESUMED: u32 epoch | u64 handled. Epoch 0: the server knows no such session.
struct ResumedPayload {
  std::uint32_t epoch = 0;
  std::uint64_t handled = 0;  // replayed frames that the server has handled
};
std::vector<std::byte> EncodeResumed(const ResumedPayload& resumed);
std::optional<ResumedPayload> DecodeResumed(ByteView payload);

}  // namespace redwall::tunnel

#endif  // REDWALL_GATEWAY_TUNNEL_FRAME_H_
