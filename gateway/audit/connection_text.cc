#include "gateway/audit/connection_text.h"

#include "gateway/audit/command_line.h"
#include "gateway/audit/json_text.h"

namespace redwall::audit {

bool ConnectionText::Shown::Is(std::string_view bytes) const {
  return bytes.size() == size && bytes.starts_with(front);
}

void ConnectionText::Shown::Set(std::string_view bytes) {
  front = bytes.substr(0, kMaxFieldBytes);
  size = bytes.size();
}

void ConnectionText::Update(std::string_view side, std::string_view agent,
                            const CommandStart& start) {
  const Subject& subject = start.subject;
  if (before_n_.empty()) {
    AppendField("side", side, kMaxFieldBytes, before_n_);
    AppendField("agent", agent, kMaxFieldBytes, before_n_);
    AppendField("session", subject.session, kMaxFieldBytes, before_n_);
    AppendName("stream", before_n_);
    AppendNumber(std::uint64_t{subject.stream}, before_n_);
    AppendName("n", before_n_);
  } else if (start.db == db_ && user_.Is(start.user) && client_name_.Is(start.client_name)) {
    return;
  }
  user_.Set(start.user);
  db_ = start.db;
  client_name_.Set(start.client_name);
  behind_n_.clear();
  AppendField("identity", subject.identity, kMaxFieldBytes, behind_n_);
  AppendField("user", start.user, kMaxFieldBytes, behind_n_);
  AppendName("db", behind_n_);
  AppendNumber(start.db, behind_n_);
  AppendField("client", subject.client, kMaxFieldBytes, behind_n_);
  AppendField("client_name", start.client_name, kMaxFieldBytes, behind_n_);
}

}  // namespace redwall::audit
