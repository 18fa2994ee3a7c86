#include "gateway/audit/recorder.h"

#include <utility>

#include "gateway/audit/command_line.h"
#include "resp/command_facts.h"

namespace redwall::audit {
namespace {

constexpr std::size_t kMaxEventFieldBytes = 1024;
constexpr std::size_t kHandOver = 256 * 1024;  // lines of one turn: more of them aren't kept here

}  // namespace

Recorder::Recorder(Options options, std::unique_ptr<Writer> writer)
    : options_(std::move(options)), writer_(std::move(writer)) {}

Recorder::~Recorder() { Close(now_); }

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
      return denied || request.info == nullptr || resp::MayWrite(*request.info);
  }
  return true;
}

void Recorder::BeginCommand(const policy::AuditSettings& settings, const CommandStart& start,
                            std::string& pending) const {
  AppendStart(timestamp_.Format(start.wall_us), options_.side, options_.agent, settings, start,
              pending);
}

void Recorder::FinishCommand(std::string_view pending, const CommandEnd& end) {
  // A command that was let through before the trouble began: its line is kept in any case. There
  // are no more of them than requests that were under way.
  const bool served = !healthy() && !closed_ && WasAllowed(pending);
  if (served && options_.on_lines) options_.on_lines();  // it is written before the reply goes
  if (!served && (!MayAdd() || HoldBack(pending, end))) return;
  const std::size_t from = lines_.size();
  AppendRest(pending, end, lines_);
  EndLine(from, pending);
}

void Recorder::Record(const Event& event) {
  if (!MayAdd()) return;
  const std::size_t from = lines_.size();
  AppendEventHead(event.name, event.wall_us);
  for (const auto& [name, value] : event.fields) {
    lines_ += ',';
    AppendString(name, kMaxFieldBytes, lines_);
    lines_ += ':';
    AppendString(value, kMaxEventFieldBytes, lines_);
  }
  for (const auto& [name, number] : event.numbers) {
    AppendName(name, lines_);
    AppendNumber(number, lines_);
  }
  lines_ += '\n';
  EndLine(from, {});
}

// While the file has no room but for the lines of commands that were let through before, those of
// commands that are refused wait: clients that try again and again must not use it up.
bool Recorder::HoldBack(std::string_view pending, const CommandEnd& end) {
  if (writer_->healthy() || WasAllowed(pending)) return false;
  const std::size_t from = held_.size();
  AppendRest(pending, end, held_);
  if (!writer_->RoomFor(lines_.size() + held_.size())) {
    held_.resize(from);
    CountLoss();
  }
  return true;
}

// Lines are lost in one run, which ends with its gap record: so the record's place says where they
// lack.
bool Recorder::MayAdd() {
  if (!enabled() || closed_) return false;
  if (lines_.empty() && options_.on_lines) options_.on_lines();
  if (lost_ == 0) return true;
  ++lost_;
  return false;
}

// The line that begins at `from` is whole. What has gathered in this one loop turn may well be
// taken at once, whatever its size; a line is lost only where it isn't.
void Recorder::EndLine(std::size_t from, std::string_view pending) {
  if (lines_.size() < kHandOver && writer_->RoomFor(lines_.size())) return;
  if (writer_->healthy()) HandOver(from);
  if (lines_.empty() || writer_->RoomFor(lines_.size())) return;
  // Where it is the writing that failed, nothing more is served, and this was.
  if (!writer_->healthy() && WasAllowed(pending)) return;
  const std::size_t before =
      lines_.size() < 2 ? lines_.npos : lines_.rfind('\n', lines_.size() - 2);
  lines_.resize(before == lines_.npos ? 0 : before + 1);
  CountLoss();
}

void Recorder::HandOver(std::size_t from) {
  writer_->Submit(lines_, now_);
  if (from == 0 || lines_.empty() || !writer_->healthy()) return;
  // Not all of it: then all but the last line.
  const std::string line = lines_.substr(from);
  lines_.resize(from);
  writer_->Submit(lines_, now_);
  lines_ += line;
}

void Recorder::CountLoss() {
  ++lost_;
  gap_reason_ = writer_->trouble();
  if (gap_reason_.empty()) gap_reason_ = "lines came faster than they could be written";
}

void Recorder::AppendEventHead(std::string_view name, std::int64_t wall_us) {
  AppendField("ts", timestamp_.Format(wall_us), kMaxFieldBytes, lines_);
  AppendField("side", options_.side, kMaxFieldBytes, lines_);
  AppendField("agent", options_.agent, kMaxFieldBytes, lines_);
  AppendField("event", name, kMaxFieldBytes, lines_);
}

void Recorder::Flush(const Now& now) {
  now_ = now;
  if (!enabled() || closed_) return;
  writer_->Submit(lines_, now);
  if (!lines_.empty() || (lost_ == 0 && held_.empty()) || !writer_->Recovered()) return;
  lines_.swap(held_);
  if (lost_ > 0) AddGap(now);
  writer_->Submit(lines_, now);
}

void Recorder::AddGap(const Now& now) {
  AppendEventHead("gap", now.wall_us);
  AppendName("lost", lines_);
  AppendNumber(std::exchange(lost_, 0), lines_);
  AppendField("why", gap_reason_, kMaxEventFieldBytes, lines_);
  lines_ += '\n';
}

std::int64_t Recorder::DueUs(const Now& now) const {
  return enabled() && !closed_ ? writer_->DueUs(now) : -1;
}

bool Recorder::Reopen(const Now& now) {
  if (!enabled()) return true;
  Flush(now);  // what belongs to the old file
  if (!writer_->Reopen(now)) return false;
  Flush(now);
  return writer_->healthy();
}

std::uint64_t Recorder::Close(const Now& now) {
  if (!enabled() || closed_) return 0;
  closed_ = true;
  lines_ += std::exchange(held_, {});
  const std::uint64_t lost = lost_;
  if (lost > 0) AddGap(now);
  const std::uint64_t unwritten = writer_->Close(lines_, now);
  // The gap is the last of the lines: where one isn't written, it isn't.
  return lost > 0 && unwritten > 0 ? unwritten - 1 + lost : unwritten;
}

std::vector<std::string> Recorder::TakeNotes() {
  return enabled() ? writer_->TakeNotes() : std::vector<std::string>();
}

}  // namespace redwall::audit
