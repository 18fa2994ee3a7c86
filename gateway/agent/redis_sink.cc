#include "gateway/agent/redis_sink.h"

#include <algorithm>
#include <utility>

#include "gateway/audit/chain.h"

namespace redwall::agent {
namespace {

// Calls `each` with every line, without and with its LF.
template <class Function>
void ForEachLine(std::string_view lines, Function each) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size() - 1);
    each(lines.substr(0, end), lines.substr(0, end + 1));
    lines.remove_prefix(end + 1);
  }
}

}  // namespace

RedisSink::RedisSink(net::Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      name_("redis " + options_.redis.ToString()),
      queue_(options_.max_bytes),
      wakeup_(loop, [this] { Schedule(); }),
      next_(loop),
      talked_ms_(loop.now_ms() - static_cast<std::int64_t>(kGatherMs)) {}

RedisSink::~RedisSink() = default;

void RedisSink::Take(std::string_view finished_lines) {
  queue_.Take(finished_lines);
  wakeup_.Send();
}

// There is one talk at a time, and the timer runs only between two.
void RedisSink::Schedule() {
  if (client_ || (batch_.empty() && queue_.waiting() == 0)) return;
  if (retry_ms_ != 0 && next_.running()) return;
  const bool at_once = finishing_ || queue_.waiting() >= kMaxTalk;
  const std::uint64_t pause = retry_ms_ != 0 ? retry_ms_ : at_once ? 0 : kGatherMs;
  const std::int64_t wait = talked_ms_ + static_cast<std::int64_t>(pause) - loop_.now_ms();
  next_.Start(static_cast<std::uint64_t>(std::max<std::int64_t>(wait, 0)), 0, [this] { Talk(); });
}

void RedisSink::Talk() {
  if (client_) return;
  if (batch_.empty()) batch_ = queue_.Next(options_.max_lines, kMaxTalk);
  if (batch_.empty()) return;
  talked_ms_ = loop_.now_ms();
  const std::string maxlen = std::to_string(options_.maxlen);
  std::vector<std::vector<std::string>> commands;
  ForEachLine(batch_, [&](std::string_view line, std::string_view) {
    std::vector<std::string>& command = commands.emplace_back();
    const auto link = audit::FindLink(line);
    command = {"XADD",   options_.stream,
               "MAXLEN", "~",
               maxlen,   "*",
               "side",   options_.side,
               "agent",  options_.agent,
               "seq",    std::to_string(link ? link->seq : 0),
               "line",   std::string(line)};
  });
  net::RedisClientOptions options;
  options.timeout_ms = options_.timeout_ms;
  options.login = options_.login.bytes();
  client_.emplace(loop_, options_.redis, commands, options, [this](Replies replies) {
    client_.reset();
    OnReplies(replies);
  });
}

void RedisSink::OnReplies(const Replies& replies) {
  std::string error;
  if (!replies) {
    error = replies.error().sentence;
  } else if (Sort(*replies, error)) {
    retry_ms_ = 0;
    queue_.SetTrouble("");
  }
  if (!error.empty()) Fail(error);
  if (finishing_ && queue_.held() == 0) return loop_.Stop();
  Schedule();
}

bool RedisSink::Sort(const std::vector<net::Reply>& replies, std::string& error) {
  std::string refused;
  std::size_t at = 0;
  ForEachLine(batch_, [&](std::string_view, std::string_view whole) {
    const net::Reply& reply = replies[at++];
    if (reply.type == net::Reply::Type::kString) return queue_.Done(whole);
    refused += whole;
    if (!error.empty()) return;
    error = options_.redis.ToString() + ": " +
            (reply.type == net::Reply::Type::kError
                 ? "Redis refused XADD: " + reply.quoted()
                 : "XADD was answered with something else than an entry's ID; is this a Redis?");
  });
  batch_ = std::move(refused);
  return batch_.empty();
}

void RedisSink::Fail(const std::string& error) {
  queue_.SetTrouble(error);
  retry_ms_ = std::clamp(2 * retry_ms_, options_.first_retry_ms, options_.last_retry_ms);
  talked_ms_ = loop_.now_ms();  // the pause begins when it has failed
}

void RedisSink::Finish(std::uint64_t patience_ms) {
  finishing_ = true;
  if (queue_.held() != 0 && patience_ms != 0) {
    retry_ms_ = 0;  // a Redis that was away may be back
    bool over = false;
    net::Timer deadline(loop_);
    deadline.Start(patience_ms, 0, [&] {
      over = true;
      loop_.Stop();
    });
    Schedule();
    // Others may stop the loop, too.
    while (!over && queue_.held() != 0) loop_.Run();
  }
  client_.reset();
  next_.Stop();
  queue_.Close("the end came before they were passed on");
}

void RedisSink::ReplaceLogin(crypto::Secret login) {
  client_.reset();  // it uses the old one
  options_.login = std::move(login);
  retry_ms_ = 0;
  Schedule();
}

}  // namespace redwall::agent
