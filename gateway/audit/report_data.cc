#include "gateway/audit/report_data.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "gateway/audit/redaction.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kSlowest = 20, kDenials = 25, kEvents = 100, kGaps = 100;
constexpr std::size_t kHistograms = 1000, kRules = 5000;
constexpr std::size_t kShown = 120;  // bytes of a text

// Clients come from a new port each time.
std::string_view WithoutPort(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  return colon == address.npos ? address : address.substr(0, colon);
}

// "app:user:" of "app:user:17"; a key without a separator is its own.
std::string_view PrefixOf(std::string_view key) {
  const std::size_t end = key.find_first_of(":/|.", 1);
  return end == key.npos ? key : key.substr(0, end + 1);
}

std::string WhatOf(const AuditLine& line) {
  std::string what = Visible(line.cmd, kShown);
  const auto& texts = line.keys.empty() ? line.channels : line.keys;
  for (std::size_t i = 0; i < std::min<std::size_t>(texts.size(), 3); ++i)
    what += ' ' + Visible(texts[i], kShown);
  if (texts.size() > 3) what += " ...";
  return what;
}

ReportData::Sample SampleOf(const AuditLine& line) {
  std::string who(Visible(line.identity, kShown));
  if (!line.user.empty()) who += " as " + Visible(line.user, kShown);
  std::string client = Visible(line.client, kShown);
  if (!line.client_name.empty()) client += " " + Visible(line.client_name, kShown);
  return {line.ts_us,
          line.us,
          WhatOf(line),
          std::move(who),
          std::move(client),
          std::string(line.rule),
          std::string(line.side)};
}

class Collector {
 public:
  Result<ReportData, LineFileError> Collect(const std::vector<std::string>& paths);

 private:
  void TakeLine(const AuditLine& line);
  void TakeCommand(const AuditLine& line);
  void TakeEvent(const AuditLine& line);
  void TakeDenial(const AuditLine& line);
  void TakeTexts(const AuditLine& line);
  void Count(const AuditLine& line, Tally& tally) const;
  void TakeChain(AuditChain& chain, const std::string& side);
  void TakeGaps(AuditChain& chain, const std::string& side);
  void AddGap(ReportData::Happening gap);

  ReportData data_;
};

Result<ReportData, LineFileError> Collector::Collect(const std::vector<std::string>& paths) {
  std::map<std::pair<std::string, std::string>, std::vector<FileStart>> chains;  // by side, agent
  for (const std::string& path : paths) {
    auto start = ReadFileStart(path);
    if (!start) return start.error();
    if (start->side.empty()) {
      data_.files.push_back({path, "", "(empty)"});
      continue;
    }
    data_.has_client |= start->side == "client";
    data_.has_server |= start->side == "server";
    chains[{start->side, start->agent}].push_back(*std::move(start));
  }
  for (auto& [name, starts] : chains) {
    std::sort(starts.begin(), starts.end(), [](const FileStart& a, const FileStart& b) {
      return std::pair(a.ts_us, a.seq) < std::pair(b.ts_us, b.seq);
    });
    auto chain = AuditChain::Open(starts);
    if (!chain) return chain.error();
    TakeChain(**chain, name.first);
    if (!(*chain)->error().empty()) return LineFileError{(*chain)->error()};
  }
  const auto by_time = [](const auto& a, const auto& b) { return a.ts_us < b.ts_us; };
  std::stable_sort(data_.events.begin(), data_.events.end(), by_time);
  std::stable_sort(data_.gaps.begin(), data_.gaps.end(), by_time);
  std::stable_sort(data_.denials.begin(), data_.denials.end(), by_time);
  std::sort(data_.slowest.begin(), data_.slowest.end(),
            [](const auto& a, const auto& b) { return a.us > b.us; });
  return std::move(data_);
}

void Collector::TakeChain(AuditChain& chain, const std::string& side) {
  std::size_t number = SIZE_MAX;
  while (chain.Next()) {
    const AuditLine& line = chain.line();
    if (chain.file() != number) {
      number = chain.file();
      data_.files.push_back({chain.at().path(), side, chain.agent(), chain.at().size(), 0, 0,
                             line.seq, line.seq, line.ts_us, line.ts_us});
    }
    ReportData::File& file = data_.files.back();
    ++file.lines;
    if (line.is_command()) ++file.commands;
    file.last_seq = line.seq;
    file.first_us = std::min(file.first_us, line.ts_us);
    file.last_us = std::max(file.last_us, line.end_us());
    TakeLine(line);
  }
  TakeGaps(chain, side);
}

void Collector::TakeLine(const AuditLine& line) {
  if (data_.first_us == 0) data_.first_us = data_.last_us = line.ts_us;
  data_.first_us = std::min(data_.first_us, line.ts_us);
  data_.last_us = std::max(data_.last_us, line.end_us());
  if (!line.is_command()) return TakeEvent(line);
  if (line.denied() || line.observed) TakeDenial(line);
  if (!data_.has_server || line.side == "server" || line.denied()) TakeCommand(line);
}

void Collector::Count(const AuditLine& line, Tally& tally) const {
  ++tally.count;
  tally.errors += line.result == "error" && !line.denied();
  tally.denied += line.denied();
  tally.bytes_in += line.bytes_in;
  tally.bytes_out += line.bytes_out;
}

void Collector::TakeCommand(const AuditLine& line) {
  Count(line, data_.total);
  TimeSeries::Slot& slot = data_.series.at(line.ts_us);
  if (line.denied()) {
    ++slot.denied;
  } else if (line.result == "error") {
    ++slot.errors;
  } else if (line.result == "ok") {
    ++slot.ok;
  } else {
    ++slot.unanswered;
    ++data_.unanswered;
  }
  Count(line, data_.commands.at(line.cmd.substr(0, kShown)));
  Count(line, data_.clients.at(WithoutPort(line.client)));
  Count(line, data_.identities.at(line.identity));
  if (!line.denied() && line.result == "error")
    Count(line, data_.errors.at(std::string(line.error) + " " + std::string(line.cmd)));
  for (const std::string_view key : line.keys) {
    Count(line, data_.keys.at(key.substr(0, kShown)));
    Count(line, data_.prefixes.at(PrefixOf(key.substr(0, kShown))));
  }
  TakeTexts(line);
  if (line.us < 0 || line.denied()) return;
  slot.us.Add(line.us);
  data_.us.Add(line.us);
  const std::string name(line.cmd.substr(0, kShown));
  if (data_.command_us.size() < kHistograms || data_.command_us.contains(name))
    data_.command_us[name].Add(line.us);
  const auto slower = [](const auto& a, const auto& b) { return a.us > b.us; };
  std::vector<ReportData::Sample>& slowest = data_.slowest;  // a heap, the least slow in front
  if (slowest.size() == kSlowest && line.us <= slowest.front().us) return;
  if (slowest.size() == kSlowest) {
    std::pop_heap(slowest.begin(), slowest.end(), slower);
    slowest.pop_back();
  }
  slowest.push_back(SampleOf(line));
  std::push_heap(slowest.begin(), slowest.end(), slower);
}

void Collector::TakeTexts(const AuditLine& line) {
  bool redacted = false, shortened = false;
  for (const auto* texts : {&line.keys, &line.channels, &line.args})
    for (const std::string_view text : *texts) {
      redacted |= text == kRedacted;
      const std::size_t mark = text.rfind("\\+");
      shortened |= mark != text.npos && mark + 2 < text.size() &&
                   text.find_first_not_of("0123456789", mark + 2) == text.npos;
    }
  data_.shortened += shortened;
  if (!redacted) return;
  ++data_.redacted;
  Count(line, data_.redacted_commands.at(line.cmd.substr(0, kShown)));
}

void Collector::TakeDenial(const AuditLine& line) {
  const bool would = line.observed && line.would != "allow";
  if (!line.denied() && !would) return;
  data_.observed += would;
  const std::pair name(std::string(line.rule), std::string(line.side));
  if (data_.rules.size() >= kRules && !data_.rules.contains(name)) return;
  ReportData::Rule& rule = data_.rules[name];
  if (rule.denied + rule.observed == 0) rule.first_us = rule.last_us = line.ts_us;
  (would ? rule.observed : rule.denied) += 1;
  rule.side = line.side;
  rule.first_us = std::min(rule.first_us, line.ts_us);
  rule.last_us = std::max(rule.last_us, line.ts_us);
  Count(line, rule.commands.at(line.cmd.substr(0, kShown)));
  Count(line, rule.clients.at(WithoutPort(line.client)));
  const auto later = [](const auto& a, const auto& b) { return a.ts_us > b.ts_us; };
  std::vector<ReportData::Sample>& latest = data_.denials;  // a heap, the earliest in front
  if (latest.size() == kDenials && line.ts_us <= latest.front().ts_us) return;
  if (latest.size() == kDenials) {
    std::pop_heap(latest.begin(), latest.end(), later);
    latest.pop_back();
  }
  latest.push_back(SampleOf(line));
  std::push_heap(latest.begin(), latest.end(), later);
}

void Collector::TakeEvent(const AuditLine& line) {
  if (data_.event_counts.size() < kEvents || data_.event_counts.contains(std::string(line.event)))
    ++data_.event_counts[std::string(line.event)];
  std::string details;
  if (!line.session.empty()) details += "session " + Visible(line.session, 40);
  if (!line.identity.empty())
    details += (details.empty() ? "" : ", ") + ("identity " + Visible(line.identity, kShown));
  for (const auto& [name, value] : line.more)
    details += (details.empty() ? "" : ", ") + Visible(name, 40) + " " + Visible(value, 300);
  ReportData::Happening happening{line.ts_us, std::string(line.side), std::string(line.agent),
                                  std::string(line.event), std::move(details)};
  if (line.event == "gap" || line.event == "sink-gap") {
    const std::string_view text = line.More("lost");
    std::uint64_t lost = 0;
    std::from_chars(text.data(), text.data() + text.size(), lost);
    // What a copy lacks, the main audit has.
    if (line.event == "gap") data_.lost += lost;
    AddGap(happening);
  }
  if (line.event != "checkpoint" && data_.events.size() < kEvents)
    data_.events.push_back(std::move(happening));
}

void Collector::TakeGaps(AuditChain& chain, const std::string& side) {
  for (const LineNote& note : chain.notes()) {
    const char* name = note.kind == LineNote::Kind::kSequence ? "broken sequence"
                       : note.kind == LineNote::Kind::kTorn   ? "torn line"
                                                              : "unreadable line";
    AddGap({note.ts_us, side, chain.agent(), name, Visible(note.text, 400)});
  }
  for (const DeclaredGap& gap : chain.gaps())
    if (gap.restart)
      AddGap({gap.to_us, side, chain.agent(), "restart without a stop",
              "the agent before was killed; its last line is of " + ShowTime(gap.from_us, 6)});
}

void Collector::AddGap(ReportData::Happening gap) {
  ++data_.gap_count;
  if (data_.gaps.size() < kGaps) data_.gaps.push_back(std::move(gap));
}

}  // namespace

Result<ReportData, LineFileError> CollectReport(const std::vector<std::string>& paths) {
  return Collector().Collect(paths);
}

}  // namespace redwall::audit
