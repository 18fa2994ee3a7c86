// One Conversation with all that it needs, and its two neighbours as strings.
//
// Bytes are given to it from memory of their own, to the byte, so that a sanitizer sees every use
// of a view that has died.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_CONVERSATION_FIXTURE_H_
#define REDWALL_TESTS_GATEWAY_PROXY_CONVERSATION_FIXTURE_H_

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/proxy/conversation.h"
#include "resp/writer.h"

namespace redwall::proxy {

// A replication stream has to be allowed by name.
inline constexpr std::string_view kAllowAll = R"({"version": 1, "default": "allow", "rules": [
    {"id": "replicas", "action": "allow", "commands": ["sync", "psync"]}]})";
// FLUSHALL and KEYS are denied, DEBUG disconnects.
inline constexpr std::string_view kNoWipes = R"({"version": 1, "default": "allow", "rules": [
    {"id": "replicas", "action": "allow", "commands": ["sync", "psync"]},
    {"id": "no-wipes", "action": "deny", "commands": ["flushall", "keys"]},
    {"id": "secrets", "action": "deny", "commands": ["get", "set", "mset"], "keys": ["secret:*"]},
    {"id": "out", "action": "disconnect", "commands": ["debug"]}]})";
inline constexpr std::string_view kDenied =
    "-NOPERM redwall: 'flushall' is denied by rule 'no-wipes'\r\n";
inline constexpr std::string_view kAborted =
    "-EXECABORT Transaction discarded because of previous errors.\r\n";
inline constexpr std::string_view kPlaceholder = "*0\r\n";

inline std::string Wire(std::initializer_list<std::string_view> arguments) {
  std::string bytes;
  resp::WriteCommand(arguments, bytes);
  return bytes;
}

inline std::string Bulk(std::string_view text) {
  std::string bytes;
  resp::WriteBulk(text, bytes);
  return bytes;
}

// `*3 kind name count` in RESP2, `>3` in RESP3.
inline std::string Confirmation(std::string_view kind, std::string_view name, int count,
                                char type = '*') {
  return type + ("3\r\n" + Bulk(kind)) + (name.empty() ? "$-1\r\n" : Bulk(name)) + ":" +
         std::to_string(count) + "\r\n";
}

inline std::string Message(std::string_view channel, std::string_view text, char type = '*') {
  return type + ("3\r\n" + Bulk("message")) + Bulk(channel) + Bulk(text);
}

struct SiteOptions {
  std::string_view policy = kAllowAll;
  ConversationLimits limits = {};
  std::string login = {};
  std::string user = {};
  std::string audit = {};  // file; empty: none
  std::string side = "server";
  Budget* budget = nullptr;
  const TopologyRewriter* topology = nullptr;
};

class Site final : public Outlet {
 public:
  explicit Site(SiteOptions options = {})
      : options_(std::move(options)),
        recorder_({.side = options_.side, .agent = "test"}, OpenWriter(options_.audit)) {
    SetPolicy(options_.policy);
    const audit::Subject subject{std::string(32, 'a'), 7, "site-a", "10.0.0.9:5555"};
    conversation_ = std::make_unique<Conversation>(Environment{.gate = &gate_,
                                                               .recorder = &recorder_,
                                                               .limits = &options_.limits,
                                                               .login = options_.login,
                                                               .budget = options_.budget,
                                                               .topology = options_.topology},
                                                   *this, subject, options_.user);
  }

  std::string to_redis, to_client;
  Now now{1000, 1700000000000000};

  // `piece`: how many bytes at a time; 0: all at once.
  void Request(std::string_view bytes, std::size_t piece = 0) {
    Feed(bytes, piece, [this](std::string_view part) { conversation_->OnRequest(part, now); });
  }
  void Reply(std::string_view bytes, std::size_t piece = 0) {
    Feed(bytes, piece, [this](std::string_view part) { conversation_->OnReply(part, now); });
  }
  // What has come since the last call.
  std::string TakeRedis() { return std::exchange(to_redis, {}); }
  std::string TakeClient() { return std::exchange(to_client, {}); }
  // One command and Redis's reply to it: what the client got.
  std::string Run(std::initializer_list<std::string_view> arguments, std::string_view reply) {
    TakeClient();
    Request(Wire(arguments));
    Reply(reply);
    return TakeClient();
  }

  Conversation& conversation() { return *conversation_; }
  audit::Recorder& recorder() { return recorder_; }
  bool finished() const { return conversation_->finished(); }
  std::string failure() const { return std::string(conversation_->failure()); }

  void SetPolicy(std::string_view text) {
    auto policy = policy::Policy::Parse(text, "policy.json");
    if (!policy) throw std::invalid_argument(policy.error().sentence);
    gate_.rules = (*policy)->RulesFor("site-a");
  }

 private:
  static std::unique_ptr<audit::Writer> OpenWriter(const std::string& path) {
    if (path.empty()) return nullptr;
    auto journal = audit::Journal::Open({.path = path, .side = "server", .agent = "test"}, {});
    if (!journal) throw std::invalid_argument(journal.error().sentence);
    return audit::MakeInlineWriter(std::move(*journal), 8 << 20);
  }

  template <class Give>
  static void Feed(std::string_view bytes, std::size_t piece, Give give) {
    if (piece == 0) piece = bytes.size();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      const std::string_view part = bytes.substr(0, piece);
      const auto copy = std::make_unique<char[]>(part.size());
      std::memcpy(copy.get(), part.data(), part.size());
      give(std::string_view(copy.get(), part.size()));
    }
  }

  void ToRedis(std::string_view bytes) override { to_redis.append(bytes); }
  void ToClient(std::string_view bytes) override { to_client.append(bytes); }

  const SiteOptions options_;
  Gate gate_;
  audit::Recorder recorder_;
  std::unique_ptr<Conversation> conversation_;
};

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_CONVERSATION_FIXTURE_H_
