#include "gateway/audit/redaction.h"

#include <algorithm>

namespace redwall::audit {
namespace {

char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualFolded(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return Fold(a) == b; });
}

// As Redis compares options, with strcasecmp: "AUTH" followed by a NUL and anything is AUTH.
bool IsWord(std::string_view text, std::string_view lower) {
  return EqualFolded(text.substr(0, text.find('\0')), lower);
}

bool ContainsFolded(std::string_view text, std::string_view lower) {
  return std::search(text.begin(), text.end(), lower.begin(), lower.end(),
                     [](char a, char b) { return Fold(a) == b; }) != text.end();
}

// A setting whose value is a password. tls-auth-clients is none: what it says must be seen.
bool IsSecretSetting(std::string_view name) {
  constexpr std::string_view kAuth = "auth";
  return ContainsFolded(name, "pass") ||
         (name.size() >= kAuth.size() &&
          EqualFolded(name.substr(name.size() - kAuth.size()), kAuth));
}

// An ACL rule that holds no password (redis.io/docs/management/security/acl). All else may be one
// that lacks its '>', or the end of one with a space in it.
bool IsHarmlessAclRule(std::string_view rule) {
  constexpr std::string_view kWords[] = {"on",
                                         "off",
                                         "reset",
                                         "resetpass",
                                         "resetkeys",
                                         "resetchannels",
                                         "nopass",
                                         "allkeys",
                                         "allchannels",
                                         "allcommands",
                                         "nocommands",
                                         "sanitize-payload",
                                         "skip-sanitize-payload",
                                         "clearselectors",
                                         ")"};
  for (const std::string_view word : kWords)
    if (EqualFolded(rule, word)) return true;
  if (rule.empty()) return true;
  if (rule.front() == '(') {
    for (std::size_t i = 1; i < rule.size(); ++i)
      if (std::string_view("><#!").find(rule[i]) != rule.npos &&
          (rule[i - 1] == '(' || rule[i - 1] == ' '))
        return false;
    return true;
  }
  return std::string_view("+-~&%").find(rule.front()) != std::string_view::npos;
}

}  // namespace

Redaction::Redaction(const resp::CommandInfo& info, const resp::Command& command)
    : command_(command) {
  struct Entry {
    std::string_view name;
    Form form;
    std::size_t first;
  };
  static constexpr Entry kEntries[] = {
      {"auth", Form::kAll, 1},
      {"hello", Form::kHello, 1},
      {"migrate", Form::kMigrate, 1},
      {"acl|setuser", Form::kSetUser, 2},
      {"acl|dryrun", Form::kNested, 4},
      {"config|set", Form::kPairs, 3},
      {"sentinel|set", Form::kPairs, 3},
      {"sentinel|config", Form::kPairs, 3},
      {"command|getkeys", Form::kNested, 3},
      {"command|getkeysandflags", Form::kNested, 3},
  };
  for (const Entry& entry : kEntries) {
    if (info.name != entry.name) continue;
    form_ = entry.form;
    first_ = entry.first;
  }
}

bool Redaction::Hides(std::size_t i) const {
  if (form_ == Form::kNone || i < first_) return false;
  switch (form_) {
    case Form::kNone:
      return false;
    case Form::kAll:
      return true;
    case Form::kNested:
      return true;
    case Form::kHello:
      return HidesHello(i);
    case Form::kMigrate:
      return HidesMigrate(i);
    case Form::kSetUser: {
      // The user's name stands first; a rule in its place shows itself by its first letter.
      const std::string_view rule = command_.arg(i);
      if (i == first_) return !rule.empty() && std::string_view("><#!").find(rule[0]) != rule.npos;
      return !IsHarmlessAclRule(rule);
    }
    case Form::kPairs:
      return IsSecretSetting(command_.arg(i - 1));
  }
  return true;
}

// The word AUTH is looked for at every place, its own arguments included: HELLO 3 SETNAME auth AUTH
// u p.
bool Redaction::HidesHello(std::size_t i) const {
  if (i >= 3 && Is(i - 2, "auth")) return true;
  // AUTH password, the user left out.
  return Is(i - 1, "auth") && (i + 1 >= command_.argc() || Is(i + 1, "setname"));
}

bool Redaction::HidesMigrate(std::size_t i) const {
  if (Is(i - 1, "auth")) return true;
  if (i >= 3 && Is(i - 2, "auth2")) return true;
  return Is(i - 1, "auth2") && (i + 1 >= command_.argc() || Is(i + 1, "keys"));
}

bool Redaction::Is(std::size_t i, std::string_view lower) const {
  return i < command_.size() && IsWord(command_.arg(i), lower);
}

}  // namespace redwall::audit
