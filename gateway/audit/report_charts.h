// The charts of a report, as inline SVG with axes, titles and a text for who can't see them.
#ifndef REDWALL_GATEWAY_AUDIT_REPORT_CHARTS_H_
#define REDWALL_GATEWAY_AUDIT_REPORT_CHARTS_H_

#include <string>

#include "gateway/audit/tally.h"

namespace redwall::audit {

// Stacked bars: how many commands were answered, got an error, no reply, or were denied.
std::string CommandsChart(const TimeSeries& series);
// Lines on a logarithmic scale: the median and the 99th percentile.
std::string LatencyChart(const TimeSeries& series);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_REPORT_CHARTS_H_
