#include <algorithm>
#include <unordered_set>
#include <utility>

#include "gateway/json/names.h"
#include "gateway/policy/state.h"

namespace redwall::policy {
namespace {

constexpr std::size_t kMaxRules = 4096;
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxMessageBytes = 256;
constexpr std::int64_t kMaxArgumentBytes = 64 * 1024;

class Loader {
 public:
  explicit Loader(Policy::State& state) : table_(*state.table), state_(state) {}

  void Load(const json::Value& document) {
    document.Member("$schema");  // for editors
    if (auto version = document.Required("version")) version->Integer(1, 1);
    if (auto mode = document.Member("mode"))
      state_.observe = mode->OneOf({"enforce", "observe"}) == 1;
    // Left out, either meaning would surprise half of the readers: it must be said.
    if (auto by_default = document.Member("default")) {
      state_.by_default = AllowOrDeny(*by_default);
    } else {
      document.Fail(
          "\"default\" is required and missing: say \"allow\" or \"deny\" for what no rule "
          "matches");
    }
    if (auto unknown = document.Member("unknown")) state_.unknown = AllowOrDeny(*unknown);
    if (auto rules = document.Member("rules")) LoadRules(*rules);
    if (auto audit = document.Member("audit")) LoadAudit(*audit);
    document.Finish();
  }

 private:
  static Action AllowOrDeny(const json::Value& value) {
    return value.OneOf({"allow", "deny"}) == 0 ? Action::kAllow : Action::kDeny;
  }

  void LoadRules(const json::Value& rules) {
    const std::vector<json::Value> items = rules.Array();
    if (items.size() > kMaxRules) {
      rules.Fail("more than " + std::to_string(kMaxRules) + " rules");
      return;
    }
    state_.rules.reserve(items.size());
    for (const json::Value& item : items) LoadRule(item);
  }

  void LoadRule(const json::Value& item) {
    Rule rule;
    if (auto id = item.Required("id")) rule.id = LoadId(*id);
    if (auto action = item.Required("action")) {
      constexpr Action kActions[] = {Action::kAllow, Action::kDeny, Action::kDisconnect};
      rule.action = kActions[action->OneOf({"allow", "deny", "disconnect"})];
    }
    if (auto commands = item.Required("commands")) LoadCommands(*commands, rule);
    if (auto identities = item.Member("identities")) {
      std::vector<std::string> names = identities->Strings();
      if (std::find(names.begin(), names.end(), "*") == names.end())
        rule.identities = std::move(names);
    }
    if (auto keys = item.Member("keys")) rule.keys = LoadPatterns(*keys);
    if (auto channels = item.Member("channels")) rule.channels = LoadPatterns(*channels);
    if (auto message = item.Member("message")) rule.message = LoadMessage(*message);
    for (const std::string_view later :
         {"rate", "databases", "from", "users", "arguments", "max_arguments", "max_bytes", "hours",
          "timezone", "access", "audit"})
      item.NotYet(later);
    item.Finish();
    state_.rules.push_back(std::move(rule));
  }

  std::string LoadId(const json::Value& value) {
    std::string id = value.String();
    const bool printable =
        std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    if (id.empty() || id.size() > kMaxIdBytes || !printable)
      value.Fail("expected 1 to 64 printable ASCII characters, got " + json::Quoted(id));
    if (id == kDefaultRule || id == kUnknownRule)
      value.Fail(json::Quoted(id) +
                 " is what the audit says where no rule matches: choose another id");
    if (!ids_.insert(id).second) value.Fail("an earlier rule has the id " + json::Quoted(id));
    return id;
  }

  void LoadCommands(const json::Value& value, Rule& rule) {
    const std::vector<std::string> selectors = value.Strings();
    if (selectors.empty()) value.Fail("expected at least one command; [\"*\"] is all of them");
    std::vector<std::string> warnings;
    warnings.swap(state_.warnings);
    const std::size_t before = warnings.size();
    auto set = CommandSet::Make(selectors, table_, warnings);
    for (std::size_t i = before; i < warnings.size(); ++i)
      warnings[i] = value.path() + ": " + warnings[i];
    state_.warnings.swap(warnings);
    if (set) {
      rule.commands = *std::move(set);
    } else {
      value.Array()[set.error().index].Fail(set.error().what);
    }
  }

  static PatternSet LoadPatterns(const json::Value& value) {
    std::vector<std::string> patterns = value.Strings();
    if (patterns.empty()) value.Fail("expected at least one pattern; leave it out to look at none");
    return PatternSet(std::move(patterns));
  }

  static std::string LoadMessage(const json::Value& value) {
    std::string message = value.String();
    const bool one_line = std::all_of(message.begin(), message.end(), [](char c) {
      return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    });
    if (message.size() > kMaxMessageBytes || !one_line)
      value.Fail("expected one line of at most 256 bytes: it is sent to the client");
    return message;
  }

  void LoadAudit(const json::Value& value) {
    AuditSettings& audit = state_.audit;
    if (auto events = value.Member("events"))
      audit.events = static_cast<AuditEvents>(events->OneOf({"all", "writes", "denied", "none"}));
    if (auto arguments = value.Member("arguments"))
      audit.arguments = static_cast<AuditArguments>(arguments->OneOf({"none", "keys", "full"}));
    if (auto bytes = value.Member("max_argument_bytes"))
      audit.max_argument_bytes = static_cast<std::uint32_t>(bytes->Integer(0, kMaxArgumentBytes));
    value.Finish();
  }

  const resp::CommandTable& table_;
  Policy::State& state_;
  std::unordered_set<std::string> ids_;
};

// The earlier rule that leaves nothing to `later`; null where there is none.
const Rule* HiddenBy(const Policy::State& state, std::size_t later) {
  const Rule& hidden = state.rules[later];
  for (std::size_t i = 0; i < later; ++i) {
    const Rule& earlier = state.rules[i];
    if (!earlier.unconditional()) continue;
    const bool star_is_unknown =
        earlier.action != Action::kAllow || state.unknown == Action::kAllow;
    if (!earlier.commands.Covers(hidden.commands, star_is_unknown)) continue;
    const bool everybody = !earlier.identities.has_value();
    if (everybody ||
        (hidden.identities &&
         std::all_of(hidden.identities->begin(), hidden.identities->end(),
                     [&](const std::string& name) { return earlier.ConcernsIdentity(name); })))
      return &earlier;
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Policy::State>, json::JsonError> LoadPolicy(
    const json::Value& document, std::shared_ptr<const resp::CommandTable> table) {
  auto state = std::make_unique<Policy::State>();
  state->table = std::move(table);
  Loader(*state).Load(document);
  if (auto status = document.status(); !status) return status.error();
  return state;
}

void AddWarnings(Policy::State& state) {
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const Rule& rule = state.rules[i];
    const std::string name = "rules[" + std::to_string(i) + "] '" + rule.id + "'";
    if (rule.commands.empty()) {
      state.warnings.push_back(name +
                               " can never match: its commands take away all that they name");
    } else if (rule.identities && rule.identities->empty()) {
      state.warnings.push_back(name + " can never match: its identities are an empty list");
    } else if (const Rule* earlier = HiddenBy(state, i)) {
      state.warnings.push_back(name + " can never match: the earlier rule '" + earlier->id +
                               "' decides all that it names");
    }
  }
}

}  // namespace redwall::policy
