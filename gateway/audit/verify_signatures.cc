#include "gateway/audit/verify_signatures.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/bytes.h"
#include "crypto/signature.h"

namespace redwall::audit {
namespace {

std::optional<std::int64_t> Digits(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return {};
  return value;
}

// "2024-02-29T23:59:59.000001Z" as microseconds since 1970.
std::optional<std::int64_t> ParseTime(std::string_view ts) {
  if (ts.size() != 27 || ts[10] != 'T' || ts[19] != '.' || ts[26] != 'Z') return {};
  const auto year = Digits(ts.substr(0, 4)), month = Digits(ts.substr(5, 2)),
             day = Digits(ts.substr(8, 2)), hour = Digits(ts.substr(11, 2)),
             minute = Digits(ts.substr(14, 2)), second = Digits(ts.substr(17, 2)),
             micros = Digits(ts.substr(20, 6));
  if (!year || !month || !day || !hour || !minute || !second || !micros) return {};
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return {};
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + *hour) * 60 + *minute) * 60 + *second) * 1'000'000 + *micros;
}

// The earliest time at which the line can have been written. `only_arrived`: a command that never
// got a reply may have waited long, and says only when it came.
std::optional<std::int64_t> WrittenAt(std::string_view line, bool& only_arrived) {
  const auto arrived = ParseTime(TextMember(line, "ts"));
  only_arrived = false;
  if (!arrived || line.rfind(",\"us\":") == line.npos) return arrived;
  const auto took = NumberMember(line, "us");
  constexpr std::uint64_t kLongest = 1ULL << 50;  // a third of a century: no sum overflows
  if (!took || *took > kLongest) {
    only_arrived = true;
    return arrived;
  }
  return *arrived + static_cast<std::int64_t>(*took);
}

std::optional<crypto::PublicKey> ParseKey(std::string_view base64) {
  const auto key = crypto::ParsePublicKey(std::string(base64));
  if (!key) return {};
  return *key;
}

}  // namespace

std::string_view TextMember(std::string_view line, std::string_view name) {
  std::string start(",\"");
  start.append(name).append("\":\"");
  const std::size_t at = line.find(start);
  if (at == line.npos) return {};
  const std::size_t from = at + start.size();
  std::size_t end = from;
  while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  return end < line.size() ? line.substr(from, end - from) : std::string_view();
}

std::optional<std::uint64_t> NumberMember(std::string_view line, std::string_view name) {
  std::string start(",\"");
  start.append(name).append("\":");
  const std::size_t at = line.rfind(start);
  if (at == line.npos) return {};
  std::uint64_t value = 0;
  const char* const from = line.data() + at + start.size();
  const auto [end, error] = std::from_chars(from, line.data() + line.size(), value);
  if (error != std::errc()) return {};
  return value;
}

std::optional<std::string> Signatures::Check(std::string_view key_text,
                                             std::string_view signature_text,
                                             std::string_view message) {
  const auto key = ParseKey(key_text);
  const auto signature = crypto::ParseSignature(signature_text);
  if (!key || !signature) return "its key or its signature isn't one: it was changed";
  if (!trusted_.empty() && std::find(trusted_.begin(), trusted_.end(), *key) == trusted_.end())
    return "it is signed with the key " + crypto::FormatPublicKey(*key) +
           ", which is none of those given with --key";
  if (trusted_.empty() && key_ && *key != *key_)
    return "it is signed with the key " + crypto::FormatPublicKey(*key) +
           ", what stands before it with " + crypto::FormatPublicKey(*key_) +
           "; where the agent was given a new key, name both with --key";
  if (!crypto::VerifySignature(*key, AsBytes(message), *signature))
    return "its signature is wrong: it was changed, or wasn't made by the owner of the key";
  if (!key_) key_ = key;
  return {};
}

std::optional<std::string> Signatures::AddCheckpoint(std::string_view line, const ChainLink& link) {
  AddLine(line, false);
  if (auto wrong = Check(TextMember(line, "key"), TextMember(line, "signature"),
                         CheckpointMessage(link, TextMember(line, "ts"))))
    return "this line is a checkpoint (a signature over all lines up to it), and " + *wrong;
  ++checkpoints_;
  signed_to_ = link.seq;
  started_since_ = false;
  unsigned_since_.reset();
  return {};
}

void Signatures::AddLine(std::string_view line, bool starts_agent) {
  started_since_ = started_since_ || starts_agent;
  bool only_arrived = false;
  const auto written = WrittenAt(line, only_arrived);
  if (!written) return;
  if (!unsigned_since_) latest_ = *written;
  latest_ = std::max(latest_, *written);
  // Lines stand in the order in which they were written: what tells it better counts.
  if (!unsigned_since_ || (since_arrival_ && !only_arrived && *written > *unsigned_since_)) {
    unsigned_since_ = *written;
    since_arrival_ = only_arrived;
  }
}

bool Signatures::Expected() const {
  return !trusted_.empty() || (checkpoints_ > 0 && !started_since_);
}

std::optional<std::string> Signatures::AddHead(const Head& head, bool seen) {
  if (head.key.empty()) {
    if (!Expected()) return {};
    return "this file, which says where the audit ends, isn't signed although the lines are: "
           "it was replaced";
  }
  if (auto wrong = Check(head.key, head.signature, HeadMessage(head.end, head.closed)))
    return "this file says where the audit ends, but " + *wrong;
  if (seen) signed_to_ = std::max(signed_to_, head.end.seq);
  return {};
}

std::optional<std::string> Signatures::CheckEnd(std::uint64_t last, bool stopped) const {
  if (last == signed_to_ || !Expected()) return {};
  if (signed_to_ == 0) return "no line is signed: there is no checkpoint by a trusted key";
  const std::string which =
      "the lines behind number " + std::to_string(signed_to_) + " are not signed";
  if (stopped)
    return which +
           ", although the agent stopped as it should and then signs its last line: its signature "
           "was removed, or these lines weren't written by it";
  if (unsigned_since_ && latest_ - *unsigned_since_ > kMaxUnsignedUs)
    return which +
           ", although minutes pass in them and an agent signs within seconds: its "
           "signatures were removed, or these lines weren't written by it";
  return {};
}

}  // namespace redwall::audit
