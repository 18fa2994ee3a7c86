#include "gateway/proxy/reply_editor.h"

#include <algorithm>

#include "resp/writer.h"

namespace redwall::proxy {
namespace {

constexpr std::size_t kFormat = 4;  // "txt:", what a verbatim string begins with

}  // namespace

bool ReplyEditor::EnterArray(resp::Element& header) {
  if (!Next(header)) return false;
  if (!header.is_array()) return nodes.Malformed();
  Copy(header);
  return true;
}

bool ReplyEditor::EnterFields(resp::Element& header) {
  if (!Next(header)) return false;
  if ((!header.is_array() && !header.is_map()) || header.count % 2 != 0) return nodes.Malformed();
  Copy(header);
  return true;
}

void ReplyEditor::Copy(const resp::Element& element) {
  out.append(element.attributes).append(element.raw);
}

bool ReplyEditor::CopyTrees(std::uint64_t count) {
  for (std::string_view raw; count > 0; --count) {
    if (!cursor_.Skip(raw)) return nodes.Malformed();
    out.append(raw);
  }
  return true;
}

void ReplyEditor::PutText(const resp::Element& old, std::string_view text) {
  out.append(old.attributes);
  switch (old.type) {
    case '-':
      return resp::WriteError(text, out);
    case '+':
      out.append("+").append(text).append("\r\n");
      return;
    case '=':
      out.append("=").append(std::to_string(text.size() + kFormat)).append("\r\n");
      out.append(old.text.size() < kFormat ? "txt:" : old.text.substr(0, kFormat));
      out.append(text).append("\r\n");
      return;
    case '!':
      out.append("!").append(std::to_string(text.size())).append("\r\n");
      out.append(text).append("\r\n");
      return;
    default:
      return resp::WriteBulk(text, out);
  }
}

void ReplyEditor::PutNumber(const resp::Element& old, std::uint64_t number) {
  const std::string text = std::to_string(number);
  if (old.type != ':') return PutText(old, text);
  out.append(old.attributes).append(":").append(text).append("\r\n");
}

std::string_view TextOf(const resp::Element& element) {
  if (element.type == ':') return element.text;
  if (!element.is_string()) return {};
  return element.type == '=' ? element.text.substr(std::min(kFormat, element.text.size()))
                             : element.text;
}

bool PortOf(const resp::Element& element, std::uint16_t& port) {
  return ReadPort(TextOf(element), port);
}

}  // namespace redwall::proxy
