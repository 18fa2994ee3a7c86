// Where a chain goes on when an agent starts, by what the agent before left behind: a pure function
// of how the file ends and what its head file says. docs/audit.md, "After a restart".
#ifndef REDWALL_GATEWAY_AUDIT_JOURNAL_START_H_
#define REDWALL_GATEWAY_AUDIT_JOURNAL_START_H_

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/audit/chain.h"
#include "gateway/audit/journal_files.h"

namespace redwall::audit {

struct Left {
  FileTail file;
  std::optional<ChainEnd> rotated;  // the end of the newest rotated file, where `file` is empty
  HeadFile::Found head;
  // The agent signs, and the head isn't signed with its key: anybody can have written it.
  bool head_untrusted = false;
  // `file` (`rotated`) goes beyond the head, but not from the line that the head names.
  bool leaves_head = false;
};

struct JournalStart {
  ChainEnd end;            // the chain goes on behind this line
  bool set_aside = false;  // the file holds nothing that can be continued: it makes room
  // What has to be told in a "gap" event before anything else; empty: nothing.
  std::string why;
  std::optional<std::uint64_t> lost;  // lines, where their number is known
};

JournalStart StartBehind(const Left& left);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_JOURNAL_START_H_
