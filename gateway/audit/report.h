// The report: one self-contained HTML page about audit files, for an operator and an auditor.
//
// No network, no script: style and charts stand in the page. Whatever an audit says is text there.
// Files are read once, in constant memory.
#ifndef REDWALL_GATEWAY_AUDIT_REPORT_H_
#define REDWALL_GATEWAY_AUDIT_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/audit/line_file.h"

namespace redwall::audit {

struct ReportOptions {
  std::string title = "Audit report";
  std::int64_t made_us = 0;  // now, microseconds since 1970
};

Result<std::string, LineFileError> MakeReport(const std::vector<std::string>& paths,
                                              const ReportOptions& options);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_REPORT_H_
