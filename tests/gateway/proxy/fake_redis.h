// FakeRedis: as much of a Redis 7 connection as the gateway's bookkeeping has to follow: MULTI,
// subscriptions, RESP2 and RESP3, CLIENT REPLY, RESET. Where it is given rules, it denies by
// itself, as Redis's own ACL would: what it then says is what a client behind the gateway has to
// see.
#ifndef REDWALL_TESTS_GATEWAY_PROXY_FAKE_REDIS_H_
#define REDWALL_TESTS_GATEWAY_PROXY_FAKE_REDIS_H_

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_parser.h"
#include "resp/writer.h"

namespace redwall::proxy {

class FakeRedis {
 public:
  using Arguments = std::vector<std::string>;

  // Name of a command -> the error line that it is denied with.
  explicit FakeRedis(std::map<std::string, std::string> denied = {}) : denied_(std::move(denied)) {}

  std::string replies;              // what it has answered
  std::vector<Arguments> executed;  // what changed something, in order
  bool needs_auth = false;          // until AUTH right
  bool closed = false;
  std::size_t requests = 0;  // empty ones included

  void Receive(std::string_view bytes) {
    pending_.append(bytes);
    while (!closed && !pending_.empty()) {
      const resp::ParseStatus status = parser_.Parse(pending_);
      if (status == resp::ParseStatus::kNeedMore || status == resp::ParseStatus::kHead) return;
      if (status == resp::ParseStatus::kError) {
        Say("-" + std::string(parser_.error()) + "\r\n");
        closed = true;
        return;
      }
      Arguments arguments;
      for (std::size_t i = 0; i < parser_.command().size(); ++i)
        arguments.emplace_back(parser_.command().arg(i));
      pending_.erase(0, parser_.consumed());
      ++requests;
      Process(arguments);
      skip_ = skip_next_;
      skip_next_ = false;
    }
  }

 private:
  void Say(std::string_view text) {
    if (!off_ && !skip_) replies.append(text);
  }

  void Process(const Arguments& a) {
    if (a.empty()) return;
    const std::string& name = a[0];
    if (const auto denied = denied_.find(name); denied != denied_.end()) {
      dirty_ = true;
      return Say(denied->second);
    }
    if (needs_auth && name != "AUTH" && name != "HELLO" && name != "RESET" && name != "QUIT")
      return Say("-NOAUTH Authentication required.\r\n");
    const bool in_pubsub = protocol_ == 2 && !channels_.empty();
    if (in_pubsub && name != "SUBSCRIBE" && name != "UNSUBSCRIBE" && name != "PING" &&
        name != "QUIT" && name != "RESET")
      return Say("-ERR Can't execute in this context\r\n");
    if (name == "MULTI") return Multi();
    if (name == "EXEC") return Exec();
    if (name == "DISCARD") return Discard();
    if (name == "RESET") return Reset();
    if (name == "QUIT") {
      Say("+OK\r\n");
      closed = true;
      return;
    }
    if (multi_) {
      queued_.push_back(a);
      return Say("+QUEUED\r\n");
    }
    Execute(a);
  }

  void Multi() {
    if (multi_) return Say("-ERR MULTI calls can not be nested\r\n");
    multi_ = true;
    dirty_ = false;
    Say("+OK\r\n");
  }

  void Exec() {
    if (!multi_) return Say("-ERR EXEC without MULTI\r\n");
    multi_ = false;
    std::vector<Arguments> queued;
    queued.swap(queued_);
    if (dirty_) return Say("-EXECABORT Transaction discarded because of previous errors.\r\n");
    Say("*" + std::to_string(queued.size()) + "\r\n");
    in_exec_ = true;
    for (const Arguments& a : queued) Execute(a);
    in_exec_ = false;
  }

  void Discard() {
    if (!multi_) return Say("-ERR DISCARD without MULTI\r\n");
    multi_ = false;
    queued_.clear();
    Say("+OK\r\n");
  }

  void Reset() {
    off_ = false;  // but not skip_
    multi_ = false;
    queued_.clear();
    protocol_ = 2;
    channels_.clear();
    Say("+RESET\r\n");
  }

  void Execute(const Arguments& a) {
    const std::string& name = a[0];
    // Messages come between replies, never inside of one.
    if (!in_exec_ && !channels_.empty() && (name == "PING" || name == "GET")) Deliver();
    if (name == "PING") {
      if (protocol_ == 2 && !channels_.empty()) return Say("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
      return Say("+PONG\r\n");
    }
    if (name == "SET" || name == "SELECT") {
      executed.push_back(a);
      return Say("+OK\r\n");
    }
    if (name == "GET") {
      std::string bulk;
      resp::WriteBulk(a[1] == "long" ? std::string(3000, 'v') : a[1], bulk);
      return Say(bulk);
    }
    // As a list may look that somebody wishes to be taken for a message.
    if (name == "LRANGE") return Say("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    if (name == "AUTH") {
      if (a[1] != "right") return Say("-WRONGPASS invalid username-password pair\r\n");
      needs_auth = false;
      return Say("+OK\r\n");
    }
    if (name == "HELLO") {
      if (a[1] != "2" && a[1] != "3") return Say("-NOPROTO unsupported protocol version\r\n");
      protocol_ = a[1][0] - '0';
      return Say(protocol_ == 3 ? "%1\r\n$5\r\nproto\r\n:3\r\n" : "*2\r\n$5\r\nproto\r\n:2\r\n");
    }
    if (name == "CLIENT") return ClientReply(a[2]);
    if (name == "SUBSCRIBE" || name == "UNSUBSCRIBE") return Pubsub(a);
    Say("-ERR unknown command\r\n");
  }

  void ClientReply(const std::string& mode) {
    if (mode == "ON") {
      off_ = skip_ = false;
      Say("+OK\r\n");
    } else if (mode == "OFF") {
      off_ = true;
    } else if (!off_) {
      skip_next_ = true;
    }
  }

  void Pubsub(const Arguments& a) {
    std::vector<std::string> names(a.begin() + 1, a.end());
    const bool on = a[0] == "SUBSCRIBE";
    const std::string kind = on ? "subscribe" : "unsubscribe";
    if (!on && names.empty()) names.assign(channels_.begin(), channels_.end());
    if (names.empty()) names.emplace_back();
    for (const std::string& name : names) {
      if (on) {
        channels_.insert(name);
      } else {
        channels_.erase(name);
      }
      std::string text = Type() + "3\r\n";
      resp::WriteBulk(kind, text);
      if (name.empty()) {
        text += "$-1\r\n";
      } else {
        resp::WriteBulk(name, text);
      }
      replies +=
          text + ":" + std::to_string(channels_.size()) + "\r\n";  // whatever CLIENT REPLY says
    }
  }

  std::string Type() const { return protocol_ == 3 ? ">" : "*"; }
  void Deliver() {
    for (const std::string& channel : channels_) {
      std::string text = Type() + "3\r\n$7\r\nmessage\r\n";
      resp::WriteBulk(channel, text);
      resp::WriteBulk("news", text);
      if (!off_ || protocol_ == 3) replies += text;
    }
  }

  const std::map<std::string, std::string> denied_;
  resp::CommandParser parser_;
  std::string pending_;
  std::vector<Arguments> queued_;
  std::set<std::string> channels_;
  int protocol_ = 2;
  bool multi_ = false, dirty_ = false, in_exec_ = false;
  bool off_ = false, skip_ = false, skip_next_ = false;
};

}  // namespace redwall::proxy

#endif  // REDWALL_TESTS_GATEWAY_PROXY_FAKE_REDIS_H_
