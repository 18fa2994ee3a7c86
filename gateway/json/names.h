// Names in messages for people: quoting what a file says, and guessing what was meant.
#ifndef REDWALL_GATEWAY_JSON_NAMES_H_
#define REDWALL_GATEWAY_JSON_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

namespace redwall::json {

// `text` between double quotes, with control bytes, quotes and backslashes escaped and cut after 64
// bytes ("..." says so): safe in a log line and on a terminal, whatever a file holds.
std::string Quoted(std::string_view text);

// The one of `names` that `typed` is most probably a slip of: at most two letters inserted, left
// out, changed or swapped (one in names of up to four letters), case aside. Empty where none is
// that near.
std::string_view NearestName(std::string_view typed, const std::vector<std::string_view>& names);

}  // namespace redwall::json

#endif  // REDWALL_GATEWAY_JSON_NAMES_H_
