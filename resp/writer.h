// Writes RESP: commands as arrays of bulk strings, and the few replies that an agent makes itself.
#ifndef REDWALL_RESP_WRITER_H_
#define REDWALL_RESP_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "resp/command.h"

namespace redwall::resp {

// Each appends to `out`.
void WriteCommand(const Command& command, std::string& out);  // precondition: a whole command
void WriteCommand(std::initializer_list<std::string_view> arguments, std::string& out);
// Likewise, as a line that Redis reads as exactly these arguments: each in quotes, with escapes.
void WriteInline(const Command& command, std::string& out);
void WriteArrayHeader(std::size_t count, std::string& out);
void WriteBulkHeader(std::uint64_t length, std::string& out);  // `$length`, the bytes are to follow
void WriteBulk(std::string_view bytes, std::string& out);
// `text` without the leading '-'; CR and LF in it become spaces, as Redis does.
void WriteError(std::string_view text, std::string& out);

}  // namespace redwall::resp

#endif  // REDWALL_RESP_WRITER_H_
