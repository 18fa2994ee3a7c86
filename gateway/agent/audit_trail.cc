#include "gateway/agent/audit_trail.h"

#include <signal.h>

#include <algorithm>
#include <optional>

#include "crypto/signature.h"
#include "gateway/agent/copies.h"
#include "gateway/agent/keys.h"
#include "gateway/agent/log.h"
#include "gateway/net/syslog_socket.h"

namespace redwall::agent {
namespace {

constexpr std::int64_t kAskUs = 1000 * 1000;
constexpr std::uint64_t kLastChanceMs = 2000;  // for what copies still hold at the end

}  // namespace

AuditTrail::AuditTrail(net::Loop& loop, const CommonConfig& config)
    : TurnTask(loop, Order::kAudit), loop_(loop), config_(config), timer_(loop) {}

Result<std::unique_ptr<AuditTrail>, ConfigError> AuditTrail::Make(net::Loop& loop,
                                                                  const std::string& side,
                                                                  const std::string& agent,
                                                                  const CommonConfig& config) {
  std::unique_ptr<AuditTrail> trail(new AuditTrail(loop, config));
  if (const auto opened = trail->Open(side, agent); !opened) return opened.error();
  return trail;
}

Result<void, ConfigError> AuditTrail::Open(const std::string& side, const std::string& agent) {
  const AuditConfig& config = config_.audit;
  std::optional<crypto::SigningKey> key;
  if (!config.sign.empty()) {
    auto read = crypto::SigningKey::ReadFile(config.sign);
    if (!read) return BlameFile(config_, config.sign, read.error().sentence);
    key = std::move(*read);
  }
  auto copies = MakeCopies(side, agent);
  if (!copies) return copies.error();
  std::unique_ptr<audit::Writer> writer;
  if (!config.file.empty()) {
    // A file that is as large as it may be is an error of write(2), not the end of the process.
    signal(SIGXFSZ, SIG_IGN);
    auto journal =
        audit::Journal::Open({.path = config.file,
                              .side = side,
                              .agent = agent,
                              .rotation = config.rotation,
                              .checkpoint_ms = config.checkpoint_ms,
                              .reserve_bytes = config.drop ? 0 : config.max_pending_bytes,
                              .key = std::move(key),
                              .copies = std::move(*copies)},
                             net::ReadClocks());
    if (!journal) return BlameFile(config_, config.file, journal.error().sentence);
    const std::size_t most = config.max_pending_bytes;
    writer = config.drop ? audit::MakeThreadWriter(std::move(*journal), most, net::ReadClocks)
                         : audit::MakeInlineWriter(std::move(*journal), most);
  }
  recorder_ = std::make_unique<audit::Recorder>(
      audit::Recorder::Options{
          .side = side, .agent = agent, .on_lines = [this] { RequestTurnEnd(); }},
      std::move(writer));
  RequestTurnEnd();
  return {};
}

Result<AuditTrail::Logins, ConfigError> AuditTrail::ReadLogins() const {
  Logins logins;
  for (const AuditCopy& copy : config_.audit.copies) {
    if (!copy.redis) continue;
    auto login = ReadLogin({copy.redis->user, copy.redis->password_file});
    if (!login) return BlameFile(config_, copy.redis->password_file, login.error().sentence);
    logins.push_back(std::move(*login));
  }
  return logins;
}

void AuditTrail::Replace(Logins logins) {
  for (std::size_t i = 0; i < std::min(logins.size(), redis_copies_.size()); ++i)
    redis_copies_[i]->ReplaceLogin(std::move(logins[i]));
}

Result<std::vector<audit::LineCopy*>, ConfigError> AuditTrail::MakeCopies(
    const std::string& side, const std::string& agent) {
  auto logins = ReadLogins();
  if (!logins) return logins.error();
  std::vector<audit::LineCopy*> made;
  if (config_.audit.file.empty()) return made;
  for (const AuditCopy& copy : config_.audit.copies) {
    if (copy.to_stdout) {
      copies_.push_back(MakeStdoutCopy());
    } else if (copy.redis) {
      auto redis = std::make_unique<RedisSink>(
          loop_, RedisSink::Options{.redis = copy.redis->address,
                                    .stream = copy.redis->stream,
                                    .maxlen = copy.redis->max_length,
                                    .login = std::move((*logins)[redis_copies_.size()]),
                                    .side = side,
                                    .agent = agent});
      redis_copies_.push_back(redis.get());
      copies_.push_back(std::move(redis));
    } else {
      copies_.push_back(MakeSyslogCopy(net::ParseSyslogFacility(copy.syslog).value_or(0)));
    }
    made.push_back(copies_.back().get());
  }
  return made;
}

AuditTrail::~AuditTrail() {
  if (recorder_ == nullptr) return;
  const Now now = net::ReadClocks();
  const std::string trouble = recorder_->trouble();
  const std::uint64_t lost = recorder_->Close(now);
  for (const std::string& note : recorder_->TakeNotes()) LogWarn("audit: " + note);
  if (lost > 0)
    LogError("the audit ends without its last " + std::to_string(lost) + " lines: " + trouble);
  for (const auto& copy : copies_) {
    copy->Finish(kLastChanceMs);
    if (const auto loss = copy->TakeLoss())
      LogWarn("audit: " + copy->name() + ": " + std::to_string(loss->lost) +
              " lines were not copied: " + loss->why);
  }
}

void AuditTrail::Reopen() {
  if (!recorder_->enabled()) return;
  if (recorder_->Reopen(loop_.now())) {
    LogInfo("the audit file was opened anew");
  } else {
    LogError("the audit file can't be opened anew: " + recorder_->trouble());
  }
  RequestTurnEnd();
}

void AuditTrail::OnTurnEnd() {
  if (!recorder_->enabled()) return;
  const Now now = loop_.now();
  recorder_->Flush(now);
  TellTrouble();
  SetTimer(now);
}

void AuditTrail::TellTrouble() {
  for (const std::string& note : recorder_->TakeNotes()) LogWarn("audit: " + note);
  for (const auto& copy : copies_) {
    const auto change = copy->TakeChange();
    if (!change) continue;
    if (change->well) {
      LogInfo("audit: the copy to " + copy->name() + " goes on");
    } else {
      LogWarn("audit: the copy to " + copy->name() + " waits: " + change->sentence);
    }
  }
  const std::string trouble = recorder_->trouble();
  if (trouble.empty() != in_trouble_) return;
  in_trouble_ = !in_trouble_;
  if (!in_trouble_) {
    LogInfo("the audit can be written again");
  } else if (config_.audit.drop) {
    LogError(
        "the audit can't be written; commands are served on, as \"when_full\" says, and lines "
        "that find no room are counted: " +
        trouble);
  } else {
    LogError("the audit can't be written, and nothing is served until it can: " + trouble);
  }
}

// So that what is due without traffic is done: checkpoints, rotation, trying again.
void AuditTrail::SetTimer(const Now& now) {
  std::int64_t due = recorder_->DueUs(now);
  // Copies say how they are only when they are asked.
  if (!copies_.empty()) due = due < 0 ? now.mono_us + kAskUs : std::min(due, now.mono_us + kAskUs);
  if (due < 0 || (timer_due_us_ >= 0 && timer_due_us_ <= due)) return;
  timer_due_us_ = due;
  const std::int64_t delay = std::max<std::int64_t>(due - now.mono_us, 0);
  timer_.Start(static_cast<std::uint64_t>((delay + 999) / 1000), 0, [this] {
    timer_due_us_ = -1;
    RequestTurnEnd();
  });
}

}  // namespace redwall::agent
