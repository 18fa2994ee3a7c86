// What a report says, before it is a page.
//
// Where the audits of both sites are given, a command counts once: by the server's line, or by the
// client's where the client agent denied it, so that the server never saw it.
#ifndef REDWALL_GATEWAY_AUDIT_REPORT_DATA_H_
#define REDWALL_GATEWAY_AUDIT_REPORT_DATA_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gateway/audit/audit_chain.h"
#include "gateway/audit/line_reader.h"
#include "gateway/audit/tally.h"

namespace redwall::audit {

struct ReportData {
  struct File {
    std::string path, side, agent;
    std::uint64_t bytes = 0, lines = 0, commands = 0, first_seq = 0, last_seq = 0;
    std::int64_t first_us = 0, last_us = 0;
  };
  struct Rule {
    std::uint64_t denied = 0, observed = 0;
    std::int64_t first_us = 0, last_us = 0;
    std::string side;
    TopTally commands, clients;
  };
  struct Sample {  // one command
    std::int64_t ts_us = 0, us = -1;
    std::string what, who, client, rule, side;
  };
  struct Happening {  // one event
    std::int64_t ts_us = 0;
    std::string side, agent, name, details;
  };

  std::vector<File> files;
  bool has_client = false, has_server = false;
  std::int64_t first_us = 0, last_us = 0;  // of all lines
  Tally total;
  std::uint64_t unanswered = 0, observed = 0, redacted = 0, shortened = 0;
  Histogram us;
  TimeSeries series;
  TopTally commands, clients, identities, keys, prefixes, errors, redacted_commands;
  std::map<std::string, Histogram> command_us;
  std::map<std::pair<std::string, std::string>, Rule> rules;  // by name and side
  std::vector<Sample> slowest;                                // the slowest first
  std::vector<Sample> denials;                                // the latest, in order of time
  std::map<std::string, std::uint64_t> event_counts;
  std::vector<Happening> events;  // the first ones, in order of time
  std::vector<Happening> gaps;    // of any kind, in order of time
  std::uint64_t gap_count = 0, lost = 0;
};

Result<ReportData, LineFileError> CollectReport(const std::vector<std::string>& paths);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_REPORT_DATA_H_
