#include "gateway/agent/authorized.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::string_view kItsLine = "of its line in the authorized agents";

// The number that exactly these digits make; -1 where they are no digits.
int Digits(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good =
      !text.empty() && text[0] != '-' && error == std::errc() && end == text.data() + text.size();
  return good ? number : -1;
}

class Reader {
 public:
  explicit Reader(std::set<std::string> taken) : names_(std::move(taken)) {}

  void ReadAgent(const json::Value& object) {
    AgentRights rights;
    if (const auto name = object.Required("name")) {
      rights.name = name->String();
      if (rights.name.empty() || rights.name.size() > 255) name->Fail("a name has 1 to 255 bytes");
      if (!names_.insert(rights.name).second) name->Fail("this name is given twice");
    }
    ReadKeys(object, rights.name);
    if (const auto routes = object.Member("routes")) {
      rights.routes = routes->Strings();
      if (rights.routes.empty())
        routes->Fail("expected at least one route, or no \"routes\" for all");
    }
    if (const auto from = object.Member("from")) ReadFrom(*from, rights);
    if (const auto not_after = object.Member("not_after")) ReadNotAfter(*not_after, rights);
    object.NotYet("redis_user");
    object.Finish();
    agents.rights.push_back(std::move(rights));
  }

  AuthorizedAgents agents;

 private:
  void ReadKeys(const json::Value& object, const std::string& name) {
    const auto several = object.Member("public_keys");
    if (!several) {
      if (const auto key = object.Required("public_key")) ReadKey(*key, name);
      return;
    }
    if (object.Member("public_key"))
      return several->Fail("give \"public_key\" or \"public_keys\", not both");
    const std::vector<json::Value> keys = several->Array();
    if (keys.empty()) several->Fail("expected at least one public key");
    for (const json::Value& key : keys) ReadKey(key, name);
  }

  void ReadKey(const json::Value& value, const std::string& name) {
    const auto parsed = crypto::ParsePublicKey(value.String());
    if (!parsed) return value.Fail(parsed.error().sentence);
    // Nobody could say which of the two came.
    const auto is_same = [&](const auto& other) { return other.public_key == *parsed; };
    if (std::any_of(agents.keys.begin(), agents.keys.end(), is_same))
      value.Fail("this key is given twice");
    agents.keys.push_back({name, *parsed});
  }

  static void ReadFrom(const json::Value& value, AgentRights& rights) {
    for (const json::Value& item : value.Array()) {
      auto network = Network::Parse(item.String());
      if (!network) return item.Fail(network.error().sentence);
      rights.from.push_back(*network);
    }
    if (rights.from.empty())
      value.Fail("expected at least one network, or no \"from\" for anywhere");
  }

  static void ReadNotAfter(const json::Value& value, AgentRights& rights) {
    rights.not_after = value.String();
    const auto parsed = ParseUtcTime(rights.not_after);
    if (parsed) {
      rights.not_after_us = *parsed;
    } else {
      value.Fail("expected a time in UTC like \"2027-01-01T00:00:00Z\", got \"" +
                 rights.not_after.substr(0, 100) + "\"");
    }
  }

  std::set<std::string> names_;
};

}  // namespace

std::optional<std::int64_t> ParseUtcTime(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  constexpr std::size_t kMostFraction = 6;
  if (text.size() <= kShape.size() || !text.ends_with('Z')) return std::nullopt;
  for (std::size_t at = 0; at < kShape.size(); ++at) {
    const bool is_digit = text[at] >= '0' && text[at] <= '9';
    if (kShape[at] == '0' ? !is_digit : text[at] != kShape[at]) return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t size) { return Digits(text.substr(at, size)); };
  const std::chrono::year_month_day day(std::chrono::year(part(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(part(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(part(8, 2))));
  const int hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  std::string fraction(text.substr(kShape.size(), text.size() - kShape.size() - 1));
  int micros = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2 || fraction.size() > 1 + kMostFraction)
      return std::nullopt;
    fraction.resize(1 + kMostFraction, '0');
    micros = Digits(std::string_view(fraction).substr(1));
    if (micros < 0) return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * 1'000'000 + micros;
}

bool AgentRights::MayUse(const std::string& route) const {
  return routes.empty() || std::find(routes.begin(), routes.end(), route) != routes.end();
}

std::string AgentRights::Refusal(std::string_view peer_address, std::int64_t wall_us) const {
  if (!not_after.empty() && wall_us > not_after_us)
    return "its time was over at " + not_after + " (\"not_after\" " + std::string(kItsLine) + ")";
  if (from.empty()) return {};
  const auto address = IpAddress::OfPeer(peer_address);
  const bool inside = address && std::any_of(from.begin(), from.end(), [&](const Network& network) {
                        return network.Contains(*address);
                      });
  if (inside) return {};
  return "it may not connect from here (\"from\" " + std::string(kItsLine) + ")";
}

Result<AuthorizedAgents, json::JsonError> ReadAuthorizedAgents(const std::string& path,
                                                               std::set<std::string> taken) {
  const auto file = json::Value::ReadFile(path);
  if (!file) return file.error();
  Reader reader(std::move(taken));
  if (const auto list = file->Required("agents")) {
    for (const json::Value& object : list->Array()) reader.ReadAgent(object);
  }
  file->Finish();
  if (const auto status = file->status(); !status) return status.error();
  return std::move(reader.agents);
}

}  // namespace redwall::agent
