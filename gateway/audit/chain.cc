#include "gateway/audit/chain.h"

#include <charconv>

#include "base/bytes.h"
#include "crypto/sha256.h"

namespace redwall::audit {
namespace {

constexpr std::string_view kLineStart = "{\"v\":1,\"seq\":";
constexpr std::string_view kPrev = ",\"prev\":\"";
constexpr std::string_view kLineEnd = "\"}";
constexpr std::size_t kHexDigits = 2 * std::tuple_size_v<ChainHash>;

void PutHex(const ChainHash& hash, char* out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const std::byte byte : hash) {
    *out++ = kHex[std::to_integer<unsigned>(byte) >> 4];
    *out++ = kHex[std::to_integer<unsigned>(byte) & 15];
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void AppendSeq(std::uint64_t seq, std::string& out) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, seq).ptr);
}

// Takes a decimal number off the front of `text`; numbers from 1 on, without leading zeros.
std::optional<std::uint64_t> TakeSeq(std::string_view& text) {
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  if (error != std::errc() || text[0] == '0' || seq > kMaxSeq) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return seq;
}

bool TakeText(std::string_view expected, std::string_view& text) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// Of characters that need no escape in JSON; up to the closing quote, which is taken, too.
std::optional<std::string> TakeString(std::string_view& text) {
  const std::size_t end = text.find_first_of("\"\\");
  if (end == text.npos || text[end] == '\\') return {};
  std::string value(text.substr(0, end));
  text.remove_prefix(end + 1);
  return value;
}

std::string SignedMessage(std::string_view purpose, std::uint64_t seq, const ChainHash& hash) {
  std::string out(purpose);
  out += '\0';
  std::array<std::byte, 8> number;
  StoreBigEndian(number.data(), seq);
  out += AsText(number);
  out += AsText(hash);
  return out;
}

}  // namespace

ChainHash HashLine(std::string_view line) { return crypto::Sha256(AsBytes(line)); }

void AppendHash(const ChainHash& hash, std::string& out) {
  char digits[kHexDigits];
  PutHex(hash, digits);
  out.append(digits, kHexDigits);
}

std::string FormatHash(const ChainHash& hash) {
  std::string out;
  AppendHash(hash, out);
  return out;
}

std::optional<ChainHash> ParseHash(std::string_view hex) {
  ChainHash hash;
  if (hex.size() != kHexDigits) return {};
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = HexDigit(hex[2 * i]), low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return {};
    hash[i] = static_cast<std::byte>(high << 4 | low);
  }
  return hash;
}

std::optional<ChainLink> FindLink(std::string_view line) {
  constexpr std::size_t kTail = kPrev.size() + kHexDigits + kLineEnd.size();
  if (!TakeText(kLineStart, line) || line.size() < kTail) return {};
  std::string_view tail = line.substr(line.size() - kTail);
  line.remove_suffix(kTail);
  const auto seq = TakeSeq(line);
  if (!seq || (!line.empty() && line[0] != ',')) return {};
  if (!TakeText(kPrev, tail) || !tail.ends_with(kLineEnd)) return {};
  const auto prev = ParseHash(tail.substr(0, kHexDigits));
  if (!prev) return {};
  return ChainLink{*seq, *prev};
}

void AppendLine(std::string_view body, ChainEnd& end, std::string& out) {
  const std::size_t from = out.size();
  out += kLineStart;
  AppendSeq(++end.seq, out);
  out += body;
  out += kPrev;
  AppendHash(end.hash, out);
  out += kLineEnd;
  end.hash = HashLine(std::string_view(out).substr(from));
  out += '\n';
}

std::string CheckpointMessage(const ChainLink& link, std::string_view ts) {
  return SignedMessage("redwall audit checkpoint v1", link.seq, link.prev).append(ts);
}

std::string HeadMessage(const ChainEnd& end, bool closed) {
  return SignedMessage("redwall audit head v1", end.seq, end.hash) += closed ? '\1' : '\0';
}

std::string FormatHead(const Head& head) {
  std::string out(kLineStart);
  AppendSeq(head.end.seq, out);
  out += ",\"hash\":\"";
  AppendHash(head.end.hash, out);
  out += head.closed ? "\",\"closed\":true" : "\",\"closed\":false";
  if (!head.key.empty()) {
    out.append(",\"key\":\"").append(head.key);
    out.append("\",\"signature\":\"").append(head.signature).append("\"");
  }
  out += '}';
  out.resize(kHeadBytes - 1, ' ');
  out += '\n';
  return out;
}

std::optional<Head> ParseHead(std::string_view text) {
  Head head;
  if (!TakeText(kLineStart, text)) return {};
  if (text.starts_with("0,")) {  // of a chain without a line
    text.remove_prefix(1);
  } else if (const auto seq = TakeSeq(text); seq && *seq <= kMaxSeq / 2) {
    head.end.seq = *seq;
  } else {
    return {};
  }
  if (!TakeText(",\"hash\":\"", text)) return {};
  const auto hash = ParseHash(text.substr(0, kHexDigits));
  if (!hash) return {};
  head.end.hash = *hash;
  text.remove_prefix(kHexDigits);
  if (!TakeText("\",\"closed\":", text)) return {};
  head.closed = TakeText("true", text);
  if (!head.closed && !TakeText("false", text)) return {};
  if (TakeText(",\"key\":\"", text)) {
    const auto key = TakeString(text);
    if (!key || !TakeText(",\"signature\":\"", text)) return {};
    const auto signature = TakeString(text);
    if (!signature) return {};
    head.key = *key;
    head.signature = *signature;
  }
  if (!TakeText("}", text) || text.find_first_not_of(" \r\n") != text.npos) return {};
  return head;
}

}  // namespace redwall::audit
