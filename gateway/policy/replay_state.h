// What a Replay is made of. Private to this room.
#ifndef REDWALL_GATEWAY_POLICY_REPLAY_STATE_H_
#define REDWALL_GATEWAY_POLICY_REPLAY_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/policy/recorded_request.h"
#include "gateway/policy/replay.h"
#include "gateway/policy/state.h"

namespace redwall::policy {

// The commands of one kind that are decided otherwise, or can't be told.
struct ReplayGroup {
  std::string text;     // what they have in common
  std::string example;  // "yesterday.jsonl:17: get \"app:1\""
  std::uint64_t count = 0;
};

// Names in them come from clients: their number is held down, what is beyond shares one group.
class ReplayGroups {
 public:
  static constexpr std::size_t kMaxGroups = 10'000;
  // `text` is what the group is known by; `example` is asked where the group is new.
  template <class MakeExample>
  void Count(const std::string& text, MakeExample example) {
    auto found = groups_.find(text);
    if (found == groups_.end() && groups_.size() >= kMaxGroups) {
      ++beyond_;
      return;
    }
    if (found == groups_.end())
      found = groups_.try_emplace(text, ReplayGroup{text, example(), 0}).first;
    ++found->second.count;
  }
  // The largest first.
  std::vector<const ReplayGroup*> Sorted() const;
  std::uint64_t beyond() const { return beyond_; }

 private:
  std::unordered_map<std::string, ReplayGroup> groups_;
  std::uint64_t beyond_ = 0;
};

struct ReplayDecision {
  bool told = true;
  Action action = Action::kAllow;
  std::string_view rule;           // lives with the policy
  const Rule* hangs_on = nullptr;  // where it can't be told: the rule that can't be, if it is one
  Untold what = 0;                 // and what it looks at
  std::string_view why;            // else the reason
};

struct Replay::State {
  // What is known of an identity: its rules, and what those that can match a command look at.
  struct Identity {
    std::shared_ptr<const Rules> rules;
    std::vector<const Rule*> in_order;
    std::vector<Untold> asks;  // by command id
    Untold asks_of_unknown = 0;
  };
  // A rule without the conditions that need a look of their own here.
  struct Parts {
    Rule rest;
  };
  enum class Answer : std::uint8_t { kNo, kPerhaps, kYes };

  explicit State(std::shared_ptr<const Policy> p)
      : policy(std::move(p)), request(*policy->state().table) {}

  Identity& IdentityOf(std::string_view name);
  ReplayDecision Decide(const RecordedCommand& record);
  ReplayDecision ScanRules(const Identity& identity, const RecordedCommand& record);
  Answer Ask(const Rule& rule, Untold untold, const RecordedCommand& record);
  Answer AskRest(const Rule& rest, Untold untold, const Circumstances& how);
  Answer AskArguments(const Rule& rule) const;
  Answer AskSize(const Rule& rule) const;

  std::shared_ptr<const Policy> policy;
  RecordedRequest request;
  std::unordered_map<std::string, Identity> identities;
  std::unordered_map<const Rule*, Parts> parts;
  std::string identity_name;  // of the record in hand

  ReplayDecision last;  // on the last record
  std::string group;    // its text; a member so that its memory is kept
  ReplayGroups different_groups, untold_groups;
  std::uint64_t count_same = 0, count_different = 0, count_untold = 0, count_left_out = 0;
};

// "set by \"site-a\": allow by 'app' -> deny by 'pace'" into `out`.
void DescribeDifference(const RecordedCommand& record, const ReplayDecision& decision,
                        std::string& out);
void DescribeUntold(const ReplayDecision& decision, std::string& out);
// Where the line is, and what it names.
std::string DescribePlace(const RecordedCommand& record);

}  // namespace redwall::policy

#endif  // REDWALL_GATEWAY_POLICY_REPLAY_STATE_H_
