// ConnectionText: what the lines of one client connection have in common, as it stands in them.
// Most of a line is that, and it hardly ever changes: so it is formatted once, and anew only when a
// user, a database or a name was granted (AUTH, SELECT, HELLO, RESET, CLIENT SETNAME).
//
// It sees that for itself, by what it is given for each command; nobody has to tell it.
#ifndef REDWALL_GATEWAY_AUDIT_CONNECTION_TEXT_H_
#define REDWALL_GATEWAY_AUDIT_CONNECTION_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/audit/event.h"

namespace redwall::audit {

class ConnectionText {
 public:
  // For this command. Precondition: `side`, `agent` and the subject are those of the first call.
  void Update(std::string_view side, std::string_view agent, const CommandStart& start);

  // `,"side":...,"n":` and `,"identity":...,"client_name":"..."`. Valid until the next Update.
  std::string_view before_n() const { return before_n_; }
  std::string_view behind_n() const { return behind_n_; }

 private:
  // What a field was made of, as far as the line shows it: its length, and its first bytes.
  struct Shown {
    std::string front;
    std::size_t size = 0;

    bool Is(std::string_view bytes) const;
    void Set(std::string_view bytes);
  };

  std::string before_n_, behind_n_;  // empty: not formatted yet
  Shown user_, client_name_;
  std::int64_t db_ = 0;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_CONNECTION_TEXT_H_
