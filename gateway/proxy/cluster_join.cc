#include "gateway/proxy/cluster_join.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "resp/reply_scanner.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

using Replies = std::vector<std::string_view>;

constexpr std::string_view kUnlike = "-ERR redwall: the nodes' answers can't be joined\r\n";

bool IsError(std::string_view reply) { return reply.starts_with('-') || reply.starts_with('!'); }

bool IsNull(std::string_view reply) { return reply == "$-1\r\n" || reply == "_\r\n"; }

template <class Number>
bool ReadWhole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<std::int64_t> IntegerOf(std::string_view frame) {
  std::int64_t number = 0;
  if (frame.size() < 4 || frame[0] != ':') return std::nullopt;
  if (!ReadWhole(frame.substr(1, frame.size() - 3), number)) return std::nullopt;
  return number;
}

std::string Integer(std::int64_t number) { return ":" + std::to_string(number) + "\r\n"; }

// Wraps around where hostile nodes make the sum too large.
std::int64_t Add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::string JoinIntegers(Join how, const Replies& replies) {
  std::optional<std::int64_t> result;
  for (const std::string_view reply : replies) {
    const std::optional<std::int64_t> number = IntegerOf(reply);
    if (!number) return std::string(kUnlike);
    if (!result) {
      result = number;
    } else {
      result = how == Join::kSum ? Add(*result, *number) : std::min(*result, *number);
    }
  }
  return Integer(result.value_or(0));
}

std::string Array(const std::vector<std::string_view>& elements) {
  std::string joined;
  resp::WriteArrayHeader(elements.size(), joined);
  for (const std::string_view element : elements) joined += element;
  return joined;
}

std::string Concatenate(Join how, const Replies& replies) {
  std::vector<std::string_view> all, some;
  std::set<std::string_view> seen;
  for (const std::string_view reply : replies) {
    if (!SplitArray(reply, some)) return std::string(kUnlike);
    for (const std::string_view element : some)
      if (how == Join::kConcat || seen.insert(element).second) all.push_back(element);
  }
  return Array(all);
}

std::string JoinMget(const Replies& replies, const std::vector<std::uint32_t>& order) {
  std::vector<std::vector<std::string_view>> parts(replies.size());
  for (std::size_t i = 0; i < replies.size(); ++i)
    if (!SplitArray(replies[i], parts[i])) return std::string(kUnlike);
  std::vector<std::size_t> next(replies.size(), 0);
  std::vector<std::string_view> all;
  for (const std::uint32_t part : order) {
    if (next[part] >= parts[part].size()) return std::string(kUnlike);
    all.push_back(parts[part][next[part]++]);
  }
  return Array(all);
}

// Element by element: the even ones (kTally) are names and stay, the others are added up.
std::string JoinNumbers(Join how, const Replies& replies) {
  std::vector<std::string_view> first, others;
  if (!SplitArray(replies[0], first)) return std::string(kUnlike);
  const bool tally = how == Join::kTally;
  std::vector<std::int64_t> numbers(first.size(), 0);
  for (const std::string_view reply : replies) {
    if (!SplitArray(reply, others) || others.size() != first.size()) return std::string(kUnlike);
    for (std::size_t i = 0; i < others.size(); ++i) {
      if (tally && i % 2 == 0) continue;
      const std::optional<std::int64_t> number = IntegerOf(others[i]);
      if (!number) return std::string(kUnlike);
      numbers[i] = tally ? Add(numbers[i], *number) : numbers[i] + (*number != 0 ? 1 : 0);
    }
  }
  std::string joined;
  resp::WriteArrayHeader(first.size(), joined);
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (tally && i % 2 == 0) {
      joined += first[i];
    } else if (tally) {
      joined += Integer(numbers[i]);
    } else {
      joined += Integer(numbers[i] == static_cast<std::int64_t>(replies.size()) ? 1 : 0);
    }
  }
  return joined;
}

std::string JoinAnyOk(const Replies& replies) {
  const auto good = std::find_if_not(replies.begin(), replies.end(), IsError);
  return std::string(good == replies.end() ? replies[0] : *good);
}

std::string JoinRandom(const Replies& replies, std::size_t start) {
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const std::string_view reply = replies[(start + i) % replies.size()];
    if (!IsNull(reply)) return std::string(reply);
  }
  return std::string(replies[0]);
}

}  // namespace

bool SplitArray(std::string_view frame, std::vector<std::string_view>& elements) {
  elements.clear();
  resp::ReplyScanner scanner;
  if (!frame.starts_with('*') || frame.starts_with("*?") || frame.starts_with("*-")) return false;
  scanner.TakeHeaderAlone();
  std::size_t used = 0;
  if (scanner.Scan(frame, used) != resp::ScanStatus::kFrame) return false;
  const std::uint64_t declared = scanner.frame().elements;
  for (frame.remove_prefix(used); !frame.empty(); frame.remove_prefix(used)) {
    if (scanner.Scan(frame, used) != resp::ScanStatus::kFrame) return false;
    elements.push_back(frame.substr(0, used));
  }
  return elements.size() == declared;
}

std::string JoinReplies(Join how, const Replies& replies, const std::vector<std::uint32_t>& order) {
  if (how == Join::kAnyOk) return JoinAnyOk(replies);
  const auto error = std::find_if(replies.begin(), replies.end(), IsError);
  if (error != replies.end()) return std::string(*error);
  switch (how) {
    case Join::kMget:
      return JoinMget(replies, order);
    case Join::kSum:
    case Join::kMin:
      return JoinIntegers(how, replies);
    case Join::kConcat:
    case Join::kUnique:
      return Concatenate(how, replies);
    case Join::kTally:
    case Join::kAnd:
      return JoinNumbers(how, replies);
    case Join::kRandom:
      return JoinRandom(replies, order.empty() ? 0 : order[0]);
    case Join::kNone:
    case Join::kFirst:
    case Join::kAnyOk:
    case Join::kScan:
      break;
  }
  return std::string(replies[0]);
}

bool ReadScanCursor(std::string_view text, ScanCursor& cursor) {
  std::uint64_t number = 0;
  if (!ReadWhole(text, number) || (number >> 63) != 0) return false;
  cursor.of_node = number / kScanMasters;
  cursor.master = static_cast<std::uint32_t>(number % kScanMasters);
  return true;
}

std::string WriteScanCursor(const ScanCursor& cursor) {
  return std::to_string(cursor.of_node * kScanMasters + cursor.master);
}

bool ReadScanReply(std::string_view reply, std::uint64_t& cursor, std::string_view& rest) {
  std::vector<std::string_view> elements;
  if (!SplitArray(reply, elements) || elements.size() != 2) return false;
  const std::string_view text = elements[0];
  const std::size_t line = text.find("\r\n");
  if (!text.starts_with('$') || text.size() < line + 4) return false;
  rest = elements[1];
  return ReadWhole(text.substr(line + 2, text.size() - line - 4), cursor);
}

}  // namespace redwall::proxy
