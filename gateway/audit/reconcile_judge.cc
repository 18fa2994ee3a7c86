// What is left when all lines were joined: which of it is regular, and what the rest means.
#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "gateway/audit/reconcile_job.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr std::int64_t kMs = 1000, kSecond = 1000 * kMs;
// How far the estimate of the clocks' difference may be wrong.
constexpr std::int64_t kClockSlack = 100 * kMs;
// A file that is copied while its agent writes ends before the other's copy.
constexpr std::int64_t kCopySlack = kSecond;
// A reply may be under way that long before it reaches the client (the link may be cut meanwhile).
constexpr std::int64_t kLinkSlack = 5 * kSecond;

}  // namespace

void ReconcileJob::JudgeTheRest() {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  // The least delay each way is taken for equal, as NTP does.
  if (least_forth_ != kNever && least_back_ != kNever)
    result_.server_ahead_us = (least_forth_ - least_back_) / 2;
  std::vector<std::pair<Id, Waiting>> rest(waiting_.begin(), waiting_.end());
  waiting_.clear();
  const auto order = [](const auto& one) {
    const Waiting& w = one.second;
    return std::tuple(w.site, w.chain, w.file, w.offset);
  };
  std::sort(rest.begin(), rest.end(),
            [&order](const auto& a, const auto& b) { return order(a) < order(b); });
  LineReader reader;
  for (const auto& [id, waiting] : rest) {
    if (!ReadAgain(waiting, reader)) {
      result_.notes.push_back(PlaceOf(waiting) + ": it has changed while it was read");
      Add(Outcome::kUnreadable, PlaceOf(waiting));
      continue;
    }
    const AuditLine& line = reader.line();
    const Outcome outcome = Judge(id, waiting, line);
    if (outcome <= Outcome::kMissingAtClient && !MayWrite(line) && !line.denied())
      ++missing_reads_[Index(Other(waiting.site))];
    AddCommand(outcome, PlaceOf(waiting), line);
  }
}

Outcome ReconcileJob::Judge(const Id& id, const Waiting& waiting, const AuditLine& line) {
  const Site site = waiting.site, other = Other(site);
  const Outcome missing =
      site == Site::kClient ? Outcome::kMissingAtServer : Outcome::kMissingAtClient;
  if (site == Site::kClient && waiting.denied) return Outcome::kDeniedAtClient;
  const Stream& stream = streams_[id.stream];
  const Session& session = sessions_[stream.session];
  const NumberSet& seen = stream.seen[Index(other)];
  const Session::Half& half = session.at[Index(other)];
  if (!half.known && OfOtherAgent(session, site, line)) return Outcome::kOtherAgent;
  const auto events = other == Site::kServer ? options_.server_events : options_.client_events;
  if (!SurelyRecorded(events, line)) return Outcome::kNotRecorded;
  const bool tail = seen.empty() || id.n > seen.most();
  const bool head = seen.empty() || id.n < seen.least();
  if (BeforeFiles(other, waiting, head)) return Outcome::kBefore;
  bool any = false;
  for (std::size_t i = 0; i < chains_.size(); ++i) {
    Chain& chain = chains_[i];
    if (chain.site != other || (half.known && half.chain != i)) continue;
    any = true;
    if (ExplainedByGap(*chain.lines, waiting, tail)) return Outcome::kGap;
    const Outcome beyond = BeyondFiles(*chain.lines, waiting, tail, half.known, missing);
    if (beyond != missing) return beyond;
  }
  if (!any) return Outcome::kAfter;  // the other site's files are empty
  if (site == Site::kServer || !tail) return missing;
  if (waiting.no_reply) return Outcome::kInFlight;
  return TurnedAway(id.stream, line) ? Outcome::kTurnedAway : missing;
}

// Redis greets whom it has no place for with an error, which answers the client's first command
// wherever that is by then; a connection has one such error.
bool ReconcileJob::TurnedAway(std::uint32_t stream, const AuditLine& line) {
  const bool greeting = line.result == "error" && (line.error == "ERR" || line.error == "DENIED");
  return greeting && streams_[stream].seen[Index(Site::kServer)].empty() &&
         turned_away_.insert(stream).second;
}

// A server agent serves many client agents, and a client agent may try several servers. The name of
// the peer is not proved, so who relies on this reads the count.
bool ReconcileJob::OfOtherAgent(const Session& session, Site site, const AuditLine& line) const {
  const Site other = Other(site);
  const std::string& peer = session.at[Index(site)].peer_name;
  if (!peer.empty()) return agents_[Index(other)].find(peer) == agents_[Index(other)].end();
  if (site == Site::kClient || identities_[Index(other)].empty()) return false;
  return identities_[Index(other)].find(line.identity) == identities_[Index(other)].end();
}

std::int64_t ReconcileJob::InTimeOf(Site other, std::int64_t us) const {
  return other == Site::kServer ? us + result_.server_ahead_us : us - result_.server_ahead_us;
}

void ReconcileJob::FinishFacts() {
  for (std::size_t i = 0; i < 2; ++i)
    result_.sites[i].agents.assign(agents_[i].begin(), agents_[i].end());
  for (Chain& chain : chains_) {
    SiteFacts& facts = result_.sites[Index(chain.site)];
    AuditChain& lines = *chain.lines;
    const bool first = facts.first_us == 0;
    facts.first_us = first ? lines.first_us() : std::min(facts.first_us, lines.first_us());
    facts.last_us = first ? lines.last_us() : std::max(facts.last_us, lines.last_us());
    for (const DeclaredGap& gap : lines.gaps()) facts.lost += gap.lost.value_or(0);
    for (const LineNote& note : lines.notes())
      Add(note.kind == LineNote::Kind::kSequence ? Outcome::kSequence
          : note.kind == LineNote::Kind::kTorn   ? Outcome::kTorn
                                                 : Outcome::kUnreadable,
          note.text);
    const std::string name = Visible(lines.agent(), 100);
    const std::string side = chain.site == Site::kClient ? "client" : "server";
    if (!lines.ends_with_stop())
      result_.notes.push_back("the files of " + side + " agent " + name + " end at " +
                              ShowTime(lines.last_us(), 6) +
                              " without its stop: it is still at work, or was killed, or something "
                              "was cut off");
  }
  AddHints();
  result_.why_nothing_compared = WhyNothingCompared();
}

// An empty file, or one of another time, mustn't make the other look confirmed.
std::string ReconcileJob::WhyNothingCompared() const {
  const SiteFacts& client = result_.sites[0];
  const SiteFacts& server = result_.sites[1];
  for (const auto& [facts, name] : {std::pair(&client, "client"), std::pair(&server, "server")})
    if (facts->lines == 0) return std::string("the ") + name + "'s files hold no line";
  if (result_.matched > 0) return {};
  if (client.commands == 0 && server.commands == 0) return "neither site's files hold a command";
  if (result_.count(Outcome::kBefore) + result_.count(Outcome::kAfter) +
          result_.count(Outcome::kOtherAgent) >
      0)
    return "no command of one site is in the other's files; are they of the same time, and of "
           "agents that work together?";
  return {};
}

void ReconcileJob::AddHints() {
  const std::uint64_t missing[] = {result_.count(Outcome::kMissingAtClient),
                                   result_.count(Outcome::kMissingAtServer)};
  for (const Site site : {Site::kClient, Site::kServer}) {
    const std::size_t i = Index(site);
    if (missing[i] == 0 || missing_reads_[i] != missing[i] || has_reads_[i]) continue;
    const std::string side = site == Site::kClient ? "client" : "server";
    result_.notes.push_back(
        "what lacks at the " + side +
        " only reads, and its files have no command that only reads: "
        "if its policy's \"audit\" has \"events\": \"writes\" (or \"denied\", or \"none\"), say so "
        "with --" +
        side + "-events");
  }
}

bool ReconcileJob::ExplainedByGap(AuditChain& other, const Waiting& waiting, bool tail) {
  const std::int64_t start = InTimeOf(Other(waiting.site), waiting.start_us);
  const std::int64_t end = InTimeOf(Other(waiting.site), waiting.end_us);
  for (DeclaredGap& gap : other.gaps()) {
    if (end < gap.from_us - kLinkSlack || start > gap.to_us + kLinkSlack) continue;
    // A killed agent's sessions end with it, so what lacks is at the end of a connection.
    if (gap.lost ? gap.explains >= *gap.lost : !tail) continue;
    ++gap.explains;
    return true;
  }
  return false;
}

bool ReconcileJob::BeforeFiles(Site other, const Waiting& waiting, bool head) const {
  const std::int64_t end = InTimeOf(other, waiting.end_us);
  return head && std::all_of(chains_.begin(), chains_.end(), [&](const Chain& chain) {
           if (chain.site != other) return true;
           const std::int64_t begins = chain.lines->begins_us();
           return chain.lines->begins_with_start() ? end < begins - kClockSlack
                                                   : end < begins + kClockSlack;
         });
}

// Behind the end of a file that no agent ended: a moment later it may be under way, or the file was
// copied a moment earlier. What is later still either went into another file, or was cut off.
Outcome ReconcileJob::BeyondFiles(const AuditChain& other, const Waiting& waiting, bool tail,
                                  bool known, Outcome missing) const {
  const std::int64_t end = InTimeOf(Other(waiting.site), waiting.end_us);
  if (!tail || end < other.last_us() - kClockSlack) return missing;
  if (!known) return Outcome::kAfter;
  if (other.ends_with_stop()) return missing;
  return end < other.last_us() + kCopySlack ? Outcome::kAfter : Outcome::kBeyondEnd;
}

}  // namespace redwall::audit
