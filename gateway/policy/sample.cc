#include "gateway/policy/sample.h"

#include <cctz/time_zone.h>

#include <chrono>

#include "resp/writer.h"

namespace redwall::policy {

bool Sample::Build(std::span<const std::string_view> words) {
  return BuildHead(words, words.size());
}

bool Sample::BuildHead(std::span<const std::string_view> words, std::uint64_t argc) {
  constexpr std::uint64_t kMaxArguments = 0x7fffffff;  // INT_MAX, as Redis
  info_ = nullptr;
  keys_.clear();
  key_status_ = resp::KeyStatus::kUnknown;
  if (words.empty() || words.size() > argc || argc > kMaxArguments) return false;
  wire_.clear();
  resp::WriteArrayHeader(argc, wire_);
  for (const std::string_view word : words) resp::WriteBulk(word, wire_);
  // The header of an argument that is too long to wait for: the parser then shows those before it.
  const bool whole = words.size() == argc;
  if (!whole) resp::WriteBulkHeader(1'000'000, wire_);
  // After an error or a head a parser can't begin anew.
  const bool usable = parser_->between_commands();
  if (!usable) parser_.emplace();
  const resp::ParseStatus status = parser_->Parse(wire_);
  if (status != (whole ? resp::ParseStatus::kCommand : resp::ParseStatus::kHead)) {
    parser_.emplace();
    return false;
  }
  LookUp();
  return true;
}

void Sample::LookUp() {
  info_ = table_.Find(command());
  if (info_ != nullptr) key_status_ = resp::ExtractKeys(*info_, command(), keys_);
}

bool SampleSender::SetFrom(std::string_view text) {
  ip = IpAddress::Parse(text);
  if (!ip) ip = IpAddress::OfPeer(text);
  address = text;
  return ip || text == "unix";
}

Sender SampleSender::view() const {
  Sender sender;
  if (user) sender.users = {std::span(&*user, 1), false};
  if (database) sender.databases = {std::span(&*database, 1), false};
  sender.address = address;
  sender.ip = ip;
  sender.now = now;
  return sender;
}

std::optional<std::int64_t> ParseTime(std::string_view text) {
  // The library takes spaces, fewer digits and years of any length, too.
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kShape.size() || text.size() > 64) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool fits = kShape[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == kShape[i];
    if (!fits) return std::nullopt;
  }
  if (text.find(' ') != text.npos) return std::nullopt;
  cctz::time_point<std::chrono::microseconds> time;
  if (!cctz::parse("%Y-%m-%dT%H:%M:%E*S%Ez", std::string(text), cctz::utc_time_zone(), &time))
    return std::nullopt;
  return time.time_since_epoch().count();
}

std::string FormatTime(std::int64_t wall_us) {
  const auto seconds = std::chrono::floor<cctz::seconds>(std::chrono::microseconds(wall_us));
  return cctz::format("%Y-%m-%dT%H:%M:%SZ", cctz::time_point<cctz::seconds>(seconds),
                      cctz::utc_time_zone());
}

}  // namespace redwall::policy
