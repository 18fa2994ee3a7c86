#include "resp/writer.h"

#include <charconv>

namespace redwall::resp {
namespace {

constexpr std::size_t kMaxHeader = 24;  // a type, 20 digits, CR LF

void WriteNumberLine(char type, std::uint64_t number, std::string& out) {
  char line[kMaxHeader];
  line[0] = type;
  char* end = std::to_chars(line + 1, line + sizeof line - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line, static_cast<std::size_t>(end - line));
}

}  // namespace

void WriteArrayHeader(std::size_t count, std::string& out) { WriteNumberLine('*', count, out); }

void WriteBulkHeader(std::uint64_t length, std::string& out) { WriteNumberLine('$', length, out); }

void WriteBulk(std::string_view bytes, std::string& out) {
  WriteBulkHeader(bytes.size(), out);
  out.append(bytes);
  out.append("\r\n", 2);
}

void WriteCommand(const Command& command, std::string& out) {
  WriteArrayHeader(command.size(), out);
  for (std::size_t i = 0; i < command.size(); ++i) WriteBulk(command.arg(i), out);
}

void WriteCommand(std::initializer_list<std::string_view> arguments, std::string& out) {
  WriteArrayHeader(arguments.size(), out);
  for (const std::string_view argument : arguments) WriteBulk(argument, out);
}

void WriteInline(const Command& command, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < command.size(); ++i) {
    out.append(i == 0 ? "\"" : " \"");
    for (const char c : command.arg(i)) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') out.push_back('\\');
      if (byte >= 0x20 && byte < 0x7f) {
        out.push_back(c);
      } else {
        out.append({'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]});
      }
    }
    out.push_back('"');
  }
  out.append("\r\n", 2);
}

void WriteError(std::string_view text, std::string& out) {
  out.push_back('-');
  for (const char c : text) out.push_back(c == '\r' || c == '\n' ? ' ' : c);
  out.append("\r\n", 2);
}

}  // namespace redwall::resp
