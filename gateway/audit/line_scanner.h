// LineScanner: the JSON of one audit line, value by value, without a tree. RFC 8259.
#ifndef REDWALL_GATEWAY_AUDIT_LINE_SCANNER_H_
#define REDWALL_GATEWAY_AUDIT_LINE_SCANNER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace redwall::audit {

class LineScanner {
 public:
  // Texts with escapes are decoded into `decoded`, which has to have room for text.size() bytes: it
  // must not move.
  LineScanner(std::string_view text, std::string& decoded) : text_(text), decoded_(decoded) {}

  // Each skips white space first, and takes nothing where it returns false.
  bool Take(char c);
  bool Peek(char c);
  bool Text(std::string_view& value);     // a string
  bool Literal(std::string_view& value);  // a number, true, false, null: as written
  bool Skip(int depth = 0);               // any value
  bool AtEnd();

 private:
  void Space();
  bool Escape();
  bool CodePoint(unsigned& code);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string& decoded_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_LINE_SCANNER_H_
