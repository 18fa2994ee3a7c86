#include "gateway/policy/glob_space.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "gateway/policy/pattern_set.h"
#include "resp/glob.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxCut = 64;  // bytes; the globs grow with its square

bool EndsWord(char c) { return c == '\0' || c == ' ' || (c >= '\t' && c <= '\r'); }

// What is taken away: a text, or all texts that begin with it.
struct Cut {
  std::string text;
  bool all_behind = false;
};

bool IsPrefixForm(std::string_view pattern, std::string_view literal) {
  return literal.size() < pattern.size() &&
         pattern.find_first_not_of('*', literal.size()) == pattern.npos;
}

Cut CutOf(std::string_view pattern) {
  std::string_view literal = resp::GlobLiteralPrefix(pattern);
  bool whole = literal.size() == pattern.size();
  const auto end = std::find_if(literal.begin(), literal.end(), EndsWord) - literal.begin();
  const std::size_t length = std::min(static_cast<std::size_t>(end), kMaxCut);
  whole = whole && length == literal.size();
  return {std::string(literal.substr(0, length)), !whole};
}

// A set that all bytes but these are in.
std::string AllBut(const std::set<char>& bytes) {
  std::string out = "[^";
  for (const char c : bytes) {
    if (std::string_view("]\\-^").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "]";
}

// The globs for all texts that begin with `at` and aren't cut away. Each of `cuts` begins with
// `at`, which has no special character.
void Carve(const std::string& at, const std::vector<Cut>& cuts, std::vector<std::string>& out) {
  bool here = false;
  std::set<char> next;
  for (const Cut& cut : cuts) {
    if (cut.text.size() > at.size()) {
      next.insert(cut.text[at.size()]);
    } else if (cut.all_behind) {
      return;
    } else {
      here = true;
    }
  }
  if (!here && !at.empty()) out.push_back(at);
  out.push_back(at + (next.empty() ? "?" : AllBut(next)) + "*");
  for (const char c : next) {
    std::vector<Cut> behind;
    std::copy_if(cuts.begin(), cuts.end(), std::back_inserter(behind), [&](const Cut& cut) {
      return cut.text.size() > at.size() && cut.text[at.size()] == c;
    });
    Carve(at + c, behind, out);
  }
}

// What is left of `pattern`.
void AddWithout(const std::string& pattern, const std::vector<std::string>& removed,
                std::vector<std::string>& out) {
  std::vector<Cut> cuts;
  for (const std::string& each : removed)
    if (PatternSet({each}).MayOverlap(pattern)) cuts.push_back(CutOf(each));
  if (cuts.empty()) {
    out.push_back(pattern);
    return;
  }
  const std::string literal(resp::GlobLiteralPrefix(pattern));
  // Of a literal nothing is left, and what is left of a glob within a glob no glob can say.
  if (!IsPrefixForm(pattern, literal)) return;
  for (const Cut& cut : cuts)
    if (!cut.text.starts_with(literal)) return;
  Carve(literal, cuts, out);
}

}  // namespace

bool GlobSpace::CanBeWritten(std::string_view pattern) {
  return std::none_of(pattern.begin(), pattern.end(), EndsWord);
}

bool GlobSpace::RemovesExactly(std::string_view pattern) {
  const std::string_view literal = resp::GlobLiteralPrefix(pattern);
  if (literal.size() > kMaxCut || !CanBeWritten(literal)) return false;
  return literal.size() == pattern.size() || IsPrefixForm(pattern, literal);
}

std::vector<std::string> GlobSpace::Globs() const {
  std::vector<std::string> out;
  for (const std::string& pattern : patterns_)
    if (CanBeWritten(pattern)) AddWithout(pattern, removed_, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (std::find(out.begin(), out.end(), "*") != out.end()) return {"*"};
  return out;
}

std::vector<std::string> GlobSpace::Untouched() const {
  const PatternSet removed(removed_);
  std::vector<std::string> out;
  for (const std::string& pattern : patterns_)
    if (CanBeWritten(pattern) && !removed.MayOverlap(pattern)) out.push_back(pattern);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (std::find(out.begin(), out.end(), "*") != out.end()) return {"*"};
  return out;
}

}  // namespace redwall::policy
