#include "gateway/agent/core.h"

#include <unistd.h>

#include "gateway/agent/log.h"

namespace redwall::agent {
namespace {

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

Result<std::shared_ptr<const policy::Policy>, ConfigError> ReadPolicy(const CommonConfig& config) {
  if (config.policy.empty()) return policy::Policy::AllowAll();
  auto policy = policy::Policy::ReadFile(config.policy);
  if (!policy) return BlameFile(config, config.policy, policy.error().sentence);
  return std::move(*policy);
}

Result<std::unique_ptr<Core>, ConfigError> Core::Make(net::Loop& loop, const std::string& side,
                                                      const CommonConfig& config) {
  auto policy = ReadPolicy(config);
  if (!policy) return policy.error();
  std::unique_ptr<audit::FileSink> sink;
  if (!config.audit.empty()) {
    auto opened = audit::FileSink::Open(config.audit);
    if (!opened) return BlameFile(config, config.audit, opened.error().sentence);
    sink = std::move(*opened);
  }
  return std::unique_ptr<Core>(new Core(loop, side, config, std::move(*policy), std::move(sink)));
}

Core::Core(net::Loop& loop, const std::string& side, const CommonConfig& config,
           std::shared_ptr<const policy::Policy> policy, std::unique_ptr<audit::FileSink> sink)
    : TurnTask(loop, Order::kLast),
      loop_(loop),
      config_(config),
      budget_{.limit = config.limits.max_held},
      name_(config.name.empty() ? HostName() : config.name),
      policy_(std::move(policy)),
      recorder_({.side = side, .agent = name_}, std::move(sink)) {
  WarnAboutPolicy();
}

Core::~Core() { OnTurnEnd(); }

proxy::Environment Core::MakeEnvironment(const proxy::Gate& gate, std::string_view login,
                                         proxy::UnknownCommands* unknown) {
  RequestTurnEnd();
  return {&gate, &recorder_, &config_.limits.conversation, login, &budget_, unknown};
}

Result<void, ConfigError> Core::ReloadPolicy() {
  auto policy = ReadPolicy(config_);
  if (!policy) return policy.error();
  policy_ = std::move(*policy);
  WarnAboutPolicy();
  return {};
}

void Core::WarnAboutPolicy() const {
  for (const std::string& warning : policy_->warnings()) LogWarn("policy: " + warning);
}

void Core::ReopenAudit() {
  if (!recorder_.enabled()) return;
  if (recorder_.Reopen()) {
    LogInfo("the audit file was opened anew");
  } else {
    LogError("the audit file can't be opened anew: " + recorder_.last_error());
  }
}

void Core::RecordEvent(std::string_view name, Fields fields) {
  if (!recorder_.enabled()) return;
  recorder_.Record({name, std::move(fields), loop_.now().wall_us});
  RequestTurnEnd();
}

void Core::Retire(std::unique_ptr<Retirable> object) {
  retired_.push_back(std::move(object));
  RequestTurnEnd();
}

void Core::OnTurnEnd() {
  retired_.clear();
  recorder_.Flush();
  if (recorder_.healthy() == audit_failed_) {
    audit_failed_ = !audit_failed_;
    if (audit_failed_) {
      LogError("the audit can't be written, and nothing is served until it can: " +
               recorder_.last_error());
    } else {
      LogInfo("the audit can be written again");
    }
  }
}

}  // namespace redwall::agent
