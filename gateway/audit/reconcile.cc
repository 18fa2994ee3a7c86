// Reading both sites' files side by side, and joining their lines.
#include "gateway/audit/reconcile.h"

#include <algorithm>
#include <map>

#include "gateway/audit/reconcile_job.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr std::string_view kSides[] = {"client", "server"};

}  // namespace

bool NumberSet::Add(std::uint64_t number) {
  if (!runs_.empty() && number == runs_.back().second + 1) {
    runs_.back().second = number;
    return true;
  }
  // The first run that ends at or behind the number's neighbour.
  const auto at =
      std::lower_bound(runs_.begin(), runs_.end(), number,
                       [](const auto& run, std::uint64_t value) { return run.second + 1 < value; });
  if (at == runs_.end() || number + 1 < at->first) {
    runs_.insert(at, {number, number});
    return true;
  }
  if (number >= at->first && number <= at->second) return false;
  if (number + 1 == at->first) {
    at->first = number;
    return true;
  }
  at->second = number;
  if (const auto next = at + 1; next != runs_.end() && next->first == number + 1) {
    at->second = next->second;
    runs_.erase(next);
  }
  return true;
}

// The files of each agent make a chain; chains are read side by side.
Result<void, LineFileError> ReconcileJob::Open(Site site, const std::vector<std::string>& paths) {
  std::map<std::string, std::vector<FileStart>> agents;
  for (const std::string& path : paths) {
    auto start = ReadFileStart(path);
    if (!start) return start.error();
    ++result_.sites[Index(site)].files;
    if (start->side.empty()) {
      result_.notes.push_back(Visible(path) + " is empty");
      continue;
    }
    if (start->side != kSides[Index(site)])
      return LineFileError{Visible(path) + ": this is the audit of a " + Visible(start->side, 20) +
                           " agent; a " + std::string(kSides[Index(site)]) +
                           " agent's is expected here (the client's come first)"};
    agents[start->agent].push_back(*std::move(start));
  }
  for (auto& [agent, starts] : agents) {
    std::sort(starts.begin(), starts.end(), [](const FileStart& a, const FileStart& b) {
      return std::pair(a.ts_us, a.seq) < std::pair(b.ts_us, b.seq);
    });
    auto chain = AuditChain::Open(starts);
    if (!chain) return chain.error();
    chains_.push_back({site, *std::move(chain)});
    if (const auto advanced = Advance(chains_.back()); !advanced) return advanced.error();
  }
  return {};
}

Result<void, LineFileError> ReconcileJob::Advance(Chain& chain) {
  chain.over = !chain.lines->Next();
  if (!chain.lines->error().empty()) return LineFileError{chain.lines->error()};
  return {};
}

Result<Reconciliation, LineFileError> ReconcileJob::Run() {
  for (const auto& [site, files] : {std::pair(Site::kClient, &options_.client_files),
                                    std::pair(Site::kServer, &options_.server_files)})
    if (const auto opened = Open(site, *files); !opened) return opened.error();
  for (;;) {
    std::size_t next = chains_.size();
    for (std::size_t i = 0; i < chains_.size(); ++i)
      if (!chains_[i].over && (next == chains_.size() || chains_[i].lines->line().end_us() <
                                                             chains_[next].lines->line().end_us()))
        next = i;
    if (next == chains_.size()) break;
    Take(next);
    if (const auto advanced = Advance(chains_[next]); !advanced) return advanced.error();
  }
  JudgeTheRest();
  FinishFacts();
  return std::move(result_);
}

void ReconcileJob::Take(std::size_t number) {
  const Site site = chains_[number].site;
  const AuditLine& line = chains_[number].lines->line();
  SiteFacts& facts = result_.sites[Index(site)];
  ++facts.lines;
  if (line.is_command()) {
    ++facts.commands;
    return TakeCommand(number, line);
  }
  if (line.event == "gap") ++facts.gaps;
  if (agents_[Index(site)].find(line.agent) == agents_[Index(site)].end())
    agents_[Index(site)].emplace(line.agent);
  if (line.session.empty()) return;
  Session::Half& half = sessions_[SessionOf(line.session)].at[Index(site)];
  half.known = true;
  half.chain = number;
  half.identity = line.identity;
  if (const std::string_view peer = line.More("peer_name"); !peer.empty()) half.peer_name = peer;
}

void ReconcileJob::TakeCommand(std::size_t number, const AuditLine& line) {
  const Site site = chains_[number].site;
  auto& identities = identities_[Index(site)];
  if (identities.find(line.identity) == identities.end()) identities.emplace(line.identity);
  if (agents_[Index(site)].find(line.agent) == agents_[Index(site)].end())
    agents_[Index(site)].emplace(line.agent);
  if (!has_reads_[Index(site)]) has_reads_[Index(site)] = !MayWrite(line) && !line.denied();

  const std::uint32_t session = SessionOf(line.session);
  Session::Half& half = sessions_[session].at[Index(site)];
  half.known = true;
  half.chain = number;
  const std::uint32_t stream = StreamOf(session, line.stream);
  const AuditChain& lines = *chains_[number].lines;
  const Waiting waiting{LineHash(line),
                        lines.at().offset(),
                        lines.at().number(),
                        line.ts_us,
                        line.end_us(),
                        static_cast<std::uint32_t>(lines.text().size()),
                        static_cast<std::uint32_t>(lines.file()),
                        static_cast<std::uint32_t>(number),
                        site,
                        line.denied(),
                        line.result == "none"};
  if (!streams_[stream].seen[Index(site)].Add(line.n))
    return AddCommand(Outcome::kTwice, PlaceOf(waiting), line);
  const auto [found, fresh] = waiting_.try_emplace({stream, line.n}, waiting);
  if (fresh) return;
  Join(found->second, number, line);
  waiting_.erase(found);
}

void ReconcileJob::Join(const Waiting& first, std::size_t chain, const AuditLine& second) {
  const Site site = chains_[chain].site;
  ++result_.matched;
  NoteClock(first, site, second);
  const bool denied = site == Site::kClient ? second.denied() : first.denied;
  if (LineHash(second) == first.hash && !denied) return;
  LineReader again;
  if (!ReadAgain(first, again)) return;
  const bool second_is_server = site == Site::kServer;
  const AuditLine& client = second_is_server ? again.line() : second;
  const AuditLine& server = second_is_server ? second : again.line();
  const LineFile& file = chains_[chain].lines->at();
  const std::string place =
      PlaceOf(first) + " and " + file.path() + ":" + std::to_string(file.number());
  const Comparison comparison = CompareLines(client, server);
  if (comparison.discarded) return AddCommand(Outcome::kDiscarded, place, client);
  if (denied)
    return AddCommand(Outcome::kDeniedYetServed, place, client,
                      "; the server has " + Visible(server.cmd, 100));
  if (!comparison.difference.empty())
    return AddCommand(Outcome::kDiffers, place, client, "; " + comparison.difference);
  if (comparison.renamed) AddCommand(Outcome::kRenamed, place, client);
  if (comparison.no_reply) AddCommand(Outcome::kNoReply, place, client);
  if (comparison.own_error) AddCommand(Outcome::kOwnError, place, client);
}

void ReconcileJob::NoteClock(const Waiting& first, Site site, const AuditLine& second) {
  const bool client_first = site == Site::kServer;
  const std::int64_t forth = second.ts_us - first.start_us;
  const std::int64_t back = first.end_us - second.end_us();
  least_forth_ = std::min(least_forth_, client_first ? forth : -forth);
  if (!first.no_reply && second.result != "none")
    least_back_ = std::min(least_back_, client_first ? back : -back);
}

std::uint32_t ReconcileJob::SessionOf(std::string_view name) {
  if (const auto found = session_numbers_.find(name); found != session_numbers_.end())
    return found->second;
  sessions_.emplace_back();
  const auto number = static_cast<std::uint32_t>(sessions_.size() - 1);
  session_numbers_.emplace(name, number);
  return number;
}

std::uint32_t ReconcileJob::StreamOf(std::uint32_t session, std::uint64_t number) {
  const auto [found, fresh] = stream_numbers_.try_emplace(
      std::uint64_t{session} << 32 | number, static_cast<std::uint32_t>(streams_.size()));
  if (fresh) streams_.push_back({session, {}});
  return found->second;
}

bool ReconcileJob::ReadAgain(const Waiting& waiting, LineReader& reader) {
  std::string_view text;
  return chains_[waiting.chain]
             .lines->file(waiting.file)
             .Again(waiting.offset, waiting.length, text) &&
         reader.Read(text);
}

std::string ReconcileJob::PlaceOf(const Waiting& waiting) {
  return chains_[waiting.chain].lines->file(waiting.file).path() + ":" +
         std::to_string(waiting.number);
}

void ReconcileJob::Add(Outcome outcome, const std::string& item) {
  const auto index = static_cast<std::size_t>(outcome);
  ++result_.counts[index];
  if (outcome >= kFirstRegular && !options_.list_regular) return;
  if (result_.items[index].size() < options_.max_listed) result_.items[index].push_back(item);
}

void ReconcileJob::AddCommand(Outcome outcome, const std::string& place, const AuditLine& line,
                              const std::string& more) {
  const bool listed = outcome < kFirstRegular || options_.list_regular;
  if (!listed || result_.items[static_cast<std::size_t>(outcome)].size() >= options_.max_listed)
    return Add(outcome, {});
  Add(outcome, place + ": seq " + std::to_string(line.seq) + ", " + Visible(line.ts, 40) +
                   ", session " + Visible(line.session, 40) + " stream " +
                   std::to_string(line.stream) + " n " + std::to_string(line.n) + ": " +
                   CommandText(line) + more);
}

Result<Reconciliation, LineFileError> Reconcile(const ReconcileOptions& options) {
  return ReconcileJob(options).Run();
}

bool Reconciliation::clean() const {
  return why_nothing_compared.empty() &&
         std::all_of(counts.begin(), counts.begin() + static_cast<int>(kFirstRegular),
                     [](std::uint64_t count) { return count == 0; });
}

}  // namespace redwall::audit
