#include "gateway/tunnel/frame.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/gateway/tunnel/frame_maker.h"

using namespace redwall;          // NOLINT
using namespace redwall::tunnel;  // NOLINT
using namespace std::literals;

namespace {

std::string Tlv(int type, std::string_view value) {
  return static_cast<char>(type) + Number16(static_cast<std::uint16_t>(value.size())) +
         std::string(value);
}

HelloPayload FullHello() {
  return {"site-a",
          "0.1.0",
          0x01020304,
          0x7fffffff,
          1024,
          256,
          15000,
          "known as a",
          0x80000001,
          {{RouteKind::Kind::kCluster, "orders"}, {RouteKind::Kind::kTcp, std::string(255, 'm')}}};
}

bool Same(const HelloPayload& a, const HelloPayload& b) {
  return a.name == b.name && a.version == b.version && a.stream_window == b.stream_window &&
         a.session_window == b.session_window && a.max_streams == b.max_streams &&
         a.max_unanswered == b.max_unanswered && a.silence_ms == b.silence_ms &&
         a.identity == b.identity && a.features == b.features &&
         std::ranges::equal(a.routes, b.routes, [](const RouteKind& x, const RouteKind& y) {
           return x.kind == y.kind && x.name == y.name;
         });
}

}  // namespace

TEST_CASE("a header is written as the protocol says") {
  std::byte out[kFrameHeaderSize];
  WriteHeader({FrameType::kData, kFlagFin, 0x1234, 0x89abcdef}, out);
  CHECK(AsText(out) == "\x01\x01\x12\x34\x89\xab\xcd\xef"sv);
}

TEST_CASE("the replayed frames are those of the protocol's table") {
  const std::set<int> replayed = {1, 2, 3, 4, 5, 6, 13, 14};
  for (int type = 0; type < 256; ++type)
    CHECK(IsReplayed(static_cast<FrameType>(type)) == replayed.contains(type));
}

TEST_CASE("TakeFrame takes whole frames and nothing less, at every cut") {
  const std::string first = MakeFrame(FrameType::kData, 7, "hello", kFlagFin);
  const std::string second = MakeFrame(FrameType::kCredit, 0, Number32(5));
  const std::string both = first + second;
  for (std::size_t cut = 0; cut <= both.size(); ++cut) {
    ByteView record = AsBytes(std::string_view(both).substr(0, cut));
    FrameHeader header;
    ByteView payload;
    const bool has_first = cut >= first.size();
    REQUIRE(TakeFrame(record, header, payload) == has_first);
    if (!has_first) {
      CHECK(record.size() == cut);
      continue;
    }
    CHECK(header.type == FrameType::kData);
    CHECK(header.flags == kFlagFin);
    CHECK(header.length == 5);
    CHECK(header.stream == 7);
    CHECK(AsText(payload) == "hello");
    REQUIRE(TakeFrame(record, header, payload) == (cut == both.size()));
    if (cut < both.size()) {
      CHECK(record.size() == cut - first.size());
      continue;
    }
    CHECK(header.type == FrameType::kCredit);
    CHECK(AsText(payload) == Number32(5));
    CHECK(record.empty());
    CHECK_FALSE(TakeFrame(record, header, payload));
  }
}

TEST_CASE(
    "TakeFrame takes a frame of length n when n bytes are there, not n-1, and leaves the rest") {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{255}, kMaxPayload, std::size_t{65535}}) {
    const std::string frame = MakeFrame(FrameType::kPad, 0, std::string(size, '\0'));
    for (const int more : {-1, 0, 1}) {
      std::string bytes = frame + "x";
      bytes.resize(static_cast<std::size_t>(static_cast<int>(frame.size()) + more));
      ByteView record = AsBytes(bytes);
      FrameHeader header;
      ByteView payload;
      REQUIRE(TakeFrame(record, header, payload) == (more >= 0));
      if (more < 0) continue;
      CHECK(payload.size() == size);
      CHECK(record.size() == static_cast<std::size_t>(more));
    }
  }
}

TEST_CASE("OPEN comes back as it was") {
  for (const std::size_t route :
       {std::size_t{0}, std::size_t{1}, std::size_t{254}, std::size_t{255}}) {
    for (const std::size_t client : {std::size_t{0}, std::size_t{1}, std::size_t{255}}) {
      const std::string a(route, 'r'), b(client, 'c');
      const auto bytes = EncodeOpen({0xfffefdfc, a, b});
      CHECK(bytes.size() == 4 + 1 + route + 1 + client);
      const auto open = DecodeOpen(bytes);
      REQUIRE(open);
      CHECK(open->credit == 0xfffefdfc);
      CHECK(open->route == a);
      CHECK(open->client == b);
    }
  }
}

TEST_CASE("OPEN's texts are cut at 255 bytes") {
  const std::string longer(256, 'r'), longest(70000, 'c');
  const auto bytes = EncodeOpen({1, longer, longest});
  const auto open = DecodeOpen(bytes);
  REQUIRE(open);
  CHECK(open->route == longer.substr(0, 255));
  CHECK(open->client == longest.substr(0, 255));
}

TEST_CASE("OPEN names a server of the route where that is asked for, and nothing where it isn't") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{255}, std::size_t{256}}) {
    const std::string target(size, 't');
    const auto bytes = EncodeOpen({1, "orders", "127.0.0.1:5000", target});
    const auto open = DecodeOpen(bytes);
    REQUIRE(open);
    CHECK(open->client == "127.0.0.1:5000");
    CHECK(open->target == target.substr(0, 255));
    // Without any of it the frame is one without a target; with a part of it, none at all.
    for (std::size_t cut = 1; cut <= std::min<std::size_t>(size, 255); ++cut)
      CHECK_FALSE(DecodeOpen(ByteView(bytes).first(bytes.size() - cut)));
    const auto without =
        DecodeOpen(ByteView(bytes).first(bytes.size() - std::min<std::size_t>(size, 255) - 1));
    REQUIRE(without);
    CHECK(without->target.empty());
  }
}

TEST_CASE("HELLO tells of as many routes as fit, and of each or of none") {
  HelloPayload hello;
  for (int i = 0; i < 1000; ++i)
    hello.routes.push_back({RouteKind::Kind::kTcp, std::to_string(i) + std::string(200, 'r')});
  const auto told = DecodeHello(EncodeHello(hello));
  REQUIRE(told);
  CHECK(told->routes.size() > 30);
  CHECK(told->routes.size() < hello.routes.size());
  for (std::size_t i = 0; i < told->routes.size(); ++i)
    CHECK(told->routes[i].name == hello.routes[i].name);
  CHECK_FALSE(DecodeHello(AsBytes(Tlv(10, "\x01\x05orde"sv))));
  CHECK_FALSE(DecodeHello(AsBytes(Tlv(10, "\x01"sv))));
  const auto unknown_kind = DecodeHello(AsBytes(Tlv(10, "\x63\x01x"sv)));
  REQUIRE(unknown_kind);
  CHECK(unknown_kind->routes.size() == 1);
}

TEST_CASE("no truncation of OPEN is an OPEN, nor is one with a byte more") {
  auto bytes = EncodeOpen({1, "default", "127.0.0.1:5000"});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(DecodeOpen(ByteView(bytes).first(size)));
  CHECK(DecodeOpen(bytes));
  bytes.push_back(std::byte{0});
  CHECK_FALSE(DecodeOpen(bytes));
}

TEST_CASE("HELLO comes back as it was") {
  const auto hello = DecodeHello(EncodeHello(FullHello()));
  REQUIRE(hello);
  CHECK(Same(*hello, FullHello()));
  const auto empty = DecodeHello(EncodeHello({}));
  REQUIRE(empty);
  CHECK(Same(*empty, {}));
  CHECK(EncodeHello({}).empty());
}

TEST_CASE("HELLO cut between two fields is a shorter HELLO, anywhere else it is none") {
  const auto bytes = EncodeHello(FullHello());
  std::set<std::size_t> boundaries;
  for (std::size_t at = 0; at < bytes.size();) {
    boundaries.insert(at);
    at += 3 + LoadBigEndian<std::uint16_t>(bytes.data() + at + 1);
  }
  CHECK(boundaries.size() == 10);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(DecodeHello(ByteView(bytes).first(size)).has_value() == boundaries.contains(size));
}

TEST_CASE("HELLO's texts are cut at 255 bytes when sent, and refused beyond when received") {
  HelloPayload hello;
  hello.name = std::string(256, 'n');
  hello.identity = std::string(100000, 'i');
  const auto decoded = DecodeHello(EncodeHello(hello));
  REQUIRE(decoded);
  CHECK(decoded->name == std::string(255, 'n'));
  CHECK(decoded->identity == std::string(255, 'i'));
  for (const int type : {1, 2, 8}) {
    CHECK(DecodeHello(AsBytes(Tlv(type, std::string(254, 'x')))));
    CHECK(DecodeHello(AsBytes(Tlv(type, std::string(255, 'x')))));
    CHECK_FALSE(DecodeHello(AsBytes(Tlv(type, std::string(256, 'x')))));
  }
}

TEST_CASE("HELLO's numbers have four bytes, not three nor five") {
  for (const int type : {3, 4, 5, 6, 7, 9}) {
    CHECK_FALSE(DecodeHello(AsBytes(Tlv(type, ""))));
    CHECK_FALSE(DecodeHello(AsBytes(Tlv(type, "\0\0\1"s))));
    CHECK(DecodeHello(AsBytes(Tlv(type, "\0\0\0\1"s))));
    CHECK_FALSE(DecodeHello(AsBytes(Tlv(type, "\0\0\0\0\1"s))));
  }
}

TEST_CASE("a field of HELLO that isn't known is skipped, and the last of a repeated one counts") {
  const std::string bytes = Tlv(0, "") + Tlv(1, "old") + Tlv(200, std::string(5000, 'x')) +
                            Tlv(3, Number32(1)) + Tlv(11, "?") + Tlv(1, "new") +
                            Tlv(3, Number32(2)) + Tlv(255, "");
  const auto hello = DecodeHello(AsBytes(bytes));
  REQUIRE(hello);
  CHECK(hello->name == "new");
  CHECK(hello->stream_window == 2);
}

TEST_CASE("RESUME and RESUMED are written as the protocol says, and come back as they were") {
  ResumePayload resume;
  resume.id.fill(std::byte{'i'});
  resume.epoch = 0x01020304;
  resume.handled = 0x1112131415161718;
  resume.proof.fill(std::byte{'p'});
  const auto bytes = EncodeResume(resume);
  CHECK(Text(bytes) == std::string(16, 'i') + Number32(0x01020304) + Number64(0x1112131415161718) +
                           std::string(32, 'p'));
  const auto decoded = DecodeResume(bytes);
  REQUIRE(decoded);
  CHECK(decoded->id == resume.id);
  CHECK(decoded->epoch == resume.epoch);
  CHECK(decoded->handled == resume.handled);
  CHECK(decoded->proof == resume.proof);

  const auto answer = EncodeResumed({7, ~std::uint64_t{0}});
  CHECK(Text(answer) == Number32(7) + Number64(~std::uint64_t{0}));
  const auto resumed = DecodeResumed(answer);
  REQUIRE(resumed);
  CHECK(resumed->epoch == 7);
  CHECK(resumed->handled == ~std::uint64_t{0});
}

TEST_CASE("RESUME and RESUMED have their length, not a byte less nor more") {
  const std::string zeros(100, '\0');
  for (std::size_t size = 0; size <= zeros.size(); ++size) {
    CHECK(DecodeResume(AsBytes(zeros).first(size)).has_value() == (size == 60));
    CHECK(DecodeResumed(AsBytes(zeros).first(size)).has_value() == (size == 12));
  }
}

TEST_CASE("POLICY comes back as it was, with a piece of any length, and not without a generation") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kMaxPolicyPiece}) {
    const std::string piece(size, 'p');
    const auto bytes = EncodePolicy({0x01020304, piece});
    CHECK(Text(bytes) == Number32(0x01020304) + piece);
    CHECK(bytes.size() <= kMaxPayload);
    const auto policy = DecodePolicy(bytes);
    REQUIRE(policy);
    CHECK(policy->generation == 0x01020304);
    CHECK(policy->piece == piece);
  }
  for (std::size_t size = 0; size < 4; ++size)
    CHECK_FALSE(DecodePolicy(AsBytes("\0\0\0\1"sv).first(size)));
}

TEST_CASE(
    "POLICY, and the feature that asks for it, are as in the worked example of the protocol") {
  HelloPayload hello{"site-a", "0.1.0", 262144, 16777216, 0, 0, 15000, ""};
  const std::string without = Text(EncodeHello(hello));
  hello.features = kFeaturePolicy;
  CHECK(Hello(hello) ==
        "\x09\x00\x00\x2d\x00\x00\x00\x00"s + without + "\x09\x00\x04\x00\x00\x00\x01"s);
  CHECK(PolicyPiece(1, R"({"version":1,"d)") ==
        "\x0e\x00\x00\x13\x00\x00\x00\x00\x00\x00\x00\x01"s + R"({"version":1,"d)");
  CHECK(PolicyPiece(1, R"(efault":"deny"})", kFlagLast) ==
        "\x0e\x01\x00\x13\x00\x00\x00\x00\x00\x00\x00\x01"s + R"(efault":"deny"})");
  CHECK(PolicyPiece(2, "", kFlagLast) == "\x0e\x01\x00\x04\x00\x00\x00\x00\x00\x00\x00\x02"s);
}

TEST_CASE("every reset code has a sentence of its own, and unknown ones have one too") {
  std::set<std::string_view> sentences;
  for (std::uint16_t code = 0; code <= 11; ++code) {
    const std::string_view sentence = Describe(static_cast<ResetCode>(code));
    CHECK_FALSE(sentence.empty());
    sentences.insert(sentence);
  }
  CHECK(sentences.size() == 12);
  CHECK(Describe(static_cast<ResetCode>(65535)) == Describe(static_cast<ResetCode>(11)));
}
