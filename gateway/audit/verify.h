// Verifier: is an audit as it was written? Bytes of files in, findings in plain words out.
//
// It follows the chain (chain.h) from line to line and over the ends of files, checks the
// signatures of checkpoints and heads, and names the place where something isn't right: a line that
// was changed, removed, moved or put in, a file that is missing, a tail that was cut off. It goes
// on behind such a place, so that what follows is checked as well. Memory is constant: one line, at
// most kMaxLineBytes (chain.h) of it.
//
// What it can't see without a trusted key: files that were written anew from the first line to the
// last, heads included. And with one: a tail that was cut off together with everything that knows
// of it, where the head was replaced by the older one that belongs there.
#ifndef REDWALL_GATEWAY_AUDIT_VERIFY_H_
#define REDWALL_GATEWAY_AUDIT_VERIFY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/key_file.h"
#include "gateway/audit/chain.h"
#include "gateway/audit/verify_signatures.h"

namespace redwall::audit {

struct Finding {
  enum class Kind : std::uint8_t { kNote, kWrong } kind = Kind::kNote;
  std::string file;        // empty: it is about all of them
  std::uint64_t line = 0;  // in the file, from 1; 0: the file as a whole
  std::string sentence;    // safe to show on a terminal
};

class Verifier {
 public:
  struct Options {
    std::vector<crypto::PublicKey> keys;  // trusted; none: the key that the audit itself names
    bool complete = false;                // the lines must begin with number 1
  };
  using Report = std::function<void(const Finding&)>;

  Verifier(Options options, Report report);

  // The content of a head file (FILE.head). All heads before the first BeginFile.
  void AddHead(std::string name, std::string_view text);

  // The files in the order of their first lines (see FirstSeq); their bytes in pieces of any size.
  void BeginFile(std::string name);
  void Feed(std::string_view bytes);
  void EndFile();

  struct Summary {
    std::uint64_t lines = 0;  // that could be read
    std::uint64_t first = 0;  // the numbers of the first and of the last line; 0: there is none
    std::uint64_t last = 0;
    std::uint64_t checkpoints = 0;         // with a good signature
    std::uint64_t signed_to = 0;           // the last line that a good signature covers; 0: none
    std::uint64_t unvouched = 0;           // lines up to there that the agent only found
    std::optional<crypto::PublicKey> key;  // of the first good signature
    std::uint64_t wrong = 0;               // findings of that kind
  };
  // Looks at what only the end can tell. Nothing may be called after it.
  Summary Finish();

 private:
  struct Place {
    std::string file;
    std::uint64_t line = 0;
  };
  struct HeadFile {
    std::string name;
    Head head;
    bool seen = false;  // its line came by
  };
  struct Unreadable {
    Place place;
    std::string sentence;
    bool torn = false;  // could be the first half of a line
    std::string text;   // where it could
  };

  void Note(const Place& place, std::string sentence);
  void Wrong(const Place& place, std::string sentence);

  void Line(std::string_view line, bool ended);
  void NoLine(std::string_view line, bool ended, bool too_long);
  void SettleUnreadable(std::string_view line, const ChainLink& link);
  bool InPlace(std::string_view line, const ChainLink& link, const ChainHash& hash);
  void Missing(std::string_view line, std::uint64_t seq);
  void OutOfPlace(std::uint64_t seq, const ChainHash& hash);
  void Accept(std::string_view line, const ChainLink& link, const ChainHash& hash);
  void AcceptEvent(std::string_view line, std::string_view event);
  void AcceptGap(std::string_view line);
  void CountUnvouched(std::string_view why);

  void FinishBeginning();
  void FinishHead(HeadFile& file);
  void FinishEnd();
  void FinishSignatures();

  Options options_;
  Report report_;
  Signatures signatures_;
  std::vector<HeadFile> heads_;
  Summary summary_;

  std::string part_;       // of a line whose end hasn't come
  bool too_long_ = false;  // the line under way: its bytes are dropped
  Place here_;
  bool file_begins_ = false;  // no line of this file was readable so far

  ChainEnd last_;       // the last line that stands in its place
  Place last_place_;    // where that is
  ChainHash before_{};  // of the readable line in front, in its place or not
  std::optional<Unreadable> unreadable_;
  std::uint64_t unreadable_lines_ = 0;  // behind the last line in its place

  std::uint64_t removed_to_ = 0;  // by the agent itself, as its "removed" events say
  std::uint64_t unvouched_to_ = 0;
  bool gap_told_ = false;   // the "gap" event at hand was part of a finding
  bool stopped_ = false;    // the last line but checkpoints is the event "stop"
  std::string goes_on_in_;  // likewise: the event "rotated", and the name in it
};

// The number of the first line of a file that begins with `bytes` (of the first line whose number
// can be read); nothing where there is none.
std::optional<std::uint64_t> FirstSeq(std::string_view bytes);
// The number of the last line, which an agent puts into the name of a file that it rotates away
// (server.jsonl.20261123T013458Z-200); nothing for any other name.
std::optional<std::uint64_t> RotatedSeq(std::string_view file_name);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_VERIFY_H_
