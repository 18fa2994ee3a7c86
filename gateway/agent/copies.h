// The copies of the audit that go to this machine: standard output and the system logger.
#ifndef REDWALL_GATEWAY_AGENT_COPIES_H_
#define REDWALL_GATEWAY_AGENT_COPIES_H_

#include <memory>
#include <string>
#include <string_view>

#include "gateway/audit/copy.h"
#include "gateway/audit/sink_thread.h"

namespace redwall::agent {

// "stdout": the lines as they are.
std::unique_ptr<audit::LineCopy> MakeStdoutCopy();

// "syslog": a message a line, by "redwall", LOG_INFO. `facility`: of net::ParseSyslogFacility.
// That nobody listens yet is no error: it is tried again until somebody does.
std::unique_ptr<audit::LineCopy> MakeSyslogCopy(int facility);

// What these are made of; for tests with another place than the machine's.
std::unique_ptr<audit::BlockingSink> MakeDescriptorSink(int fd, std::string name);
std::unique_ptr<audit::BlockingSink> MakeSyslogSink(int facility, const std::string& path);

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_COPIES_H_
