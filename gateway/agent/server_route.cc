#include "gateway/agent/server_route.h"

#include <algorithm>
#include <utility>

#include "gateway/agent/cluster_backend.h"
#include "gateway/agent/command_reply.h"
#include "gateway/agent/redis_connection.h"
#include "gateway/agent/shared_backend.h"
#include "gateway/policy/command_set.h"

namespace redwall::agent {
namespace {

constexpr std::int64_t kPauseMs = 1000;       // at least, between two talks
constexpr std::int64_t kUnwatchedMs = 10000;  // without a client a restart goes unseen
constexpr std::int64_t kForgetMs = 60000;     // a module may be loaded meanwhile
constexpr std::size_t kMaxName = 128;         // bytes; as the table's
constexpr std::size_t kMaxNames = 64;         // asked for in one go
constexpr std::size_t kMaxNotThere = 1024;

std::string Counted(std::size_t count, const char* what) { return std::to_string(count) + what; }

}  // namespace

ServerRoute::ServerRoute(net::Loop& loop, std::shared_ptr<const Upstream> upstream,
                         std::shared_ptr<const policy::Policy> policy, std::uint64_t timeout_ms,
                         Callbacks callbacks)
    : loop_(loop),
      upstream_(std::move(upstream)),
      base_(std::move(policy)),
      policy_(base_),
      table_(policy::Policy::BuiltinTable()),
      timeout_ms_(timeout_ms),
      callbacks_(std::move(callbacks)),
      health_(loop, timeout_ms,
              [this](const net::Address& address) {
                LogInfo("route '" + upstream_->route.name + "': " + address.ToString() +
                        " can be reached again");
                OnDiscovered();
              }),
      asked_ms_(loop.now_ms() - kPauseMs),
      read_ms_(asked_ms_),
      soon_(loop) {
  MakeDiscovery();
}

ServerRoute::~ServerRoute() = default;

void ServerRoute::Replace(std::shared_ptr<const Upstream> upstream,
                          std::shared_ptr<const policy::Policy> policy) {
  client_.reset();  // it may use the credentials that are replaced, and so may the discovery
  pools_.clear();   // likewise; who uses one keeps it
  upstream_ = std::move(upstream);
  MakeDiscovery();
  base_ = std::move(policy);
  auto compiled = base_->WithTable(table_);
  if (!compiled)
    LogTrouble("the policy doesn't fit Redis's commands: " + compiled.error().sentence);
  policy_ = compiled ? std::move(*compiled) : base_;
  Refresh();
}

void ServerRoute::MakeDiscovery() {
  discovery_ =
      Discovery::Make({loop_, health_, timeout_ms_, [this] { OnDiscovered(); }}, upstream_);
}

void ServerRoute::OnDiscovered() {
  if (stale_) AskSoon();
  callbacks_.discovered();
  for (const auto& [address, count] : std::exchange(moved_away_, {}))
    LogInfo("route '" + upstream_->route.name + "': " +
            (count == 1 ? std::string("a client of ") + address + " was"
                        : Counted(count, " clients of ") + address + " were") +
            " disconnected: that is no longer the server to talk to");
}

void ServerRoute::OnClientLost(std::string_view why) {
  lost_clients_.Info(
      "route '" + upstream_->route.name + "': a client was disconnected: " + std::string(why),
      loop_.now_ms());
}

// One for all clients.
std::shared_ptr<const proxy::ClusterMap> ServerRoute::cluster_map() {
  auto nodes = discovery_->nodes();
  if (nodes != mapped_ && nodes != nullptr)
    map_ = std::make_shared<const proxy::ClusterMap>(MakeClusterMap(*nodes));
  mapped_ = std::move(nodes);
  return map_;
}

std::unique_ptr<Backend> ServerRoute::Connect(const Wanted& wanted, BackendHandler& handler) {
  if (wanted.target.kind == Target::Kind::kSingle) {
    return std::make_unique<ClusterBackend>(
        ClusterBackend::Setting{
            loop_, health_, timeout_ms_, upstream_, table_, cluster_map(), wanted.choice,
            wanted.limits, wanted.budget, [this] { discovery_->Doubt(); },
            [this](std::string_view why) { OnClientLost(why); }, refused_logins_},
        handler);
  }
  RedisConnection::Login login{{upstream_, &upstream_->login_for(wanted.sentinel)},
                               upstream_->credentials(wanted.sentinel).password_file};
  if (upstream_->route.shared && !wanted.sentinel) {
    return std::make_unique<SharedBackend>(
        SharedBackend::Setting{PoolFor(wanted, std::move(login)), table_, wanted.limits.request,
                               wanted.budget, [this](std::string_view why) { OnClientLost(why); }},
        handler);
  }
  return std::make_unique<RedisConnection>(loop_, wanted.address, timeout_ms_, std::move(login),
                                           handler);
}

std::shared_ptr<SharedPool> ServerRoute::PoolFor(const Wanted& wanted,
                                                 RedisConnection::Login login) {
  std::shared_ptr<SharedPool>& pool = pools_[login.command.get()];
  if (pool == nullptr) {
    pool = std::make_shared<SharedPool>(SharedPool::Setting{
        loop_, health_, wanted.address, timeout_ms_, std::move(login), wanted.limits.reply,
        [this](std::string_view why) {
          shared_trouble_.Warn("route '" + upstream_->route.name + "': " + std::string(why),
                               loop_.now_ms());
        }});
  }
  return pool;
}

void ServerRoute::Refresh() {
  if (upstream_->route.kind == Route::Kind::kTcp) return;  // nobody there knows COMMAND
  BecomeStale();
  AskSoon();
}

// Redis may be another one: what it hadn't, it may have.
void ServerRoute::BecomeStale() {
  if (upstream_->route.kind == Route::Kind::kTcp) return;
  stale_ = true;
  not_there_.clear();
}

void ServerRoute::OnUnreachable(const net::Address& address, const BackendFailure& failure) {
  health_.OnUnreachable(address, failure.sentence, failure.refused);
  discovery_->Doubt();
  BecomeStale();
}

void ServerRoute::OnConnected(const net::Address* address) {
  if (address != nullptr) health_.OnReached(*address);
  if (links_++ == 0 && loop_.now_ms() - read_ms_ > kUnwatchedMs) BecomeStale();
  if (stale_) AskSoon();
}

void ServerRoute::OnDisconnected(bool by_redis) {
  --links_;
  if (by_redis) discovery_->Doubt();
  if (by_redis && links_ == 0) BecomeStale();
}

// A name with a '|' in it can't be called, and Redis would take it for a sub-command's.
void ServerRoute::OnUnknownCommand(std::string_view name) {
  name = name.substr(0, name.find('\0'));
  if (name.empty() || name.size() > kMaxName || unknown_.size() >= kMaxNames ||
      name.find('|') != name.npos)
    return;
  std::string folded = policy::FoldName(name);
  if (IsNotThere(folded)) return;
  unknown_.insert(std::move(folded));
  AskSoon();
}

bool ServerRoute::IsNotThere(const std::string& folded) const {
  const auto found = not_there_.find(folded);
  return found != not_there_.end() && loop_.now_ms() - found->second <= kForgetMs;
}

proxy::UnknownCommands::Name ServerRoute::LookUp(std::string_view name) {
  name = name.substr(0, name.find('\0'));
  if (name.empty() || name.find('|') != name.npos) return Name::kNotThere;
  if (name.size() > kMaxName) return Name::kUntold;
  // A container that is known, with a sub-command that isn't.
  if (table_->Find(name) != nullptr) return Name::kNotThere;
  if (IsNotThere(policy::FoldName(name))) return Name::kNotThere;
  OnUnknownCommand(name);
  return in_trouble_ ? Name::kUntold : Name::kAsking;
}

// Strangers to Redis can't make it answer more often than this.
void ServerRoute::AskSoon() {
  if (client_) return;  // and then again, where there is a reason to
  // Never at once: a conversation may be asking, and isn't to be called back.
  const std::int64_t wait = std::max<std::int64_t>(asked_ms_ + kPauseMs - loop_.now_ms(), 0);
  soon_.Start(static_cast<std::uint64_t>(wait), 0, [this] { Ask(); });
}

void ServerRoute::Ask() {
  soon_.Stop();
  if (client_ || (!stale_ && unknown_.empty())) return;
  const auto found = discovery_->Find({});
  if (!found) return;  // OnDiscovered comes back to this
  asked_ms_ = loop_.now_ms();
  if (!*found) {
    unknown_.clear();
    LogTrouble(found->error().sentence);
    stale_ = true;  // OnDiscovered comes back to this, too
    return;
  }
  const bool all = std::exchange(stale_, false);
  asking_.clear();
  if (all) AskForEveryName();
  asking_.insert(asking_.end(), unknown_.begin(), unknown_.end());
  unknown_.clear();
  std::vector<std::vector<std::string>> commands;
  if (all) commands.push_back({"COMMAND"});
  if (!asking_.empty()) {
    commands.push_back({"COMMAND", "INFO"});
    commands.back().insert(commands.back().end(), asking_.begin(), asking_.end());
  }
  net::RedisClientOptions options;
  options.timeout_ms = timeout_ms_;
  options.login = upstream_->login.bytes();
  client_.emplace(loop_, **found, commands, options, [this, all](Replies replies) {
    client_.reset();
    if (all) {
      OnCommands(replies);
    } else {
      OnNames(replies);
    }
    if (stale_ || !unknown_.empty()) AskSoon();
  });
}

// COMMAND names all commands as Redis did; only when asked for a name does it tell what that has
// come to mean. An operator may even have made GET another name for FLUSHALL.
void ServerRoute::AskForEveryName() {
  for (std::size_t id = 0; id < table_->size(); ++id) {
    const std::string& name = table_->at(static_cast<std::uint16_t>(id)).name;
    if (name.find('|') == name.npos) asking_.push_back(name);
  }
  for (const auto& alias : aliases_) asking_.push_back(alias.name);
}

// The answers to COMMAND and, where there were names to ask for, COMMAND INFO.
void ServerRoute::OnCommands(const Replies& replies) {
  if (!replies) return LogTrouble(replies.error().sentence);
  auto answer = ReadCommandReply(replies->front());
  if (!answer) return LogTrouble(answer.error().sentence);
  aliases_.clear();
  not_there_.clear();
  if (replies->size() > 1) {
    if (!AnswersNames((*replies)[1])) return LogTrouble("COMMAND INFO isn't answered");
    NoteNames((*replies)[1]);
  }
  std::size_t foreign = 0;
  for (const resp::CommandInfo& info : answer->commands)
    foreign += resp::CommandTable::Builtin().Find(std::string_view(info.name)) == nullptr;
  auto table = std::make_shared<const resp::CommandTable>(std::move(answer->commands), aliases_);
  std::string line = "Redis has " + Counted(table->size(), " commands");
  if (foreign > 0) line += ", " + Counted(foreign, " of them unknown to Redis 7.0");
  if (!aliases_.empty()) line += ", " + Counted(aliases_.size(), " under another name");
  if (answer->left_out > 0) line += "; " + Counted(answer->left_out, " make no sense");
  line = "route '" + upstream_->route.name + "': " + line;
  if (line != logged_) LogInfo(line);
  logged_ = line;
  in_trouble_ = false;
  read_ms_ = loop_.now_ms();
  Install(std::move(table));
}

// The answer to COMMAND INFO alone: where something is there after all, all is read.
void ServerRoute::OnNames(const Replies& replies) {
  if (!replies) return LogTrouble(replies.error().sentence);
  // An error says nothing of what is there.
  if (!AnswersNames(replies->front())) return LogTrouble("COMMAND INFO isn't answered");
  in_trouble_ = false;
  if (NoteNames(replies->front())) {
    BecomeStale();
  } else {
    callbacks_.rules_changed();
  }
}

bool ServerRoute::AnswersNames(const net::Reply& reply) const {
  return reply.type == net::Reply::Type::kArray && reply.elements.size() == asking_.size();
}

// True where Redis has a command of one of the names.
bool ServerRoute::NoteNames(const net::Reply& reply) {
  bool found = false;
  for (std::size_t i = 0; i < asking_.size(); ++i) {
    const std::optional<std::string> original = RenamedFrom(reply, i);
    const bool renamed = original && *original != asking_[i];
    if (renamed) aliases_.push_back({asking_[i], *original});
    const bool known = table_->Find(std::string_view(asking_[i])) != nullptr;
    if (renamed || (original && !known)) {
      found = true;
    } else if (!known) {
      if (not_there_.size() >= kMaxNotThere) not_there_.clear();
      not_there_[asking_[i]] = loop_.now_ms();
    }
  }
  return found;
}

void ServerRoute::Install(std::shared_ptr<const resp::CommandTable> table) {
  auto compiled = base_->WithTable(table);
  if (!compiled)
    return LogTrouble("the policy doesn't fit Redis's commands: " + compiled.error().sentence);
  table_ = std::move(table);
  policy_ = std::move(*compiled);
  callbacks_.rules_changed();
}

// Once, until it is something else. The next client that finds Redis is the time to try again.
void ServerRoute::LogTrouble(const std::string& what) {
  stale_ = false;
  in_trouble_ = true;
  callbacks_.rules_changed();
  read_ms_ = loop_.now_ms() - kUnwatchedMs - 1;
  const std::string line = "route '" + upstream_->route.name +
                           "': Redis's own command table can't be had, and the one that is known " +
                           "stays in use: " + what;
  if (line != logged_) LogWarn(line);
  logged_ = line;
}

}  // namespace redwall::agent
