#include "gateway/audit/line_compare.h"

#include <algorithm>
#include <functional>

#include "gateway/audit/visible.h"
#include "resp/command_facts.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kShown = 100;    // bytes of a text in an item
constexpr std::size_t kShownList = 4;  // texts of a list

using Texts = std::vector<std::string_view>;

std::string Quoted(std::string_view text) { return '"' + Visible(text, kShown) + '"'; }

std::string ListText(const Texts& texts, std::uint64_t more) {
  std::string out = "[";
  for (std::size_t i = 0; i < std::min(texts.size(), kShownList); ++i)
    out += (i > 0 ? ", " : "") + Quoted(texts[i]);
  const std::uint64_t left = more + (texts.size() - std::min(texts.size(), kShownList));
  if (left > 0) out += ", and " + Thousands(left) + " more";
  return out + "]";
}

// A text that was cut ends in \+N. Returns what is left of it, and whether it was cut.
std::string_view Kept(std::string_view text, bool& cut) {
  const std::size_t mark = text.rfind("\\+");
  cut = mark != text.npos && mark + 2 < text.size() &&
        text.find_first_not_of("0123456789", mark + 2) == text.npos &&
        (mark == 0 || text[mark - 1] != '\\');
  return cut ? text.substr(0, mark) : text;
}

// What each policy records of an argument may be longer or shorter.
bool SameText(std::string_view a, std::string_view b) {
  if (a == b) return true;
  bool a_cut = false, b_cut = false;
  const std::string_view kept_a = Kept(a, a_cut), kept_b = Kept(b, b_cut);
  if (a_cut && b_cut) {
    // A byte of a character that was cut through is written as \xNN by one of them.
    const std::size_t common = std::min(kept_a.size(), kept_b.size());
    const std::size_t sure = std::min(kept_a.find("\\x"), kept_b.find("\\x"));
    return kept_a.substr(0, std::min(common, sure)) == kept_b.substr(0, std::min(common, sure));
  }
  if (a_cut) return kept_b.starts_with(kept_a.substr(0, kept_a.find("\\x")));
  return b_cut && kept_a.starts_with(kept_b.substr(0, kept_b.find("\\x")));
}

bool SameList(const Texts& a, std::uint64_t a_more, const Texts& b, std::uint64_t b_more) {
  return a.size() == b.size() && a_more == b_more &&
         std::equal(a.begin(), a.end(), b.begin(), SameText);
}

const resp::CommandInfo* Known(const AuditLine& line) {
  return resp::CommandTable::Builtin().Find(line.cmd);
}

class Differences {
 public:
  void Add(std::string_view what, const std::string& client, const std::string& server) {
    if (!text_.empty()) text_ += "; ";
    text_.append(what).append(": client ").append(client).append(", server ").append(server);
  }
  void Text(std::string_view what, std::string_view client, std::string_view server) {
    if (!SameText(client, server)) Add(what, Quoted(client), Quoted(server));
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string ResultText(const AuditLine& line) {
  return line.error.empty() ? Visible(line.result, kShown)
                            : Visible(line.result, kShown) + " " + Visible(line.error, kShown);
}

void CompareLists(const AuditLine& client, const AuditLine& server, Differences& differences) {
  const auto list = [&](std::string_view what, const Texts& a, std::uint64_t a_more, const Texts& b,
                        std::uint64_t b_more) {
    if (!SameList(a, a_more, b, b_more))
      differences.Add(what, ListText(a, a_more), ListText(b, b_more));
  };
  if (client.has_keys && server.has_keys) {
    list("keys", client.keys, client.keys_more, server.keys, server.keys_more);
    list("channels", client.channels, client.channels_more, server.channels, server.channels_more);
  }
  if (client.has_args && server.has_args)
    list("args", client.args, client.args_more, server.args, server.args_more);
}

}  // namespace

std::uint64_t LineHash(const AuditLine& line) {
  std::uint64_t hash = line.argc * 4 + (line.has_keys ? 2 : 0) + (line.has_args ? 1 : 0);
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 29;
  };
  const auto text = [&mix](std::string_view value) { mix(std::hash<std::string_view>{}(value)); };
  const auto list = [&](const Texts& texts, std::uint64_t more) {
    mix(texts.size());
    mix(more);
    std::for_each(texts.begin(), texts.end(), text);
  };
  list(line.keys, line.keys_more);
  list(line.channels, line.channels_more);
  list(line.args, line.args_more);
  for (const std::string_view value :
       {line.cmd, line.identity, line.client, line.result, line.error})
    text(value);
  return hash;
}

Comparison CompareLines(const AuditLine& client, const AuditLine& server) {
  Comparison comparison;
  if (client.cmd == "exec" && server.cmd == "discard" &&
      (client.denied() || client.error == "EXECABORT" || client.result == "none" ||
       (client.result == "error" && server.result == "error"))) {
    comparison.discarded = true;
    return comparison;
  }
  Differences differences;
  // A command that one agent's table doesn't have goes by the name that the client used, and
  // nothing else of it can be told. The server's table is that of its Redis.
  const bool untold = client.keys_untold != server.keys_untold;
  if (client.cmd != server.cmd) {
    comparison.renamed = !Known(client) || !Known(server);
    if (!comparison.renamed) differences.Text("cmd", client.cmd, server.cmd);
  }
  if (client.argc != server.argc)
    differences.Add("argc", Thousands(client.argc), Thousands(server.argc));
  if (!untold && !comparison.renamed) CompareLists(client, server, differences);
  differences.Text("identity", client.identity, server.identity);
  differences.Text("client", client.client, server.client);
  comparison.no_reply = client.result == "none" && server.result != "none";
  comparison.own_error = client.own && client.result == "error";
  if (!comparison.no_reply && !comparison.own_error &&
      (client.result != server.result || client.error != server.error))
    differences.Add("result", ResultText(client), ResultText(server));
  comparison.difference = differences.Take();
  return comparison;
}

bool MayWrite(const AuditLine& line) {
  const resp::CommandInfo* info = Known(line);
  return info == nullptr || resp::MayWrite(*info);
}

bool SurelyRecorded(policy::AuditEvents events, const AuditLine& line) {
  switch (events) {
    case policy::AuditEvents::kAll:
      return true;
    case policy::AuditEvents::kWrites:
      return Known(line) != nullptr && MayWrite(line);
    case policy::AuditEvents::kDenied:  // by the other site, which this line doesn't tell
    case policy::AuditEvents::kNone:
      return false;
  }
  return true;
}

std::string CommandText(const AuditLine& line) {
  std::string text = Visible(line.cmd, kShown);
  if (line.has_keys && !line.keys.empty()) text += " " + ListText(line.keys, line.keys_more);
  if (!line.channels.empty()) text += " " + ListText(line.channels, line.channels_more);
  text += " from " + Visible(line.client, kShown) + " (" + Visible(line.identity, kShown) + "): ";
  if (line.denied()) return text + "denied by " + Visible(line.rule, kShown);
  return text + (line.result == "none" ? "no reply" : ResultText(line));
}

}  // namespace redwall::audit
