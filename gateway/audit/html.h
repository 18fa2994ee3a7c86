// Pieces of an HTML page. What comes from outside goes through Text or Key, and nothing else.
#ifndef REDWALL_GATEWAY_AUDIT_HTML_H_
#define REDWALL_GATEWAY_AUDIT_HTML_H_

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace redwall::audit {

// Text for an element or an attribute in quotes: Visible(), and HTML's own characters escaped.
std::string HtmlText(std::string_view text, std::size_t max_bytes = SIZE_MAX);
// A name as it stands in the audit, in an element of its own, so that its direction of writing
// doesn't change its neighbours'.
std::string HtmlKey(std::string_view text, std::size_t max_bytes = 160);

// A table. Cells are HTML already.
class HtmlTable {
 public:
  struct Column {
    const char* title;
    bool number = false;
  };
  HtmlTable(std::string_view caption, std::vector<Column> columns)
      : caption_(caption), columns_(std::move(columns)) {}
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // `none`: what is said where there is no row. `note`: a sentence below, may be empty.
  std::string Html(std::string_view none, std::string_view note = {}) const;

 private:
  std::string caption_;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

extern const char* const kPageStyle;  // CSS

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_HTML_H_
