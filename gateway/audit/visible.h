// What an audit says, shown to people: on a terminal and on a page.
#ifndef REDWALL_GATEWAY_AUDIT_VISIBLE_H_
#define REDWALL_GATEWAY_AUDIT_VISIBLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace redwall::audit {

// Control characters, invisible ones, those that turn the direction of writing, and what isn't
// UTF-8 are replaced by \uNNNN, \u{NNNNN} or \xNN: what is shown is what stands there. At most
// `max_bytes` bytes of `text` are shown, and "..." where there are more.
std::string Visible(std::string_view text, std::size_t max_bytes = SIZE_MAX);

std::string Thousands(std::uint64_t number);  // 1,234,567

// "2026-11-23 01:34:58" and a fraction of so many digits; UTC.
std::string ShowTime(std::int64_t us, int digits = 0);
// "850 µs", "12.5 ms", "3.20 s", "2 h 05 min", "3 days 4 h".
std::string ShowDuration(std::int64_t us);
std::string ShowBytes(std::uint64_t bytes);  // "512 B", "1.5 MiB"

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_VISIBLE_H_
