#include "gateway/agent/core.h"

#include <unistd.h>

#include <array>
#include <cstddef>

#include "crypto/primitives.h"
#include "gateway/agent/log.h"
#include "gateway/audit/chain.h"

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

std::string HashOfPolicy(std::string_view text) {
  std::array<std::byte, 32> hash{};
  // Can't fail: the size of the output is one that BLAKE2b has.
  if (!crypto::Blake2b(hash, {AsBytes(text)})) return {};
  return audit::FormatHash(hash);
}

Result<std::unique_ptr<Core>, ConfigError> Core::Make(net::Loop& loop, const std::string& side,
                                                      const CommonConfig& config) {
  auto policy = ReadPolicy(config);
  if (!policy) return policy.error();
  std::string name = config.name.empty() ? HostName() : config.name;
  auto audit = AuditTrail::Make(loop, side, name, config);
  if (!audit) return audit.error();
  return std::unique_ptr<Core>(
      new Core(loop, config, std::move(name), std::move(*policy), std::move(*audit)));
}

Core::Core(net::Loop& loop, const CommonConfig& config, std::string name,
           std::shared_ptr<const policy::Policy> policy, std::unique_ptr<AuditTrail> audit)
    : TurnTask(loop, Order::kLast),
      loop_(loop),
      config_(config),
      budget_{.limit = config.limits.max_held},
      name_(std::move(name)),
      policy_(std::move(policy)),
      audit_(std::move(audit)) {
  WarnAboutPolicy();
}

Core::~Core() { OnTurnEnd(); }

proxy::Environment Core::MakeEnvironment(const proxy::Gate& gate, std::string_view login,
                                         proxy::UnknownCommands* unknown) {
  RequestTurnEnd();
  return {&gate, &recorder(), &config_.limits.conversation, login, &budget_, unknown};
}

Result<void, ConfigError> Core::ReloadPolicy() {
  auto policy = ReadPolicy(config_);
  if (!policy) return policy.error();
  auto logins = audit_->ReadLogins();
  if (!logins) return logins.error();
  policy_ = std::move(*policy);
  audit_->Replace(std::move(*logins));
  WarnAboutPolicy();
  return {};
}

void Core::WarnAboutPolicy() const {
  for (const std::string& warning : policy_->warnings()) LogWarn("policy: " + warning);
}

Core::Fields Core::PolicyFields() const {
  if (policy_->text().empty()) return {{"policy", "none"}};
  return {{"policy", config_.policy}, {"hash", HashOfPolicy(policy_->text())}};
}

void Core::RecordEvent(std::string_view name, Fields fields, Numbers numbers) {
  if (!recorder().enabled()) return;
  recorder().Record({name, std::move(fields), loop_.now().wall_us, std::move(numbers)});
}

net::Listener::OnTrouble Core::LogCrowd() {
  return [this](const std::string& trouble) { crowded_.Warn(trouble, loop_.now_ms()); };
}

void Core::Retire(std::unique_ptr<Retirable> object) {
  retired_.push_back(std::move(object));
  RequestTurnEnd();
}

void Core::OnTurnEnd() { retired_.clear(); }

}  // namespace redwall::agent
