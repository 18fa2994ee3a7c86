#include "gateway/audit/command_line.h"

#include <algorithm>
#include <optional>

#include "gateway/audit/connection_text.h"
#include "gateway/audit/json_text.h"
#include "gateway/audit/redaction.h"

namespace redwall::audit {
namespace {

using resp::KeyRef;

constexpr std::size_t kMaxNameBytes = 64;
constexpr char kSeam = '\n';  // between what comes later in the line and what comes first

void AppendCommandName(const policy::Request& request, std::string& out) {
  AppendName("cmd", out);
  if (request.info != nullptr) return AppendString(request.info->name, kMaxNameBytes, out);
  if (request.command.size() == 0) return AppendString({}, kMaxNameBytes, out);
  // Folded where it stands, so that nothing is allocated. \u and \x escapes are lower case already.
  const std::size_t from = out.size();
  AppendString(TellableName(request.command.name()), kMaxNameBytes, out);
  std::transform(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
                 out.begin() + static_cast<std::ptrdiff_t>(from), [](char c) {
                   return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
                 });
}

class ArgumentWriter {
 public:
  ArgumentWriter(const policy::AuditSettings& settings, const policy::Request& request,
                 std::string& out)
      : settings_(settings), request_(request), out_(out) {
    if (request.info != nullptr) redaction_.emplace(*request.info, request.command);
  }

  void Keys() {
    List("keys", [](const KeyRef& key) { return key.kind == KeyRef::Kind::kKey; });
    if (request_.info == nullptr || request_.key_status != resp::KeyStatus::kComplete)
      out_ += ",\"keys_untold\":true";
    const auto is_channel = [](const KeyRef& key) { return key.kind != KeyRef::Kind::kKey; };
    if (std::any_of(request_.keys.begin(), request_.keys.end(), is_channel))
      List("channels", is_channel);
  }

  // Of an unknown command nobody can say which arguments are secrets: none is recorded.
  void Arguments() {
    const resp::Command& command = request_.command;
    if (request_.info == nullptr || command.size() == 0) return;
    AppendName("args", out_);
    out_ += '[';
    const std::size_t end = std::min(command.size(), kMaxListed + 1);
    for (std::size_t i = 1; i < end; ++i) {
      if (i > 1) out_ += ',';
      Argument(i);
    }
    out_ += ']';
    if (end < command.argc()) More("args", command.argc() - end);
  }

 private:
  template <class Filter>
  void List(std::string_view name, Filter filter) {
    AppendName(name, out_);
    out_ += '[';
    std::size_t count = 0;
    for (const KeyRef& key : request_.keys) {
      if (!filter(key) || key.index >= request_.command.size()) continue;
      if (count++ >= kMaxListed) continue;
      if (count > 1) out_ += ',';
      Argument(key.index);
    }
    out_ += ']';
    if (count > kMaxListed) More(name, count - kMaxListed);
  }

  void Argument(std::size_t i) {
    if (redaction_ && redaction_->Hides(i)) return AppendString(kRedacted, kRedacted.size(), out_);
    AppendString(request_.command.arg(i), settings_.max_argument_bytes, out_);
  }

  void More(std::string_view name, std::size_t count) {
    out_.append(",\"").append(name).append("_more\":");
    AppendNumber(std::uint64_t{count}, out_);
  }

  const policy::AuditSettings& settings_;
  const policy::Request& request_;
  std::string& out_;
  std::optional<Redaction> redaction_;
};

std::string_view ActionText(policy::Action action) {
  switch (action) {
    case policy::Action::kAllow:
      return "allow";
    case policy::Action::kDeny:
      return "deny";
    case policy::Action::kDisconnect:
      return "disconnect";
  }
  return {};
}

void AppendDecision(const policy::Decision& decision, std::string& out) {
  AppendField("decision", ActionText(decision.action), kMaxFieldBytes, out);
  if (decision.observed) {
    out += ",\"observed\":true";
    AppendField("would", ActionText(decision.would), kMaxFieldBytes, out);
  }
  AppendField("rule", decision.rule, kMaxFieldBytes, out);
}

// "WRONGTYPE". A script can make an error of anything that it was given.
bool IsErrorCode(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

}  // namespace

void AppendStart(std::string_view ts, std::string_view side, std::string_view agent,
                 const policy::AuditSettings& settings, const CommandStart& start,
                 std::string& out) {
  AppendDecision(start.decision, out);
  out += kSeam;
  std::optional<ConnectionText> for_this_one;
  ConnectionText& text = start.text != nullptr ? *start.text : for_this_one.emplace();
  text.Update(side, agent, start);
  out.append(",\"ts\":\"").append(ts) += '"';
  out += text.before_n();
  AppendNumber(start.n, out);
  out += text.behind_n();
  AppendCommandName(start.request, out);
  if (settings.arguments != policy::AuditArguments::kNone) {
    ArgumentWriter writer(settings, start.request, out);
    writer.Keys();
    if (settings.arguments == policy::AuditArguments::kFull) writer.Arguments();
  }
  AppendName("argc", out);
  AppendNumber(std::uint64_t{start.request.command.argc()}, out);
}

void AppendRest(std::string_view start, const CommandEnd& end, std::string& out) {
  const std::size_t seam = std::min(start.find(kSeam), start.size());
  if (seam < start.size()) out += start.substr(seam + 1);
  AppendName("bytes_in", out);
  AppendNumber(end.bytes_in, out);
  AppendName("bytes_out", out);
  AppendNumber(end.bytes_out, out);
  out += start.substr(0, seam);
  switch (end.result) {
    case CommandEnd::Result::kNone:
      out += ",\"result\":\"none\"";
      break;
    case CommandEnd::Result::kOk:
      out += ",\"result\":\"ok\"";
      break;
    case CommandEnd::Result::kError:
      out += ",\"result\":\"error\"";
      AppendField("error", IsErrorCode(end.error) ? end.error : kRedacted, kMaxNameBytes, out);
      if (end.own) out += ",\"own\":true";
      break;
  }
  AppendName("us", out);
  if (end.us < 0) {
    out += "null";
  } else {
    AppendNumber(end.us, out);
  }
  out += '\n';
}

bool WasAllowed(std::string_view start) { return start.starts_with(",\"decision\":\"allow\""); }

}  // namespace redwall::audit
