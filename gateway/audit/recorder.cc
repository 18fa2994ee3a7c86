#include "gateway/audit/recorder.h"

#include <algorithm>
#include <utility>

#include "gateway/audit/command_line.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kMaxEventFieldBytes = 1024;

// Changes data, itself or by the script that it runs, or sends a message. Redis knows the last two
// as "may replicate" and doesn't say so in COMMAND, so they are told by what it says of their keys.
bool CanWrite(const resp::CommandInfo& info) {
  if ((info.flags & (resp::kFlagWrite | resp::kFlagMayReplicate)) != 0) return true;
  if (info.name == "publish" || info.name == "spublish") return true;
  return std::any_of(info.key_specs.begin(), info.key_specs.end(),
                     [](const resp::KeySpec& spec) { return spec.write; });
}

}  // namespace

Recorder::Recorder(Options options, std::unique_ptr<FileSink> sink)
    : options_(std::move(options)), sink_(std::move(sink)) {}

Recorder::~Recorder() { Flush(); }

bool Recorder::Wants(const policy::AuditSettings& settings, const policy::Request& request,
                     const policy::Decision& decision) const {
  if (!enabled()) return false;
  const bool denied = decision.would != policy::Action::kAllow;
  switch (settings.events) {
    case policy::AuditEvents::kAll:
      return true;
    case policy::AuditEvents::kNone:
      return false;
    case policy::AuditEvents::kDenied:
      return denied;
    case policy::AuditEvents::kWrites:
      return denied || request.info == nullptr || CanWrite(*request.info);
  }
  return true;
}

void Recorder::BeginCommand(const policy::AuditSettings& settings, const CommandStart& start,
                            std::string& pending) const {
  pending.clear();
  last_wall_us_ = start.wall_us;
  AppendStart(timestamp_.Format(start.wall_us), options_.side, options_.agent, settings, start,
              pending);
}

void Recorder::FinishCommand(std::string_view pending, const CommandEnd& end) {
  if (!MayAdd()) return;
  const std::size_t from = StartLine();
  AppendRest(pending, end, lines_);
  EndLine(from);
}

void Recorder::Record(const Event& event) {
  if (!enabled()) return;
  last_wall_us_ = event.wall_us;
  if (!MayAdd()) return;
  const std::size_t from = StartLine();
  AppendEventHead(event.name, event.wall_us);
  for (const auto& [name, value] : event.fields) {
    lines_ += ',';
    AppendString(name, kMaxFieldBytes, lines_);
    lines_ += ':';
    AppendString(value, kMaxEventFieldBytes, lines_);
  }
  lines_ += "}\n";
  EndLine(from);
}

// Lines are lost in one run, which ends with its gap record: so the record's place says where they
// lack.
bool Recorder::MayAdd() {
  if (!enabled()) return false;
  if (lost_ == 0) return true;
  ++lost_;
  return false;
}

std::size_t Recorder::StartLine() {
  const std::size_t from = lines_.size();
  lines_ += "{\"v\":1,\"seq\":";
  AppendNumber(seq_ + 1, lines_);
  return from;
}

void Recorder::EndLine(std::size_t from) {
  if (lines_.size() > options_.max_pending_bytes) {
    // The sink may well take what has gathered in this one loop turn.
    if (from > 0 && healthy_) {
      std::string line = lines_.substr(from);
      lines_.resize(from);
      Drain();
      from = lines_.size();
      lines_ += line;
    }
    if (lines_.size() > options_.max_pending_bytes) {
      lines_.resize(from);
      ++lost_;
      return;
    }
  }
  ++seq_;
}

void Recorder::AppendEventHead(std::string_view name, std::int64_t wall_us) {
  AppendField("ts", timestamp_.Format(wall_us), kMaxFieldBytes, lines_);
  AppendField("side", options_.side, kMaxFieldBytes, lines_);
  AppendField("agent", options_.agent, kMaxFieldBytes, lines_);
  AppendField("event", name, kMaxFieldBytes, lines_);
}

void Recorder::Flush() {
  if (!enabled()) return;
  Drain();
  if (!lines_.empty() || lost_ == 0) return;
  StartLine();
  AppendEventHead("gap", last_wall_us_);
  AppendName("lost", lines_);
  AppendNumber(std::exchange(lost_, 0), lines_);
  AppendField("why", gap_reason_, kMaxEventFieldBytes, lines_);
  lines_ += "}\n";
  ++seq_;
  Drain();
}

void Recorder::Drain() {
  if (lines_.empty()) return;
  std::string error;
  const std::size_t taken = sink_->Append(std::string_view(lines_).substr(sent_), error);
  const std::size_t sent = sent_ + taken;
  healthy_ = sent == lines_.size();
  last_error_ = healthy_ ? std::string() : std::move(error);
  if (!healthy_) gap_reason_ = last_error_;
  // A line that is half written stays whole here, in case that its other half has to go to another
  // file.
  const std::size_t whole = healthy_ ? sent : sent == 0 ? 0 : lines_.rfind('\n', sent - 1) + 1;
  sent_ = sent - whole;
  lines_.erase(0, whole);
}

bool Recorder::Reopen() {
  if (!enabled()) return true;
  Flush();  // what belongs to the old file
  const auto reopened = sink_->Reopen();
  if (!reopened) {
    healthy_ = false;
    last_error_ = reopened.error().sentence;
    gap_reason_ = last_error_;
    return false;
  }
  sent_ = 0;  // the sink ends the half line that it finds, and the line is written once more
  Flush();
  healthy_ = lines_.empty();
  if (healthy_) last_error_.clear();
  return healthy_;
}

}  // namespace redwall::audit
