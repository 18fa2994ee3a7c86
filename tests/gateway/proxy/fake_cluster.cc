#include "tests/gateway/proxy/fake_cluster.h"

#include <cctype>
#include <cstdlib>
#include <utility>

namespace redwall::proxy {
namespace {

using Arguments = FakeConnection::Arguments;

std::string Joined(const Arguments& a) {
  std::string text;
  for (const std::string& argument : a) text += (text.empty() ? "" : " ") + argument;
  return text;
}

}  // namespace

void FakeConnection::Receive(std::string_view bytes) {
  pending_.append(bytes);
  while (!closed && !pending_.empty()) {
    const resp::ParseStatus status = parser_.Parse(pending_);
    if (status == resp::ParseStatus::kNeedMore || status == resp::ParseStatus::kHead) return;
    if (status == resp::ParseStatus::kError) {
      Say("-" + std::string(parser_.error()) + "\r\n");
      closed = true;
      return;
    }
    const std::size_t used = parser_.consumed();
    if (parser_.command().argc() > 0) Process(parser_.command());
    pending_.erase(0, used);
  }
}

void FakeConnection::Process(const resp::Command& command) {
  Arguments a;
  for (std::size_t i = 0; i < command.size(); ++i) a.emplace_back(command.arg(i));
  seen.push_back(a);
  for (char& c : a[0]) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (!cluster_.password.empty() && !authenticated_ && a[0] != "AUTH" && a[0] != "HELLO")
    return Say("-NOAUTH Authentication required.\r\n");
  const resp::CommandInfo* info = resp::CommandTable::Builtin().Find(command);
  const bool valid = info != nullptr && resp::ArityHolds(*info, a.size());
  if (!valid) {
    dirty_ = true;
    return Say("-ERR unknown command or wrong number of arguments\r\n");
  }
  if (multi_ && a[0] != "MULTI" && (info->flags & resp::kFlagNoMulti) != 0) {
    dirty_ = true;
    return Say("-ERR Command not allowed inside a transaction\r\n");
  }
  if (protocol == 2 && (!channels_.empty() || !shard_channels_.empty()) && a[0] != "PING" &&
      a[0].find("SUBSCRIBE") == std::string::npos)
    return Say("-ERR Can't execute '" + a[0] + "' in this context\r\n");
  std::vector<resp::KeyRef> refs;
  std::vector<std::string> keys;
  resp::ExtractKeys(*info, command, refs);
  for (const resp::KeyRef& ref : refs)
    if (ref.kind == resp::KeyRef::Kind::kKey || a[0] == "SSUBSCRIBE") keys.push_back(a[ref.index]);
  const bool exec = a[0] == "EXEC" && multi_;
  const std::string error = Redirection(exec ? queued_keys_ : keys);
  if (a[0] != "ASKING") asking_ = false;
  if (!error.empty()) {
    if (exec) {
      multi_ = dirty_ = false;
      queued_.clear();
      queued_keys_.clear();
      watched_.clear();
    } else {
      dirty_ = true;
    }
    return Say(error);
  }
  if (Connection(a) || Transaction(a)) return;
  if (multi_) {
    queued_.push_back(a);
    queued_keys_.insert(queued_keys_.end(), keys.begin(), keys.end());
    return Say("+QUEUED\r\n");
  }
  Execute(a);
}

// As getNodeByQuery in Redis's cluster.c.
std::string FakeConnection::Redirection(const std::vector<std::string>& keys) {
  if (cluster_.single || keys.empty()) return {};
  const int slot = resp::HashSlot(keys[0]);
  for (const std::string& key : keys)
    if (resp::HashSlot(key) != slot)
      return "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
  const std::size_t owner = cluster_.owner[static_cast<std::size_t>(slot)];
  std::size_t missing = 0;
  for (const std::string& key : keys) missing += node_.data.contains(key) ? 0u : 1u;
  const std::string number = std::to_string(slot) + " ";
  const auto migrating = node_.migrating.find(slot);
  if (owner == node_.index && migrating != node_.migrating.end() && missing > 0) {
    if (missing < keys.size())
      return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
    return "-ASK " + number + FakeCluster::TextOf(migrating->second) + "\r\n";
  }
  if (owner == node_.index) return {};
  if (asking_ && node_.importing.contains(slot)) {
    if (missing > 0 && keys.size() > 1)
      return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
    return {};
  }
  return "-MOVED " + number + FakeCluster::TextOf(owner) + "\r\n";
}

bool FakeConnection::Connection(const Arguments& a) {
  if (a[0] == "ASKING") {
    asking_ = true;
    Say("+OK\r\n");
  } else if (a[0] == "AUTH") {
    authenticated_ = a.back() == cluster_.password;
    Say(authenticated_ ? "+OK\r\n" : "-WRONGPASS invalid username-password pair\r\n");
  } else if (a[0] == "HELLO") {
    protocol = a.size() > 1 && a[1] == "3" ? 3 : 2;
    Say(protocol == 3 ? "%1\r\n" : "*2\r\n");
    SayBulk("proto");
    SayInteger(static_cast<std::size_t>(protocol));
  } else if (a[0] == "CLIENT" && a[1] == "SETNAME") {
    name = a[2];
    Say("+OK\r\n");
  } else if (a[0] == "CLIENT" && a[1] == "GETNAME") {
    SayBulk(name);
  } else if (a[0] == "CLIENT" && a[1] == "TRACKING") {
    tracking = a[2] == "ON";
    Say("+OK\r\n");
  } else if (a[0] == "READONLY" || a[0] == "READWRITE") {
    readonly = a[0] == "READONLY";
    Say("+OK\r\n");
  } else {
    return false;
  }
  return true;
}

bool FakeConnection::Transaction(const Arguments& a) {
  if (a[0] == "MULTI") {
    multi_ = true;
    dirty_ = false;
    Say("+OK\r\n");
  } else if (a[0] == "DISCARD") {
    multi_ = false;
    queued_.clear();
    queued_keys_.clear();
    watched_.clear();
    Say("+OK\r\n");
  } else if (a[0] == "WATCH") {
    for (std::size_t i = 1; i < a.size(); ++i) watched_[a[i]] = node_.versions[a[i]];
    Say("+OK\r\n");
  } else if (a[0] == "UNWATCH" && !multi_) {
    watched_.clear();
    Say("+OK\r\n");
  } else if (a[0] == "EXEC" && multi_) {
    multi_ = false;
    const std::vector<Arguments> queued = std::exchange(queued_, {});
    const auto watched = std::exchange(watched_, {});
    queued_keys_.clear();
    if (dirty_) {
      Say("-EXECABORT Transaction discarded because of previous errors.\r\n");
      return true;
    }
    for (const auto& [key, version] : watched) {
      if (node_.versions[key] == version) continue;
      Say(protocol == 3 ? "_\r\n" : "*-1\r\n");
      return true;
    }
    SayArray(queued.size());
    for (const Arguments& command : queued) Execute(command);
  } else {
    return false;
  }
  return true;
}

void FakeConnection::Execute(const Arguments& a) {
  auto& data = node_.data;
  if (Keyless(a)) return;
  if (a[0] == "GET") {
    if (tracking) tracked_.insert(a[1]);
    const auto found = data.find(a[1]);
    return found == data.end() ? SayNull() : SayBulk(found->second);
  }
  if (a[0] == "MGET") {
    SayArray(a.size() - 1);
    for (std::size_t i = 1; i < a.size(); ++i) {
      const auto found = data.find(a[i]);
      found == data.end() ? SayNull() : SayBulk(found->second);
    }
    return;
  }
  if (a[0] == "DEL" || a[0] == "UNLINK" || a[0] == "EXISTS" || a[0] == "TOUCH") {
    std::size_t count = 0;
    const bool removes = a[0] == "DEL" || a[0] == "UNLINK";
    if (removes) node_.executed.push_back(Joined(a));
    for (std::size_t i = 1; i < a.size(); ++i) {
      count += data.contains(a[i]) ? 1u : 0u;
      if (removes && data.erase(a[i]) > 0) Touch(a[i]);
    }
    return SayInteger(count);
  }
  node_.executed.push_back(Joined(a));
  if (a[0] == "SET" || a[0] == "MSET") {
    for (std::size_t i = 1; i + 1 < a.size(); i += 2) {
      data[a[i]] = a[i + 1];
      Touch(a[i]);
      for (FakeConnection* other : node_.connections) {
        if (other->tracked_.erase(a[i]) == 0) continue;
        other->Say(">2\r\n$10\r\ninvalidate\r\n*1\r\n");
        other->SayBulk(a[i]);
      }
    }
    return Say("+OK\r\n");
  }
  if (a[0] == "APPEND") {
    Touch(a[1]);
    return SayInteger((data[a[1]] += a[2]).size());
  }
  if (a[0] == "INCR") {
    Touch(a[1]);
    const std::string next = std::to_string(std::atoll(data[a[1]].c_str()) + 1);
    data[a[1]] = next;
    return Say(":" + next + "\r\n");
  }
  Say("-ERR the fake doesn't know '" + a[0] + "'\r\n");
}

bool FakeConnection::Keyless(const Arguments& a) {
  auto& data = node_.data;
  if (a[0] == "PING") {
    Say(protocol == 2 && !channels_.empty() ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
  } else if (a[0] == "ECHO") {
    SayBulk(a[1]);
  } else if (a[0] == "DBSIZE") {
    SayInteger(data.size());
  } else if (a[0] == "KEYS") {
    SayArray(data.size());
    for (const auto& [key, value] : data) SayBulk(key);
  } else if (a[0] == "FLUSHALL") {
    data.clear();
    node_.executed.push_back("FLUSHALL");
    Say("+OK\r\n");
  } else if (a[0] == "SCRIPT" && a[1] == "LOAD") {
    cluster_.scripts.insert(a[2]);
    SayBulk("sha");
  } else if (a[0] == "SCRIPT" && a[1] == "EXISTS") {
    SayArray(a.size() - 2);
    for (std::size_t i = 2; i < a.size(); ++i) SayInteger(a[i] == "sha" ? 1 : 0);
  } else if (a[0] == "RANDOMKEY") {
    data.empty() ? SayNull() : SayBulk(data.begin()->first);
  } else if (a[0] == "WAIT") {
    SayInteger(node_.index + 1);
  } else if (a[0] == "BLPOP") {
    node_.executed.push_back(Joined(a));  // and blocks for ever
  } else if (a[0] == "SCAN") {
    Scan(a);
  } else if (a[0] == "SUBSCRIBE" || a[0] == "UNSUBSCRIBE") {
    Subscribe(a, channels_);
  } else if (a[0] == "SSUBSCRIBE" || a[0] == "SUNSUBSCRIBE") {
    Subscribe(a, shard_channels_);
  } else if (a[0] == "PUBLISH") {
    Publish(a[1], a[2]);
  } else if (a[0] == "MONITOR") {
    Say("+OK\r\n+1700000000.000001 [0 127.0.0.1:1] \"get\" \"a\"\r\n");
  } else {
    return false;
  }
  return true;
}

// Two keys at a time, by their position.
void FakeConnection::Scan(const Arguments& a) {
  const auto from = static_cast<std::size_t>(std::strtoull(a[1].c_str(), nullptr, 10));
  std::vector<std::string> found;
  std::size_t position = 0;
  for (const auto& [key, value] : node_.data) {
    if (position >= from && position < from + 2) found.push_back(key);
    ++position;
  }
  SayArray(2);
  SayBulk(std::to_string(from + 2 < position ? from + 2 : 0));
  SayArray(found.size());
  for (const std::string& key : found) SayBulk(key);
}

void FakeConnection::Subscribe(const Arguments& a, std::set<std::string>& channels) {
  std::vector<std::string> names(a.begin() + 1, a.end());
  std::string kind = a[0];
  for (char& c : kind) c = static_cast<char>(c - 'A' + 'a');
  const bool on = kind.find("un") == std::string::npos;
  if (!on && names.empty()) names.assign(channels.begin(), channels.end());
  if (names.empty()) names.emplace_back();
  for (const std::string& channel : names) {
    if (on) {
      channels.insert(channel);
    } else {
      channels.erase(channel);
    }
    Say(protocol == 3 ? ">3\r\n" : "*3\r\n");
    SayBulk(kind);
    channel.empty() ? SayNull() : SayBulk(channel);
    SayInteger(channels.size());
  }
}

// To all nodes, as over the cluster's bus; the answer counts this node's listeners.
void FakeConnection::Publish(const std::string& channel, const std::string& text) {
  std::size_t heard = 0;
  for (const auto& node : cluster_.nodes) {
    for (FakeConnection* listener : node->connections) {
      if (!listener->channels_.contains(channel)) continue;
      if (node.get() == &node_) ++heard;
      listener->Say(listener->protocol == 3 ? ">3\r\n" : "*3\r\n");
      listener->SayBulk("message");
      listener->SayBulk(channel);
      listener->SayBulk(text);
    }
  }
  SayInteger(heard);
}

}  // namespace redwall::proxy
