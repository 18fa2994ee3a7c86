#include "gateway/audit/html.h"

#include "gateway/audit/visible.h"

namespace redwall::audit {

const char* const kPageStyle = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--dim:#5d6b7c;--line:#dde2e9;
--ok:#2f7fd0;--err:#d98a00;--deny:#c9372c;--none:#9aa5b4;--p50:#2f7fd0;--p99:#a04fc4;
--good:#e3f4e8;--good-ink:#14632f;--bad:#fdeaea;--bad-ink:#9c1c13;--bar:#d9e8f8}
@media(prefers-color-scheme:dark){:root{--bg:#10151c;--card:#19212b;--ink:#e4eaf1;--dim:#94a3b5;
--line:#2c3846;--ok:#5aa5ee;--err:#f0b044;--deny:#f0665b;--none:#67758a;--p50:#5aa5ee;--p99:#c98ae6;
--good:#12311d;--good-ink:#8fdcaa;--bad:#3a1715;--bad-ink:#ffb0a8;--bar:#21405f}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1120px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.5rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
p{margin:.4rem 0}.dim,figcaption,.note{color:var(--dim)}.note{font-size:.85rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.75rem;margin:1.25rem 0}
.tile,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:.8rem 1rem}.tile b{display:block;font-size:1.5rem;line-height:1.25;
font-variant-numeric:tabular-nums}.tile span{color:var(--dim);font-size:.85rem}
.tile.deny b{color:var(--deny)}.tile.err b{color:var(--err)}
.banner{border-radius:10px;padding:.9rem 1.1rem;margin:1.25rem 0;border:1px solid currentColor}
.banner.good{background:var(--good);color:var(--good-ink)}
.banner.bad{background:var(--bad);color:var(--bad-ink)}
.banner.bad table{margin-top:.6rem}.banner.bad th,.banner.bad caption{color:inherit}
figure{margin:1rem 0;padding:1rem}figcaption{font-size:.85rem;margin-top:.4rem}
figure strong{display:block;color:var(--ink);margin-bottom:.4rem}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--dim);font-size:12px}svg .grid{stroke:var(--line);stroke-width:1}
svg .axis{stroke:var(--dim);stroke-width:1}
.f-ok{fill:var(--ok)}.f-err{fill:var(--err)}.f-deny{fill:var(--deny)}.f-none{fill:var(--none)}
.l-p50,.l-p99{fill:none;stroke-width:2;stroke-linejoin:round}
.l-p50{stroke:var(--p50)}.l-p99{stroke:var(--p99)}.f-p50{fill:var(--p50)}.f-p99{fill:var(--p99)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;font-size:.85rem;color:var(--dim)}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:1rem}
.card{overflow-x:auto;padding:.4rem .2rem;margin:0 0 1rem;min-width:0}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:.4rem .7rem}
th,td{padding:.3rem .7rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
th{color:var(--dim);font-weight:500;white-space:nowrap;border-top:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.k{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em;
overflow-wrap:anywhere;white-space:pre-wrap}
.share{background:linear-gradient(var(--bar),var(--bar)) no-repeat left/var(--w) 100%;
border-radius:3px;padding:0 .25rem}
.bad-n{color:var(--deny)}.time{white-space:nowrap;font-variant-numeric:tabular-nums}
.empty{padding:.2rem .7rem .5rem;color:var(--dim)}.card .note{padding:0 .7rem .4rem}
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:1rem;color:var(--dim);font-size:.85rem}
@media(max-width:520px){.two{grid-template-columns:1fr}}
@media print{body{background:#fff}.card,figure,.tile{break-inside:avoid}}
)css";

std::string HtmlText(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (const char c : Visible(text, max_bytes)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string HtmlKey(std::string_view text, std::size_t max_bytes) {
  return "<bdi class=\"k\">" + HtmlText(text, max_bytes) + "</bdi>";
}

std::string HtmlTable::Html(std::string_view none, std::string_view note) const {
  std::string out = "<div class=\"card\">";
  const std::string caption = "<caption>" + HtmlText(caption_) + "</caption>";
  if (rows_.empty()) {
    out += "<table>" + caption + "<tbody><tr><td class=\"dim\">" + HtmlText(none) +
           "</td></tr></tbody></table>";
  } else {
    out += "<table>" + caption + "<thead><tr>";
    for (const Column& column : columns_)
      out += std::string("<th scope=\"col\"") + (column.number ? " class=\"n\">" : ">") +
             HtmlText(column.title) + "</th>";
    out += "</tr></thead><tbody>\n";
    for (const auto& row : rows_) {
      out += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i)
        out += std::string(columns_[i].number ? "<td class=\"n\">" : "<td>") + row[i] + "</td>";
      out += "</tr>\n";
    }
    out += "</tbody></table>";
  }
  if (!note.empty()) out += "<p class=\"note\">" + HtmlText(note) + "</p>";
  return out + "</div>\n";
}

}  // namespace redwall::audit
