#include "gateway/tunnel/frame.h"

#include <algorithm>

namespace redwall::tunnel {
namespace {

constexpr std::size_t kMaxText = 255;

enum class HelloType : std::uint8_t {
  kName = 1,
  kVersion = 2,
  kStreamWindow = 3,
  kSessionWindow = 4,
  kMaxStreams = 5,
  kMaxUnanswered = 6,
  kSilence = 7,
  kIdentity = 8,
  kFeatures = 9,
  kRoutes = 10,
};

template <class T>
void Append(std::vector<std::byte>& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  StoreBigEndian<T>(out.data() + at, value);
}

void AppendText(std::vector<std::byte>& out, std::string_view text) {
  const ByteView bytes = AsBytes(text.substr(0, kMaxText));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// `u8 length, bytes`.
void AppendShortText(std::vector<std::byte>& out, std::string_view text) {
  Append(out, static_cast<std::uint8_t>(std::min(text.size(), kMaxText)));
  AppendText(out, text);
}

void AppendTextTlv(std::vector<std::byte>& out, HelloType type, std::string_view text) {
  if (text.empty()) return;
  Append(out, static_cast<std::uint8_t>(type));
  Append(out, static_cast<std::uint16_t>(std::min(text.size(), kMaxText)));
  AppendText(out, text);
}

void AppendNumberTlv(std::vector<std::byte>& out, HelloType type, std::uint32_t number) {
  if (number == 0) return;
  Append(out, static_cast<std::uint8_t>(type));
  Append(out, std::uint16_t{4});
  Append(out, number);
}

// Takes `u8 length, bytes` off the front.
bool TakeShortText(ByteView& in, std::string_view& text) {
  if (in.empty()) return false;
  const std::size_t length = static_cast<std::size_t>(in[0]);
  if (in.size() < 1 + length) return false;
  text = AsText(in.subspan(1, length));
  in = in.subspan(1 + length);
  return true;
}

bool ReadRouteKinds(ByteView value, std::vector<RouteKind>& routes) {
  routes.clear();
  while (!value.empty()) {
    const auto kind = static_cast<RouteKind::Kind>(value[0]);
    value = value.subspan(1);
    std::string_view name;
    if (!TakeShortText(value, name)) return false;
    routes.push_back({kind, std::string(name)});
  }
  return true;
}

void AppendRouteKinds(std::vector<std::byte>& out, const std::vector<RouteKind>& routes) {
  std::vector<std::byte> value;
  for (const RouteKind& route : routes) {
    if (value.size() + 2 + kMaxText > kMaxRouteKinds) break;
    Append(value, static_cast<std::uint8_t>(route.kind));
    AppendShortText(value, route.name);
  }
  if (value.empty()) return;
  Append(out, static_cast<std::uint8_t>(HelloType::kRoutes));
  Append(out, static_cast<std::uint16_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
}

bool ReadHelloField(HelloType type, ByteView value, HelloPayload& hello) {
  const auto number = [&](std::uint32_t& field) {
    if (value.size() != 4) return false;
    field = LoadBigEndian<std::uint32_t>(value.data());
    return true;
  };
  const auto text = [&](std::string& field) {
    if (value.size() > kMaxText) return false;
    field = AsText(value);
    return true;
  };
  switch (type) {
    case HelloType::kName:
      return text(hello.name);
    case HelloType::kVersion:
      return text(hello.version);
    case HelloType::kStreamWindow:
      return number(hello.stream_window);
    case HelloType::kSessionWindow:
      return number(hello.session_window);
    case HelloType::kMaxStreams:
      return number(hello.max_streams);
    case HelloType::kMaxUnanswered:
      return number(hello.max_unanswered);
    case HelloType::kSilence:
      return number(hello.silence_ms);
    case HelloType::kIdentity:
      return text(hello.identity);
    case HelloType::kFeatures:
      return number(hello.features);
    case HelloType::kRoutes:
      return ReadRouteKinds(value, hello.routes);
  }
  return true;  // from a newer version: skipped
}

}  // namespace

void WriteHeader(const FrameHeader& header, std::byte* out) {
  out[0] = static_cast<std::byte>(header.type);
  out[1] = static_cast<std::byte>(header.flags);
  StoreBigEndian<std::uint16_t>(out + 2, header.length);
  StoreBigEndian<std::uint32_t>(out + 4, header.stream);
}

std::size_t WriteFrame(FrameType type, std::uint8_t flags, ByteView payload, std::byte* out) {
  WriteHeader({type, flags, static_cast<std::uint16_t>(payload.size()), 0}, out);
  std::copy(payload.begin(), payload.end(), out + kFrameHeaderSize);
  return kFrameHeaderSize + payload.size();
}

bool TakeFrame(ByteView& record, FrameHeader& header, ByteView& payload) {
  if (record.size() < kFrameHeaderSize) return false;
  header.type = static_cast<FrameType>(record[0]);
  header.flags = static_cast<std::uint8_t>(record[1]);
  header.length = LoadBigEndian<std::uint16_t>(record.data() + 2);
  header.stream = LoadBigEndian<std::uint32_t>(record.data() + 4);
  if (record.size() - kFrameHeaderSize < header.length) return false;
  payload = record.subspan(kFrameHeaderSize, header.length);
  record = record.subspan(kFrameHeaderSize + header.length);
  return true;
}

std::string_view Describe(ResetCode code) {
  switch (code) {
    case ResetCode::kNone:
      return "the stream ended";
    case ResetCode::kClientGone:
      return "the client's connection broke";
    case ResetCode::kUpstreamUnreachable:
      return "Redis can't be reached from the server agent";
    case ResetCode::kUpstreamGone:
      return "Redis broke the connection";
    case ResetCode::kUnknownRoute:
      return "the server agent has no route of this name";
    case ResetCode::kNotPermitted:
      return "this agent may not use this route";
    case ResetCode::kRefused:
      return "the server agent takes no more streams now";
    case ResetCode::kProtocol:
      return "what came through the stream is not the Redis protocol";
    case ResetCode::kLogin:
      return "Redis refused the credentials that the server agent holds";
    case ResetCode::kShutdown:
      return "the agent is shutting down";
    case ResetCode::kUnknownTarget:
      return "the route has no such server";
  }
  return "a reason that this version doesn't know";
}

std::vector<std::byte> EncodeOpen(const OpenPayload& open) {
  std::vector<std::byte> out;
  Append(out, open.credit);
  AppendShortText(out, open.route);
  AppendShortText(out, open.client);
  if (!open.target.empty()) AppendShortText(out, open.target);
  return out;
}

std::optional<OpenPayload> DecodeOpen(ByteView payload) {
  if (payload.size() < 4) return std::nullopt;
  OpenPayload open;
  open.credit = LoadBigEndian<std::uint32_t>(payload.data());
  payload = payload.subspan(4);
  if (!TakeShortText(payload, open.route) || !TakeShortText(payload, open.client))
    return std::nullopt;
  if (payload.empty()) return open;
  if (!TakeShortText(payload, open.target) || open.target.empty() || !payload.empty())
    return std::nullopt;
  return open;
}

std::vector<std::byte> EncodeHello(const HelloPayload& hello) {
  std::vector<std::byte> out;
  AppendTextTlv(out, HelloType::kName, hello.name);
  AppendTextTlv(out, HelloType::kVersion, hello.version);
  AppendNumberTlv(out, HelloType::kStreamWindow, hello.stream_window);
  AppendNumberTlv(out, HelloType::kSessionWindow, hello.session_window);
  AppendNumberTlv(out, HelloType::kMaxStreams, hello.max_streams);
  AppendNumberTlv(out, HelloType::kMaxUnanswered, hello.max_unanswered);
  AppendNumberTlv(out, HelloType::kSilence, hello.silence_ms);
  AppendTextTlv(out, HelloType::kIdentity, hello.identity);
  AppendNumberTlv(out, HelloType::kFeatures, hello.features);
  AppendRouteKinds(out, hello.routes);
  return out;
}

std::optional<HelloPayload> DecodeHello(ByteView payload) {
  HelloPayload hello;
  while (!payload.empty()) {
    if (payload.size() < 3) return std::nullopt;
    const auto type = static_cast<HelloType>(payload[0]);
    const std::size_t length = LoadBigEndian<std::uint16_t>(payload.data() + 1);
    if (payload.size() - 3 < length) return std::nullopt;
    if (!ReadHelloField(type, payload.subspan(3, length), hello)) return std::nullopt;
    payload = payload.subspan(3 + length);
  }
  return hello;
}

std::vector<std::byte> EncodeResume(const ResumePayload& resume) {
  std::vector<std::byte> out(resume.id.begin(), resume.id.end());
  Append(out, resume.epoch);
  Append(out, resume.handled);
  out.insert(out.end(), resume.proof.begin(), resume.proof.end());
  return out;
}

std::optional<ResumePayload> DecodeResume(ByteView payload) {
  ResumePayload resume;
  if (payload.size() != resume.id.size() + 12 + resume.proof.size()) return std::nullopt;
  const std::byte* at = payload.data();
  std::copy_n(at, resume.id.size(), resume.id.begin());
  at += resume.id.size();
  resume.epoch = LoadBigEndian<std::uint32_t>(at);
  resume.handled = LoadBigEndian<std::uint64_t>(at + 4);
  std::copy_n(at + 12, resume.proof.size(), resume.proof.begin());
  return resume;
}

std::vector<std::byte> EncodePolicy(const PolicyPayload& policy) {
  std::vector<std::byte> out(4 + policy.piece.size());
  StoreBigEndian<std::uint32_t>(out.data(), policy.generation);
  std::ranges::copy(AsBytes(policy.piece), out.begin() + 4);
  return out;
}

std::optional<PolicyPayload> DecodePolicy(ByteView payload) {
  if (payload.size() < 4) return std::nullopt;
  return PolicyPayload{LoadBigEndian<std::uint32_t>(payload.data()), AsText(payload.subspan(4))};
}

std::vector<std::byte> EncodeResumed(const ResumedPayload& resumed) {
  std::vector<std::byte> out;
  Append(out, resumed.epoch);
  Append(out, resumed.handled);
  return out;
}

std::optional<ResumedPayload> DecodeResumed(ByteView payload) {
  if (payload.size() != 12) return std::nullopt;
  return ResumedPayload{LoadBigEndian<std::uint32_t>(payload.data()),
                        LoadBigEndian<std::uint64_t>(payload.data() + 4)};
}

}  // namespace redwall::tunnel
