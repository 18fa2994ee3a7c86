// The page itself.
#include "gateway/audit/report.h"

#include <algorithm>

#include "gateway/audit/html.h"
#include "gateway/audit/report_charts.h"
#include "gateway/audit/report_data.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kTop = 15;

std::string Count(std::uint64_t count, const char* one, const char* many) {
  return Thousands(count) + " " + (count == 1 ? one : many);
}

std::string Percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "0 %";
  const double value = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  const std::string text = std::to_string(value);
  return text.substr(0, text.find('.') + (value < 10 ? 3 : 2)) + " %";
}

std::string Time(std::int64_t us, int digits = 3) {
  return "<span class=\"time\">" + HtmlText(ShowTime(us, digits)) + "</span>";
}

// A name with a bar behind it as long as its part of the most frequent one.
std::string Share(std::string_view name, std::uint64_t count, std::uint64_t most) {
  const auto percent = most == 0 ? 0 : 100 * count / most;
  return "<div class=\"share\" style=\"--w:" + std::to_string(percent) + "%\">" +
         (name.empty() ? "<span class=\"dim\">(none)</span>" : HtmlKey(name)) + "</div>";
}

std::string Bad(std::uint64_t count) {
  return count == 0 ? "0" : "<span class=\"bad-n\">" + Thousands(count) + "</span>";
}

std::string MissedNote(const TopTally& tally) {
  return tally.missed() == 0 ? ""
                             : "There are too many different ones to count all: each number may be "
                               "up to " +
                                   Thousands(tally.missed()) + " too low.";
}

std::string TopTable(const char* caption, const char* what, const TopTally& tally) {
  HtmlTable table(caption, {{what},
                            {"commands", true},
                            {"errors", true},
                            {"denied", true},
                            {"received", true},
                            {"sent", true}});
  const auto top = tally.Top(kTop);
  for (const auto& [name, one] : top)
    table.Row({Share(name, one.count, top.front().second.count), Thousands(one.count),
               Bad(one.errors), Bad(one.denied), ShowBytes(one.bytes_in),
               ShowBytes(one.bytes_out)});
  std::string note = MissedNote(tally);
  if (note.empty() && tally.size() > top.size())
    note = "The first " + Thousands(top.size()) + " of " + Thousands(tally.size()) + ".";
  return table.Html("None was recorded.", note);
}

std::string Tile(const std::string& figure, const std::string& what, const char* style = "") {
  return std::string("<div class=\"tile ") + style + "\"><b>" + HtmlText(figure) + "</b><span>" +
         HtmlText(what) + "</span></div>\n";
}

std::string Tiles(const ReportData& data) {
  const Tally& total = data.total;
  std::string out = "<div class=\"tiles\">\n";
  out += Tile(Thousands(total.count), "commands");
  out += Tile(Thousands(total.denied), "denied, " + Percent(total.denied, total.count),
              total.denied > 0 ? "deny" : "");
  if (data.observed > 0)
    out += Tile(Thousands(data.observed), "would be denied (observe mode)", "err");
  out += Tile(Thousands(total.errors), "errors, " + Percent(total.errors, total.count),
              total.errors > 0 ? "err" : "");
  out += Tile(Thousands(data.unanswered), "without a reply");
  out += Tile(Thousands(data.clients.size()), "client addresses");
  out += Tile(ShowBytes(total.bytes_in + total.bytes_out),
              ShowBytes(total.bytes_in) + " in, " + ShowBytes(total.bytes_out) + " out");
  if (data.us.count() > 0)
    out += Tile(ShowDuration(data.us.Quantile(0.5)),
                "to the reply, half of all; 99 % within " + ShowDuration(data.us.Quantile(0.99)));
  return out + "</div>\n";
}

std::string Gaps(const ReportData& data) {
  if (data.gap_count == 0)
    return "<div class=\"banner good\"><strong>No gap.</strong> The agents declare no lost line, "
           "no "
           "line number is missing, and every line could be read. Whether lines were changed is "
           "told by <code>redwall audit verify</code>.</div>\n";
  HtmlTable table("What is missing, and where", {{"time, UTC"}, {"what"}, {"agent"}, {"details"}});
  for (const ReportData::Happening& gap : data.gaps)
    table.Row({Time(gap.ts_us), HtmlText(gap.name), HtmlText(gap.side) + " " + HtmlKey(gap.agent),
               HtmlText(gap.details)});
  const std::string note = data.gap_count > data.gaps.size()
                               ? "Only the first " + Thousands(data.gaps.size()) + " are shown."
                               : "";
  return "<div class=\"banner bad\"><strong>This record is not complete: " +
         Count(data.gap_count, "gap", "gaps") + ", " + Count(data.lost, "line is", "lines are") +
         " known to be lost.</strong>" + table.Html("", note) + "</div>\n";
}

std::string Denials(const ReportData& data) {
  std::string out = "<h2>Denied</h2>\n";
  HtmlTable table("By rule", {{"rule"},
                              {"at"},
                              {"denied", true},
                              {"would be (observe)", true},
                              {"commands"},
                              {"clients"},
                              {"first"},
                              {"last"}});
  std::vector<std::pair<const std::string*, const ReportData::Rule*>> rules;
  for (const auto& [name, rule] : data.rules) rules.emplace_back(&name.first, &rule);
  std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) {
    return a.second->denied + a.second->observed > b.second->denied + b.second->observed;
  });
  const auto names = [](const TopTally& tally) {
    std::string text;
    for (const auto& [name, one] : tally.Top(4))
      text += (text.empty() ? "" : ", ") + HtmlKey(name) + " " + Thousands(one.count);
    return text + (tally.size() > 4 ? ", ..." : "");
  };
  constexpr std::size_t kMostRules = 100;
  for (std::size_t i = 0; i < std::min(rules.size(), kMostRules); ++i) {
    const ReportData::Rule& rule = *rules[i].second;
    table.Row({HtmlKey(*rules[i].first), HtmlText(rule.side), Bad(rule.denied),
               Thousands(rule.observed), names(rule.commands), names(rule.clients),
               Time(rule.first_us, 0), Time(rule.last_us, 0)});
  }
  out += table.Html("Nothing was denied.", rules.size() > kMostRules ? "The first 100 rules." : "");
  if (data.denials.empty()) return out;
  HtmlTable latest("The latest",
                   {{"time, UTC"}, {"command"}, {"rule"}, {"at"}, {"identity"}, {"client"}});
  for (const ReportData::Sample& one : data.denials)
    latest.Row({Time(one.ts_us), HtmlKey(one.what), HtmlKey(one.rule), HtmlText(one.side),
                HtmlKey(one.who), HtmlKey(one.client)});
  return out + latest.Html("");
}

std::string Commands(const ReportData& data) {
  HtmlTable table("By command", {{"command"},
                                 {"count", true},
                                 {"part", true},
                                 {"errors", true},
                                 {"denied", true},
                                 {"half within", true},
                                 {"99 % within", true},
                                 {"slowest", true},
                                 {"received", true},
                                 {"sent", true}});
  const auto top = data.commands.Top(2 * kTop);
  for (const auto& [name, one] : top) {
    const auto found = data.command_us.find(name);
    const bool timed = found != data.command_us.end() && found->second.count() > 0;
    const auto quantile = [&](double part) {
      return timed ? ShowDuration(found->second.Quantile(part)) : std::string("-");
    };
    table.Row({Share(name, one.count, top.front().second.count), Thousands(one.count),
               Percent(one.count, data.total.count), Bad(one.errors), Bad(one.denied),
               quantile(0.5), quantile(0.99), quantile(1), ShowBytes(one.bytes_in),
               ShowBytes(one.bytes_out)});
  }
  std::string note = MissedNote(data.commands);
  if (note.empty() && data.commands.size() > top.size())
    note = "The first " + Thousands(top.size()) + " of " + Thousands(data.commands.size()) + ".";
  return "<h2>Commands</h2>\n" + table.Html("No command was recorded.", note);
}

std::string Slowest(const ReportData& data) {
  HtmlTable table("Slowest commands",
                  {{"took", true}, {"arrived, UTC"}, {"command"}, {"identity"}, {"client"}});
  for (const ReportData::Sample& one : data.slowest)
    table.Row({ShowDuration(one.us), Time(one.ts_us), HtmlKey(one.what), HtmlKey(one.who),
               HtmlKey(one.client)});
  return table.Html(
      "No command had a reply.",
      "To the reply's first byte. Commands that wait on purpose, such as BLPOP, stand "
      "here too.");
}

std::string Errors(const ReportData& data) {
  HtmlTable table("Errors of Redis and of the other agent",
                  {{"error"}, {"command"}, {"count", true}});
  for (const auto& [name, one] : data.errors.Top(kTop)) {
    const std::size_t space = name.find(' ');
    table.Row(
        {HtmlKey(name.substr(0, space)), HtmlKey(name.substr(space + 1)), Thousands(one.count)});
  }
  return table.Html("There was no error.", MissedNote(data.errors));
}

std::string Redacted(const ReportData& data) {
  HtmlTable table("Secrets that were left out", {{"command"}, {"lines", true}});
  for (const auto& [name, one] : data.redacted_commands.Top(kTop))
    table.Row({HtmlKey(name), Thousands(one.count)});
  return table.Html(
      "No line has an argument that was left out as a secret.",
      "Passwords are never recorded; a policy that records keys only leaves all arguments out. " +
          Count(data.shortened, "line has", "lines have") + " texts that were cut.");
}

std::string Events(const ReportData& data) {
  std::string summary;
  for (const auto& [name, count] : data.event_counts)
    summary += (summary.empty() ? "" : ", ") + Visible(name, 60) + " " + Thousands(count);
  HtmlTable table("Events", {{"time, UTC"}, {"event"}, {"agent"}, {"details"}});
  for (const ReportData::Happening& one : data.events)
    table.Row({Time(one.ts_us), HtmlText(one.name), HtmlText(one.side) + " " + HtmlKey(one.agent),
               HtmlKey(one.details, 600)});
  return "<h2>Events</h2>\n" +
         table.Html("There was none.",
                    summary.empty() ? "" : "All: " + summary + ". Checkpoints aren't listed.");
}

std::string Files(const ReportData& data) {
  HtmlTable table("Files", {{"file"},
                            {"agent"},
                            {"size", true},
                            {"lines", true},
                            {"commands", true},
                            {"seq", true},
                            {"from, UTC"},
                            {"to, UTC"}});
  for (const ReportData::File& file : data.files)
    table.Row({HtmlKey(file.path), HtmlText(file.side) + " " + HtmlKey(file.agent),
               ShowBytes(file.bytes), Thousands(file.lines), Thousands(file.commands),
               Thousands(file.first_seq) + " to " + Thousands(file.last_seq), Time(file.first_us),
               Time(file.last_us)});
  return "<h2>Files</h2>\n" +
         table.Html("There was none.",
                    data.has_client && data.has_server
                        ? "Both sites: a command counts once, by the server's line, or by the "
                          "client's where the client agent denied it."
                        : "");
}

std::string Body(const ReportData& data, const ReportOptions& options) {
  const bool any = data.last_us != 0;
  std::string out = "<header><h1>" + HtmlText(options.title) + "</h1>\n<p class=\"dim\">";
  if (any)
    out += HtmlText(ShowTime(data.first_us)) + " to " + HtmlText(ShowTime(data.last_us)) +
           " UTC (" + HtmlText(ShowDuration(data.last_us - data.first_us)) + "), ";
  out += Count(data.files.size(), "file", "files") + ". Made " +
         HtmlText(ShowTime(options.made_us)) + " UTC.</p></header>\n";
  out += Gaps(data) + Tiles(data) + CommandsChart(data.series) + LatencyChart(data.series);
  out += Denials(data) + Commands(data) + Slowest(data);
  out += "<h2>Who</h2>\n<div class=\"two\">\n" +
         TopTable("Clients by address", "client", data.clients) +
         TopTable("Identities of client agents", "identity", data.identities) + "</div>\n";
  out += "<h2>Keys</h2>\n<div class=\"two\">\n" + TopTable("Keys", "key", data.keys) +
         TopTable("Keys by their first part", "prefix", data.prefixes) + "</div>\n";
  out += "<h2>Errors and secrets</h2>\n<div class=\"two\">\n" + Errors(data) + Redacted(data) +
         "</div>\n";
  out += Events(data) + Files(data);
  return out;
}

}  // namespace

Result<std::string, LineFileError> MakeReport(const std::vector<std::string>& paths,
                                              const ReportOptions& options) {
  const auto data = CollectReport(paths);
  if (!data) return data.error();
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>";
  page += HtmlText(options.title) + "</title>\n<style>" + kPageStyle +
          "</style></head>\n<body><main>\n";
  page += Body(*data, options);
  page +=
      "<footer><p>Made by <code>redwall audit report</code>. Times are to 1/8 of their value. This "
      "page says what the files say; whether the files are as the agents wrote them is told by "
      "<code>redwall audit verify</code>, and whether both sites agree by <code>redwall audit "
      "reconcile</code>.</p></footer>\n</main></body></html>\n";
  return page;
}

}  // namespace redwall::audit
