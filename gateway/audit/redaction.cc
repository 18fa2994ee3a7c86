#include "gateway/audit/redaction.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <unordered_set>

namespace redwall::audit {
namespace {

constexpr std::size_t kMaxName = 32;        // bytes of an unknown command's name
constexpr std::size_t kMaxExamined = 1024;  // rules of ACL SETUSER
constexpr std::size_t kMaxPairs = 128;      // settings of CONFIG SET

// The settings of Redis 7.0's CONFIG SET that hold no secret, then those of Sentinel. What isn't
// here may be a misspelt requirepass, or a module's.
constexpr std::string_view kHarmlessSettings =
    "acl-pubsub-default aclfile acllog-max-len active-defrag-cycle-max active-defrag-cycle-min "
    "active-defrag-ignore-bytes active-defrag-max-scan-fields active-defrag-threshold-lower "
    "active-defrag-threshold-upper active-expire-effort activedefrag activerehashing "
    "always-show-logo aof-disable-auto-gc aof-load-truncated aof-rewrite-incremental-fsync "
    "aof-timestamp-enabled aof-use-rdb-preamble aof_rewrite_cpulist appenddirname "
    "appendfilename appendfsync appendonly auto-aof-rewrite-min-size "
    "auto-aof-rewrite-percentage bgsave_cpulist bind bind-source-addr bio_cpulist "
    "busy-reply-threshold client-output-buffer-limit client-query-buffer-limit "
    "cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down "
    "cluster-allow-replica-migration cluster-announce-bus-port cluster-announce-hostname "
    "cluster-announce-ip cluster-announce-port cluster-announce-tls-port cluster-config-file "
    "cluster-enabled cluster-link-sendbuf-limit cluster-migration-barrier cluster-node-timeout "
    "cluster-port cluster-preferred-endpoint-type cluster-replica-no-failover "
    "cluster-replica-validity-factor cluster-require-full-coverage cluster-slave-no-failover "
    "cluster-slave-validity-factor crash-log-enabled crash-memcheck-enabled daemonize databases "
    "dbfilename dir disable-thp dynamic-hz enable-debug-command enable-module-command "
    "enable-protected-configs hash-max-listpack-entries hash-max-listpack-value "
    "hash-max-ziplist-entries hash-max-ziplist-value hll-sparse-max-bytes hz ignore-warnings "
    "io-threads io-threads-do-reads jemalloc-bg-thread latency-monitor-threshold "
    "latency-tracking latency-tracking-info-percentiles lazyfree-lazy-eviction "
    "lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del "
    "lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor list-compress-depth "
    "list-max-listpack-size list-max-ziplist-size logfile loglevel lua-time-limit masteruser "
    "maxclients maxmemory maxmemory-clients maxmemory-eviction-tenacity maxmemory-policy "
    "maxmemory-samples min-replicas-max-lag min-replicas-to-write min-slaves-max-lag "
    "min-slaves-to-write no-appendfsync-on-rewrite notify-keyspace-events oom-score-adj "
    "oom-score-adj-values pidfile port proc-title-template propagation-error-behavior "
    "protected-mode proto-max-bulk-len rdb-del-sync-files rdb-save-incremental-fsync "
    "rdbchecksum rdbcompression repl-backlog-size repl-backlog-ttl repl-disable-tcp-nodelay "
    "repl-diskless-load repl-diskless-sync repl-diskless-sync-delay "
    "repl-diskless-sync-max-replicas repl-ping-replica-period repl-ping-slave-period "
    "repl-timeout replica-announce-ip replica-announce-port replica-announced "
    "replica-ignore-disk-write-errors replica-ignore-maxmemory replica-lazy-flush "
    "replica-priority replica-read-only replica-serve-stale-data replicaof "
    "sanitize-dump-payload save server_cpulist set-max-intset-entries set-proc-title "
    "shutdown-on-sigint shutdown-on-sigterm shutdown-timeout slave-announce-ip "
    "slave-announce-port slave-ignore-maxmemory slave-lazy-flush slave-priority slave-read-only "
    "slave-serve-stale-data slaveof slowlog-log-slower-than slowlog-max-len socket-mark-id "
    "stop-writes-on-bgsave-error stream-node-max-bytes stream-node-max-entries supervised "
    "syslog-enabled syslog-facility syslog-ident tcp-backlog tcp-keepalive timeout "
    "tls-auth-clients tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers "
    "tls-ciphersuites tls-client-cert-file tls-client-key-file tls-cluster tls-dh-params-file "
    "tls-key-file tls-port tls-prefer-server-ciphers tls-protocols tls-replication "
    "tls-session-cache-size tls-session-cache-timeout tls-session-caching "
    "tracking-table-max-keys unixsocket unixsocketperm zset-max-listpack-entries "
    "zset-max-listpack-value zset-max-ziplist-entries zset-max-ziplist-value "
    "announce-hostnames announce-ip announce-port auth-user client-reconfig-script "
    "down-after-milliseconds failover-timeout master-reboot-down-after-period "
    "notification-script parallel-syncs quorum resolve-hostnames sentinel-user ";
constexpr std::string_view kSecretSettings[] = {
    "requirepass", "masterauth",   "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass",
    "auth-pass",   "sentinel-pass"};

char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualFolded(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return Fold(a) == b; });
}

// As Redis compares options, with strcasecmp: "AUTH" followed by a NUL and anything is AUTH.
bool IsWord(std::string_view text, std::string_view lower) {
  return EqualFolded(text.substr(0, text.find('\0')), lower);
}

bool StartsFolded(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && EqualFolded(text.substr(0, lower.size()), lower);
}

// Words that stand in what handles passwords. "pass" covers requirepass, password and passphrase.
bool MentionsSecret(std::string_view text) {
  for (std::size_t i = 0; i + 4 <= text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    switch (Fold(text[i])) {
      case 'a':
        if (StartsFolded(rest, "auth")) return true;
        break;
      case 'm':
        if (StartsFolded(rest, "migrate")) return true;
        break;
      case 'p':
        if (StartsFolded(rest, "pass")) return true;
        break;
      case 's':
        if (StartsFolded(rest, "setuser") || StartsFolded(rest, "secret")) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

bool IsSecretSetting(std::string_view name) {
  constexpr std::size_t kShortest = std::string_view("auth-pass").size();
  if (name.size() < kShortest) return false;
  const std::string_view word = name.substr(0, name.find('\0'));  // as IsWord, but found once
  return std::any_of(std::begin(kSecretSettings), std::end(kSecretSettings),
                     [word](std::string_view secret) { return EqualFolded(word, secret); });
}

const std::unordered_set<std::string_view>& HarmlessSettings() {
  static const std::unordered_set<std::string_view> settings = [] {
    std::unordered_set<std::string_view> words;
    for (std::string_view rest = kHarmlessSettings; !rest.empty();) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      words.insert(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    words.erase(std::string_view());
    return words;
  }();
  return settings;
}

// Told whole: a NUL ends no name here.
bool IsHarmlessSetting(std::string_view name) {
  char lower[64];
  if (name.size() > sizeof lower) return false;
  std::transform(name.begin(), name.end(), lower, Fold);
  return HarmlessSettings().contains(std::string_view(lower, name.size()));
}

bool IsSettingsName(std::string_view name) {
  return IsHarmlessSetting(name) || (name.find('\0') == name.npos && IsSecretSetting(name));
}

bool IsNumber(std::string_view text, std::size_t most_digits) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.size() <= most_digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsCommandName(std::string_view name) {
  return resp::CommandTable::Builtin().Find(name) != nullptr;
}

// What one word of ACL SETUSER is (redis.io/docs/management/security/acl).
enum class Rule : std::uint8_t {
  kHarmless,  // can be nothing else
  kPattern,   // ~keys or &channels, unless it belongs to a password with a space in it
  kHidden,    // a password, or nothing that is known, but where it ends is clear
  kStrange,   // perhaps a password without its '>', or the rest of one
};

Rule KindOfPlainRule(std::string_view rule) {
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
                                         "clearselectors"};
  for (const std::string_view word : kWords)
    if (EqualFolded(rule, word)) return Rule::kHarmless;
  if (rule.empty()) return Rule::kHarmless;
  const std::string_view rest = rule.substr(1);
  switch (rule.front()) {
    case '>':
    case '<':
    case '#':
    case '!':
      return Rule::kHidden;
    case '~':
    case '&':
      return Rule::kPattern;
    case '%': {
      const std::size_t tilde = rule.find('~');
      const std::string_view access = rule.substr(1, tilde == rule.npos ? 0 : tilde - 1);
      return !access.empty() && access.find_first_not_of("rwRW") == access.npos ? Rule::kPattern
                                                                                : Rule::kStrange;
    }
    case '+':
    case '-':
      if (rest.starts_with('@'))
        return EqualFolded(rest, "@all") || resp::CategoryBit(rest.substr(1)) != 0 ? Rule::kHarmless
                                                                                   : Rule::kHidden;
      return IsCommandName(rest) ? Rule::kHarmless : Rule::kHidden;
    default:
      return Rule::kStrange;
  }
}

// One argument: a rule, a whole selector "(+get ~a)", or a piece of one.
Rule KindOfRule(std::string_view rule) {
  const bool opens = rule.starts_with('(');
  if (opens) rule.remove_prefix(1);
  if (opens || rule == ")" || rule.starts_with('+') || rule.starts_with('-'))
    if (rule.ends_with(')')) rule.remove_suffix(1);
  if (!opens) return KindOfPlainRule(rule);
  Rule kind = Rule::kHarmless;
  while (!rule.empty()) {
    const std::size_t end = std::min(rule.find(' '), rule.size());
    kind = std::max(kind, KindOfPlainRule(rule.substr(0, end)));
    rule.remove_prefix(std::min(end + 1, rule.size()));
  }
  return kind;
}

// Redis allows no spaces and no NULs in a user's name.
bool IsUserName(std::string_view name) {
  return name.find_first_of(std::string_view(" \0\t\r\n", 5)) == name.npos &&
         (name.empty() || std::string_view("><#!").find(name.front()) == name.npos);
}

}  // namespace

std::string_view TellableName(std::string_view name) {
  const auto is = [](char first, char last) {
    return [first, last](char c) { return c >= first && c <= last; };
  };
  const auto other = [&](char c) {
    return !is('a', 'z')(c) && !is('A', 'Z')(c) && c != '.' && c != '_' && c != '-';
  };
  if (name.empty() || name.size() > kMaxName || std::any_of(name.begin(), name.end(), other))
    return kRedacted;
  // "Json.get" is typed by people, "hOrSe" isn't.
  const std::string_view rest = name.substr(1);
  if (std::any_of(rest.begin(), rest.end(), is('A', 'Z')) &&
      std::any_of(name.begin(), name.end(), is('a', 'z')))
    return kRedacted;
  return MentionsSecret(name) ? kRedacted : name;
}

Redaction::Redaction(const resp::CommandInfo& info, const resp::Command& command)
    : command_(command) {
  ReadForm(info);
  subcommand_ = info.name.find('|') != std::string::npos;
  switch (form_) {
    case Form::kHello:
      sound_ = ReadsAsHello();
      break;
    case Form::kMigrate:
      sound_ = ReadsAsMigrate();
      break;
    case Form::kSetUser:
      sound_ = ReadsAsSetUser();
      break;
    case Form::kSettings:
      sound_ = ReadsAsSettings();
      break;
    default:
      break;
  }
}

void Redaction::ReadForm(const resp::CommandInfo& info) {
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
      {"acl|dryrun", Form::kNested, 3},
      {"acl|genpass", Form::kAll, 2},
      {"config|set", Form::kSettings, 2},
      {"sentinel|set", Form::kSettings, 3},
      {"sentinel|config", Form::kSettings, 3},
      {"command|getkeys", Form::kNested, 2},
      {"command|getkeysandflags", Form::kNested, 2},
      {"command|info", Form::kNames, 2},
      {"command|docs", Form::kNames, 2},
      {"eval", Form::kScript, 1},
      {"eval_ro", Form::kScript, 1},
      {"script|load", Form::kScript, 2},
      {"function|load", Form::kScript, 2},
      {"function|restore", Form::kAll, 2},
      {"module|load", Form::kAll, 3},
      {"module|loadex", Form::kAll, 3},
  };
  // Most commands are none of these, and are told so at once.
  static constexpr std::string_view kInitials = "acefhms";
  const std::string_view name = info.name;
  if (!name.empty() && kInitials.find(name.front()) != kInitials.npos) {
    for (const Entry& entry : kEntries) {
      if (name != entry.name) continue;
      form_ = entry.form;
      first_ = entry.first;
      return;
    }
  }
  first_ = info.name.find('|') == std::string::npos ? 1 : 2;
  static const resp::Categories handshake = resp::CategoryBit("handshake");
  if (!resp::ArityHolds(info, command_.argc())) {
    if (info.key_specs.empty()) form_ = Form::kAll;
    stray_ = StrayWord(first_);
  } else if (info.name.starts_with("acl|")) {
    form_ = Form::kAcl;
  } else if (info.name == "config|get") {
    stray_ = StrayWord(first_);
  } else if ((info.categories & handshake) != 0 && !info.name.starts_with("client|")) {
    form_ = Form::kText;
    stray_ = StrayWord(first_);
  } else if (info.name == "set" && command_.size() > 1 && IsSecretSetting(command_.arg(1))) {
    stray_ = 1;
  }
}

bool Redaction::Hides(std::size_t i) const {
  if (stray_ != kNowhere && i > stray_) return true;
  const std::string_view argument = command_.arg(i);
  // A name counts up to its NUL (CommandTable::Find); what stands behind it may be anything.
  if (i == 1 && subcommand_ && argument.find('\0') != argument.npos) return true;
  switch (form_) {
    case Form::kData:
      return false;
    case Form::kAll:
      return i >= first_;
    case Form::kHello:
    case Form::kMigrate:
      return i >= first_ && HidesPair(i);
    case Form::kSetUser:
      return i >= first_ && HidesRule(i);
    case Form::kAcl:
      return i >= first_ && !IsUserName(argument);
    case Form::kSettings: {
      if (i < first_)
        return i == 2 && !sound_;  // the name of Sentinel's master, or what stands there
      const bool is_name = (i - first_) % 2 == 0;
      if (!sound_ || is_name) return !IsSettingsName(argument);
      return !IsHarmlessSetting(command_.arg(i - 1));
    }
    case Form::kNested:
      if (i < first_) return i == 2 && !IsUserName(argument);
      return i > first_ || !IsCommandName(argument);
    case Form::kNames:
      return i >= first_ && !IsCommandName(argument);
    case Form::kScript:
      return i >= first_ && HidesOfScript(i);
    case Form::kText:
      return i >= first_ && argument.size() > 4 && MentionsSecret(argument);
  }
  return true;
}

// HELLO [protover [AUTH user password] [SETNAME name]]... (helloCommand in networking.c). A
// password that is itself an option's word was left out.
bool Redaction::ReadsAsHello() {
  if (command_.size() < 2) return true;
  if (!IsNumber(command_.arg(1), 1)) return false;
  for (std::size_t i = 2; i < command_.size();) {
    const bool auth = Is(i, "auth");
    if (!auth && !Is(i, "setname")) return false;
    if (auth && (Is(i + 2, "setname") || Is(i + 2, "auth"))) return false;
    i += auth ? 3 : 2;
    if (i > command_.argc()) return false;
  }
  return true;
}

// MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password]
// [KEYS key...] (migrateCommand in cluster.c).
bool Redaction::ReadsAsMigrate() {
  constexpr std::size_t kOptions = 6;
  constexpr std::size_t kNumbers[] = {2, 4, 5};
  if (command_.argc() < kOptions) return false;
  for (const std::size_t i : kNumbers)
    if (i < command_.size() && !IsNumber(command_.arg(i), 10)) return false;
  for (std::size_t i = kOptions; i < command_.size();) {
    if (Is(i, "keys")) {
      options_end_ = i;
      return true;
    }
    const bool auth = Is(i, "auth"), auth2 = Is(i, "auth2");
    if (!auth && !auth2 && !Is(i, "copy") && !Is(i, "replace")) return false;
    i += auth2 ? 3 : auth ? 2 : 1;
    if (i > command_.argc()) return false;
  }
  return true;
}

bool Redaction::ReadsAsSetUser() const {
  if (command_.argc() > kMaxExamined) return false;
  for (std::size_t i = first_ + 1; i < command_.size(); ++i)
    if (KindOfRule(command_.arg(i)) == Rule::kStrange) return false;
  return true;
}

bool Redaction::ReadsAsSettings() const {
  if (command_.argc() < first_ || command_.argc() > first_ + 2 * kMaxPairs) return false;
  if ((command_.argc() - first_) % 2 != 0) return false;
  for (std::size_t i = first_; i < command_.size(); i += 2)
    if (!IsSettingsName(command_.arg(i))) return false;
  return true;
}

// The first word that a password follows, where none belongs.
std::size_t Redaction::StrayWord(std::size_t from) const {
  for (std::size_t i = from; i < command_.size(); ++i)
    if (Is(i, "auth") || Is(i, "auth2") || Is(i, "setuser") || IsSecretSetting(command_.arg(i)))
      return i;
  return kNowhere;
}

// Of HELLO and MIGRATE: what stands behind AUTH and AUTH2, wherever that is, among KEYS too. Where
// the command isn't sound, all but the words of its options.
bool Redaction::HidesPair(std::size_t i) const {
  const bool hello = form_ == Form::kHello;
  if (!sound_) {
    constexpr std::string_view kWords[] = {"auth", "auth2", "setname", "copy", "replace", "keys"};
    return std::none_of(std::begin(kWords), std::end(kWords), [this, i](std::string_view word) {
      return EqualFolded(command_.arg(i), word);
    });
  }
  const std::string_view one = hello ? "" : "auth", two = hello ? "auth" : "auth2";
  const std::size_t options = hello ? 2 : 6;
  if (i > options && !one.empty() && Is(i - 1, one)) return true;
  if (i > options && Is(i - 1, two)) return true;
  if (i > options + 1 && Is(i - 2, two)) return true;
  // An option's word with a NUL and more behind it.
  return i >= options && i < options_end_ && command_.arg(i).find('\0') != std::string_view::npos;
}

bool Redaction::HidesRule(std::size_t i) const {
  const std::string_view argument = command_.arg(i);
  if (i == first_) return !IsUserName(argument);
  const Rule kind = KindOfRule(argument);
  return kind != Rule::kHarmless && !(kind == Rule::kPattern && sound_);
}

// EVAL body numkeys key... argument...: the keys are told, unless it can't be told which they are.
bool Redaction::HidesOfScript(std::size_t i) const {
  const bool script = first_ == 1;
  bool counted = !script;
  if (script && command_.size() > 2) {
    const std::string_view text = command_.arg(2);
    std::size_t keys = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), keys);
    counted =
        error == std::errc() && end == text.data() + text.size() && keys <= command_.argc() - 3;
    if (counted && i >= 2 && i - 2 <= keys) return false;
  }
  if (!mentions_) {
    // EVAL's first two, as people swap them; FUNCTION LOAD has its code behind REPLACE.
    const std::size_t last = std::min<std::size_t>(command_.size(), first_ + 2);
    mentions_ = false;
    for (std::size_t j = first_; j < last && !*mentions_; ++j)
      mentions_ = MentionsSecret(command_.arg(j));
  }
  return *mentions_ || (!counted && MentionsSecret(command_.arg(i)));
}

bool Redaction::Is(std::size_t i, std::string_view lower) const {
  return i < command_.size() && IsWord(command_.arg(i), lower);
}

}  // namespace redwall::audit
