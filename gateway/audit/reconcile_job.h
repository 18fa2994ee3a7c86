// ReconcileJob: the work behind Reconcile(). Private to reconcile*.cc.
#ifndef REDWALL_GATEWAY_AUDIT_RECONCILE_JOB_H_
#define REDWALL_GATEWAY_AUDIT_RECONCILE_JOB_H_

#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/audit/audit_chain.h"
#include "gateway/audit/line_compare.h"
#include "gateway/audit/reconcile.h"

namespace redwall::audit {

// Numbers that come nearly in order, kept as runs.
class NumberSet {
 public:
  bool Add(std::uint64_t number);  // false: it is in it already
  bool empty() const { return runs_.empty(); }
  // Preconditions: !empty().
  std::uint64_t least() const { return runs_.front().first; }
  std::uint64_t most() const { return runs_.back().second; }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs_;  // first and last of each
};

class ReconcileJob {
 public:
  explicit ReconcileJob(const ReconcileOptions& options) : options_(options) {}
  Result<Reconciliation, LineFileError> Run();

 private:
  struct Session {
    struct Half {
      bool known = false;
      std::string peer_name, identity;
      std::size_t chain = 0;  // where it was last seen
    };
    std::array<Half, 2> at;
  };
  struct Stream {
    std::uint32_t session;
    std::array<NumberSet, 2> seen;
  };
  // A command that only one site has so far, and where its line stands.
  struct Waiting {
    std::uint64_t hash, offset, number;
    std::int64_t start_us, end_us;
    std::uint32_t length, file, chain;
    Site site;
    bool denied, no_reply;
  };
  struct Id {
    std::uint32_t stream;
    std::uint64_t n;
    bool operator==(const Id&) const = default;
  };
  struct IdHash {
    std::size_t operator()(const Id& id) const {
      return (id.n * 0x9e3779b97f4a7c15U) ^ (std::uint64_t{id.stream} << 17);
    }
  };
  struct Chain {
    Site site;
    std::unique_ptr<AuditChain> lines;
    bool over = false;
  };

  // reconcile.cc: reading and joining
  Result<void, LineFileError> Open(Site site, const std::vector<std::string>& paths);
  Result<void, LineFileError> Advance(Chain& chain);
  void Take(std::size_t chain);
  void TakeCommand(std::size_t chain, const AuditLine& line);
  void Join(const Waiting& first, std::size_t chain, const AuditLine& second);
  void NoteClock(const Waiting& first, Site site, const AuditLine& second);
  std::uint32_t SessionOf(std::string_view name);
  std::uint32_t StreamOf(std::uint32_t session, std::uint64_t number);
  bool ReadAgain(const Waiting& waiting, LineReader& reader);
  void Add(Outcome outcome, const std::string& item);
  void AddCommand(Outcome outcome, const std::string& place, const AuditLine& line,
                  const std::string& more = {});
  std::string PlaceOf(const Waiting& waiting);

  // reconcile_judge.cc: what is left
  void JudgeTheRest();
  Outcome Judge(const Id& id, const Waiting& waiting, const AuditLine& line);
  bool TurnedAway(std::uint32_t stream, const AuditLine& line);
  bool OfOtherAgent(const Session& session, Site site, const AuditLine& line) const;
  bool ExplainedByGap(AuditChain& other, const Waiting& waiting, bool tail);
  bool BeforeFiles(Site other, const Waiting& waiting, bool head) const;
  Outcome BeyondFiles(const AuditChain& other, const Waiting& waiting, bool tail, bool known,
                      Outcome missing) const;
  std::int64_t InTimeOf(Site other, std::int64_t us) const;
  void FinishFacts();
  std::string WhyNothingCompared() const;
  void AddHints();

  const ReconcileOptions& options_;
  Reconciliation result_;
  std::vector<Chain> chains_;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> session_numbers_;
  std::deque<Session> sessions_;
  std::unordered_map<std::uint64_t, std::uint32_t> stream_numbers_;  // session << 32 | stream
  std::deque<Stream> streams_;
  std::unordered_map<Id, Waiting, IdHash> waiting_;
  std::array<std::set<std::string, std::less<>>, 2> agents_, identities_;
  std::set<std::uint32_t> turned_away_;  // streams
  // The least that was seen of: server's arrival - client's, client's end - server's.
  std::int64_t least_forth_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t least_back_ = std::numeric_limits<std::int64_t>::max();
  std::array<std::uint64_t, 2> missing_reads_{};  // of what a site lacks
  std::array<bool, 2> has_reads_{};               // the site's files have a command that only reads
};

inline std::size_t Index(Site site) { return static_cast<std::size_t>(site); }
inline Site Other(Site site) { return site == Site::kClient ? Site::kServer : Site::kClient; }

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_RECONCILE_JOB_H_
