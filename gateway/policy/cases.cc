// Reads a file of cases.
#include "gateway/policy/cases.h"

#include <algorithm>

#include "gateway/json/names.h"

namespace redwall::policy {
namespace {

constexpr std::int64_t kMaxTimes = 1'000'000;
constexpr std::int64_t kMaxEveryMs = 24LL * 3600 * 1000;
constexpr std::int64_t kMaxDatabase = 1'000'000;

// "GET app:1" or ["GET", "app:1"]
std::vector<std::string> LoadCommand(const json::Value& value) {
  std::vector<std::string> words;
  if (value.is_string()) {
    const std::string line = value.String();
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      if (end > at) words.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    if (line.find_first_of("\"'") != line.npos)
      value.Fail(
          "quotes would be part of a word: write a list of words, [\"SET\", \"a b\", \"c\"]");
  } else {
    words = value.Strings();
  }
  if (words.empty()) value.Fail("expected a command, as \"GET app:1\" or [\"GET\", \"app:1\"]");
  return words;
}

Case LoadCase(const json::Value& item, std::size_t number, std::int64_t now_us) {
  Case out;
  out.name = "case " + std::to_string(number);
  if (auto name = item.Member("name")) out.name = name->String();
  if (auto identity = item.Member("as")) out.identity = identity->String();
  if (auto user = item.Member("user")) out.sender.user = user->String();
  if (auto from = item.Member("from"))
    if (!out.sender.SetFrom(from->String())) from->Fail(kFromExpected);
  if (auto db = item.Member("db")) out.sender.database = db->Integer(0, kMaxDatabase);
  out.sender.now.wall_us = now_us;
  if (auto at = item.Member("at")) {
    const auto time = ParseTime(at->String());
    if (!time) at->Fail(kTimeExpected);
    out.sender.now.wall_us = time.value_or(0);
    out.has_time = true;
  }
  if (auto command = item.Required("command")) out.command = LoadCommand(*command);
  if (auto expect = item.Required("expect")) {
    constexpr Action kActions[] = {Action::kAllow, Action::kDeny, Action::kDisconnect};
    out.expect = kActions[expect->OneOf({"allow", "deny", "disconnect"})];
  }
  if (auto rule = item.Member("rule")) out.rule = rule->String();
  if (auto times = item.Member("times")) out.times = times->Integer(1, kMaxTimes);
  if (auto every = item.Member("every_ms")) out.every_us = every->Integer(0, kMaxEveryMs) * 1000;
  item.Finish();
  return out;
}

}  // namespace

Result<CaseFile, json::JsonError> ParseCases(std::string_view text, const std::string& file,
                                             std::int64_t now_us) {
  const auto document = json::Value::Parse(text, file);
  if (!document) return document.error();
  CaseFile out;
  document->Member("$schema");  // for editors
  if (auto policy = document->Member("policy")) {
    out.policy = policy->String();
    if (out.policy.empty()) policy->Fail("expected the policy's file");
  }
  if (auto cases = document->Required("cases")) {
    const std::vector<json::Value> items = cases->Array();
    if (items.empty()) cases->Fail("expected at least one case");
    for (const json::Value& item : items)
      out.cases.push_back(LoadCase(item, out.cases.size() + 1, now_us));
  }
  document->Finish();
  if (auto status = document->status(); !status) return status.error();
  return out;
}

}  // namespace redwall::policy
