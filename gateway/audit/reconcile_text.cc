// A reconciliation as text for people.
#include <algorithm>
#include <cstdio>

#include "gateway/audit/reconcile.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

struct Heading {
  const char* text;
  const char* meaning;
};

// In the order of Outcome.
constexpr std::array<Heading, kOutcomes> kHeadings = {{
    {"missing at the server", "the client agent recorded it and the server agent did not"},
    {"missing at the client", "the server agent recorded it and the client agent did not"},
    {"differs", "the two lines of one command contradict each other"},
    {"denied yet served", "denied at the client agent, and the server agent recorded it"},
    {"recorded twice", "one site's files have two lines of it"},
    {"beyond the end",
     "later than the other site's files, which end without a stop: cut off, or a "
     "later file lacks"},
    {"broken sequence", "seq has no gaps: lines were taken out or put in, or a file lacks"},
    {"unreadable lines", ""},
    {"denied at the client agent", "the server never saw them"},
    {"discarded", "EXEC of a transaction with a denied command: the server sees DISCARD"},
    {"under another name", "unknown to one agent: renamed, of a module or a newer Redis"},
    {"reply not delivered", "the client was gone when it came"},
    {"answered by the client agent", "by an error of its own, in place of Redis's reply"},
    {"turned away", "Redis refused the connection: its error came before the server had a command"},
    {"in flight", "without a reply when the connection ended: it may not have reached the server"},
    {"within a gap", "that the other site's agent declares, or around its being killed"},
    {"before the other's files", "these begin later"},
    {"after the other's files", "these end earlier"},
    {"with another agent", "its files were not given"},
    {"not recorded there",
     "by the other site's policy, as --client-events or --server-events says"},
    {"torn lines", "half a line, where an agent was killed or the disk was full"},
}};

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + Visible(name, 100);
  return out.empty() ? "nobody" : out;
}

void AddSite(const char* name, const SiteFacts& facts, std::string& out) {
  out.append(name) += "  " + Thousands(facts.files) + (facts.files == 1 ? " file, " : " files, ") +
                      Thousands(facts.lines) + " lines, " + Thousands(facts.commands) +
                      " commands of " + Joined(facts.agents);
  if (facts.lines > 0)
    out += ", " + ShowTime(facts.first_us, 6) + " to " + ShowTime(facts.last_us, 6);
  out += "\n";
  if (facts.gaps > 0)
    out += "        GAPS: " + Thousands(facts.gaps) + " declared, " + Thousands(facts.lost) +
           " lines known to be lost\n";
}

void AddOutcome(const Reconciliation& all, std::size_t i, std::string& out) {
  const Heading& heading = kHeadings[i];
  if (all.counts[i] == 0) return;
  out += std::string("  ") + heading.text + ": " + Thousands(all.counts[i]);
  if (*heading.meaning != '\0') out += std::string(" (") + heading.meaning + ")";
  out += "\n";
  for (const std::string& item : all.items[i]) out += "    " + item + "\n";
  if (!all.items[i].empty() && all.items[i].size() < all.counts[i])
    out += "    and " + Thousands(all.counts[i] - all.items[i].size()) + " more (--limit)\n";
}

}  // namespace

std::string Describe(const Reconciliation& all) {
  std::string out;
  AddSite("client", all.sites[0], out);
  AddSite("server", all.sites[1], out);
  out += "matched " + Thousands(all.matched) + " commands at both sites";
  if (all.matched > 0) {
    char text[80];
    std::snprintf(text, sizeof text, "; the server's clock is %.6f s %s",
                  static_cast<double>(std::abs(all.server_ahead_us)) / 1e6,
                  all.server_ahead_us < 0 ? "behind" : "ahead");
    out += text;
  }
  out += "\n";
  constexpr auto kRegular = static_cast<std::size_t>(kFirstRegular);
  std::uint64_t differences = 0;
  for (std::size_t i = 0; i < kRegular; ++i) differences += all.counts[i];
  if (differences > 0) out += "\nDifferences:\n";
  for (std::size_t i = 0; i < kRegular; ++i) AddOutcome(all, i, out);
  if (std::any_of(all.counts.begin() + kRegular, all.counts.end(),
                  [](std::uint64_t count) { return count > 0; }))
    out += "\nRegular, no differences:\n";
  for (std::size_t i = kRegular; i < kOutcomes; ++i) AddOutcome(all, i, out);
  if (!all.notes.empty()) out += "\nTo know:\n";
  for (const std::string& note : all.notes) out += "  " + note + "\n";
  if (differences == 0 && !all.why_nothing_compared.empty())
    return out + "\nNOT clean: nothing was compared: " + all.why_nothing_compared + "\n";
  out += differences == 0 ? "\nclean: each site confirms what the other recorded\n"
                          : "\nNOT clean: " + Thousands(differences) +
                                (differences == 1 ? " difference\n" : " differences\n");
  return out;
}

}  // namespace redwall::audit
