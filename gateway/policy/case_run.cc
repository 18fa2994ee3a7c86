// Runs cases against a policy.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "gateway/json/names.h"
#include "gateway/policy/cases.h"
#include "gateway/policy/explain.h"
#include "gateway/policy/state.h"

namespace redwall::policy {
namespace {

// A word as a shell takes it.
std::string ShellWord(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.:/@,+=%").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return out + "'";
}

// What shows the whole way to the decision.
std::string ExplainHint(const std::string& policy_name, const Case& each) {
  std::string out = "redwall policy explain " + ShellWord(policy_name);
  if (!each.identity.empty()) out += " --as " + ShellWord(each.identity);
  if (each.sender.user && *each.sender.user != "default")
    out += " --user " + ShellWord(*each.sender.user);
  if (!each.sender.address.empty()) out += " --from " + ShellWord(each.sender.address);
  if (each.sender.database && *each.sender.database != 0)
    out += " --db " + std::to_string(*each.sender.database);
  if (each.has_time) out += " --at " + FormatTime(each.sender.now.wall_us);
  out += " --";
  for (const std::string& word : each.command) out += " " + ShellWord(word);
  return out;
}

class Runner {
 public:
  Runner(std::shared_ptr<const Policy> policy, const std::string& policy_name,
         const CaseOptions& options)
      : policy_(std::move(policy)),
        policy_name_(policy_name),
        options_(options),
        sample_(*policy_->state().table),
        has_rates_(std::any_of(policy_->state().rules.begin(), policy_->state().rules.end(),
                               [](const Rule& rule) { return rule.rate.has_value(); })) {}

  void Run(const Case& each) {
    const std::string complaint = Complaint(each);
    ++(complaint.empty() ? report_.passed : report_.failed);
    // A name with a line's end in it would be two lines, and colours wouldn't be words.
    const std::string name = json::Quoted(each.name);
    if (!complaint.empty()) {
      report_.text += "failed " + name + ": " + complaint + "\n";
    } else if (options_.verbose) {
      report_.text += "passed " + name + ": " + decided_ + "\n";
    }
  }

  CaseReport Finish() {
    if (options_.coverage)
      for (const Rule& rule : policy_->state().rules)
        if (!covered_.contains(rule.id)) report_.text += "rule '" + rule.id + "' decided no case\n";
    report_.text +=
        std::to_string(report_.passed) + " passed, " + std::to_string(report_.failed) + " failed\n";
    return std::move(report_);
  }

 private:
  const Rules& RulesOf(const std::string& identity) {
    if (has_rates_) {
      // Buckets belong to the policy: another one, with full buckets. That it can be read was seen.
      const Policy::State& state = policy_->state();
      if (auto fresh = Policy::Parse(state.text, state.file, state.table)) policy_ = *fresh;
      rules_.clear();
    }
    std::shared_ptr<const Rules>& rules = rules_[identity];
    if (rules == nullptr) rules = policy_->RulesFor(identity);
    return *rules;
  }

  const Rule* FindRule(std::string_view id) const {
    const std::vector<Rule>& rules = policy_->state().rules;
    const auto found =
        std::find_if(rules.begin(), rules.end(), [id](const Rule& rule) { return rule.id == id; });
    return found == rules.end() ? nullptr : &*found;
  }

  // Why the rule matches or doesn't, in words.
  std::string Why(const Rule& rule, const Case& each, const Request& request) const {
    if (!rule.ConcernsIdentity(each.identity)) return "it does not name the identity";
    const Circumstances how{each.identity, Doubt::kRefuse,
                            policy_->state().unknown == Action::kAllow, nullptr, nullptr};
    return WhyText(rule, request, MatchRequest(rule, request, how));
  }

  std::string Decided(const Decision& decision, const Case& each, const Request& request) const {
    std::string out(ActionName(decision.would));
    const Rule* rule = FindRule(decision.rule);
    if (rule == nullptr) {
      if (decision.rule == kDefaultRule) return out + " by the policy's default";
      if (decision.rule == kUnknownRule) return out + " since the command isn't known";
      return out + ": a replication stream must be allowed by its name";
    }
    out += " by rule '" + rule->id + "' (";
    return out + (decision.by_rate ? "its bucket is empty" : Why(*rule, each, request)) + ")";
  }

  // Empty where the case passes.
  std::string Complaint(const Case& each) {
    std::vector<std::string_view> words(each.command.begin(), each.command.end());
    if (!sample_.Build(words)) return "this is not a command: it is too long";
    const Rules& rules = RulesOf(each.identity);
    SampleSender sender = each.sender;
    Decision decision;
    for (std::int64_t i = 0; i < each.times; ++i) {
      sender.now.wall_us = each.sender.now.wall_us + i * each.every_us;
      sender.now.mono_us = i * each.every_us;
      decision = rules.Decide(sample_.request(sender.view()));
    }
    const Sender last = sender.view();
    const Request request = sample_.request(last);
    covered_.emplace(decision.rule);
    decided_ = Decided(decision, each, request);
    if (decision.would == each.expect && (each.rule.empty() || decision.rule == each.rule))
      return {};
    std::string out = "expected " + std::string(ActionName(each.expect));
    if (!each.rule.empty()) out += " by '" + each.rule + "'";
    out += ", got " + decided_;
    if (!each.rule.empty() && decision.rule != each.rule) out += WhyNotExpected(each, request);
    return out + "; " + ExplainHint(policy_name_, each);
  }

  std::string WhyNotExpected(const Case& each, const Request& request) const {
    if (each.rule == kDefaultRule || each.rule == kUnknownRule || each.rule == kReplicationRule)
      return {};
    const Rule* rule = FindRule(each.rule);
    if (rule == nullptr) return "; the policy has no rule '" + each.rule + "'";
    return "; '" + rule->id + "': " + Why(*rule, each, request);
  }

  std::shared_ptr<const Policy> policy_;
  const std::string& policy_name_;
  CaseOptions options_;
  Sample sample_;
  bool has_rates_;
  std::map<std::string, std::shared_ptr<const Rules>> rules_;
  std::set<std::string, std::less<>> covered_;
  std::string decided_;
  CaseReport report_;
};

}  // namespace

CaseReport RunCases(std::shared_ptr<const Policy> policy, const std::string& policy_name,
                    const std::vector<Case>& cases, const CaseOptions& options) {
  Runner runner(std::move(policy), policy_name, options);
  for (const Case& each : cases) runner.Run(each);
  return runner.Finish();
}

}  // namespace redwall::policy
