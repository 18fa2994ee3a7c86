#include "gateway/policy/acl.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "gateway/policy/acl_grants.h"
#include "gateway/policy/glob_space.h"

namespace redwall::policy {
namespace {

using Words = std::vector<std::string>;

// Commands that have the same keys (or channels): one selector says them all.
struct Group {
  Words patterns;
  Words commands;
};

void Append(const Words& from, Words& to) { to.insert(to.end(), from.begin(), from.end()); }

// Groups by their patterns, the largest first: that one needs no selector.
class Groups {
 public:
  void Add(const Words& patterns, const Words& command) {
    Group& group = by_patterns_[patterns];
    group.patterns = patterns;
    Append(command, group.commands);
  }
  std::vector<Group> BySize() const {
    std::vector<Group> out;
    for (const auto& [patterns, group] : by_patterns_) out.push_back(group);
    std::stable_sort(out.begin(), out.end(), [](const Group& a, const Group& b) {
      return a.commands.size() > b.commands.size();
    });
    return out;
  }

 private:
  std::map<Words, Group> by_patterns_;
};

// As redis-cli takes a word on its standard input, and Redis one within a selector.
std::string Quoted(const std::string& word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '\\';
  });
  if (plain) return word;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out.append("\\x").append({kDigits[byte >> 4], kDigits[byte & 15]});
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A word in a selector that ends with ')' would end the selector.
std::string WithinSelector(std::string word) {
  if (!word.ends_with(')')) return word;
  word.pop_back();
  // `\)` is a ')' to a glob.
  if (word.ends_with('\\')) word.pop_back();
  return word + "[)]";
}

// New selectors, and users after "reset", begin with the server's acl-pubsub-default.
std::string Selector(const Group& group) {
  std::string out = "(resetchannels";
  for (const std::string& word : group.patterns) out += " " + Quoted(WithinSelector(word));
  for (const std::string& word : group.commands) out += " " + word;
  return out + ")";
}

// The words in an order that Redis reads as it is meant, each once.
void Tidy(Words& commands) {
  std::set<std::string> seen;
  // A command may be granted alike by several rules.
  std::erase_if(commands, [&seen](const std::string& word) { return !seen.insert(word).second; });
  const auto taken = [](const std::string& word) { return word.starts_with("-"); };
  // COMMAND takes its sub-commands with it: those that aren't granted go again. Where all are
  // granted it says so for them.
  const bool all = std::all_of(commands.begin(), commands.end(), [&](const std::string& word) {
    return !taken(word) || seen.contains("+" + word.substr(1));
  });
  std::erase_if(commands, [&](const std::string& word) {
    const bool granted_too = taken(word) && seen.contains("+" + word.substr(1));
    const bool said = all && word.starts_with("+") && seen.contains("-" + word.substr(1));
    return granted_too || said;
  });
}

void AddRules(const std::vector<AclGrant>& grants, AclUser& user) {
  Groups keyed, channelled;
  Words keyless;
  std::set<std::string> names;
  for (const AclGrant& grant : grants) {
    names.insert(grant.command.front());
    if (!grant.keys.empty()) {
      keyed.Add(grant.keys, grant.command);
    } else if (!grant.channels.empty()) {
      channelled.Add(grant.channels, grant.command);
    } else {
      Append(grant.command, keyless);
    }
  }
  user.commands = names.size();
  Words selectors;
  // Keys, channels and the rest are each other's business in no command: the largest group of each
  // shares the root.
  Words commands = std::move(keyless);
  for (const auto& groups : {keyed.BySize(), channelled.BySize()}) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (i > 0) {
        selectors.push_back(Selector(groups[i]));
        continue;
      }
      Append(groups[i].patterns, user.rules);
      Append(groups[i].commands, commands);
    }
  }
  Tidy(commands);
  Append(commands, user.rules);
  Append(selectors, user.rules);
}

void AddNotes(const Policy::State& policy, const AclOptions& options, AclUser& user) {
  const auto concerned = [&](auto holds) {
    return std::any_of(policy.rules.begin(), policy.rules.end(), [&](const Rule& rule) {
      return rule.ConcernsIdentity(options.identity) && holds(rule);
    });
  };
  if (concerned([](const Rule& rule) { return !rule.message.empty(); }))
    user.notes.push_back("messages of rules are not shown: Redis refuses in its own words");
  if (concerned([](const Rule& rule) { return rule.action == Action::kDisconnect; }))
    user.notes.push_back("where the policy closes the connection, Redis only refuses");
  if (policy.unknown == Action::kAllow)
    user.notes.push_back(
        "commands that Redis 7.0 doesn't have, as those of modules, are refused here");
  if (policy.observe)
    user.notes.push_back("the policy only observes; this user refuses what it would deny");
  if (user.commands == 0) user.notes.push_back("this user may call nothing at all");
}

}  // namespace

bool IsAclUserName(std::string_view name) { return !name.empty() && GlobSpace::CanBeWritten(name); }

AclUser MakeAclUser(const Policy& policy, const AclOptions& options) {
  AclUser user{options.user, {"reset", "on", "resetchannels"}, 0, {}};
  AclGrants grants(policy, options);
  AddRules(grants.All(), user);
  user.notes = grants.notes();
  AddNotes(policy.state(), options, user);
  return user;
}

std::string AclSetUserLine(const AclUser& user) {
  std::string out = "ACL SETUSER " + Quoted(user.name);
  for (const std::string& rule : user.rules) out += " " + Quoted(rule);
  return out + "\n";
}

std::string AclFileLine(const AclUser& user) {
  std::string out = "user " + user.name;
  for (const std::string& rule : user.rules) out += " " + rule;
  return out + "\n";
}

}  // namespace redwall::policy
