// Reads one rule of a policy.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/json/names.h"
#include "gateway/policy/state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxMessageBytes = 256;
constexpr std::int64_t kMaxArgumentBytes = 64 * 1024;
// Of a longer name a connection keeps only the beginning, which could be another user's name.
constexpr std::size_t kMaxUserBytes = 127;
constexpr std::int64_t kMaxDatabase = 1'000'000;
constexpr std::int64_t kMaxSize = std::int64_t{1} << 40;
constexpr std::int64_t kMaxRate = 1'000'000'000;

std::string LoadId(const json::Value& value) {
  std::string id = value.String();
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (id.empty() || id.size() > kMaxIdBytes || !printable)
    value.Fail("expected 1 to 64 printable ASCII characters, got " + json::Quoted(id));
  if (id == kDefaultRule || id == kUnknownRule || id == kReplicationRule || id == "audit")
    value.Fail(json::Quoted(id) +
               " is what the audit says where no rule decides: choose another id");
  return id;
}

CommandSet LoadCommands(const json::Value& value, Policy::State& state) {
  const std::vector<std::string> selectors = value.Strings();
  if (selectors.empty()) value.Fail("expected at least one command; [\"*\"] is all of them");
  std::vector<std::string> warnings;
  warnings.swap(state.warnings);
  const std::size_t before = warnings.size();
  auto set = CommandSet::Make(selectors, *state.table, warnings);
  for (std::size_t i = before; i < warnings.size(); ++i)
    warnings[i] = value.path() + ": " + warnings[i];
  state.warnings.swap(warnings);
  if (set) return *std::move(set);
  value.Array()[set.error().index].Fail(set.error().what);
  return {};
}

PatternSet LoadPatterns(const json::Value& value) {
  std::vector<std::string> patterns = value.Strings();
  if (patterns.empty()) value.Fail("expected at least one pattern; leave it out to look at none");
  return PatternSet(std::move(patterns));
}

std::string LoadMessage(const json::Value& value) {
  std::string message = value.String();
  const bool one_line = std::all_of(message.begin(), message.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  });
  if (message.size() > kMaxMessageBytes || !one_line)
    value.Fail("expected one line of at most 256 bytes: it is sent to the client");
  return message;
}

std::vector<std::int64_t> LoadDatabases(const json::Value& value) {
  std::vector<std::int64_t> databases;
  for (const json::Value& item : value.Array()) databases.push_back(item.Integer(0, kMaxDatabase));
  if (databases.empty()) value.Fail("expected at least one database; leave it out for all");
  std::sort(databases.begin(), databases.end());
  return databases;
}

std::vector<std::string> LoadUsers(const json::Value& value) {
  std::vector<std::string> users = value.Strings();
  if (users.empty()) value.Fail("expected at least one Redis user; leave it out for all");
  for (std::size_t i = 0; i < users.size(); ++i)
    if (users[i].empty() || users[i].size() > kMaxUserBytes)
      value.Array()[i].Fail("expected a Redis user's name of 1 to 127 bytes");
  return users;
}

ClientNetworks LoadFrom(const json::Value& value) {
  ClientNetworks from;
  const std::vector<json::Value> items = value.Array();
  for (const json::Value& item : items) {
    const std::string text = item.String();
    if (text == "unix") {
      from.unix_socket = true;
      continue;
    }
    auto network = Network::Parse(text);
    if (network) {
      from.networks.push_back(*std::move(network));
    } else {
      item.Fail(network.error().sentence + "; \"unix\" is for clients of a unix socket");
    }
  }
  if (items.empty()) value.Fail("expected at least one network; leave it out for all");
  return from;
}

// {"index": 2, "matches": "..."} or {"any": "..."}
std::vector<ArgumentFilter> LoadArguments(const json::Value& value) {
  std::vector<ArgumentFilter> filters;
  std::vector<json::Value> items;
  if (value.is_object()) {
    items.push_back(value);
  } else {
    items = value.Array();
  }
  for (const json::Value& item : items) {
    std::optional<std::int32_t> index;
    auto pattern = item.Member("any");
    if (!pattern) {
      if (auto at = item.Required("index"))
        index = static_cast<std::int32_t>(at->Integer(-1'000'000, 1'000'000));
      pattern = item.Required("matches");
    }
    item.Finish();
    if (!pattern) continue;
    auto filter = ArgumentFilter::Make(index, pattern->String());
    if (filter) {
      filters.push_back(*std::move(filter));
    } else {
      pattern->Fail(filter.error().what);
    }
  }
  if (items.empty()) value.Fail("expected at least one condition; leave it out to look at none");
  return filters;
}

Schedule LoadHours(const json::Value& hours, const std::optional<json::Value>& timezone) {
  std::vector<std::string> parts;
  if (hours.is_string()) {
    parts.push_back(hours.String());
  } else {
    parts = hours.Strings();
  }
  if (parts.empty()) hours.Fail("expected at least one part of the week");
  auto schedule = Schedule::Make(parts, timezone ? timezone->String() : "");
  if (schedule) return *std::move(schedule);
  if (schedule.error().in_timezone) {
    timezone->Fail(schedule.error().what);
  } else if (hours.is_string()) {
    hours.Fail(schedule.error().what);
  } else if (hours.is_array() && !parts.empty()) {
    hours.Array()[schedule.error().part].Fail(schedule.error().what);
  }
  return {};
}

Rate LoadRate(const json::Value& value) {
  Rate rate;
  if (auto per_second = value.Required("per_second"))
    rate.per_second = static_cast<double>(per_second->Integer(1, kMaxRate));
  rate.burst = rate.per_second;
  if (auto burst = value.Member("burst"))
    rate.burst = static_cast<double>(burst->Integer(1, kMaxRate));
  if (auto per = value.Member("per")) {
    constexpr Rate::Per kPer[] = {Rate::Per::kRule, Rate::Per::kIdentity, Rate::Per::kClient};
    rate.per = kPer[per->OneOf({"rule", "identity", "client"})];
  }
  value.Finish();
  return rate;
}

void LoadConditions(const json::Value& item, Rule& rule) {
  if (auto keys = item.Member("keys")) rule.keys = LoadPatterns(*keys);
  if (auto access = item.Member("access"))
    rule.access = access->OneOf({"read", "write"}) == 0 ? Access::kRead : Access::kWrite;
  if (auto channels = item.Member("channels")) rule.channels = LoadPatterns(*channels);
  if (auto databases = item.Member("databases")) rule.databases = LoadDatabases(*databases);
  if (auto users = item.Member("users")) rule.users = LoadUsers(*users);
  if (auto from = item.Member("from")) rule.from = LoadFrom(*from);
  if (auto arguments = item.Member("arguments")) rule.arguments = LoadArguments(*arguments);
  const auto size = [&item](std::string_view name, std::optional<std::uint64_t>& field) {
    if (auto value = item.Member(name))
      field = static_cast<std::uint64_t>(value->Integer(0, kMaxSize));
  };
  size("max_arguments", rule.max_arguments);
  size("max_bytes", rule.max_bytes);
  const auto timezone = item.Member("timezone");
  if (auto hours = item.Member("hours")) {
    rule.hours = LoadHours(*hours, timezone);
  } else if (timezone) {
    timezone->Fail("a \"timezone\" needs \"hours\"");
  }
  if (auto rate = item.Member("rate")) rule.rate = LoadRate(*rate);
}

}  // namespace

void LoadAudit(const json::Value& value, AuditSettings& settings) {
  const auto events = [&settings](const json::Value& name) {
    settings.events = static_cast<AuditEvents>(name.OneOf({"all", "writes", "denied", "none"}));
  };
  if (value.is_string()) return events(value);
  if (auto name = value.Member("events")) events(*name);
  if (auto arguments = value.Member("arguments"))
    settings.arguments = static_cast<AuditArguments>(arguments->OneOf({"none", "keys", "full"}));
  if (auto bytes = value.Member("max_argument_bytes"))
    settings.max_argument_bytes = static_cast<std::uint32_t>(bytes->Integer(0, kMaxArgumentBytes));
  value.Finish();
}

Rule LoadRule(const json::Value& item, Policy::State& state) {
  Rule rule;
  if (auto id = item.Required("id")) rule.id = LoadId(*id);
  if (auto action = item.Required("action")) {
    constexpr Action kActions[] = {Action::kAllow, Action::kDeny, Action::kDisconnect};
    rule.action = kActions[action->OneOf({"allow", "deny", "disconnect"})];
  }
  if (auto commands = item.Required("commands")) rule.commands = LoadCommands(*commands, state);
  if (auto identities = item.Member("identities")) {
    std::vector<std::string> names = identities->Strings();
    if (std::find(names.begin(), names.end(), "*") == names.end())
      rule.identities = std::move(names);
  }
  if (auto message = item.Member("message")) rule.message = LoadMessage(*message);
  LoadConditions(item, rule);
  if (auto audit = item.Member("audit")) {
    rule.audit = state.audit;
    LoadAudit(*audit, *rule.audit);
  }
  item.Finish();
  return rule;
}

}  // namespace redwall::policy
